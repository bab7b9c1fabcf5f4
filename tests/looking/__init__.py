"""What people look at: reports, the live view, Datasette, metrics and traces."""
