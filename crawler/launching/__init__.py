"""Workers started for you: as processes of this machine, or on a Dask cluster. Each is a `crawl worker` of its own."""
