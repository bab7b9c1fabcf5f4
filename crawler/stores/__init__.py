"""Where everything is kept. `open_store` picks the implementation by the address."""
