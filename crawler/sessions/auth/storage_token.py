"""A token that an app keeps in its browser's storage, sent as the app sends it, and renewed for all workers at once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import requests

from crawler.errors import InvalidURL, LoginFailed
from crawler.quick_dataclass import quick_dataclass
from crawler.render import Render
from crawler.sessions.auth.oauth import OAuth2
from crawler.sessions.auth.shared import Again, SharedAuth
from crawler.sessions.auth.tokens import jwt_end
from crawler.sessions.secrets import Secret
from crawler.sessions.storage import Storage, needed
from crawler.urls import redact, short_origin

_making = threading.Lock()  # guards that one renewer is made for each token; no I/O under it


@dataclass(frozen=True, slots=True)
class TokenRefresh:
    """How a token in a browser's storage is renewed: OAuth2's refresh token, as the app itself does it.

    Attributes:
        token_url: Where tokens are given.
        client_id: Of the app; it stands in the address of its login page.
        at: Where the refresh token stands: its key, and names inside of it.
        client_secret: For the few apps in a browser that have one.
        scope: As the service writes it.
    """

    token_url: str
    client_id: str
    at: tuple[str, ...]
    client_secret: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class PageRefresh:
    """How a token in a browser's storage is renewed where only the app can do it: a page of it is loaded in a browser.

    The app's own scripts renew the token then, with a cookie that no script may read. The browser has the session's
    cookies and storage, and leaves the page once they have changed. Needs the extra ``browser``. Where it asks another
    host, as in a hidden frame at a single sign-on, that host has to be in the setting ``render_hosts``.

    Attributes:
        url: The page.
        render: What is waited for and done on it, before the new token is waited for; None for nothing.
    """

    url: str
    render: Render | None = None


Refresh = TokenRefresh | PageRefresh


@quick_dataclass(frozen=False)
class _Renewal:
    """Of one token of one session.

    Attributes:
        loads: `Storage.loads` when the tokens were taken from there.
        written: How many renewals the storage has been told of.
    """

    auth: OAuth2
    loads: int = -1
    written: int = 0


class StorageToken(SharedAuth):
    """A bearer token out of `Session.storage`, as `BearerAuth.from_storage` makes it. Safe from any thread.

    Args:
        origin: Whose storage it is.
        at: Where the token stands: its key, and names inside of the JSON there.
        to: Origins that it is sent to.
        scheme: The word before it.
        refresh: How it is renewed; None where a new one takes a new login.
    """

    def __init__(
        self,
        origin: str,
        at: tuple[str, ...],
        *,
        to: Iterable[str] = (),
        scheme: str = "Bearer",
        refresh: Refresh | None = None,
    ) -> None:
        self.origin, self.at = short_origin(origin), at
        self.to = frozenset(map(short_origin, to)) or frozenset((self.origin,))
        self.scheme, self.refresh = scheme, refresh

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token.

        Raises:
            LoginFailed: It is not in the storage, or cannot be renewed.
        """
        if not self._covers(str(request.url)):
            return request
        storage = needed(getattr(request, "storage", None))
        request.headers["Authorization"] = f"{self.scheme} {Secret(self._token(storage, request))}"
        if isinstance(self.refresh, TokenRefresh):
            self._watch(request)
        return request

    def kept(self, storage: Storage) -> str:
        """The token that stands in *storage*; "" for none."""
        return storage.find(self.origin, *self.at) or ""

    def _covers(self, url: str) -> bool:
        try:
            return short_origin(url) in self.to
        except InvalidURL:
            return False

    def _token(self, storage: Storage, request: Any) -> str:
        if not isinstance(self.refresh, TokenRefresh):
            return self._needed(storage)
        renewal = self._renewal(storage, self.refresh, request)
        token = renewal.auth.current()
        self._write_back(storage, renewal, self.refresh)
        return token

    def after(self, response: requests.Response) -> Again:
        """Renew a token that was refused, once."""
        if not isinstance(self.refresh, TokenRefresh) or not self._covers(str(response.url)):
            return
        storage = needed(getattr(response.request, "storage", None))
        renewal = self._renewal(storage, self.refresh, response.request)
        yield from renewal.auth.after(response)
        self._write_back(storage, renewal, self.refresh)

    def _needed(self, storage: Storage) -> str:
        token = self.kept(storage)
        if not token:
            what = f"the browser's storage of {self.origin} holds no {' > '.join(self.at)!r}"
            raise LoginFailed("", f"{what}: log in with the browser again")
        return token

    def _renewal(self, storage: Storage, refresh: TokenRefresh, request: Any) -> _Renewal:
        """What renews this token of this session; it knows what another process or login has brought meanwhile."""
        place = (self.origin, self.at, refresh.token_url)
        with _making:
            renewal: _Renewal | None = storage.renewers.get(place)
            if renewal is None:
                renewal = storage.renewers[place] = _Renewal(
                    OAuth2(
                        refresh.token_url,
                        client_id=refresh.client_id,
                        client_secret=refresh.client_secret,
                        grant="refresh_token",
                        scope=refresh.scope,
                        client_auth="basic" if refresh.client_secret else "form",
                    )
                )
            renewal.auth.lent_by(getattr(request, "lends", None))
            if renewal.loads == storage.loads:
                return renewal
            renewal.loads = storage.loads
            kept = storage.find(self.origin, *self.at) or ""
            renewal.auth.load(
                {
                    "token_url": refresh.token_url,
                    "client_id": refresh.client_id,
                    "access_token": kept,
                    "refresh_token": storage.find(self.origin, *refresh.at) or "",
                    "ends_at": jwt_end(kept),
                }
            )
            return renewal

    def _write_back(self, storage: Storage, renewal: _Renewal, refresh: TokenRefresh) -> None:
        """Put renewed tokens where the app would: they are stored with the session, and other processes see them."""
        if renewal.written == renewal.auth.changes:
            return
        with _making:
            renewal.written = renewal.auth.changes
            kept = renewal.auth.dump()
            storage[self.origin].put(kept["access_token"], *self.at)
            if kept["refresh_token"]:
                storage[self.origin].put(kept["refresh_token"], *refresh.at)

    def dump(self) -> dict[str, Any]:
        """What `restored` takes; the token itself stays in the storage."""
        return {
            "kind": "storage",
            "origin": self.origin,
            "at": list(self.at),
            "to": sorted(self.to),
            "scheme": self.scheme,
            "refresh": _dumped(self.refresh),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> StorageToken:
        """As it was when `dump` was called."""
        return cls(
            state["origin"],
            tuple(state["at"]),
            to=state["to"],
            scheme=state["scheme"],
            refresh=_restored(state.get("refresh")),
        )

    def __repr__(self) -> str:
        return f"<StorageToken {self.scheme} {redact(self.origin)} {self.at[0]!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an auth cannot be pickled: it goes with a session's storage")


def in_storage(auth: Any) -> StorageToken | None:
    """The token out of a browser's storage that an auth of a session is, behind the fence of its origins or not."""
    inside = getattr(auth, "auth", auth)
    return inside if isinstance(inside, StorageToken) else None


def _dumped(refresh: Refresh | None) -> dict[str, Any] | None:
    if isinstance(refresh, PageRefresh):
        return {"url": refresh.url, "render": None if refresh.render is None else refresh.render.dump()}
    return None if refresh is None else asdict(refresh)


def _restored(kept: Any) -> Refresh | None:
    if not kept:
        return None
    if "url" in kept:
        return PageRefresh(kept["url"], None if kept["render"] is None else Render(**kept["render"]))
    return TokenRefresh(**{**kept, "at": tuple(kept["at"])})
