"""Runs by the clock: the line of the README as cron runs it."""
