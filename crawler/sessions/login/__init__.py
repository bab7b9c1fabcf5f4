"""Knowing that we are logged in: signs on pages, the states of a session, and the keeper that logs it in."""
