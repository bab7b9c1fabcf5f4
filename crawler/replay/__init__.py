"""Kept pages, without requests: running today's spider over them, finding selectors that miss, WARC."""
