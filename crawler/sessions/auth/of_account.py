"""Which of the secrets that a token is asked for with are the account's own, and marks of them.

A changed password takes effect at once: it is looked up again for a stored session, which keeps the tokens only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Protocol

from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.accounts import Account
from crawler.sessions.auth.lending import Lends
from crawler.sessions.auth.oauth_client import TokenClient


class HasAccount(Protocol):
    """What is needed of a session: its account, and how it reaches the token URL."""

    account: Account
    lends: Lends


@quick_dataclass
class OfAccount:
    """What an auth has from its account.

    Attributes:
        fields: Names of values of the auth, and of the fields of the account that they come from.
        mark: That of the account when they were taken; "" where nothing comes from there.
        came_from: Where the secret was found, as the end of a sentence; "" where nobody knows.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    mark: str = ""
    came_from: str = ""

    @classmethod
    def of(cls, account: Account, options: Mapping[str, Any]) -> OfAccount:
        """What an auth with these options, given by the caller, takes from the account.

        Raises:
            NoCredentials: The file of accounts cannot be used.
        """
        found = {name: name for name in ("client_id", "client_secret") if account.get(name)}
        if options.get("grant") == "password":
            found |= {"username": "username", "password": "password"}
        else:
            found = {"client_id": "username", "client_secret": "password"} | found
        return cls._known({name: of for name, of in found.items() if name not in options}, account)

    @classmethod
    def restored(cls, fields: Any, account: Account | None) -> OfAccount:
        """As it was stored, where the account still has all of it."""
        if not isinstance(fields, dict) or account is None or not all(account.get(str(of)) for of in fields.values()):
            return cls()
        return cls._known(fields, account)

    @classmethod
    def _known(cls, fields: Mapping[str, str], account: Account) -> OfAccount:
        secret = fields.get("password") or fields.get("client_secret")
        if not secret:
            return cls(fields)
        _value(account, secret)  # where it comes from is known once it has been found
        place = account.place(secret)
        came_from = f"; the right one belongs where this one came from, {place}" if place else ""
        return cls(fields, account.mark(), came_from)

    def values(self, account: Account) -> dict[str, str]:
        """The values, by their names.

        Raises:
            NoCredentials: One is not found.
        """
        return {name: _value(account, of) for name, of in self.fields.items()}


def client_mark(client: TokenClient) -> str:
    """A digest of a client and its secret."""
    return _mark(client.token_url, client.client_id, client.client_secret)


def user_mark(token_url: str, username: str, password: str) -> str:
    """A digest of a user name and password that are sent for a token."""
    return _mark(token_url, username, password)


def _value(account: Account, name: str) -> str:
    if name in ("username", "password"):  # these may be asked of a person
        return account.username if name == "username" else account.password
    return account.get(name) or ""


def _mark(*texts: str) -> str:
    text = json.dumps([str.__str__(each) for each in texts])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
