"""Broken input for everything that reads foreign bytes: ``python -m tests.fuzz``."""
