"""Calls that users of requests write, each with what it gives as a plain value. `s` is a session, `u` the server.

The calls themselves are in the files beside this one, by what they are about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

Call = Callable[[Any, str], Any]

ALIKE: dict[str, Call] = {}


def alike(call: Call) -> Call:
    """Both have to give the same."""
    ALIKE[call.__name__] = call
    return call


def kinds_of(error: Exception) -> list[str]:
    kinds = ("ConnectionError", "Timeout", "TooManyRedirects", "InvalidURL", "HTTPError", "RequestException")
    return [
        kind for kind in kinds if isinstance(error, getattr(requests, kind, None) or requests.exceptions.InvalidURL)
    ]
