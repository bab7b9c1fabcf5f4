"""Cookies in other forms: plain records for JSON, and the cookie objects of http.cookiejar. Pure.

A record holds all that is known of a cookie but its ticket, which means nothing in another process.
"""

from __future__ import annotations

from http.cookiejar import Cookie as HttpCookie
from typing import Any, Final

from crawler.sessions.cookies.rules import Cookie, checked, from_wire, to_wire

Record = dict[str, Any]

_TEXTS: Final = ("name", "value", "domain", "path")
_FLAGS: Final = ("host_only", "secure", "http_only")


def to_record(cookie: Cookie) -> Record:
    """A dict that `json.dumps` takes as it is and ``from_record`` reads back without loss.

    Its text can always be written as UTF-8: where a server sent other bytes, they stand as one character each and
    ``latin1`` is true.
    """
    name, value = cookie.name, cookie.value
    odd = _holds_bytes(name) or _holds_bytes(value) or _holds_bytes(cookie.path)
    return {
        "name": _bytes_as_text(name) if odd else name,
        "value": _bytes_as_text(value) if odd else value,
        "domain": cookie.domain,
        "host_only": cookie.host_only,
        "path": _bytes_as_text(cookie.path) if odd else cookie.path,
        "secure": cookie.secure,
        "http_only": cookie.http_only,
        "same_site": cookie.same_site,
        "expires": cookie.expires,
        "created": cookie.created,
        "last_used": cookie.last_used,
        **({"latin1": True} if odd else {}),
    }


def _holds_bytes(text: str) -> bool:
    """Whether some of it came as bytes that are not UTF-8; such text cannot be written to a file or a database."""
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _bytes_as_text(text: str) -> str:
    return to_wire(text).decode("latin-1")


def from_record(record: object, *, ticket: int = 0) -> Cookie:
    """The cookie of a record, checked like one that the user sets.

    Args:
        record: As `to_record` makes it. Only name, value and domain are needed; a missing ``host_only`` means true.
        ticket: Number that the cookie shall carry.
    Raises:
        ValueError: It is not such a record, or its cookie could not be sent as it is. Says why, not the value.
    """
    if not isinstance(record, dict):
        raise ValueError("a cookie record is an object")
    for field in _TEXTS:
        if not isinstance(record.get(field, "/" if field == "path" else None), str):
            raise ValueError(f"a cookie record needs the text {field!r}")
    for field in _FLAGS:
        if not isinstance(record.get(field, False), bool):
            raise ValueError(f"{field!r} of a cookie record is true or false")
    same_site = record.get("same_site")
    if same_site not in (None, "Strict", "Lax", "None"):
        raise ValueError("'same_site' of a cookie record is Strict, Lax, None or null")
    created = _moment(record, "created") or 0.0
    text = from_wire if record.get("latin1") is True else str
    return checked(
        Cookie(
            text(record["name"]),
            text(record["value"]),
            record["domain"],
            record.get("host_only", True),
            text(record.get("path", "/")),
            record.get("secure", False),
            record.get("http_only", False),
            same_site,
            _moment(record, "expires"),
            created,
            _moment(record, "last_used") or created,
            ticket,
        )
    )


def _moment(record: Record, field: str) -> float | None:
    value = record.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e12 < value < 1e12:
        raise ValueError(f"{field!r} of a cookie record is a number of seconds since 1970 or null")
    return float(value)


class ShownCookie(HttpCookie):
    """A copy of one cookie of a jar, as iteration gives it. Its ``repr`` and ``str`` do not show the value."""

    def __repr__(self) -> str:
        return f"<Cookie {self.name!r} for {self.domain}{self.path}>"

    __str__ = __repr__


def to_http(cookie: Cookie) -> ShownCookie:
    """As http.cookiejar shows it: a domain cookie has a leading dot, a host-only one has none."""
    rest: dict[str, Any] = {"HttpOnly": None} if cookie.http_only else {}
    if cookie.same_site is not None:
        rest["SameSite"] = cookie.same_site
    wide = bool(cookie.domain) and not cookie.host_only
    return ShownCookie(
        version=0,
        name=cookie.name,
        value=cookie.value,
        port=None,
        port_specified=False,
        domain=f".{cookie.domain}" if wide else cookie.domain,
        domain_specified=wide,
        domain_initial_dot=wide,
        path=cookie.path,
        path_specified=True,
        secure=cookie.secure,
        expires=None if cookie.expires is None else int(cookie.expires),
        discard=cookie.expires is None,
        comment=None,
        comment_url=None,
        rest=rest,
    )


def from_http(cookie: HttpCookie, *, now: float, ticket: int = 0) -> Cookie:
    """The checked cookie of an http.cookiejar one, from requests, a browser's file or the user's hand.

    A domain makes it a cookie of the subdomains too, as the attribute of the same name does, unless http.cookiejar
    says that the server did not give one (``domain_specified``).

    Raises:
        ValueError: It could not be sent as it is. Says why, not the value.
    """
    name, value = (cookie.name, cookie.value) if cookie.value is not None else ("", cookie.name)
    domain = "localhost" if cookie.domain == "localhost.local" else cookie.domain  # http.cookiejar adds the ending
    rest = {key.lower(): text for key, text in vars(cookie).get("_rest", {}).items()}
    same_site = str(rest.get("samesite") or "").capitalize()
    return checked(
        Cookie(
            name,
            value,
            domain,
            not cookie.domain_specified,
            cookie.path or "/",
            bool(cookie.secure),
            # requests gives each cookie made by hand a bare HttpOnly: it says something only where a server is known
            "httponly" in rest and (bool(rest["httponly"]) or bool(domain)),
            same_site if same_site in ("Strict", "Lax", "None") else None,
            None if cookie.expires is None else float(cookie.expires),
            now,
            now,
            ticket,
        )
    )
