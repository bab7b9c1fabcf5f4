"""What a redirect may carry along: pure decisions, one list of rules for login steps and crawled pages alike.

Source: RFC 9110 section 15.4 for methods; the rest is what browsers and advisories of this field settled on.
"""

from __future__ import annotations

import re
from collections import Counter

import requests

from crawler.errors import InvalidURL, RedirectError, Refused
from crawler.quick_dataclass import quick_dataclass
from crawler.redaction import HIDDEN
from crawler.sessions.origins import SURVIVES_ORIGIN
from crawler.urls import absolute, is_upgrade, printable, redact, same_origin

REDIRECTS = frozenset({301, 302, 303, 307, 308})
SAME_STEPS = 2  # of one chain to one address with one method and the same cookies; a third one is a loop
_LOOKED_AT = 2_000  # characters of a bad Location that are cleaned to show some of them
_SHOWN = 200
_OPEN_USERINFO = re.compile(r"//[^/?#]*\Z")  # it was cut where one can no longer tell whether it is a password


@quick_dataclass
class Hop:
    """The next request of a chain.

    Attributes:
        url: Where it goes, without a fragment.
        method: Its method.
        keeps_body: Whether the body goes along (same origin only).
        keeps_headers: True: all headers of the request; False: only those in `SURVIVES_ORIGIN`.
    """

    url: str
    method: str
    keeps_body: bool
    keeps_headers: bool


def location_of(response: requests.Response, *, strict: bool = True) -> str | None:
    """The Location of a redirect; None when the answer is none (a 3xx without Location is a final answer).

    Args:
        strict: Raise for what cannot be followed, instead of giving None.
    Raises:
        RedirectError: It has several, which differ. Equal ones are one, as in browsers.
    """
    if response.status_code not in REDIRECTS:
        return None
    joined = response.headers.get("Location")
    if not joined:
        return None
    given = {value for name, value in getattr(response, "raw_headers", None) or () if name.lower() == "location"}
    if len(given) > 1:
        if not strict:
            return None
        raise RedirectError(
            str(response.url), f"{len(given)} Location headers that differ: {', '.join(map(_shown, sorted(given)[:2]))}"
        )
    return given.pop() if given else joined


def _shown(location: str) -> str:
    """What may be shown of a Location; costs the same for a long one as for a short one."""
    text = location[:_LOOKED_AT]
    if len(location) > _LOOKED_AT:
        text = _OPEN_USERINFO.sub(f"//{HIDDEN}", text)
    return repr(printable(redact(text))[:_SHOWN])


class Steps:
    """The steps of one chain of redirects. Used by one thread."""

    def __init__(self) -> None:
        self._met: Counter[tuple[str, str, str]] = Counter()

    def take(self, request: requests.PreparedRequest) -> None:
        """Note that *request* is sent.

        A page may well lead to itself by another method or with another cookie, and once without either: some sites
        only note something of their own and send us back. What comes a third time will come again.

        Raises:
            RedirectError: It is a loop.
        """
        step = (str(request.method), str(request.url), str(request.headers.get("Cookie", "")))
        self._met[step] += 1
        if self._met[step] > SAME_STEPS:
            raise RedirectError(step[1], f"redirect loop: the same address again after {SAME_STEPS} visits")


def next_hop(url: str, method: str, has_body: bool, status: int, location: str) -> Hop:
    """Decide the next request.

    Args:
        url: The URL that answered.
        location: Value of its Location header, as latin-1 text.
    Raises:
        RedirectError: The location is not a URL, or a body would go to another origin.
        Refused: It is not http or https.
    """
    raw = location.encode("latin-1", "replace")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = location
    try:
        target = absolute(url, text)
    except InvalidURL as error:
        shown = _shown(text)
        scheme = text[:_SHOWN].partition(":")[0].strip().lower()
        if scheme.isalpha() and scheme not in ("http", "https") and ":" in text:
            raise Refused(url, f"redirect to {shown}: only http and https are fetched") from error
        raise RedirectError(url, f"redirect to {shown}, which is not a URL") from error
    target = target.partition("#")[0]
    same = same_origin(url, target)
    if status in (307, 308):
        if has_body and not same:
            raise RedirectError(url, f"status {status} would send the body of a {method} to another origin ({target})")
        return Hop(target, method, keeps_body=has_body, keeps_headers=same or is_upgrade(url, target))
    changed = method if method in ("GET", "HEAD") else "GET"
    if status in (301, 302) and method not in ("GET", "HEAD", "POST"):
        changed = method  # only POST is rewritten by tradition
        if has_body and not same:
            raise RedirectError(url, f"status {status} would send the body of a {method} to another origin ({target})")
        return Hop(target, changed, keeps_body=has_body, keeps_headers=same or is_upgrade(url, target))
    return Hop(target, changed, keeps_body=False, keeps_headers=same or is_upgrade(url, target))


def surviving_headers(headers: requests.structures.CaseInsensitiveDict[str], hop: Hop) -> dict[str, str]:
    """The headers of the next request, without Cookie and Host, which are made anew."""
    kept = {}
    for name, value in headers.items():
        low = name.lower()
        if low in ("cookie", "host", "content-length", "transfer-encoding") and not (
            hop.keeps_body and low in ("content-length", "transfer-encoding")
        ):
            continue
        if not hop.keeps_body and low.startswith("content-"):
            continue
        if hop.keeps_headers or low in SURVIVES_ORIGIN or (hop.keeps_body and low.startswith("content-")):
            kept[name] = value
    return kept
