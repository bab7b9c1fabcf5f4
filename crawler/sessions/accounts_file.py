"""The file of accounts (TOML, mode 0600), and the names of sessions and their variables."""

from __future__ import annotations

import functools
import json
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from crawler.errors import SettingsError
from crawler.sessions.private_files import config_folder, read_private
from crawler.urls import host_of, short_origin, site_of

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_NOT_A_LETTER: Final = re.compile(r"[^A-Z0-9]")


def variable_name(session: str, field: str) -> str:
    """The variable of a session's field: ``CRAWL_BUYER_2_PASSWORD`` for "buyer-2" and "password"."""
    return "CRAWL_" + _NOT_A_LETTER.sub("_", f"{session}_{field}".upper())


def accounts_path(environ: Mapping[str, str], setting: Path | None) -> Path | None:
    """The file of accounts: the one of the setting, else the usual place; None when this user has no home."""
    if setting is not None:
        return setting
    try:
        return config_folder(environ) / "accounts.toml"
    except OSError:
        return None


def read_accounts(path: Path) -> dict[str, Any] | None:
    """The tables of the file; None when there is no file.

    Raises:
        SettingsError: It is not TOML, or others can read it; the text names the line at most, never what is in it.
    """
    try:
        return _parsed(read_private(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError:
        raise SettingsError(f"{path}: not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line \d+, column \d+|at end of document", str(error))  # its text may quote a secret
        raise SettingsError(f"{path}: not TOML ({place[0] if place else 'malformed'})") from None
    except (OSError, ValueError) as error:
        raise SettingsError(str(error)) from None


@functools.lru_cache(maxsize=2)
def _parsed(text: str) -> dict[str, Any]:
    """The tables in *text*, not to be changed. Each login looks several times, and a thousand accounts take 30 ms."""
    return tomllib.loads(text)


def account_place(url: str) -> str:
    """What an account of a page belongs to: its site, with the port where that is not the usual one of http and https.

    Two programs at two ports of one host are two sites with accounts of their own. Raises InvalidURL.
    """
    site, origin = site_of(host_of(url)), short_origin(url)
    port = origin.rpartition(":")[2]
    if not port.isdecimal():
        return site
    return f"[{site}]:{port}" if ":" in site else f"{site}:{port}"


def site_of_place(place: str) -> str:
    """The site alone, without a port."""
    host, _, port = place.rpartition(":")
    return host.strip("[]") if port.isdecimal() and (host.endswith("]") or ":" not in host) else place


def table_name(tables: Mapping[str, Any], site: str) -> str:
    """The name under which a file of accounts has tables of a site: with its port, if there are any, else the host's.

    Args:
        site: As `account_place` gives it.
    """
    return site if own_tables(tables, site) else site_of_place(site)


def tables_of_site(tables: Mapping[str, Any], site: str) -> dict[str, Any]:
    """What a file of accounts says for one site alone; see `table_name`."""
    return own_tables(tables, table_name(tables, site))


def own_tables(tables: Mapping[str, Any], site: str) -> dict[str, Any]:
    """What stands there under this very name."""
    sites = tables.get("sites")
    found = sites.get(site) if isinstance(sites, dict) and site else None
    return found if isinstance(found, dict) else {}


def heading_of(session: str, site: str = "") -> str:
    """The heading of a session's table as the file has it: ``[buyer]``, ``[sites."shop.example".buyer]``."""
    name = session if _BARE.fullmatch(session) else toml_text(session)
    return f"[sites.{toml_text(site)}.{name}]" if site else f"[{name}]"


def toml_text(value: str) -> str:
    """A text as TOML has it: JSON's escapes are TOML's, except for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def session_names(
    declared: Sequence[str] = (),
    *,
    setting: str = "",
    environ: Mapping[str, str] | None = None,
    file: Path | None = None,
    site: str = "",
) -> list[str]:
    """The names of the sessions of a spider.

    Args:
        declared: What the spider says.
        setting: The setting ``sessions`` (also ``CRAWL_SESSIONS``): names between commas; it replaces the spider's.
        environ: Variables, to find the file; None means ``os.environ``.
        file: The file of accounts, or None for the usual place. Where neither spider nor setting names sessions, its
            tables for *site* do, else its line ``sessions = [...]``.
        site: Registrable domain of the spider's pages, with their port (`account_place`).
    Returns:
        One name or more, "default" when nothing is said.
    Raises:
        SettingsError: A name is empty, given twice, or would share its variables with another one.
    """
    names = [name.strip() for name in setting.split(",") if name.strip()] or list(declared)
    if not names:
        path = accounts_path(os.environ if environ is None else environ, file)
        tables = (read_accounts(path) if path is not None else None) or {}
        listed = tables.get("sessions", [])
        names = list(tables_of_site(tables, site)) or (list(listed) if isinstance(listed, list) else [])
    seen: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or not name.strip() or len(name) > 64 or not name.isprintable():
            raise SettingsError(f"not a valid session name: {name!r:.80} (1 to 64 printable characters)")
        other = seen.setdefault(variable_name(name, ""), name)
        if other != name or names.count(name) > 1:
            raise SettingsError(f"sessions {other!r} and {name!r} would use the same account: rename one")
    return names or ["default"]
