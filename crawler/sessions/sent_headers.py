"""The headers of one request: the session's, or what may go to a foreign origin; and its Cookie header."""

from __future__ import annotations

from typing import Any

from requests.structures import CaseInsensitiveDict

from crawler.headers import copy_of, pairs_of
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.rules import to_wire
from crawler.sessions.origins import SURVIVES_ORIGIN
from crawler.sessions.prepared import Prepared


class SentHeaders:
    """Copies of a session's headers, made anew when those have changed. Safe from any thread.

    Args:
        secret: Lower-case names of headers that go to the session's own origins only.
    """

    def __init__(self, secret: frozenset[str]) -> None:
        self.secret, self.has_none = secret, False  #: has_none: a header that may be a key is None
        nothing: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        # what they were made of, all of them, and those that may go to a foreign origin; replaced as a whole
        self._made: tuple[dict[str, Any], CaseInsensitiveDict[str], CaseInsensitiveDict[str]] = ({}, nothing, nothing)

    def of(self, headers: Any, *, own: bool) -> CaseInsensitiveDict[str]:
        """Those of one request: all of *headers*, or what may go to a foreign origin."""
        given = dict(pairs_of(headers))
        made = self._made
        if given != made[0]:  # somebody changed them
            plain = {
                name: value if isinstance(value, str) else value.decode("latin-1")
                for name, value in given.items()
                if value is not None  # as in requests: it is left out
            }
            may_go = SURVIVES_ORIGIN - self.secret
            self.has_none = any(value is None and name.lower() not in may_go for name, value in given.items())
            foreign = {name: value for name, value in plain.items() if name.lower() in may_go}
            made = self._made = given, CaseInsensitiveDict(plain), CaseInsensitiveDict(foreign)
        return copy_of(made[1] if own else made[2])


def address_cookies(prepared: Prepared, jar: Jar, extra: Any = None) -> None:
    """Give it the jar's cookies for its URL, and what the call itself brought: that belongs to this request alone."""
    given = [prepared.headers.pop("Cookie", None) or ""]
    if extra:
        pairs = extra.items() if hasattr(extra, "items") else ((cookie.name, cookie.value) for cookie in extra)
        given += [f"{name}={value}" for name, value in pairs]
    prepared.given_cookies = [text for text in given if text]
    put_cookies(prepared, jar)


def put_cookies(prepared: Prepared, jar: Jar) -> None:
    """Its Cookie header as the jar has it now, with what the call brought."""
    header = "; ".join(filter(None, [jar.header(prepared.url or ""), *(prepared.given_cookies or ())]))
    if header:
        prepared.headers["Cookie"] = header if header.isascii() else to_wire(header).decode("latin-1")
