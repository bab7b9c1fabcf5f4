"""``python -m crawler.cli``: the same as ``crawl``."""

from __future__ import annotations

from crawler.cli import command

if __name__ == "__main__":
    command()
