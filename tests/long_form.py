"""Tests that take long and say what shorter ones say in part: `make crash` has them."""

from __future__ import annotations

import os

import pytest

LONG_FORM = pytest.mark.skipif(not os.environ.get("CRAWL_LONG"), reason="takes long: `make crash` has it")
