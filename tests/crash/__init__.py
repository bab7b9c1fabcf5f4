"""Crawls that are killed, starved of disk and interrupted, and what is left of them: exactly what was committed."""
