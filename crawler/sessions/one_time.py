"""One-time codes by the clock, from a secret as sites give it (extra ``auth``: PyOTP).

PyOTP refuses secrets below 112 bits. Many sites give out 80 bits, and it is not for the visitor to refuse them.

Source: RFC 6238 on RFC 4226; the address is the one of Google Authenticator's "Key URI format".
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pyotp

_HASHES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}


class Codes(pyotp.TOTP):
    """Makes codes: `interval` seconds each, `generate_otp(step)`."""

    def byte_secret(self) -> bytes:
        key = base64.b32decode(self.secret + "=" * (-len(self.secret) % 8), casefold=True)
        if not key:
            raise ValueError("empty")
        return key


def codes_of(secret: str) -> Codes:
    """What makes the codes of a secret.

    Args:
        secret: Base32, in groups or not, or an ``otpauth://totp/`` address.
    Raises:
        ValueError: It is neither. The text may hold the secret.
    """
    if not secret.startswith("otpauth:"):
        return Codes(re.sub(r"[\s-]", "", secret).upper())
    parts = urlsplit(secret)
    if parts.netloc.lower() != "totp":
        raise ValueError("counts instead of using the time")
    fields = dict(parse_qsl(parts.query))
    options: dict[str, Any] = {"digits": int(fields.get("digits", 6)), "interval": int(fields.get("period", 30))}
    try:
        options["digest"] = _HASHES[fields.get("algorithm", "SHA1").upper()]
    except KeyError:
        raise ValueError("an unknown hash") from None
    return Codes(fields.get("secret", "").upper(), **options)
