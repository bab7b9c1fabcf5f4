"""The costs of a fleet: `python -m benchmarks.fleet`."""
