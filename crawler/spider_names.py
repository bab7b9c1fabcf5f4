"""What a spider may be called. Commands that only read results check a name without loading what spiders need."""

from __future__ import annotations

import re

from crawler.errors import SpiderError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")


def valid_name(name: str) -> str:
    """The name itself when it is safe in paths and tables.

    Raises:
        SpiderError: It holds anything but letters, digits, ``_``, ``-`` and ``.``, or is too long.
    """
    if not _NAME.match(name):
        more = "; a spider is called by its name, not by its file" if is_path(name) else ""
        raise SpiderError(f"spider name {name[:60]!r}: use letters, digits, '_', '-' and '.', 100 at most{more}")
    return name


def is_path(name: str) -> bool:
    """Whether what was typed looks like the path of a spider's file."""
    return name.endswith(".py") or "/" in name or "\\" in name
