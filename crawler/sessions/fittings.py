"""What a session has beside its values: objects that a login step gave it and that cannot be stored.

Adapters and hooks are code, `verify` and `cert` are paths of this machine. A session that was proved good with them is
not the same without: it would go past a mounted adapter, or send requests that nobody signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import requests

from crawler.sessions.auth.schemes import dump_auth


def fittings(session: requests.Session) -> dict[str, Any]:
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


def _pairs(params: Any) -> list[tuple[str, Any]]:
    return list(params.items() if isinstance(params, Mapping) else params or ())


def _hooks(session: requests.Session) -> Iterable[Any]:
    given = session.hooks.get("response") or ()
    return given if isinstance(given, Iterable) else (given,)


def _named(fitted: Any) -> str:
    kind = fitted if hasattr(fitted, "__qualname__") else type(fitted)
    return f"{kind.__module__}.{kind.__qualname__}"
