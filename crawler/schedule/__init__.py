"""Spiders by the clock: which, when, and how the clock of the machine is told of them."""

from crawler.schedule.lines import calendar_events, crawl_command, cron_line, parse_schedule, systemd_units

__all__ = ["calendar_events", "crawl_command", "cron_line", "parse_schedule", "systemd_units"]
