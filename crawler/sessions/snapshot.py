"""What is kept of a session between runs, and how it is put back.

The secret part is JSON: cookies with all attributes, headers (the User-Agent among them: a server may bind the session
to it), params, auth, the login pages it has met, and the note that a login step may leave. The store encrypts it.
"""

from __future__ import annotations

import json
import time
from typing import Any

from crawler.errors import NoCredentials
from crawler.outcome import SessionSnapshot
from crawler.sessions.auth import dump_auth, load_auth
from crawler.sessions.login import LoginRecord
from crawler.sessions.session import Session
from crawler.urls import redact


def take(session: Session, record: LoginRecord, *, url: str) -> SessionSnapshot:
    """The session as it is now. *url* is what changed it: a page's URL, "login", "import"."""
    cookies = session.cookies.dump()
    secret = {
        "cookies": cookies,
        "headers": dict(session.headers),
        "params": session.params if isinstance(session.params, dict) else {},
        "auth": dump_auth(session.auth, session.account),
        "login_urls": sorted(session.login_urls),
        "note": session.note,
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
    )


def put_back(session: Session, secret: str) -> bool:
    """Give *session* what a snapshot holds; expired and invalid cookies are left out. False for an unreadable text."""
    try:
        found = json.loads(secret)
    except ValueError:
        return False
    if not isinstance(found, dict):
        return False
    jar = session.cookies.fresh()
    jar.load(found.get("cookies") or [], now=time.time())
    session.cookies = jar
    session.headers.update({str(name): str(value) for name, value in (found.get("headers") or {}).items()})
    session.params = {**dict(session.params or {}), **(found.get("params") or {})}  # type: ignore[arg-type]
    session.login_urls |= set(found.get("login_urls") or ())
    session.note = dict(found.get("note") or {})
    _restore_auth(session, found.get("auth"))
    return True


def _restore_auth(session: Session, state: Any) -> None:
    if not isinstance(state, dict):
        return
    load = getattr(session.auth, "load", None)
    if callable(load):
        load(state)
    elif session.auth is None:
        try:
            session.auth = load_auth(state, session.account)
        except NoCredentials:
            session.auth = None  # the login step will say which credentials are missing
