"""Ways to authenticate a request: bearer tokens, digest with one state for all threads, and a fence around any of them.

Basic is requests' own: ``session.auth = (user, password)``. Everything here is a `requests.auth.AuthBase` and safe from
any thread. Digest itself is in `sessions.auth.digest`, OAuth2 in `sessions.auth.oauth`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, NoReturn

import requests
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from requests.utils import get_auth_from_url

from crawler.errors import InvalidURL
from crawler.sessions.accounts import Account
from crawler.sessions.auth.digest import DigestAuth
from crawler.sessions.auth.lending import Lends
from crawler.sessions.auth.oauth import OAuth2
from crawler.sessions.auth.shared import SharedAuth
from crawler.sessions.auth.storage_token import Refresh, StorageToken
from crawler.sessions.secrets import Secret
from crawler.urls import is_upgrade, origin_of

__all__ = ["BearerAuth", "DigestAuth", "OriginBound", "dump_auth", "load_auth"]


class BearerAuth(SharedAuth):
    """``Authorization: Bearer ...``.

    Args:
        token: The token, or what gives it for each request.
        scheme: The word before it; some services want "Token".
    """

    def __init__(self, token: str | Callable[[], str], *, scheme: str = "Bearer") -> None:
        self._token = Secret(token) if isinstance(token, str) else token
        self._scheme = scheme

    @staticmethod
    def from_storage(
        origin: str, *at: str, to: Iterable[str] = (), scheme: str = "Bearer", refresh: Refresh | None = None
    ) -> StorageToken:
        """A token that an app keeps in its browser's storage: for sessions of ``crawl login --browser``.

        ``Identity("default", auth=BearerAuth.from_storage("https://app.example", "access_token"))``. It is looked up
        for each request, so that a new login brings a new token.

        Args:
            origin: Whose storage it is.
            at: The key, in which ``*`` stands for any characters, and names inside of the JSON there:
                ``"oidc.user:*", "access_token"``. Of an IndexedDB, the key is ``"DATABASE/STORE"``.
            to: Origins that it is sent to, besides being the session's; none means *origin*.
            scheme: The word before it.
            refresh: How it is renewed, once for all workers: by a refresh token (`TokenRefresh`), or by the app itself
                when its page is loaded in a browser (`PageRefresh`). None where a new one takes a new login.
        """
        return StorageToken(origin, at, to=to, scheme=scheme, refresh=refresh)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        token = self._token if isinstance(self._token, str) else Secret(self._token())
        request.headers["Authorization"] = f"{self._scheme} {token}"
        return request

    def dump(self) -> dict[str, Any]:
        """What `load` and `load_auth` take; holds the token."""
        token = self._token if isinstance(self._token, str) else self._token()
        return {"kind": "bearer", "token": str.__str__(token), "scheme": self._scheme}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `dump` gave; anything else is ignored."""
        if state.get("kind") == "bearer" and isinstance(self._token, str):
            self._token, self._scheme = Secret(str(state["token"])), str(state.get("scheme", "Bearer"))

    def __repr__(self) -> str:
        return f"<BearerAuth {self._scheme} ***>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an auth cannot be pickled: it holds a secret")


class OriginBound(AuthBase):
    """An auth that is used for a list of origins only, on the way out and when an answer is looked at.

    A redirected request carries the hooks of the first one: without a fence, a 401 from anywhere would make a digest
    auth answer it.

    Args:
        auth: Any auth of requests, or a pair of user name and password for basic.
        origins: URLs or origins. For http on port 80, https on port 443 is covered too; never the other way.
    Raises:
        InvalidURL: One of the origins is no URL.
    """

    def __init__(self, auth: AuthBase | tuple[str, str], origins: Iterable[str]) -> None:
        self.auth = HTTPBasicAuth(auth[0], Secret(auth[1])) if isinstance(auth, tuple) else auth
        self.origins = frozenset(map(origin_of, origins))

    def covers(self, url: str) -> bool:
        """Whether the credentials may go to *url*."""
        try:
            return origin_of(url) in self.origins or any(is_upgrade(origin, url) for origin in self.origins)
        except InvalidURL:
            return False

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if not self.covers(request.url or ""):
            return request
        known = list(request.hooks.get("response", ()))
        request.hooks = {**request.hooks, "response": list(known)}  # new ones: the session may lend its own to all
        auth = sendable(self.auth)
        request = (HTTPBasicAuth(*auth) if isinstance(auth, tuple) else auth)(request)
        request.hooks["response"] = [
            hook if hook in known else partial(self._fenced, hook) for hook in request.hooks.get("response", ())
        ]
        return request

    def _fenced(
        self, hook: Callable[..., requests.Response | None], response: requests.Response, *args: Any, **kwargs: Any
    ) -> requests.Response | None:
        return hook(response, *args, **kwargs) if self.covers(str(response.url)) else response

    def __repr__(self) -> str:
        return f"<OriginBound {type(self.auth).__name__} for {', '.join(sorted(self.origins))}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an auth cannot be pickled: it holds a secret")


