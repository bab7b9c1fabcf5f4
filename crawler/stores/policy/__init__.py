"""Decisions about leases, logins and commits: pure, written once for every database."""
