"""Rendered pages: one browser of a process, whose pages send everything through the sessions of the crawl."""
