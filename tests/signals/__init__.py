"""What signals, terminals, clocks and bare environments do to a running crawl."""
