"""What a run was begun with, and every joining process adopts: the version of the spider, and what a site notices.

A worker may be started by another person, on another day, or stay for months; its files and what was typed after ``-s``
may differ from those of the run. Two versions of a spider would bring two kinds of items, and requests would name
methods that one of them lacks. A delay that only one of two machines keeps is no delay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from typing import Any, Final

from crawler.quick_dataclass import quick_dataclass
from crawler.settings import Settings
from crawler.stores.base import RunRow, ValueStore

#: Settings that a site notices, or that decide which pages belong to a crawl. None of them may hold a secret.
SHARED: Final = (
    "delay", "jitter", "per_host", "throttle", "robots", "max_depth", "max_pages_per_host", "traps", "logout_guard",
    "guard_allow", "upgrade", "user_agent", "sessions", "http_cache", "full", "keep_pages",
)  # fmt: skip
_KEPT_S = 90 * 86_400.0


@quick_dataclass
class BegunWith:
    """What the first process of a run has recorded.

    Attributes:
        code: What identifies the version of the spider's files; "" where that is not known.
        process: The process that began it, for a person.
        settings: Those of `SHARED`.
    """

    code: str = ""
    process: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def here(cls, code: str, process: str, settings: Settings) -> BegunWith:
        """For a process that begins a run."""
        return cls(code, process, {name: getattr(settings, name) for name in SHARED})

    def is_of(self, code: str) -> bool:
        """Whether a process with this version of the spider may join; where a version is not known, it may."""
        return not (self.code and code) or self.code == code

    def taken(self, own: Settings) -> dict[str, Any]:
        """What a process with its *own* settings has to change; it may keep a longer delay of its own."""
        changes: dict[str, Any] = {}
        for name in SHARED:
            mine, theirs = getattr(own, name), self.settings.get(name)
            theirs = tuple(theirs) if isinstance(theirs, list) else theirs  # as it comes back from JSON
            longer = name == "delay" and isinstance(theirs, float) and mine > theirs
            if type(theirs) is type(mine) and theirs != mine and not longer:
                changes[name] = theirs
        return changes


def keep(values: ValueStore, run: RunRow, begun: BegunWith) -> None:
    """Store it for processes that join."""
    values.set(_name(run), asdict(begun), ttl_s=_KEPT_S)


def begun_with(values: ValueStore, run: RunRow) -> BegunWith | None:
    """What a run was begun with; None where that was not recorded."""
    stored = values.get(_name(run))
    if not isinstance(stored, dict) or not isinstance(stored.get("settings"), dict):
        return None
    return BegunWith(str(stored.get("code", "")), str(stored.get("process", "")), stored["settings"])


def _name(run: RunRow) -> str:
    return f"begun with:{run.id}"
