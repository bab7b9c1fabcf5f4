"""Conditional requests: what is asked, which answer confirms it, and what is learned for the next time. Pure.

Source: RFC 9110, 8.8 and 13 (validators, conditional requests), RFC 9111, 4.1 and 4.3 (Vary, validation).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from crawler.headers import fields_of, value_of
from crawler.outcome import PageVisit
from crawler.request import Request
from crawler.response import Response

_CONDITIONAL = frozenset({"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range"})
_OF_THE_SESSION = frozenset({"cookie", "authorization"})  #: the key of the session says who asks
_LONGEST = 1_000  #: characters of a validator: what is longer is not kept


def may_be_conditional(request: Request) -> bool:
    """Whether a request may ask for no more than what has changed: a plain GET that is not conditional by itself."""
    if request.method != "GET" or request.body is not None:
        return False
    headers = {name.lower(): value.lower() for name, value in (request.headers or {}).items()}
    return not headers or (_CONDITIONAL.isdisjoint(headers) and "no-store" not in headers.get("cache-control", ""))


def conditions(visit: PageVisit) -> dict[str, str]:
    """The headers that ask whether a page has changed since *visit*; none where it has no validators."""
    found = {"If-None-Match": visit.etag, "If-Modified-Since": visit.modified}
    return {name: value for name, value in found.items() if value}


def confirms(response: Response, visit: PageVisit, url: str) -> bool:
    """Whether an answer says that the page has not changed: a 304 from this very address, for this very version."""
    if response.status_code != 304 or response.url != url:
        return False
    etag = str(response.headers.get("ETag", "")).strip()
    return not (etag and visit.etag) or opaque(etag) == opaque(visit.etag)


def opaque(etag: str) -> str:
    """An entity tag for the weak comparison, in which a weak one equals its strong twin (RFC 9110, 8.8.3.2)."""
    return etag.strip().removeprefix("W/")


def validators_of(headers: Mapping[str, str]) -> tuple[str, str]:
    """ETag and Last-Modified of an answer, "" for what is missing or cannot be sent back."""
    fields = fields_of(headers)
    if fields is None:
        fields = {name.lower(): (name, value) for name, value in headers.items()}
    etag, modified = fields.get("etag"), fields.get("last-modified")
    tag = _usable(etag[1]) if etag is not None else ""
    return (
        tag if tag[:1] == '"' or tag[:3] == 'W/"' else "",
        _usable(modified[1]) if modified is not None else "",
    )


def _usable(value: str) -> str:
    text = value.strip()
    return text if len(text) <= _LONGEST and text.isascii() and text.isprintable() else ""


def varies_by(headers: Mapping[str, str], sent: Mapping[str, str | bytes]) -> str | None:
    """What an answer depends on besides its address and session: header names and a digest of what was sent.

    Returns:
        "" for nothing, None where it depends on what cannot be known (``Vary: *``).
    """
    said = value_of(headers, "vary")
    if not said:
        return ""
    names = _names(said)
    if names is None:
        return None
    return f"{','.join(names)} {_digest(names, sent)}" if names else ""


@lru_cache(maxsize=256)
def _names(vary: str) -> tuple[str, ...] | None:
    names = {name.strip().lower() for name in vary.split(",")} - {""}
    return None if "*" in names else tuple(sorted(names - _OF_THE_SESSION))


def is_alike(vary: str, sent: Mapping[str, str | bytes]) -> bool:
    """Whether what is about to be sent is what an answer depended on (`varies_by`)."""
    if not vary:
        return True
    names, _, digest = vary.rpartition(" ")
    return _digest(tuple(names.split(",")), sent) == digest


def _digest(names: tuple[str, ...], sent: Mapping[str, str | bytes]) -> str:
    lower = fields_of(sent) or {name.lower(): (name, str(value)) for name, value in sent.items()}
    return _digest_of(names, tuple([str(lower[name][1]) if name in lower else "" for name in names]))


@lru_cache(maxsize=256)
def _digest_of(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    text = "\n".join(f"{name}:{' '.join(value.split())}" for name, value in zip(names, values, strict=True))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
