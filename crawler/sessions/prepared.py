"""A prepared request, with what it carries beside what requests knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import requests
from requests.cookies import RequestsCookieJar

from crawler.url_users import without_user

HopGuard = Callable[[str, str, str], str | None]
"""``(url, text, rel) -> reason or None``: a redirect that must not be followed, and why."""

NO_COOKIES = RequestsCookieJar()  # what requests' own code sees on a prepared request; ours are in the header


class Sink(Protocol):
    """Takes the body of an answer; a file, or something that looks closer at it (`fetching.file_sink`)."""

    def write(self, data: bytes, /) -> Any: ...


class Prepared(requests.PreparedRequest):
    """What a session sends. Used by one thread at a time.

    Attributes:
        hop_guard: Asked before each redirect.
        has_turn: Its host was reserved for it; any other request waits for its turn.
        given_cookies: Cookies that the call brought, as pieces of a header; None for what was not prepared here.
        unsigned_hooks: Its hooks without those that the auth of the session has added; None where there are none.
        sink: Takes the body of a 2xx answer.
        limits: What the exchange may cost, for the transport.
        own_limits: What it may cost with all its redirects, where that is not what the session says.
        sent_again: An auth has sent it once before.
        storage: What scripts keep in the browser of its session, for an auth whose token is there.
        lends: Its session, for an auth that asks for tokens by itself.
        signs_itself: Whoever sends it has the token at hand: the auth of the session is not added after a redirect.
        led_by: Address of the private host whose redirect leads here.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hop_guard: HopGuard | None = None
        self.has_turn = False
        self.given_cookies: list[str] | None = None
        self.unsigned_hooks: dict[str, Any] | None = None
        self.sink: Sink | None = None
        self.limits: Any = None
        self.own_limits: Any = None
        self.sent_again = False
        self.led_by, self.signs_itself = "", False
        self.storage: Any = None
        self.lends: Any = None
        self._cookies = NO_COOKIES

    def __getstate__(self) -> dict[str, Any]:
        """Its session stays here when it is pickled, as a part of its answer."""
        return {**self.__dict__, "lends": None}

    @classmethod
    def of(cls, request: requests.PreparedRequest) -> Prepared:
        """*request* itself, or what a user has prepared, as one of ours."""
        if isinstance(request, cls):
            return request
        made = cls()
        made.__dict__.update(vars(request))
        made.url = without_user(made.url) if made.url else made.url
        return made

    def copy(self) -> Prepared:
        """As in requests."""
        made = Prepared()
        made.__dict__.update(self.__dict__)
        made.headers = self.headers.copy()
        return made
