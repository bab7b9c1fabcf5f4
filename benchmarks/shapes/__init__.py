"""The shapes of the sites: the content of each page, and how pages are linked. Pure, with fixed seeds."""
