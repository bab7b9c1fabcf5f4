"""Rows of the catalogue of faults (T, Z, B) through a whole crawl with default settings, not at the transport alone."""
