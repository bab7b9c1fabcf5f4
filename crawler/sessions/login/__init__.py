"""Knowing that we are logged in: signs on pages, the states of a session, and the login manager that logs it in."""
