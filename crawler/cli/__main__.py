"""``python -m crawler.cli``: the same as ``crawl``."""

from __future__ import annotations

from crawler.cli import main

if __name__ == "__main__":
    main()