def sendable(auth: Any) -> Any:
    """*auth*, its user name and password as UTF-8.

    requests knows latin-1 only, and raises for the rest. Source: RFC 7617 section 2.1, and what browsers and curl do.
    """
    pair: Any = (auth.username, auth.password) if type(auth) is HTTPBasicAuth else auth
    if not isinstance(pair, tuple) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
        return auth
    return auth if "".join(pair).isascii() else tuple(each.encode("utf-8", "replace") for each in pair)


def of_url(url: str) -> tuple[str, str] | None:
    """The user name and password that stand in *url*, as requests takes them; None for none."""
    if "@" not in url:
        return None
    username, password = get_auth_from_url(url)
    return (username, password) if username or password else None


def keeps_to_a_thread(auth: Any) -> bool:
    """Whether an auth may keep something for each thread, as requests' own digest does: so may all unknown ones."""
    if isinstance(auth, OriginBound):
        return keeps_to_a_thread(auth.auth)
    return not (auth is None or isinstance(auth, tuple | SharedAuth) or type(auth) is HTTPBasicAuth)


# --- keeping ----------------------------------------------------------------------------------------------------------


def dump_auth(auth: Any, account: Account | None = None) -> dict[str, Any] | None:
    """What is to be saved of the auth of a session, as JSON values; None for an auth of a foreign class.

    The result holds secrets: it is for the encrypted part of a snapshot. A password that is the account's own is not in
    it: a reference is, so that a changed password takes effect.
    """
    if isinstance(auth, OriginBound):
        inner = dump_auth(auth.auth, account)
        return None if inner is None else {"kind": "bound", "auth": inner, "origins": sorted(auth.origins)}
    if isinstance(auth, tuple) and len(auth) == 2:
        return _pair("basic", *auth, account)
    if type(auth) is HTTPBasicAuth:
        return _pair("basic", auth.username, auth.password, account)
    if isinstance(auth, HTTPDigestAuth | DigestAuth):
        return _pair("digest", auth.username, auth.password, account)
    dump = getattr(auth, "dump", None)
    found = dump() if callable(dump) else None
    return found if isinstance(found, dict) else None


def load_auth(saved: Any, account: Account | None = None, lends: Lends | None = None) -> AuthBase | None:
    """The auth that `dump_auth` has saved; None for what it does not know.

    Args:
        lends: The session, for auths that send requests of their own.
    Raises:
        NoCredentials: It refers to the account, whose credentials are not found.
    """
    if not isinstance(saved, Mapping):
        return None
    kind = saved.get("kind")
    if kind in ("basic", "digest"):
        maker: Callable[[str, str], AuthBase] = DigestAuth if kind == "digest" else HTTPBasicAuth
        if saved.get("account"):
            return maker(account.username, account.password) if account is not None else None
        return maker(str(saved.get("username", "")), Secret(str(saved.get("password", ""))))
    if kind == "bearer":
        return BearerAuth(str(saved.get("token", "")), scheme=str(saved.get("scheme", "Bearer")))
    if kind == "oauth2":
        auth = OAuth2.restored(saved, account)
        auth.lent_by(lends)
        return auth
    if kind == "storage":
        return StorageToken.restored(saved)
    if kind == "bound":
        inner = load_auth(saved.get("auth"), account, lends)
        return None if inner is None else OriginBound(inner, saved.get("origins", ()))
    return None


_KINDS = {
    "basic": "user name and password",
    "digest": "digest",
    "bearer": "token",
    "oauth2": "OAuth2",
    "storage": "token of the storage",
}


def kind_of(saved: Any) -> str:
    """What a saved auth is, in a word or two for a person; "" for none."""
    found = saved.get("auth") if isinstance(saved, Mapping) and saved.get("kind") == "bound" else saved
    return _KINDS.get(str(found.get("kind")), "") if isinstance(found, Mapping) else ""


def movable(saved: Any) -> dict[str, Any] | None:
    """What of a saved auth may leave the store with an export: tokens and references, never a password.

    A token of OAuth2 goes as it is now, without what renews it: the client's secret and the refresh token stay.
    """
    if not isinstance(saved, Mapping):
        return None
    kind = saved.get("kind")
    if kind == "bound":
        inner = movable(saved.get("auth"))
        return None if inner is None else {**saved, "auth": inner}
    if kind == "oauth2":
        return {"kind": "bearer", "token": saved["access_token"]} if saved.get("access_token") else None
    return dict(saved) if kind == "bearer" or (kind in ("basic", "digest") and saved.get("account")) else None


def authorization_of(saved: Any) -> str:
    """The Authorization header that a saved auth would send, where it is a token; "" otherwise."""
    found = movable(saved) or {}
    found = found.get("auth", found)
    return f"{found.get('scheme', 'Bearer')} {found['token']}" if found.get("kind") == "bearer" else ""


def _pair(kind: str, username: Any, password: Any, account: Account | None) -> dict[str, Any]:
    if account is not None and (account.get("username"), account.get("password")) == (username, password):
        return {"kind": kind, "account": True}
    return {"kind": kind, "username": _text(username), "password": _text(password)}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str.__str__(value)
