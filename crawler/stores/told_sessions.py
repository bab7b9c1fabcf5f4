"""What a store reports about sessions and logins. Plain values."""

from __future__ import annotations

from crawler.quick_dataclass import quick_dataclass


@quick_dataclass
class SessionRow:
    """The stored state of a session."""

    key: str
    name: str
    state: str
    epoch: int
    version: int  #: grows with every write; a process reloads when it has changed
    secret: str  #: decrypted JSON text; "" when it cannot be read with the keys at hand
    readable: bool
    cookies: int
    saved_at: float
    expires_at: float | None
    proved_at: float | None
    logged_in_at: float | None


@quick_dataclass
class LoginClaim:
    """Answer to `LoginStore.claim`.

    Attributes:
        granted: We may log in until the lease runs out; all others wait.
        row: The session as stored now: when its epoch is past ours, take it instead of logging in.
        wait_s: When not granted: seconds after which to ask again.
        refused: When not empty: why no login may happen now, with the time when it is possible again.
        kind: Of that reason: "refused" (these credentials were), "spent" (too many failed), "passing" (a site in
            trouble, or one that asks for patience) or "human" (too many that lacked a person).
        token: When granted: fencing number of the login, greater than that of any login before it.
    """

    granted: bool
    row: SessionRow | None
    wait_s: float = 0.0
    refused: str = ""
    kind: str = ""
    token: int = 0


@quick_dataclass
class Snapshot:
    """One entry of a session's history, without its secret part."""

    id: int
    key: str
    name: str
    at: float
    url: str
    run: int | None
    epoch: int
    cookies: int
