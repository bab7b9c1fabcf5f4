"""What a session has beside its values: objects that a login step gave it and that cannot be stored.

Adapters and hooks are code, `verify` and `cert` are paths of this machine. A session that was proved good with them is
not the same without: it would go past a mounted adapter, or send requests that nobody signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any
from urllib.parse import unquote_plus

import requests
from requests.hooks import default_hooks
from requests.structures import CaseInsensitiveDict

from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.auth.schemes import dump_auth


def session_setup(session: requests.Session) -> dict[str, Any]:
    """What *session* is fitted with, as JSON values that can be compared with those of another run."""
    auth = session.auth
    cert = session.cert
    return {
        "adapters": {prefix: _named(adapter) for prefix, adapter in session.adapters.items()},
        "auth": _named(auth) if auth is not None and dump_auth(auth) is None else None,
        "cert": list(cert) if isinstance(cert, tuple) else cert,
        "hooks": [_named(hook) for hook in _hooks(session)],
        "params": None if isinstance(session.params, dict) else "pairs",
        "verify": session.verify,
    }


@quick_dataclass
class Given:
    """What an identity and the settings give a session, before any login step has changed it. Its repr shows nothing.

    Attributes:
        headers: By name.
        params: Of each URL.
        auth: As the identity has it.
        verify, cert, hooks: As in requests.
        setup: `session_setup`: a login step may fit the session with more, which cannot be stored.
        cookies: As records (`Jar.dump`): `Spider.set_up_session` may set some.
    """

    headers: dict[str, Any] = field(repr=False)
    params: dict[str, Any] = field(repr=False)
    auth: Any = field(repr=False)
    verify: Any = field(repr=False)
    cert: Any = field(repr=False)
    hooks: dict[str, Any] = field(repr=False)
    setup: dict[str, Any] = field(repr=False)
    cookies: list[dict[str, Any]] = field(repr=False)

    def cookie_values(self) -> list[list[Any]]:
        """What of the cookies can be compared with those of another run."""
        return sorted([each["domain"], each["path"], each["name"], each["value"]] for each in self.cookies)


def given_to(session: requests.Session, cookies: list[dict[str, Any]]) -> Given:
    """What *session* has now, beside its *cookies*."""
    params: Any = session.params
    hooks = {event: list(each) if isinstance(each, list) else each for event, each in session.hooks.items()}
    setup = session_setup(session)
    values = session.auth, session.verify, session.cert
    return Given(dict(session.headers), dict(params), *values, hooks, setup, cookies)


def begin_anew(session: requests.Session, given: Given) -> None:
    """Before a login: a token, key or hook that the last one left would go along with the request for a new one.

    Whole objects take the place of others, so that requests under way see the old ones or the new ones.
    """
    session.headers = CaseInsensitiveDict(given.headers)
    session.params = dict(given.params)
    session.auth, session.verify, session.cert = given.auth, given.verify, given.cert
    session.hooks = default_hooks() | {e: list(h) if isinstance(h, list) else h for e, h in given.hooks.items()}


def merged_params(of_session: Any, of_request: Any) -> Any:
    """Query parameters of both; those of the request come last and win, and a name that it gives twice stays twice.

    As in requests, a value of None leaves the session's out, and a text stands alone.
    """
    if isinstance(of_request, str | bytes):
        return of_request
    pairs = _pairs(of_request)
    names = {name for name, _ in pairs}
    kept = [(name, value) for name, value in _pairs(of_session) if name not in names]
    return [*kept, *((name, value) for name, value in pairs if value is not None)]


def without_params(url: str, of_session: Any) -> str:
    """*url* without the session's own parameters: a server may write them into a Location or a link, and a URL is kept.

    They are sent again anyway. A parameter of that name with another value is the page's own and stays.
    """
    own = {(name, str(value)) for name, value in _pairs(of_session) if value is not None}
    address, question, rest = url.partition("?")
    if not own or not question:
        return url
    query, mark, fragment = rest.partition("#")
    arguments = query.split("&")
    kept = [each for each in arguments if _split(each) not in own]
    if len(kept) == len(arguments):
        return url
    return f"{address}{'?' if kept else ''}{'&'.join(kept)}{mark}{fragment}"


def _split(argument: str) -> tuple[str, str]:
    name, _, value = argument.partition("=")
    return unquote_plus(name), unquote_plus(value)


def _pairs(params: Any) -> list[tuple[str, Any]]:
    return list(params.items() if isinstance(params, Mapping) else params or ())


def _hooks(session: requests.Session) -> Iterable[Any]:
    given = session.hooks.get("response") or ()
    return given if isinstance(given, Iterable) else (given,)


def _named(fitted: Any) -> str:
    kind = fitted if hasattr(fitted, "__qualname__") else type(fitted)
    return f"{kind.__module__}.{kind.__qualname__}"
