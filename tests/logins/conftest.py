"""A project of its own for each test, and the command run in this process."""

from tests.cli.conftest import _clean, crawl, project
from tests.sessions_e2e.conftest import command

__all__ = ["_clean", "command", "crawl", "project"]
