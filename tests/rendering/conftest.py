"""The project and the command of the command line's tests."""

from tests.cli.conftest import _clean, crawl, project

__all__ = ["_clean", "crawl", "project"]
