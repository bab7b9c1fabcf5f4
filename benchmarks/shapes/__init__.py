"""The shapes of the sites: what is on which page, and how pages are linked. Pure, with fixed seeds."""
