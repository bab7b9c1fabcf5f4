"""Credentials that a session sends with every request: Basic, Digest, a fixed token, a key in a header or argument.

A cookie that has ended is refused at no cost. Each request with a refused password may count against the account, so
nothing of such a session is sent once a page was refused, but one probe; and nothing at all while it is on record that
the site has refused these very credentials.
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any, Final

from crawler.late_pattern import late_pattern
from crawler.sessions.auth.oauth import OAuth2
from crawler.sessions.auth.schemes import dump_auth
from crawler.sessions.auth.storage_token import in_storage
from crawler.sessions.session import Session
from crawler.urls import is_secret_name

_NO_CREDENTIALS: Final = late_pattern(r"csrf|xsrf|^cookie$|^proxy-")
_SOON_S: Final = 30.0  #: an answer older than that is asked for again


def has_fixed_auth(session: Session) -> bool:
    """Whether its auth, or an Authorization header, does not change by itself, as a token of OAuth2 does."""
    if session.auth is not None:
        return getattr(getattr(session.auth, "auth", session.auth), "changes", None) is None
    return "Authorization" in session.headers


def sends_credentials(session: Session) -> bool:
    """Whether credentials that do not change by themselves go with every request."""
    fixed = has_fixed_auth(session) and in_storage(session.auth) is None  # a new login brings another token there
    return fixed or bool(_keys(session))


def sent_names(session: Session) -> set[str]:
    """Names of the headers that hold credentials of the session, in lower case."""
    return {name for name, _ in _keys(session) if not name.startswith("?")}


def sent_nothing_else(session: Session) -> bool:
    """Whether the login step that ran last has, by itself or in a browser, sent nothing: it has only set something."""
    return not (session.sent.answers or session.sent.credentials)


def token_auth(session: Session) -> OAuth2 | None:
    """What asks for tokens with a password or a client's secret, where that is the auth of the session."""
    inside = getattr(session.auth, "auth", session.auth)
    return inside if isinstance(inside, OAuth2) and inside.grant != "refresh_token" else None


def mark_of(session: Session) -> str:
    """A digest of the credentials that go with every request; "" for none, and for those that cannot be told apart.

    Where they are the account's name and password it is the mark of the account, by which logins are refused, too. For
    encrypted places only.
    """
    if not sends_credentials(session) or in_storage(session.auth) is not None:
        return ""
    saved, keys = dump_auth(session.auth, session.account), _keys(session)
    if session.auth is not None and saved is None:
        return ""  # of a foreign class: nobody knows what it sends
    inner = saved.get("auth") if saved is not None and saved.get("kind") == "bound" else saved
    by_account = isinstance(inner, dict) and inner.get("account") is True
    account = session.account.mark() if by_account else ""
    if by_account and (not account or not keys):
        return account
    text = json.dumps([inner, account, keys], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def credentials_of_login(session: Session) -> str:
    """The mark of what was proved good, or refused, by the probe after a login."""
    return (mark_of(session) if sent_nothing_else(session) else "") or session.account.mark()


class LastRefusal:
    """The last 401 that the probe page gave to credentials that go with every request.

    A login step that only sets the same ones again cannot change the answer: that is not asked for again. Where cookies
    were sent, or anything else is set differently now, it might.
    """

    def __init__(self) -> None:
        self._sent: tuple[Any, ...] | None = None
        self._reason, self._at_s = "", 0.0

    def saw(self, session: Session, url: str, status: int, reason: str | None) -> None:
        """The probe page has answered."""
        self._sent = _sent_to(session, url) if status == 401 and reason is not None else None
        self._reason, self._at_s = reason or "", time.monotonic()

    def again(self, session: Session, url: str) -> str | None:
        """What the probe page is known to say to the session as it is now, right after a login; None when it is not."""
        if self._sent is None or not sent_nothing_else(session) or time.monotonic() - self._at_s > _SOON_S:
            return None
        return self._reason if self._sent == _sent_to(session, url) else None


def _sent_to(session: Session, url: str) -> tuple[Any, ...] | None:
    mark = mark_of(session)
    if not mark or session.cookies.header(url):
        return None
    return mark, url, dict(session.headers), str(session.params), dict(session.proxies), session.storage.version


def _keys(session: Session) -> list[tuple[str, str]]:
    """The session's own headers and arguments that hold credentials, in the order of their names.

    Cookies are none, nor are tokens against forged forms: these change by themselves, or let nobody in.
    """
    secret = {"authorization", *(name.lower() for name in session.identity.secret_headers)}
    given = [(name.lower(), str(value)) for name, value in session.headers.items()]
    headers = [each for each in given if each[0] in secret or is_secret_name(each[0])]
    params = session.params.items() if isinstance(session.params, dict) else ()
    arguments = [(f"?{name.lower()}", str(value)) for name, value in params if is_secret_name(name)]
    return sorted(each for each in headers + arguments if not _NO_CREDENTIALS.search(each[0]))
