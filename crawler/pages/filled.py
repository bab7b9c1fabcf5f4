"""Filled: the request that sends a form, as plain values; and how hosts that it may go to are named. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from crawler.request import Callback, Request
from crawler.urls import host_of, origin_of, redact


@dataclass(frozen=True, slots=True, repr=False)
class Filled:
    """The request that sends a form: for `Session.submit`, or as a `Request` by `request`.

    Attributes:
        method: "GET" or "POST".
        url: Where it goes, without a fragment.
        headers: Content-Type for a POST.
        body: Empty for a GET.
        referer: Value for the Referer header: the page, or only its origin when the form goes to another one; "" where
            the page wants none.
        origin: Value for the Origin header, which servers compare against forged requests.
        page_url: URL of the page that the form stands on.
        asked_url: URL that was asked for when that page came.
        session: Name of the session that the page was fetched with; None for none.
        allow: Hosts and origins that were named when it was filled in.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    referer: str
    origin: str
    page_url: str = ""
    asked_url: str = ""
    session: str | None = None
    allow: tuple[str, ...] = ()

    def all_headers(self) -> dict[str, str]:
        """Its headers as a browser sends them: with Referer, and with Origin unless it is a GET."""
        more = {"Referer": self.referer} if self.referer else {}
        return {**self.headers, **more, **({"Origin": self.origin} if self.method != "GET" else {})}

    def request(self, callback: Callback = None, **kwargs: Any) -> Request:
        """What a callback yields to send it. The session is that of the page.

        Args:
            callback: As for `Request`, like *kwargs*.
        """
        kwargs.setdefault("session", self.session)
        headers = {**self.all_headers(), **(kwargs.pop("headers", None) or {})}
        body = self.body if self.method != "GET" else None
        return Request(self.url, callback, method=self.method, headers=headers, body=body, **kwargs)

    def __repr__(self) -> str:
        return f"<Filled {self.method} {redact(self.url.partition('?')[0])}>"


def is_named(url: str, names: Collection[str], *, by_host: bool = True) -> bool:
    """Whether one of *names* is the origin of a URL (``http://sso.example:8080``), or its host with or without port.

    Args:
        by_host: False: only an origin with its scheme counts.
    """
    origin, host = origin_of(url), host_of(url)
    for name in names:
        if "://" in name:
            if origin_of(name) == origin:
                return True
        elif by_host and name.lower() in (host, f"{host}:{origin.rpartition(':')[2]}"):
            return True
    return False
