"""One script per contender. Each reads its orders from the variable BENCH and writes its items to a file."""
