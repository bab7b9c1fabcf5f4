"""Accounts: the credentials a session logs in with, looked up late and never shown.

A field such as "password" is looked for in this order: a variable (``CRAWL_BUYER_PASSWORD``), the file of accounts
(TOML, mode 0600), the keyring of the system (extra ``keyring``), a question at the terminal. Nothing is read before the
login step asks for it, and nothing is taken from a spider's source.

The file::

    [buyer]                             # a session of any spider
    username = "anna"
    password = "..."

    [sites."shop.example".auditor]      # a session of spiders for this site only
    username = "otto"
    password = "..."
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import quote, quote_plus

from crawler.clock import unix_now
from crawler.errors import NeedsHuman, NoCredentials, NotEquipped
from crawler.sessions.credential_places import A_PERSON, Ask, CredentialPlaces, one_question_at_a_time
from crawler.sessions.secrets import Secret
from crawler.urls import is_secret_name

_last_codes: dict[str, int] = {}  # time step of the last one-time code by site and secret: accounts may share a secret
_giving_a_code = threading.Lock()  # guards _last_codes
_CREDENTIALS: Final = ("username", "password", "otp_secret", "client_id", "client_secret")


class Account:
    """Credentials of one session. Safe from any thread; shown with its user name at most, never pickled.

    Args:
        session: Name of the session.
        site: Registrable domain that the session logs in to; needed for the keyring and for tables of a site.
        environ: Variables; None means ``os.environ``.
        file: The file of accounts; None means ``accounts.toml`` in the folder of this user's configuration.
        ask: Asks at the terminal; None when nobody is there.
        clock: Seconds since 1970, for one-time codes.
        pause: Waits so many seconds, for `otp`; give one that a stop wakes.
    """

    __slots__ = (
        *("_ask", "_clock", "_found", "_gave", "_lacks", "_last_codes", "_lock", "_pause", "_places", "_places_of"),
        *("session", "site"),
    )

    def __init__(
        self,
        session: str,
        *,
        site: str = "",
        environ: Mapping[str, str] | None = None,
        file: Path | None = None,
        ask: Ask | None = None,
        clock: Callable[[], float] = unix_now,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self.session, self.site = session, site
        self._ask, self._clock, self._pause = ask, clock, pause
        self._places = CredentialPlaces(session, site, os.environ if environ is None else environ, file, ask)
        self._found: dict[str, str] = {}
        self._places_of: dict[str, str] = {}  # of fields in _found: where each came from
        self._lacks: dict[str, tuple[str, ...]] = {}  # fields that `get` did not find, and where it looked
        self._gave: set[str] = set()  # fields that were asked for
        self._last_codes = _last_codes if clock is unix_now else {}  # a clock of its own has steps of its own
        self._lock = threading.RLock()  # guards what is above; one lookup, so one question at a time

    @property
    def username(self) -> str:
        """The user name. Raises NoCredentials, which names every place that was looked in."""
        return self._need("username")

    @property
    def password(self) -> Secret:
        """The password. Raises NoCredentials, which names every place that was looked in."""
        return Secret(self._need("password"))

    @property
    def key(self) -> str:
        """What tells this account from the others of a site: its user name. Raises NoCredentials."""
        return self.username

    def get(self, field: str, default: str | None = None) -> str | None:
        """Any further field, such as "tenant": ``CRAWL_<SESSION>_TENANT`` or a line in the file; never asks a person.

        Returns:
            The value (a `Secret` if the name says so), or *default*.
        Raises:
            NoCredentials: The file of accounts cannot be used.
        """
        looked: list[str] = []
        value = self._look(field, looked, may_ask=False)
        with self._lock:
            self._lacks.pop(field, None)
            if value is None and default is None:
                self._lacks[field] = tuple(looked)
        return default if value is None else value

    def tell_lacking(self) -> None:
        """Name the field that `get` did not find, now that None is to be sent in its place.

        Raises:
            NoCredentials: There is one; the message says where to put it.
        """
        with self._lock:
            field, looked = next(iter(self._lacks.items()), ("", ()))
        if field:
            raise NoCredentials(self.session, f"no {field} found; looked in " + ", ".join(looked))

    def mark(self) -> str:
        """A digest of the credentials as they are found now, to tell whether they were changed; "" for none.

        Never asks a person. For encrypted places only: a weak password could be guessed from it.
        """
        try:
            values = self._credentials(keyring=False)
            if not all(values[:2]):  # asking a keyring takes a while: not needed with name and password from elsewhere
                values = self._credentials(keyring=True)
        except NoCredentials:
            return ""
        text = json.dumps([str.__str__(value) for value in values])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest() if any(values) else ""

    @property
    def gave_password(self) -> bool:
        """Whether the password was handed out to anybody."""
        with self._lock:
            return "password" in self._gave

    @property
    def gave_code(self) -> bool:
        """Whether a one-time code was handed out."""
        with self._lock:
            return "otp_secret" in self._gave

    def password_is_in(self, text: str) -> bool:
        """Whether *text*, a body or an address as it is sent, holds the password that was handed out."""
        with self._lock:
            password = str.__str__(self._found.get("password", ""))
        spellings = (password, quote(password, safe=""), quote_plus(password), json.dumps(password)[1:-1])
        return bool(password) and any(each in text for each in spellings)

    def _credentials(self, *, keyring: bool) -> list[str]:
        return [self._look(field, [], may_ask=False, keyring=keyring) or "" for field in _CREDENTIALS]

    def ask(self, what: str, *, secret: bool = False) -> str:
        """Ask the person at the terminal for something that cannot be known before, such as a code from a mail.

        Args:
            what: What is wanted, in a few words.
            secret: Not to be shown while it is typed.
        Raises:
            NeedsHuman: Nobody is there to answer, or the answer is empty; `crawl login` asks again.
        """
        if self._ask is not None:
            with one_question_at_a_time:
                try:
                    answer = self._ask(f"{what} for session {self.session}: ", secret)
                except EOFError:
                    answer = ""
            if answer:
                return Secret(answer) if secret else answer
            raise NeedsHuman(
                self.session, f"{what}: nothing was typed; run the same command again when you have it, and type it"
            )
        raise NeedsHuman(self.session, what)

    def otp(self, *, fresh: bool = True) -> Secret:
        """A one-time code (RFC 6238) from the field "otp_secret": base32, or an ``otpauth://totp/`` address.

        Args:
            fresh: Never hand out a code twice, to this session or another one with the same secret, since servers take
                each only once: wait for the next one if need be, as long as a code lives (30 s as a rule).
        Raises:
            NoCredentials: There is no such field, or it is malformed.
            NotEquipped: The extra ``auth`` is not installed.
        """
        secret = self._need("otp_secret", may_ask=False)
        try:
            import pyotp  # noqa: F401 - for the error that names the extra

            from crawler.sessions.one_time import codes_of
        except ImportError:
            raise NotEquipped(
                self.session, "one-time codes need the extra 'auth': pip install 'crawl-sessions[auth]'"
            ) from None
        try:
            maker = codes_of(secret)
            whose = hashlib.sha256(f"{self.site}|{secret}".encode()).hexdigest()
            with _giving_a_code:
                now, last = self._clock(), self._last_codes.get(whose, -1)
                step = int(now // maker.interval)
                waits = fresh and step <= last
                step = last + 1 if waits else step
                self._last_codes[whose] = max(step, last)
            if waits:
                self._pause(min(2 * maker.interval, step * maker.interval - now))
            return Secret(maker.generate_otp(step))
        except ValueError:  # binascii's error is one; its text may hold the secret
            raise NoCredentials(self.session, "otp_secret is neither base32 nor an otpauth://totp/ URI") from None

    # --- where credentials are ------------------------------------------------------------------------------------

    def _need(self, field: str, *, may_ask: bool = True) -> str:
        looked: list[str] = []
        value = self._look(field, looked, may_ask=may_ask)
        with self._lock:
            self._gave.add(field)
        if value is None:
            raise NoCredentials(self.session, f"no {field} found; looked in " + ", ".join(looked))
        return value

    def place(self, field: str) -> str:
        """Where a field that was found came from, such as ``CRAWL_BUYER_PASSWORD``; "" for none, and for a person."""
        with self._lock:
            return self._places_of.get(field, "").replace(A_PERSON, "")

    def _look(self, field: str, looked: list[str], *, may_ask: bool, keyring: bool = True) -> str | None:
        with self._lock:
            value = self._found.get(field)
            if value is None:
                places = self._places
                ways = [(places.variable, True), (places.file, True)]
                ways += [(self._from_keyring, keyring), (places.person, may_ask)]
                value = next(filter(None, (look(field, looked) for look, may in ways if may)), None)
                if value is None:
                    return None
                self._places_of[field] = looked[-1]
                self._found[field] = value = Secret(value) if is_secret_name(field) else value
            return value

    def _from_keyring(self, field: str, looked: list[str]) -> str | None:
        return self._places.keyring(field, looked, lambda: self._look("username", [], may_ask=False))

    def __repr__(self) -> str:
        return f"<Account of session {self.session!r}{' at ' + self.site if self.site else ''}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Account:
        return self  # so that dataclasses.asdict of what holds it does not take it apart

    def __reduce__(self) -> NoReturn:
        raise TypeError("an account cannot be pickled: it holds secrets")
