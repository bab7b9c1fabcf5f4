"""One-time codes of the practice site: time-based (TOTP) and sent by mail.

Source: RFC 6238 (TOTP) on RFC 4226 (HOTP), with SHA-1, six digits and steps of 30 seconds, as authenticator
apps use it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
import threading
import time

STEP_S = 30


def totp(secret: str, at_s: float | None = None) -> str:
    """The six-digit code for a Base32 secret.

    Args:
        secret: Base32, as in an `otpauth` address.
        at_s: Seconds since 1970; now when left out.
    Raises:
        binascii.Error: Not Base32 (a ValueError).
    """
    key = base64.b32decode(secret.upper() + "=" * (-len(secret) % 8))
    step = int((time.time() if at_s is None else at_s) // STEP_S)
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def is_totp(secret: str, code: str, at_s: float | None = None) -> bool:
    """Whether *code* is valid now, or one step of 30 s earlier or later, since clocks differ."""
    now = time.time() if at_s is None else at_s
    return any(hmac.compare_digest(totp(secret, now + drift).encode(), code.encode()) for drift in (-STEP_S, 0, STEP_S))


class MailBox:
    """The codes that the site has sent by mail. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _codes
        self._codes: dict[str, str] = {}

    def send(self, username: str) -> str:
        """Makes a new code for *username*; the previous one is no longer valid."""
        code = f"{secrets.randbelow(1_000_000):06d}"
        with self._lock:
            self._codes[username] = code
        return code

    def read(self, username: str) -> str | None:
        """The code in the latest mail, or None."""
        with self._lock:
            return self._codes.get(username)

    def accept(self, username: str, code: str) -> bool:
        """Whether *code* is the one in the latest mail; it can be used once."""
        with self._lock:
            if self._codes.get(username) != code:
                return False
            del self._codes[username]
            return True
