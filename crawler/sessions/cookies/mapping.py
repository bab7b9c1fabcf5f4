"""The half of a cookie jar that is a mapping from names to values, as requests has it.

The objects that iteration gives are copies: change the jar through ``set`` or ``set_cookie``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from http.cookiejar import Cookie as HttpCookie
from http.cookies import Morsel
from typing import Any

from requests.cookies import CookieConflictError, RequestsCookieJar, create_cookie, morsel_to_cookie

from crawler.plain_values import class_name_of
from crawler.sessions.cookies.cookie_records import to_http
from crawler.sessions.cookies.rules import Cookie

_from_hand: Callable[..., HttpCookie] = create_cookie  # with a type: the stubs of requests have none for them
_from_morsel: Callable[..., HttpCookie] = morsel_to_cookie


def _named(cookie: Cookie, name: str, domain: str | None, path: str | None) -> bool:
    return (
        cookie.name == name
        and (domain is None or cookie.domain == domain.removeprefix("."))
        and (path is None or cookie.path == path)
    )


class JarMapping(RequestsCookieJar):
    """What a mapping does, on top of `cookies`, `put` and `discard`."""

    @abstractmethod
    def cookies(self) -> list[Cookie]:
        """All cookies that have not expired."""

    @abstractmethod
    def put(self, cookie: HttpCookie) -> None:
        """Set a cookie for the user. Raises ValueError for one that could not be sent as it is."""

    @abstractmethod
    def discard(self, which: Any) -> int:
        """Remove the cookies for which *which* is true, and say how many."""

    # --- reading ---

    def __iter__(self) -> Iterator[HttpCookie]:  # type: ignore[override]
        return iter([to_http(cookie) for cookie in self.cookies()])

    def __len__(self) -> int:
        return len(self.cookies())

    def __contains__(self, name: object) -> bool:
        return any(cookie.name == name for cookie in self.cookies())

    def iterkeys(self) -> Iterator[str]:
        return iter([cookie.name for cookie in self.cookies()])

    def itervalues(self) -> Iterator[str]:
        return iter([cookie.value for cookie in self.cookies()])

    def iteritems(self) -> Iterator[tuple[str, str]]:
        return iter([(cookie.name, cookie.value) for cookie in self.cookies()])

    def get_dict(self, domain: str | None = None, path: str | None = None) -> dict[str, str]:
        """Names and values of all cookies, or of those of a domain (with or without a leading dot) and a path."""
        return {cookie.name: cookie.value for cookie in self.cookies() if _named(cookie, cookie.name, domain, path)}

    def _find(self, name: str, domain: str | None = None, path: str | None = None) -> str:
        for cookie in self.cookies():
            if _named(cookie, name, domain, path):
                return cookie.value
        raise KeyError(f"name={name!r}, domain={domain!r}, path={path!r}")

    def _find_no_duplicates(self, name: str, domain: str | None = None, path: str | None = None) -> str:
        found = [cookie for cookie in self.cookies() if _named(cookie, name, domain, path)]
        if len(found) > 1:
            raise CookieConflictError(f"there are {len(found)} cookies named {name!r}: give domain and path")
        if not found:
            raise KeyError(f"name={name!r}, domain={domain!r}, path={path!r}")
        return found[0].value

    @property
    def _cookies(self) -> dict[str, dict[str, dict[str, HttpCookie]]]:
        """A snapshot of the jar in the shape that http.cookiejar keeps, for reading; changing it does nothing."""
        picture: dict[str, dict[str, dict[str, HttpCookie]]] = {}
        for cookie in self:
            picture.setdefault(cookie.domain, {}).setdefault(cookie.path, {})[cookie.name] = cookie
        return picture

    # --- writing ---

    def set(self, name: str, value: Any, **kwargs: Any) -> HttpCookie | None:
        """Set a cookie, or remove those of the name where *value* is None.

        Args:
            name: Of the cookie.
            value: Text, a number, a `http.cookies.Morsel`, or None.
            **kwargs: As for `requests.cookies.create_cookie`: domain, path, secure, expires, rest. Without a domain
                it belongs to the first host of the session, and to no other.
        Raises:
            ValueError: It could not be sent as it is (control characters, ``;``, too long, an impossible domain).
        """
        if value is None:
            self.discard(lambda cookie: _named(cookie, name, kwargs.get("domain"), kwargs.get("path")))
            return None
        if isinstance(value, Morsel):
            made = _from_morsel(value)
        elif isinstance(value, (str, int)):
            made = _from_hand(name, str(value), **{"rest": {}, **kwargs})
        else:
            raise TypeError(f"the value of cookie {name[:80]!r} is {class_name_of(value)}, not text")
        self.put(made)
        return made

    def __delitem__(self, name: str) -> None:
        self.discard(lambda cookie: cookie.name == name)

    def clear(self, domain: str | None = None, path: str | None = None, name: str | None = None) -> None:
        """Remove all cookies, those of a domain, of a domain and path, or one.

        Args:
            domain: With a leading dot: cookies for subdomains too. Without: host-only ones; if there are none, others.
            path: Needs *domain*.
            name: Needs *domain* and *path*.
        Raises:
            ValueError: A part is given without those before it.
            KeyError: There is no such cookie (never for all).
        """
        if (path is not None and domain is None) or (name is not None and path is None):
            raise ValueError("a path needs a domain, a name needs a domain and a path")
        if domain is None:
            self.discard(lambda _: True)
            return
        for host_only in (False,) if domain.startswith(".") else (True, False):
            if self.discard(
                lambda cookie, host_only=host_only: (
                    cookie.domain == domain.removeprefix(".")
                    and cookie.host_only is host_only
                    and (path is None or cookie.path == path)
                    and (name is None or cookie.name == name)
                )
            ):
                return
        raise KeyError(domain if path is None else (domain, path) if name is None else (domain, path, name))

    def clear_session_cookies(self) -> None:
        """Remove the cookies that have no end."""
        self.discard(lambda cookie: cookie.expires is None)

    def clear_expired_cookies(self) -> None:
        """Remove the cookies that have ended; they are never sent or shown anyway."""
        self.cookies()
