"""Marks for tests that render pages: skipped with a reason where no browser is installed, or where they take long."""

from __future__ import annotations

import pytest

from crawler.errors import UsageError
from crawler.rendering.launched import require_browser


def why_not() -> str:
    """Why nothing can be rendered here, "" where it can."""
    try:
        require_browser()
    except UsageError as error:
        return str(error)
    return ""


needs_browser = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
