"""Where the credentials of a session are looked for: variables, the file of accounts, the keyring, a person."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from crawler.errors import NoCredentials, SettingsError
from crawler.sessions.accounts_file import (
    accounts_path,
    heading_of,
    read_accounts,
    table_name,
    tables_of_site,
    variable_name,
)
from crawler.urls import is_secret_name

Ask = Callable[[str, bool], str]
"""Asks the person: a prompt, and whether the answer is secret (not to be shown while it is typed)."""

A_PERSON: Final = "asked at the terminal"
one_question_at_a_time = threading.Lock()  # guards the terminal: two sessions must not talk across each other


class CredentialPlaces:
    """The places of one session. Each method adds to a list where it looked; where it found something comes last.

    Args:
        site: What the session logs in to, as `accounts_file.account_place` gives it; needed for tables of a site, and
            (without a port) for the keyring.
        file: The file of accounts; None means the usual place.
        ask: Asks at the terminal; None when nobody is there.
    """

    def __init__(self, session: str, site: str, environ: Mapping[str, str], file: Path | None, ask: Ask | None) -> None:
        self._session, self._site, self._environ, self._file, self._ask = session, site, environ, file, ask

    def variable(self, field: str, looked: list[str]) -> str | None:
        """From the environment, such as ``CRAWL_BUYER_PASSWORD``."""
        names = [variable_name(self._session, field)]
        if self._session == "default":
            names.append(variable_name(field, "").removesuffix("_"))  # CRAWL_USERNAME will do for the only session
        for name in names:
            looked.append(name)
            if self._environ.get(name):
                return self._environ[name]
        return None

    def file(self, field: str, looked: list[str]) -> str | None:
        """From the file of accounts. Raises NoCredentials when it cannot be used."""
        path = accounts_path(self._environ, self._file)
        if path is None:
            return None
        try:
            tables = read_accounts(path)
        except SettingsError as error:
            raise NoCredentials(self._session, str(error)) from None
        looked.append(f"[{self._session}] in {path}" + ("" if tables is not None else " (no such file)"))
        of_site = table_name(tables or {}, self._site)
        for site, table in ((of_site, tables_of_site(tables or {}, self._site)), ("", tables or {})):
            fields = table.get(self._session)
            if isinstance(fields, dict) and isinstance(fields.get(field), str | int):
                looked[-1] = f"{heading_of(self._session, site)} in {path}"
                return str(fields[field])
        return None

    def keyring(self, field: str, looked: list[str], username: Callable[[], str | None]) -> str | None:
        """From the keyring of the system; *username* is asked for where an entry is found by it."""
        if not self._site:
            return None
        service = f"crawl:{table_name({}, self._site)}"
        try:
            import keyring
            from keyring.errors import KeyringError
        except ImportError:
            looked.append("the keyring (extra 'keyring' is not installed)")
            return None
        looked.append(f"the keyring under {service!r}")
        try:
            if field == "username":
                entry = keyring.get_credential(service, None)
                return entry.username if entry is not None else None
            user = username()
            if user is None:
                return None
            stored: str | None = keyring.get_password(service, user if field == "password" else f"{user}:{field}")
        except (KeyringError, RuntimeError):  # no keyring in this machine, or it is locked
            looked[-1] += " (not usable)"
            return None
        return stored

    def person(self, field: str, looked: list[str]) -> str | None:
        """From whoever sits at the terminal."""
        if self._ask is None:
            looked.append("no terminal to ask at")
            return None
        looked.append(A_PERSON)
        place = f" at {self._site}" if self._site else ""
        with one_question_at_a_time:
            try:
                return self._ask(f"{field} for session {self._session}{place}: ", is_secret_name(field)) or None
            except EOFError:
                return None


def ask_at_terminal(prompt: str, secret: bool) -> str:
    """Ask the person at the terminal; a secret answer is not shown. Raises EOFError when nobody answers."""
    if secret:
        import getpass

        return getpass.getpass(prompt)
    return input(prompt).strip()
