"""Adds credentials to the accounts file as one more table; the rest of the file is not changed."""

from __future__ import annotations

import copy
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from crawler.errors import UsageError
from crawler.sessions.accounts_file import accounts_path, heading_of, own_tables, read_accounts, toml_text
from crawler.sessions.private_files import only_one_process, read_private, write_private

_HEADING: Final = re.compile(r"\s*\[[^\n]*\]\s*(?:#.*)?\n?")


def add_account(
    site: str, fields: Mapping[str, str], *, file: Path | None, session: str = "default", replace: bool = False
) -> Path:
    """Put these fields into ``[sites."SITE".SESSION]``; the file is created, readable by its owner only, if missing.

    What the table says of other fields stays: a token beside a user name and password is no conflict.

    Args:
        file: The setting `accounts`; None for the usual place.
        replace: Replace the values that these fields have.
    Returns:
        The file.
    Raises:
        UsageError: The table has other values for them and *replace* is not set: nothing is overwritten.
        SettingsError: The file cannot be used.
    """
    path = accounts_path(os.environ, file)
    if path is None:
        raise UsageError("this user has no home for a file of accounts; -s accounts=FILE names one")
    with only_one_process(path):
        tables = read_accounts(path) or {}
        known, heading = own_tables(tables, site).get(session), heading_of(session, site)
        others = [name for name, value in fields.items() if known is not None and known.get(name, value) != value]
        if known is not None and not others and fields.keys() <= known.keys():
            return path
        if others and not replace:
            raise UsageError(
                f"{heading} is in {path} already, with other values ({', '.join(others)}); --replace puts these in"
                f" their place; a second account of a site belongs to another session, {heading_of('NAME', site)}"
                " (`crawl accounts add SITE --session NAME` writes that, or you), that of another port to SITE:PORT"
            )
        wanted = copy.deepcopy(tables)
        of_site = wanted.setdefault("sites", {}).setdefault(site, {})
        of_site[session] = {**(known or {}), **fields}
        before = read_private(path) if path.exists() else ""
        lines = [f"{name} = {toml_text(value)}\n" for name, value in fields.items()]
        text = _with_table(before, heading, lines) if known is None else _with_lines(before, heading, lines)
        try:
            is_as_wanted = tomllib.loads(text) == wanted
        except tomllib.TOMLDecodeError:
            is_as_wanted = False
        if not is_as_wanted:
            raise UsageError(f"{path}: {heading} cannot be written into it; write it yourself")
        write_private(path, text)
    return path


def fields_of(site: str, *, file: Path | None, session: str = "default") -> list[str]:
    """The names of the fields that the table has; none where there is no table.

    Raises:
        SettingsError: The file cannot be used.
    """
    path = accounts_path(os.environ, file)
    return list(own_tables((read_accounts(path) if path is not None else None) or {}, site).get(session) or ())


def _with_table(before: str, heading: str, lines: list[str]) -> str:
    return (before.rstrip("\n") + "\n\n" if before.strip() else "") + f"{heading}\n" + "".join(lines)


def _with_lines(before: str, heading: str, lines: list[str]) -> str:
    """The text with *lines* in the table with that heading, replacing lines for the same fields."""
    names = tuple(line.partition(" = ")[0] for line in lines)
    wanted, is_inside, text = _parsed(heading), False, ""
    for line in before.splitlines(keepends=True):
        if _HEADING.fullmatch(line):
            is_inside = _parsed(line) == wanted
            text += line if not is_inside else line.rstrip("\n") + "\n" + "".join(lines)
        elif not (is_inside and line.partition("=")[0].strip().strip("\"'") in names):
            text += line
    return text


def _parsed(heading: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(heading)
    except tomllib.TOMLDecodeError:
        return None
