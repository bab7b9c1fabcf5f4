"""What may be shown of a text: secrets hidden, control characters visible. Pure; safe from any thread.

A secret is known by its place: the user and password of an address, the value of a parameter, field or header with a
telling name, a token behind its scheme. Everything else is shown: words, names of exceptions, hosts and ports are what
a person needs to find the cause. Every step takes time in proportion to the text, since servers write much of it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from crawler import session_ids
from crawler.late_pattern import late_pattern

HIDDEN: Final = "***"

_USERINFO: Final = late_pattern(r"(?<=://)[^/?#\s\"'<>]*@")
_EXAMPLE: Final = "user:password@"  # of our own help: what an address with credentials looks like
_DATABASES: Final = ("postgresql://", "postgres://")
_EXAMPLES: Final = ("VALUE", "VALUE;", "VALUE,", "(session.account.username,")
_SCHEME_AND_TOKEN: Final = late_pattern(r"\b(Bearer|Basic|Digest|Negotiate)(\s+)([\w.~+/=-]{6,}+)", re.IGNORECASE)
_DOTTED: Final = late_pattern(r"[\w.-]{8,}+")
_SIGNED: Final = "eyJ"  # how the first part of a JSON Web Token begins
_SIGNED_LEAST: Final = 8  # characters of that part

# A name, then what may stand between it and its value: in a query, a form, a header, JSON or the repr of a dict.
_NAME: Final = late_pattern(
    r"(?<![\w.\-\[\]$])([\w.\-\[\]$]++)(?:%(?:25)*5D)?"
    r"""(\\?["']\s*[:,=]\s*|\s*=\s*|\s*:\s*|%(?:25)*3D)""",
    re.IGNORECASE,
)
# No possessive repeat of a group here: Python 3.11.2, which Debian 12 has, then matches too little or too much.
_QUOTED: Final = re.compile(r"""[bru]{0,2}(\\?["'])(?:(?!\1)(?:\\.|.))*(?:\1|\Z)""", re.DOTALL)
_IN_QUERY: Final = late_pattern(r"""[^&\s"'<>]*""")
_IN_ESCAPED_QUERY: Final = late_pattern(r"""(?:[^&\s"'<>%]|%(?!(?:25)*26))*""")  # inside an argument of another URL
_IN_JSON: Final = late_pattern(r"[^,}\]\r\n]*")
_TO_LINE_END: Final = late_pattern(r"[^\r\n]*")
_ONE_WORD: Final = late_pattern(r"""[^\s,}\]"']++(?=\s*(?:[,}\]\r\n]|\Z))""")
_PORT: Final = late_pattern(r"\d{1,5}(?![\w.])")
_IS_HIDDEN: Final = late_pattern(r"\*\*\*(?=[)\]}.,;:]{0,9}(?:\s|\Z))")  # by somebody before us: punctuation follows

_SECRET_STEM: Final = late_pattern(
    r"passw|passphrase|passcode|secret|token|credential|session|sessid|signature|apikey|api[_-]?key|authori[sz]|jwt|"
    r"x-amz-sec|private[_-]?key|cookie|oscsid|xtcsid|zenid|wosid|cfid|contextid|sectok|formhash",
    re.IGNORECASE,
)
_SECRET_WORD: Final = late_pattern(
    r"(?:pass|pwd|pw|pin|key|sid|sess|code|auth|oauth\d?|sig|otp|totp|nonce|csrf|xsrf)\Z", re.IGNORECASE
)
_HEADERS: Final = frozenset(("authorization", "proxy-authorization", "cookie", "set-cookie", "set-cookie2"))
_WORD: Final = late_pattern(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_ENCODED_LEAD: Final = late_pattern(r"(?:25)*[0-9A-Fa-f]{2}")

# In plain talk a colon ends a thought: "status code: 503", "no cookies: ...", "NoCredentials: ..." hold no secret.
_PLAIN_TALK: Final = frozenset(("code", "key", "session", "auth"))
_PASSWORD: Final = late_pattern(r"passw|passphrase|passcode|secret|pwd", re.IGNORECASE)
_SEVERAL: Final = late_pattern(r"(?:cookie|session|token|credential|key|code|signature)s\Z", re.IGNORECASE)
_CLASS_NAME: Final = late_pattern(r"(?:\w+\.)*(?:[A-Z][A-Za-z0-9]*[a-z0-9][A-Z][A-Za-z0-9]*|\w*[Ee]rror)\Z")
_FAULT: Final = late_pattern(r"(?:bad|invalid|missing|expired|unknown|wrong)(?![a-z])")  # begins the name of an error
_MADE: Final = late_pattern(  # by a machine: letters and digits
    r"(?=[\w.~+/=%-]*\d)(?=[\w.~+/=%-]*[A-Za-z])[\w.~+/=%-]{8,}+(?=[\s,;}\]]|\Z)"
)
_PAIR: Final = late_pattern(r"[\w.-]{1,80}=[^\s=]")
_PROSE: Final = late_pattern(r"(?:--)?[A-Za-z][a-z-]*[.,;:]?\Z")  # or an option: the spider may be named "basic"
_OPTION: Final = late_pattern(r"--[a-z][a-z-]*=")  # what follows it is judged by its name


@lru_cache(maxsize=4_096)
def is_secret_name(name: str) -> bool:
    """Whether a parameter, field or header of this name is likely to hold a secret."""
    return bool(_SECRET_STEM.search(name)) or any(map(_SECRET_WORD.match, _WORD.findall(name)))


def redact(text: str) -> str:
    """*text*, a URL or any message, without anything that grants access.

    User names and passwords in URLs go (the user of a PostgreSQL database stays); values of parameters, fields and
    headers with a telling name become ``***``, whether in a query, a form body, JSON, the repr of a dict or a header.
    What may be a secret is hidden.
    """
    text = session_ids.masked(_SCHEME_AND_TOKEN.sub(_without_token, _USERINFO.sub(_without_user, text)))
    if _SIGNED in text:
        text = _DOTTED.sub(_without_signed, text)
    shown, position = [], 0
    for found in _NAME.finditer(text):
        if found.start() < position or (found[1] == "sessions" and text.endswith("-s ", 0, found.start())):
            continue  # the latter are the names of a setting
        value = _value(text, found)
        if value is not None and value.end() > found.end():
            mark = value[1] if value.re is _QUOTED else ""
            shown += [text[position : found.end()], mark, HIDDEN, mark]
            position = value.end()
    return "".join(shown) + text[position:]


def _without_user(found: re.Match[str]) -> str:
    """The user of a database stays: with another one, a command copied from the text would not work."""
    if found[0] in (_EXAMPLE, f"{HIDDEN}@"):
        return found[0]
    if not found.string.endswith(_DATABASES, 0, found.start()):
        return ""
    user, colon, _ = found[0][:-1].partition(":")
    return f"{user}:{HIDDEN}@" if colon else f"{user}@"


def _without_token(found: re.Match[str]) -> str:
    shown = _PROSE.match(found[3]) or (_OPTION.match(found[3]) and not found[3].endswith("="))
    return found[0] if shown else f"{found[1]} {HIDDEN}"


def _without_signed(found: re.Match[str]) -> str:
    """A run of letters, digits, dots and dashes without the JSON Web Tokens in it."""
    run, shown, position = found[0], [], 0
    dot, start = -1, run.find(_SIGNED)
    while start >= 0:
        if start and run[start - 1] not in ".-":  # amid a word
            start = run.find(_SIGNED, start + 1)
            continue
        if dot < start:
            dot = run.find(".", start)
        if dot < 0 or dot + 1 == len(run):
            break
        if dot - start < _SIGNED_LEAST or run[dot + 1] == ".":
            start = run.find(_SIGNED, dot)
            continue
        end = dot
        for _ in range(2):  # its second and third part
            end = run.find(".", end + 1) if end < len(run) else end
            end = len(run) if end < 0 else end
        shown += [run[position:start], HIDDEN]
        position = end
        start = run.find(_SIGNED, end)
    return "".join(shown) + run[position:]


def _value(text: str, found: re.Match[str]) -> re.Match[str] | None:
    """What is to be hidden after a name; None for nothing."""
    name, lead, end = found[1], found[2], found.end()
    if found.start() and text[found.start() - 1] == "%":
        name = _ENCODED_LEAD.sub("", name, count=1)
    name = name[-64:]
    if not is_secret_name(name):
        return None
    if "," in lead:  # a pair of a list; names that are merely listed have no secret after them
        return _QUOTED.match(text, end) if _opens_pair(text, found.start()) else None
    if ":" in lead:
        return _after_colon(text, end, name, lead, found.start())
    if _IS_HIDDEN.match(text, end):
        return None
    quoted = _QUOTED.match(text, end)
    if quoted is not None:
        return quoted
    plain = (_IN_QUERY if "=" in lead else _IN_ESCAPED_QUERY).match(text, end)
    return None if plain is not None and plain[0] in _EXAMPLES else plain


def _after_colon(text: str, end: int, name: str, lead: str, start: int) -> re.Match[str] | None:
    """A value in JSON, a header line or the repr of a dict: or merely a statement about something of that name."""
    of_json = lead[0] in "\\\"'"
    is_talk = not of_json and lead[-1].isspace() and _PASSWORD.search(name) is None
    if is_talk and name.lower() in _HEADERS:
        return _TO_LINE_END.match(text, end)
    quoted = _QUOTED.match(text, end)
    if quoted is not None:
        return None if _is_class(name) or (is_talk and name.lower() in _PLAIN_TALK) else quoted
    if of_json:
        return _ONE_WORD.match(text, end)
    if name.lower() in _HEADERS:
        return _TO_LINE_END.match(text, end)
    if lead == ":" and _PORT.match(text, end) and _is_host(text, start, name):
        return None
    if is_talk or _is_class(name):
        return _said(text, end, name)
    return _IN_JSON.match(text, end)


def _said(text: str, end: int, name: str) -> re.Match[str] | None:
    """What is secret in a sentence after a colon: a machine-made value, a single word, or ``name=value``."""
    if _PAIR.match(text, end):
        return _IN_JSON.match(text, end)
    made = _MADE.match(text, end)
    if (
        made is not None
        or name.lower() in _PLAIN_TALK
        or _SEVERAL.search(name)
        or _is_class(name)
        or _FAULT.match(name)
    ):
        return made
    word = _ONE_WORD.match(text, end)
    return None if word is None or _is_class(word[0][:64]) else word


def _is_class(name: str) -> bool:
    return _CLASS_NAME.match(name) is not None


def _is_host(text: str, start: int, name: str) -> bool:
    return "." in name or text[start - 1 : start] in ("/", "@") or name.lower() in _PLAIN_TALK


def _opens_pair(text: str, start: int) -> bool:
    """Whether the quoted name that starts here is the first of a pair: ``('name', ...`` or ``[["name", ...``."""
    before = text[max(0, start - 8) : start].rstrip("'\"bu\\")
    return before.endswith(("(", "[[", "],[", "], ["))


_UNPRINTABLE: Final = late_pattern(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)  # controls, Unicode line ends, and marks that change the direction of writing


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def printable(text: str) -> str:
    """*text* on one line, control characters shown as ``\\x1b``: safe for a terminal and for a log of lines."""
    return text if text.isprintable() else _UNPRINTABLE.sub(_shown, text)
