"""Which sessions a spider has: its own, those of a setting, or those of the file of accounts.

The file may say more of a session than its credentials, since those with many accounts keep them there::

    sessions = ["anna", "otto"]         # for spiders that log in and name no sessions themselves

    [anna]
    username = "anna"
    password = "..."
    proxy = "http://10.0.0.1:3128"
    user_agent = "Mozilla/5.0 ..."
    delay = 2.0                         # seconds between two requests to one host
    serial = true                       # one request at a time
    quota = "100/hour"                  # requests that the account may send

What the spider says of a session itself takes precedence.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crawler.errors import SettingsError
from crawler.identity import Identity
from crawler.sessions.accounts_file import accounts_path, read_accounts, session_names, tables_of_site
from crawler.sessions.from_spider import home_account
from crawler.spider import Spider

_FIELDS: dict[str, tuple[type, ...]] = {
    "proxy": (str,),
    "user_agent": (str,),
    "delay": (int, float),
    "serial": (bool,),
    "quota": (str,),
}


def configured_identities(
    spider: Spider, *, setting: str = "", file: Path | None = None, environ: Mapping[str, str] | None = None
) -> list[Identity]:
    """The sessions of *spider* in this run.

    Args:
        setting: The setting ``sessions`` (also ``CRAWL_SESSIONS``): names between commas; it replaces all others.
        file: The file of accounts, or None for the usual place.
        environ: Variables, to find the file; None means ``os.environ``.
    Raises:
        SettingsError: The file cannot be used, or a name or field in it does not fit.
        SpiderError: The spider's own names do not fit.
    """
    environ = os.environ if environ is None else environ
    own = {identity.name: identity for identity in spider.identities()}
    says_so = spider.sessions is not Spider.sessions
    site = home_account(spider)
    if setting or not says_so:
        asks_file = spider.wants_login() and not says_so
        declared = [] if asks_file else list(own)
        names = session_names(declared, setting=setting, environ=environ, file=file, site=site)
    else:
        names = list(own)
    path = accounts_path(environ, file) if spider.wants_login() else None
    tables = (read_accounts(path) if path is not None else None) or {}
    return [_told_by(tables, site, own.get(name) or Identity(name)) for name in names]


def _told_by(tables: Mapping[str, Any], site: str, identity: Identity) -> Identity:
    """*identity* with what the file of accounts says of it, where the spider leaves it open."""
    changes: dict[str, Any] = {}
    for table in (tables, tables_of_site(tables, site)):  # the later takes precedence
        fields = table.get(identity.name)
        if not isinstance(fields, dict):
            continue
        for name, types in _FIELDS.items():
            value = fields.get(name)
            if value is None or getattr(identity, name):
                continue
            if type(value) not in types or (name == "delay" and value < 0):
                raise SettingsError(f"{name} of session {identity.name!r} in the file of accounts: {value!r:.80}")
            changes[name] = value
    return replace(identity, **changes) if changes else identity
