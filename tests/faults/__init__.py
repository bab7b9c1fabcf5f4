"""The catalogue of faults beside the tests that have its ids: ``python -m tests.faults``."""
