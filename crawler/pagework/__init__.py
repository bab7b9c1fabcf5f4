"""From a leased request to its outcome: the work of a page or a file, without threads."""
