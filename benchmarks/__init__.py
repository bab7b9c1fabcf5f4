"""Compares the crawler with others doing the same work on one machine; see `python -m benchmarks --help`."""
