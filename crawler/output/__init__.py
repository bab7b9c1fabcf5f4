"""Output: results as files, figures of a crawl, and its audit. Reads the store, never the engine."""
