"""Kept pages without a request: today's spider over them, which selectors miss, as WARC."""
