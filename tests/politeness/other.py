"""A second spider for the same host, for a second run beside the first."""

from __future__ import annotations

from tests.politeness.paced import Paced


class Other(Paced):
    """The same pages under another name."""

    name = "other"
