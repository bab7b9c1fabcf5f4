"""What to fetch: whether a link is admitted, when its host may be asked, what robots.txt and sitemaps say."""
