"""For testing crawlers: a practice site with a real login, fixtures, a scripted adapter, a fake clock, a raw server.

Names are loaded on first use: pytest imports this package's fixtures in every run, and most runs need none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crawler.testing.adapter import ScriptedAdapter, reply
    from crawler.testing.codes import totp
    from crawler.testing.fake_clock import FakeClock
    from crawler.testing.interface import Site
    from crawler.testing.practice import PracticeSite
    from crawler.testing.process import SiteProcess
    from crawler.testing.raw import RawServer
    from crawler.testing.site_options import Account, SiteOptions, practice_accounts
    from crawler.testing.site_records import LoggedRequest, Record

__all__ = [
    "Account",
    "FakeClock",
    "LoggedRequest",
    "PracticeSite",
    "RawServer",
    "Record",
    "ScriptedAdapter",
    "Site",
    "SiteOptions",
    "SiteProcess",
    "practice_accounts",
    "reply",
    "totp",
]

_HOMES = {
    "Account": "site_options",
    "FakeClock": "fake_clock",
    "LoggedRequest": "site_records",
    "PracticeSite": "site",
    "RawServer": "raw",
    "Record": "site_records",
    "ScriptedAdapter": "adapter",
    "Site": "interface",
    "SiteOptions": "site_options",
    "SiteProcess": "process",
    "practice_accounts": "site_options",
    "reply": "adapter",
    "totp": "codes",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
