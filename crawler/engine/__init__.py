"""The threads of a crawl: a scheduler that owns the store, and workers that own nothing."""
