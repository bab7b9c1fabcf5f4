"""OAuth2 for crawls: client credentials, password and refresh token; renewed before the access token ends, and on 401.

One renewal at a time, however many threads meet the old token: one asks, the others wait for its answer or, while the
old token is still good, go on with it. Only the access token is ever sent anywhere other than to the token URL.

Source: RFC 6749 sections 4.3, 4.4, 5, 6; RFC 6750 section 2.1.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, NoReturn

import requests

from crawler.clock import unix_now
from crawler.errors import (
    ConnectFailed,
    CrawlError,
    LoginFailed,
    SessionError,
    TimedOut,
    WrongPassword,
)
from crawler.sessions.accounts import Account
from crawler.sessions.auth.lending import Grant, Lends, TokenAsked, TokenWay
from crawler.sessions.auth.oauth_client import Send, TokenClient
from crawler.sessions.auth.of_account import HasAccount, OfAccount, client_mark, user_mark
from crawler.sessions.auth.shared import Again, SharedAuth, once_more, was_sent_again
from crawler.sessions.auth.tokens_held import TokenFlight, TokensHeld
from crawler.sessions.secrets import Secret
from crawler.urls import redact

_log = logging.getLogger("crawler.sessions")
_MARGIN_S: Final = 60.0  # renew this long before the end, or at nine tenths of a shorter life
_CALM_S: Final = 10.0  # seconds between two early renewals when the first one failed
_PATIENCE_S: Final = 90.0  # longest wait for a renewal of another thread


class OAuth2(SharedAuth):
    """``session.auth = OAuth2(token_url, client_id=..., client_secret=...)``. Safe from any thread.

    Args:
        token_url: Where tokens are given; https, or http to a private address.
        client_id, client_secret: Of the application.
        grant: "client_credentials"; "password" with *username* and *password*; or "refresh_token" with a token that
            another login (a browser) has brought.
        scope: As the service writes it.
        refresh_token, access_token: Where they are known already.
        client_auth: Whether the client identifies itself in a header ("basic") or among the fields ("form").
        extra: Further fields of the token request, such as "audience".
        session: Name of the session, for errors.
        proxies, verify: As in requests, for the token URL; None for those of the session that it belongs to.
        send: Posts token requests; None for a connection of its own.
        clock: Seconds since 1970.
        ticks: Seconds of a clock that never jumps.

    Attributes:
        changes: Grows with every new token: when it moved, save the state.
        failure: Why it has no good token now, and asks for none by itself; None where it has, or may.
    """

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str,
        client_secret: str = "",
        grant: Grant = "client_credentials",
        scope: str = "",
        username: str = "",
        password: str = "",
        refresh_token: str = "",
        access_token: str = "",
        client_auth: Literal["basic", "form"] = "basic",
        extra: Mapping[str, str] | None = None,
        session: str = "",
        proxies: Mapping[str, str] | None = None,
        verify: bool | str | None = None,
        send: Send | None = None,
        clock: Callable[[], float] = unix_now,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = TokenClient(
            token_url,
            client_id=client_id,
            client_secret=client_secret,
            scope=scope,
            client_auth=client_auth,
            extra=extra or {},
            session=session,
            proxies=proxies,
            verify=verify,
            send=send,
        )
        self.grant, self._username, self._password = grant, username, Secret(password)
        self._clock, self._ticks = clock, ticks
        self._of_account = OfAccount()  # which of the secrets are the account's
        self._lends: Lends | None = None  # the session that it belongs to, once that is known
        self._lock = threading.Lock()  # guards everything below; no I/O under it
        self._tokens = TokensHeld(Secret(access_token), Secret(refresh_token))
        self._flight: TokenFlight | None = None
        self._refusal: WrongPassword | None = None  # what it was refused with is not sent again
        self.changes = 0
        self.failure: SessionError | None = None

    @classmethod
    def from_account(cls, token_url: str, account: Account, **options: Any) -> OAuth2:
        """With the account's credentials: its fields "client_id" and "client_secret", else user name and password.

        Raises:
            NoCredentials: They are not found.
        """
        found = OfAccount.of(account, options)
        auth = cls(token_url, session=account.session, **{"client_id": "", **found.values(account), **options})
        auth._of_account = found
        return auth

    @classmethod
    def of(cls, session: HasAccount, token_url: str, **options: Any) -> OAuth2:
        """For a session, in its login step: with its account, and by its own way.

        ``session.auth = OAuth2.of(session, "https://auth.example/token")``. Raises NoCredentials as `from_account`.
        """
        auth = cls.from_account(token_url, session.account, **options)
        auth.lent_by(session.lends)
        return auth

    def lent_by(self, lends: Lends | None) -> None:
        """From the next renewal on, go the way of this session, and ask it for leave; None changes nothing."""
        self._lends = lends or self._lends

    @property
    def _asked(self) -> TokenAsked:
        """What a token is asked for with, where there is no refresh token that is still good."""
        account, client = self._of_account.mark, self._client_mark()
        if self.grant == "password":
            return TokenAsked(
                "password", (account or user_mark(self._client.token_url, self._username, self._password),)
            )
        return TokenAsked(self.grant, tuple(filter(None, (account, client))))

    def _client_mark(self) -> str:
        return client_mark(self._client) if self._client.client_secret else ""

    # --- as requests' auth ----------------------------------------------------------------------------------------

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the access token, a new one if it is about to end.

        Raises:
            LoginFailed: There is no token, and the service gives none.
            FetchError: There is no token, and the service cannot be reached.
        """
        self.lent_by(getattr(request, "lends", None))
        request.headers["Authorization"] = f"Bearer {self.current()}"
        self._watch(request)
        return request

    def current(self) -> str:
        """The access token, a new one if it is about to end. Raises as `__call__`."""
        with self._lock:
            access, ends, renew_from, busy = (
                self._tokens.access,
                self._tokens.ends,
                self._tokens.renew_from,
                self._flight is not None,
            )
        now = self._ticks()
        if access and (renew_from is None or now < renew_from):
            return access
        good = bool(access) and (ends is None or now < ends)
        if good and busy:
            return access  # another thread is renewing it; this one will do until then
        try:
            return self.renew(access)
        except CrawlError:
            if not access:
                raise
            with self._lock:
                self._tokens.renew_from = self._ticks() + _CALM_S
            return access  # if it has ended, the answer is 401, and the session counts as logged out

    def after(self, response: requests.Response) -> Again:
        """Renew a token that was refused, once."""
        if response.status_code != 401:
            return
        request = response.request
        used = str(request.headers.get("Authorization", "")).removeprefix("Bearer ")
        second = was_sent_again(request)
        with self._lock:
            if second:
                self._tokens.hopeless = used
            hopeless = used == self._tokens.hopeless
        if hopeless or second:
            return
        try:
            token = self.renew(used)
        except CrawlError as error:
            _log.info(
                "session %s: its token was refused and could not be renewed: %s", self._client.session or "", error
            )
            return  # 401: logged out; the login step is next
        again = once_more(request)
        again.headers["Authorization"] = f"Bearer {token}"
        answer = yield again
        if answer.status_code == 401:
            with self._lock:
                self._tokens.hopeless = token

    # --- renewal --------------------------------------------------------------------------------------------------

    def renew(self, old: str | None = None) -> str:
        """Get a new access token, once for all threads that want to replace the *old* one.

        Args:
            old: The token to replace; None for the present one. If it was replaced meanwhile, nothing is asked.
        Returns:
            The access token in force afterwards.
        Raises:
            WrongPassword: The service refused the client or the password.
            LoginFailed: The refresh token is no longer valid, or the grant was refused.
            FetchError: The service did not give a usable answer; the old token is still there.
        """
        with self._lock:
            if old is not None and old != self._tokens.access and self._tokens.access:
                return self._tokens.access
            flight, mine = self._flight, self._flight is None
            if flight is None:
                flight = self._flight = TokenFlight()
        if not mine:
            if not flight.done.wait(_PATIENCE_S):
                raise TimedOut(redact(self._client.token_url), "another thread's token renewal does not end")
            if flight.error is not None:
                raise flight.error
            return self._tokens.access
        try:
            self._store(self._ask())
        except CrawlError as error:
            flight.error = error
            with self._lock:
                self.failure = error if isinstance(error, SessionError) else None
            raise
        except BaseException:
            flight.error = ConnectFailed(redact(self._client.token_url), "the token renewal was broken off")
            raise
        finally:
            with self._lock:
                self._flight = None
            flight.done.set()
        return self._tokens.access

    def _ask(self) -> dict[str, Any]:
        if self._refusal is not None and self.grant != "password":
            raise self._refusal
        refresh = self._tokens.refresh
        if refresh:
            client, also = self._client_mark(), self._of_account.mark
            marks = ((client,), (also,) if also else ()) if client else ((), ())
            try:
                return self._sent(TokenAsked("refresh_token", *marks), {"refresh_token": refresh})
            except WrongPassword:
                raise
            except LoginFailed:
                with self._lock:
                    if self._tokens.refresh == refresh:
                        self._tokens.refresh = Secret("")  # it is not sent again
                if self.grant == "refresh_token":
                    raise
        if self._refusal is not None:
            raise self._refusal
        if self.grant == "password":
            return self._sent(self._asked, {"username": self._username, "password": self._password})
        if self.grant == "client_credentials":
            return self._sent(self._asked, {})
        raise LoginFailed(self._client.session, "there is no refresh token: log in again")

    def _sent(self, asked: TokenAsked, fields: dict[str, str]) -> dict[str, Any]:
        """Ask for a token, with the leave of the session."""
        lends, url = self._lends, self._client.token_url
        if lends is not None:
            lends.begins(asked)
        began = self._ticks()
        problem: CrawlError | None = None
        try:
            return self._client.ask(
                {"grant_type": asked.grant, **fields}, TokenWay() if lends is None else lends.way(url)
            )
        except WrongPassword as error:
            self._refusal = refusal = WrongPassword(error.session, error.why + self._of_account.came_from)
            problem = refusal
            raise refusal from None
        except CrawlError as error:
            problem = error
            raise
        except BaseException:
            problem = ConnectFailed(redact(url), "the token renewal was broken off")
            raise
        finally:
            if lends is not None:
                lends.ended(asked, problem, (self._ticks() - began) * 1000)

    def _store(self, found: dict[str, Any]) -> None:
        refresh = found.get("refresh_token")
        with self._lock:
            self._tokens.access = Secret(found["access_token"])
            if isinstance(refresh, str) and refresh:
                self._tokens.refresh = Secret(refresh)  # the old one is often invalid from now on
            self._lives(_seconds(found.get("expires_in")))
            self.changes += 1
            self.failure = None

    def _lives(self, life_s: float | None) -> None:
        now = self._ticks()
        self._tokens.ends = None if life_s is None else now + life_s
        self._tokens.renew_from = None if life_s is None else now + life_s - min(_MARGIN_S, life_s / 10)

    # --- keeping --------------------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All that `restored` needs, as JSON values: secrets included, for the encrypted part of a snapshot."""
        with self._lock:
            left_s = None if self._tokens.ends is None else self._tokens.ends - self._ticks()
            return {
                "kind": "oauth2",
                "token_url": self._client.token_url,
                "client_id": str.__str__(self._client.client_id),
                "client_secret": str.__str__(self._client.client_secret),
                "grant": self.grant,
                "scope": self._client.scope,
                "username": str.__str__(self._username),
                "password": str.__str__(self._password),
                "client_auth": self._client.client_auth,
                "extra": dict(self._client.extra),
                "session": self._client.session,
                "of_account": dict(self._of_account.fields),
                "access_token": str.__str__(self._tokens.access),
                "refresh_token": str.__str__(self._tokens.refresh),
                "ends_at": None if left_s is None else self._clock() + left_s,
            }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over the tokens that `dump` gave, if they are of the same service and client."""
        if (state.get("token_url"), state.get("client_id")) != (self._client.token_url, self._client.client_id):
            return
        ends_at = _seconds(state.get("ends_at"))
        with self._lock:
            self._tokens.access = Secret(str(state.get("access_token") or ""))
            self._tokens.refresh = Secret(str(state.get("refresh_token") or ""))
            self.failure = None
            self._lives(None if ends_at is None else ends_at - self._clock())

    @classmethod
    def restored(cls, state: Mapping[str, Any], account: Account | None = None, **options: Any) -> OAuth2:
        """An auth as it was when `dump` was called; what is the *account*'s own is as it is there now."""
        names = (
            "client_id",
            "client_secret",
            "grant",
            "scope",
            "username",
            "password",
            "client_auth",
            "extra",
            "session",
        )
        found = OfAccount.restored(state.get("of_account"), account)
        kept = {name: state[name] for name in names if name in state}
        auth = cls(state["token_url"], **{**kept, **(found.values(account) if account is not None else {}), **options})
        auth._of_account = found
        auth.load(state)
        return auth

    def __repr__(self) -> str:
        return f"<OAuth2 {self.grant} of {self._client.client_id!r} at {redact(self._client.token_url)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an auth cannot be pickled: it holds secrets")


def _seconds(value: Any) -> float | None:
    try:
        return float(value) if not isinstance(value, bool) and value is not None else None
    except (TypeError, ValueError):
        return None
