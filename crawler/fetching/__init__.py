"""How to fetch: transports below the requests sessions, limits, verdicts and retries."""
