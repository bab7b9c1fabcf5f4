"""What may be shown of a text: secrets hidden, control characters visible. Pure; safe from any thread."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

HIDDEN: Final = "***"

_USERINFO: Final = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_SCHEME_AND_TOKEN: Final = re.compile(r"\b(Bearer|Basic|Digest|Negotiate)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_SIGNED_TOKEN: Final = re.compile(r"\beyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?")
# A name, then what may stand between it and its value: in a query, a form, a header, JSON or the repr of a dict.
_NAME: Final = re.compile(
    r"(?<![\w.\-\[\]$])([\w.\-\[\]$]++)(?:%(?:25)*5D)?"
    r"""(?:\\?["']\s*[:,=]\s*|\s*=\s*|\s*:\s*|%(?:25)*3D)""",
    re.IGNORECASE,
)
# No possessive repeat of a group here: Python 3.11.2, which Debian 12 has, then matches too little or too much.
_QUOTED: Final = re.compile(r"""[bru]{0,2}(\\?["'])(?:(?!\1)(?:\\.|.))*(?:\1|\Z)""", re.DOTALL)
_IN_QUERY: Final = re.compile(r"""[^&\s"'<>]*""")
_IN_ESCAPED_QUERY: Final = re.compile(r"""(?:[^&\s"'<>%]|%(?!(?:25)*26))*""")  # inside an argument of another URL
_IN_JSON: Final = re.compile(r"[^,}\]\r\n]*")
_TO_LINE_END: Final = re.compile(r"[^\r\n]*")
_SECRET_STEM: Final = re.compile(
    r"passw|passphrase|passcode|secret|token|credential|session|sessid|signature|apikey|api[_-]?key|authori[sz]|jwt|"
    r"x-amz-sec|private[_-]?key|cookie",
    re.IGNORECASE,
)
_SECRET_WORD: Final = re.compile(
    r"(?:pass|pwd|pw|pin|key|sid|sess|code|auth|oauth\d?|sig|otp|totp|nonce|csrf|xsrf)\Z", re.IGNORECASE
)
_HEADERS: Final = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2"))
_PLAIN_TALK: Final = frozenset(("code", "key", "session", "auth", "keyerror"))  # "status code: 503" is no secret
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_ENCODED_LEAD: Final = re.compile(r"(?:25)*[0-9A-Fa-f]{2}")


@lru_cache(maxsize=4_096)
def is_secret_name(name: str) -> bool:
    """Whether a parameter, field or header of this name is likely to hold a secret."""
    return bool(_SECRET_STEM.search(name)) or any(map(_SECRET_WORD.match, _WORD.findall(name)))


def _unquoted(name: str, lead: str) -> re.Pattern[str]:
    if ":" in lead:
        return _TO_LINE_END if name.lower() in _HEADERS else _IN_JSON
    return _IN_QUERY if "=" in lead else _IN_ESCAPED_QUERY


def redact(text: str) -> str:
    """*text*, a URL or any message, without what lets somebody in.

    User names and passwords in URLs go; values of parameters, fields and headers with a telling name become ``***``,
    be it in a query, a form body, JSON, the repr of a dict or a header line. Too much is hidden rather than too little.
    """
    text = _SIGNED_TOKEN.sub(HIDDEN, _SCHEME_AND_TOKEN.sub(rf"\1 {HIDDEN}", _USERINFO.sub("", text)))
    shown, position = [], 0
    for found in _NAME.finditer(text):
        if found.start() < position:
            continue
        name = found[1]
        if found.start() and text[found.start() - 1] == "%":
            name = _ENCODED_LEAD.sub("", name, count=1)
        if not is_secret_name(name[-64:]) or (found[0].endswith(": ") and name.lower() in _PLAIN_TALK):
            continue
        quoted = _QUOTED.match(text, found.end())
        value = quoted or _unquoted(name, found[0]).match(text, found.end())
        if value is not None and value.end() > found.end():
            mark = quoted[1] if quoted else ""
            shown += [text[position : found.end()], mark, HIDDEN, mark]
            position = value.end()
    return "".join(shown) + text[position:]


_UNPRINTABLE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)  # controls, line ends of Unicode, and marks that turn the direction of writing


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def printable(text: str) -> str:
    """*text* on one line, control characters shown as ``\\x1b``: safe for a terminal and for a log of lines."""
    return text if text.isprintable() else _UNPRINTABLE.sub(_shown, text)
