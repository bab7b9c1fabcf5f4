"""Results and runs in Datasette: `copying` makes what is shown, `serving` shows it, on this machine only."""
