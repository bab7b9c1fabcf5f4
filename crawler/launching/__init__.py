"""Workers started for you: as processes on this machine, or on a Dask cluster. Each is a `crawl worker` of its own."""
