"""What scripts keep in a browser, on its way between a session and its browser context. Pure.

As with cookies, only changes are transferred: what a page has written, and not what it found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crawler.sessions.storage import Storage, to_storage_state

READ = """async () => [location.origin, Object.entries(localStorage), Object.entries(sessionStorage),
  indexedDB.databases ? (await indexedDB.databases()).length : 0]"""
_FILL_SESSION = """(() => {
  const kept = %s[location.origin];
  if (!kept) return;
  try { for (const [name, value] of Object.entries(kept))
    if (sessionStorage.getItem(name) === null) sessionStorage.setItem(name, value); } catch (_) {}
})()"""


def state_for(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The storage state that a new context begins with; its cookies are given separately.

    Args:
        kept: What `Storage.dump` gave.
    """
    return {"cookies": [], "origins": to_storage_state(kept)}


def script_for(kept: Mapping[str, Any], dumps: Any) -> str:
    """A script that fills the sessionStorage of each new page, which no storage state has; "" for nothing.

    Args:
        dumps: Writes JSON.
    """
    wanted = {origin: value["session"] for origin, value in kept.items() if value.get("session")}
    return _FILL_SESSION % dumps(wanted) if wanted else ""


def take(storage: Storage, origin: str, area: str, before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    """Give the session what a page has changed. False where it has changed nothing.

    Args:
        area: ``local`` or ``session``.
        before: What that page found, or what was taken of it last.
    """
    given = {name: value for name, value in now.items() if before.get(name) != value}
    gone = [name for name in before if name not in now]
    if not (given or gone):
        return False
    storage.change(origin, area, given, gone)
    return True


def is_web(origin: str) -> bool:
    """Whether an origin may keep anything: not those of ``about:blank`` and sandboxed frames."""
    return origin.startswith(("http://", "https://"))
