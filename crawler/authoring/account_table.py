"""Puts credentials into the file of accounts, which stays as it is but for one table more."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from crawler.errors import UsageError
from crawler.sessions.accounts_file import accounts_path, read_accounts, tables_of_site
from crawler.sessions.private_files import only_one_process, read_private, write_private

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")


def add_account(site: str, fields: Mapping[str, str], *, file: Path | None, session: str = "default") -> Path:
    """Add ``[sites."SITE".SESSION]`` with these fields; the file is made, for its owner alone, where it is missing.

    Args:
        file: The setting `accounts`; None for the usual place.
    Returns:
        The file.
    Raises:
        UsageError: The table is there with other values: nothing is overwritten.
        SettingsError: The file cannot be used.
    """
    path = accounts_path(os.environ, file)
    if path is None:
        raise UsageError("this user has no home for a file of accounts; -s accounts=FILE names one")
    with only_one_process(path):
        tables = read_accounts(path) or {}
        known = tables_of_site(tables, site).get(session)
        if known == dict(fields):
            return path
        if known is not None:
            raise UsageError(
                f'[sites."{site}".{session}] is in {path} already, with other values: take it out, or put them there'
                " yourself; a second account of a site, at whatever port, belongs to another session (--session NAME)"
            )
        before = read_private(path) if path.exists() else ""
        lines = [
            f"[sites.{json.dumps(site)}.{_key(session)}]",
            *(f"{name} = {_text(value)}" for name, value in fields.items()),
        ]
        text = (before.rstrip("\n") + "\n\n" if before.strip() else "") + "\n".join(lines) + "\n"
        try:
            added = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            raise UsageError(f"{path}: a table for {site} cannot be added; write it yourself") from None
        assert tables_of_site(added, site)[session] == dict(fields)
        write_private(path, text)
    return path


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    """A text as TOML has it: JSON's escapes are TOML's, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
