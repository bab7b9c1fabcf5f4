"""Rendered pages: one browser per process, whose pages send everything through the sessions of the crawl."""
