"""What is kept of a session between runs, and how it is put back.

The secret part is JSON: cookies with all attributes, the storage of a browser, headers, params, auth,
the proxy, the login pages it has met, and the note that a login step may leave. The store encrypts it.

A server may bind a session to its User-Agent, its Accept headers and its address. So these headers come back with it as
they were at its login, whatever the settings say meanwhile; and a session that was made through another proxy is not
taken up: a login has to follow. Other headers, params and auth come back where the login step has set them; else those
of the identity and the settings hold, such as a key or a token that was changed. So do cookies that `set_up_session`
sets.
Nor is a session taken up whose login step mounted an adapter, or fitted it with something else that cannot be stored.
"""

from __future__ import annotations

import json
from typing import Any, Final

from requests.structures import CaseInsensitiveDict

from crawler.clock import unix_now
from crawler.errors import NoCredentials
from crawler.outcome import SessionSnapshot
from crawler.sessions.auth.schemes import dump_auth, load_auth
from crawler.sessions.login.states import LoginRecord
from crawler.sessions.merging import news, with_cookies_of
from crawler.sessions.session import Session
from crawler.sessions.session_setup import session_setup
from crawler.urls import redact

_MOST_PROBES: Final = 20  # spiders that share a session and have a probe page of their own


def version_of(session: Session) -> tuple[int, int]:
    """Changes when something has to be saved again: a cookie, the storage, the tokens of an auth that renews them."""
    auth = getattr(session.auth, "auth", session.auth)  # behind the fence of its origins
    changes = getattr(auth, "changes", 0)
    return session.cookies.version, session.storage.version + (changes if isinstance(changes, int) else 0)


def take(session: Session, record: LoginRecord, *, url: str, base: str | None = None) -> SessionSnapshot:
    """The session as it is now.

    Args:
        url: What changed it: a page's URL, "login", "import".
        base: As in `SessionSnapshot`.
    """
    cookies = session.cookies.dump()
    fitted = session_setup(session)
    secret = {
        "cookies": cookies,
        "headers": dict(session.headers),
        "params": session.params if isinstance(session.params, dict) else {},
        "given": {
            "headers": session.given.headers,
            "params": session.given.params,
            "auth": dump_auth(session.given.auth, session.account),
            "cookies": session.given.cookie_values(),
        },
        "auth": dump_auth(session.auth, session.account),
        "proxies": dict(session.proxies),
        "login_urls": sorted(session.login_urls),
        "login_forms": sorted(session.login_forms),
        "member_forms": sorted(session.member_forms),
        "note": session.note,
        "storage": session.storage.dump(),
        "fitted": fitted if fitted != session.given.setup else None,
        "probe_showed": dict(list(record.probe_showed.items())[-_MOST_PROBES:]),
    }
    expiries = [cookie["expires"] for cookie in cookies if cookie.get("expires") is not None]
    return SessionSnapshot(
        key=session.key,
        name=session.name,
        state=str(record.state),
        epoch=record.epoch,
        secret=json.dumps(secret, separators=(",", ":"), ensure_ascii=False),
        url=redact(url),
        cookies=len(cookies),
        expires_at=min(expiries, default=None),
        proved_at=record.proved_at,
        logged_in_at=record.logged_in_at,
        base=base,
    )


def take_news(session: Session, record: LoginRecord, base: str, stored: str) -> str:
    """Give a session that is in use what others have changed in its cookies since *base*; its own changes stay.

    Returns:
        What it is in step with now.
    """
    found = news(base, take(session, record, url="").secret, stored)
    if found.gone:
        session.cookies.discard(
            lambda cookie: (cookie.domain, cookie.name, cookie.host_only, cookie.path) in found.gone
        )
    if found.given:
        session.cookies.load(found.given)
    return with_cookies_of(base, stored)


def _may_go_through(session: Session, proxies: Any) -> bool:
    """Go on through the proxy that a stored session was made through, where it is one of the session's."""
    proxy, pool = proxies.get("https", "") if isinstance(proxies, dict) else "", session.sending.proxy_pool
    if pool is None or not pool.knows(proxy):
        return False
    pool.use(proxy)
    session.go_through(proxy)
    return True


def put_back(session: Session, secret: str) -> bool:
    """Give *session* what a snapshot holds; expired and invalid cookies are left out.

    Returns:
        False when the text is no snapshot, or one of a session that went through another proxy or was fitted
        otherwise by its login step; nothing is changed.
    """
    try:
        found = json.loads(secret)
    except (ValueError, RecursionError):
        return False
    if not isinstance(found, dict):
        return False
    proxies = found.get("proxies")
    if proxies is not None and proxies != dict(session.proxies) and not _may_go_through(session, proxies):
        return False
    if found.get("fitted") not in (None, session_setup(session)):
        return False
    cookies = found.get("cookies")
    jar = session.cookies.fresh()
    jar.load([each for each in cookies if isinstance(each, dict)] if isinstance(cookies, list) else [], now=unix_now())
    given, stored = _table(found, "given"), _table(found, "headers")
    if session.given.cookies and session.given.cookie_values() != given.get("cookies"):
        jar.load(session.given.cookies)  # the spider sets others than it did then
    session.cookies = jar
    fixed = {name: value for name, value in stored.items() if name.lower().startswith(("user-agent", "accept"))}
    headers = _changed(session.given.headers, stored, _table(given, "headers")) | fixed
    session.headers = CaseInsensitiveDict({name: str(value) for name, value in headers.items()})
    session.params = _changed(session.given.params, _table(found, "params"), _table(given, "params"))
    session.login_urls |= _texts(found, "login_urls")
    session.member_forms |= _texts(found, "member_forms")
    session.login_forms = (session.login_forms | _texts(found, "login_forms")) - session.member_forms
    session.note = _table(found, "note")
    session.storage.load(_table(found, "storage"))
    _restore_auth(session, found.get("auth"), given.get("auth"))
    return True


def _texts(found: dict[str, Any], name: str) -> set[str]:
    given = found.get(name)
    return {str(each) for each in given} if isinstance(given, list) else set()


def probe_showed(secret: str) -> dict[str, str]:
    """What the probe pages showed, as `LoginRecord` has it, when a session was kept; an older version kept one word."""
    found = json.loads(secret)
    showed = found.get("probe_showed") if isinstance(found, dict) else None
    return {str(url): str(what) for url, what in showed.items()} if isinstance(showed, dict) else {}


def _changed(now: dict[str, Any], stored: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What is given now, with what a login step made of what was given then."""
    left = {name: value for name, value in now.items() if name in stored or name not in given}
    return left | {name: value for name, value in stored.items() if name not in given or given[name] != value}


def _table(found: dict[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _restore_auth(session: Session, state: Any, given: Any) -> None:
    """Give a session the auth that a login step made, or that renews itself; a fixed one of the identity stays."""
    changes = getattr(getattr(session.auth, "auth", session.auth), "changes", None)
    of_identity = session.auth is session.given.auth and changes is None and state == given
    if not isinstance(state, dict) or of_identity:
        return
    load = getattr(session.auth, "load", None)
    if callable(load):
        load(state)
    elif session.auth is None or session.auth is not session.given.auth:
        try:
            made = load_auth(state, session.account, session.lends)
            session.auth = made or session.auth
        except NoCredentials:
            session.auth = None  # the login step will say which credentials are missing
