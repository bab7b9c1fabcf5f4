"""The same calls on a `requests.Session` and on a session of ours, compared."""
