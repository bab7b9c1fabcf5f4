"""When a token ends, where it says so itself: a JSON Web Token does. Pure; nothing is verified, for nothing is trusted.

Source: RFC 7519, sections 3 and 4.1.4.
"""

from __future__ import annotations

import base64
import contextlib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from crawler.errors import InvalidURL

if TYPE_CHECKING:
    from crawler.sessions.storage import Storage

_MOST_CHARACTERS = 65_536


def token_end(auth: Any, headers: Mapping[str, Any], storage: Storage | None = None) -> float | None:
    """When the token of a session ends, seconds since 1970; None for no token, or one that does not say.

    Args:
        auth: As `auth.schemes.dump_auth` gives it. A token that renews itself (OAuth2) does not count here.
        headers: Of the session; a login step may have put its token there.
        storage: Of the session. A token in there that is renewed ends with the one that renews it; what a page of the
            app renews has no known end.
    """
    auth = _inside(auth)
    if isinstance(auth, Mapping) and auth.get("kind") == "bearer":
        return jwt_end(str(auth.get("token", "")))
    if isinstance(auth, Mapping) and auth.get("kind") == "storage" and storage is not None:
        refresh = auth.get("refresh")
        at = refresh.get("at") if isinstance(refresh, Mapping) else auth.get("at")
        if not isinstance(at, list | tuple) or not at:
            return None
        with contextlib.suppress(InvalidURL):  # of a damaged store
            return jwt_end(storage.find(str(auth.get("origin")), *map(str, at)) or "")
        return None
    sent = next((str(value) for name, value in headers.items() if name.lower() == "authorization"), "")
    return jwt_end(sent.rpartition(" ")[2])


def sent_token_end(auth: Any, headers: Mapping[str, Any], storage: Storage) -> float | None:
    """When the very token that is sent ends, whatever happens to it then; None also where it is renewed on its way.

    The arguments are those of `token_end`.
    """
    found = _inside(auth)
    if isinstance(found, Mapping) and found.get("kind") == "storage":
        refresh = found.get("refresh")
        if not (isinstance(refresh, Mapping) and "at" in refresh):
            return token_end({**found, "refresh": None}, headers, storage)
    return token_end(auth, headers)


def _inside(auth: Any) -> Any:
    return auth.get("auth") if isinstance(auth, Mapping) and auth.get("kind") == "bound" else auth


def jwt_end(token: str) -> float | None:
    """The moment after which a JSON Web Token is not accepted, seconds since 1970; None where it names none."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _MOST_CHARACTERS:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return None
    end = claims.get("exp") if isinstance(claims, dict) else None
    if isinstance(end, bool) or not isinstance(end, int | float):
        return None
    try:
        moment = float(end)
    except OverflowError:
        return None
    return moment if math.isfinite(moment) else None
