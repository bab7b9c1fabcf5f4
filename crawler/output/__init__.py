"""What comes out: results as files, numbers of a crawl, and its audit. Reads the store, never the engine."""
