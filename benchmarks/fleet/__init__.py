"""What a fleet costs: `python -m benchmarks.fleet`."""
