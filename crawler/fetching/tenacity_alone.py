"""tenacity without tornado, which it loads where that is installed (with Dask, with notebooks): 40 ms of each start."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import cast

_loaded = "tornado" in sys.modules
if not _loaded:
    cast(dict[str, ModuleType | None], sys.modules)["tornado"] = None  # for this moment there is none
try:
    import tenacity
finally:
    if not _loaded:
        del sys.modules["tornado"]

__all__ = ["tenacity"]
