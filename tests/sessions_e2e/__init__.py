"""Sessions over whole crawls and commands, on the practice site; ``python -m tests.sessions_e2e`` prints figures."""
