"""The crawler beside others, on one machine, doing the same work. `python -m benchmarks --help` says how."""
