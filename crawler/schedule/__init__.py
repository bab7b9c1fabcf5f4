"""Scheduled spiders: which, when, and how they are entered into the machine's scheduler."""

from crawler.schedule.lines import calendar_events, crawl_command, cron_line, parse_schedule, systemd_units

__all__ = ["calendar_events", "crawl_command", "cron_line", "parse_schedule", "systemd_units"]
