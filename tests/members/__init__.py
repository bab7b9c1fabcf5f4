"""A members' site that ends sessions in every way that sites have, and crawls of it that must be exact."""
