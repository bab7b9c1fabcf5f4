"""What answers say about how much of a quota is left: ``X-RateLimit-Remaining`` and its kin. Pure.

Sources of the names: GitHub's and Twitter's documentation, draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from crawler.headers import fields_of

LONGEST_REST_S = 86_400.0  #: longer ones are mistakes more often than wishes
_NUMBER = re.compile(r"\s*([0-9]{1,15})(?:\.[0-9]{1,9})?\s*(?:[,;].*)?", re.DOTALL)
_REMAINING = ("X-RateLimit-Remaining", "RateLimit-Remaining", "X-Rate-Limit-Remaining")
_RESET = ("X-RateLimit-Reset", "RateLimit-Reset", "X-Rate-Limit-Reset", "X-RateLimit-Reset-After")
_SAYING = frozenset(name.lower() for name in (*_REMAINING, "RateLimit"))  #: one of these says how many are left
_STRUCTURED = re.compile(r";\s*(r|t)\s*=\s*([0-9]{1,15})")  # RateLimit: "default";r=50;t=30
_A_DATE_S, _A_DATE_MS = 1e9, 1e12  #: from here on a number is a moment, not a duration


def says_nothing(headers: Mapping[str, str]) -> bool:
    """Whether an answer certainly has no word on how many requests are left: nearly all. The quick question."""
    fields = fields_of(headers)
    return fields is not None and _SAYING.isdisjoint(fields)


def left_and_reset(headers: Mapping[str, str], now: float) -> tuple[int, float] | None:
    """How many requests are left by the headers of an answer, and from when there are new ones; None when not said."""
    text = next((headers[name] for name in _REMAINING if name in headers), None)
    if text is None:
        pairs = dict(_STRUCTURED.findall(headers["RateLimit"][:500])) if "RateLimit" in headers else {}
        return (int(pairs["r"]), now + min(float(pairs["t"]), LONGEST_REST_S)) if {"r", "t"} <= pairs.keys() else None
    left = _NUMBER.fullmatch(text[:100])
    reset = next(
        (found for name in _RESET if name in headers and (found := _NUMBER.fullmatch(headers[name][:100]))), None
    )
    if left is None or reset is None:
        return None
    moment = float(reset[1])
    if moment >= _A_DATE_S:
        moment = moment / (1_000 if moment >= _A_DATE_MS else 1) - now
    return int(left[1]), now + min(max(moment, 0.0), LONGEST_REST_S)
