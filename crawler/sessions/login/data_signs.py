"""Data that says nothing but that nobody is logged in: what APIs answer with status 200 where others answer 401.

``{"success": false, "message": "session expired"}``, ``{"code": 401, "data": null}``, a list of GraphQL errors. Such an
answer is short, holds no data, and speaks of the session, of a token or of logging in. What speaks of a right that is
missing says nothing: a logged-in user may lack it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from crawler.late_pattern import late_pattern
from crawler.pages.parsing import is_json
from crawler.sessions.login.words import SAYS_LOGGED_OUT
from crawler.urls import redact

if TYPE_CHECKING:
    from crawler.response import Response

_MOST_BYTES: Final = 2_000
_STEMS: Final = (b"401", b"log", b"sign", b"ses", b"auth", b"token", b"sitzung", b"meld", b"conne", b"ident", b"acce")
_SAID_CHARACTERS: Final = 80
_ERRORS: Final = frozenset(("error", "errors", "fault", "exception", "extensions", "err"))
_CODES: Final = frozenset(("code", "status", "statuscode", "errorcode", "errcode", "errno", "ret", "resultcode"))
_WORDS: Final = (
    "message messages msg detail details title description reason hint type name severity errordescription errormessage"
    " errormsg errmsg success ok result instance path timestamp time requestid traceid locations redirect redirecturl"
    " loginurl"
)
_TALK: Final = frozenset((*_ERRORS, *_CODES, *_WORDS.split()))
_OF_A_TOKEN: Final = late_pattern(
    r"\btoken (?:(?:has|is|was) )?(?:expired|invalid|revoked|missing|not valid)\b"
    r"|\b(?:expired|invalid|revoked|missing|no) (?:(?:access|bearer|jwt|auth|api|session) )?token\b"
    r"|\b(?:jwt|login|authentication) (?:(?:has|is|was) )?expired\b"
    r"|\bunauthenticated\b|\bnot authenticated\b|\bauthentication credentials were not provided\b"
    r"|\Aunauthori[sz]ed[.!]?\Z|\Alogin[.!]?\Z"
)  # lower case, with spaces between words
_OF_ANOTHER_TOKEN: Final = late_pattern(
    r"\b(?:csrf|xsrf|page|next|cursor|continuation|sync|upload|download|verification|captcha|device|push)\b"
)
_JOINT: Final = late_pattern(r"[_\W]+|(?<=[a-z])(?=[A-Z])")


def said_by_data(response: Response) -> str | None:
    """Why JSON shows that nobody is logged in; None where it does not, and for anything else than JSON."""
    body = response.body
    if len(body) > _MOST_BYTES or not is_json(response.content_type):
        return None
    lower = body.lower()
    if not any(stem in lower for stem in _STEMS):
        return None
    try:
        data = response.json()
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not _only_talks(data) or data.get("success") is True or data.get("ok") is True:
        return None
    for name, value in _leaves(data):
        if name in _CODES and str(value) == "401":
            return f"its data says {name} 401"
        if isinstance(value, str) and _speaks_of_the_session(value):
            return f"its data says {redact(' '.join(value.split())[:_SAID_CHARACTERS])!r}"
    return None


def _only_talks(data: dict[str, Any]) -> bool:
    """Whether it holds nothing but how the request went."""
    return all(_plain(name) in _TALK for name, value in data.items() if value not in (None, [], {}, "", False, 0))


def _leaves(data: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Its values by their names, and those of its errors."""
    for name, value in data.items():
        if not isinstance(value, dict | list):
            yield _plain(name), value
        elif _plain(name) in _TALK:
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    yield from ((_plain(inner), said) for inner, said in each.items() if not isinstance(said, dict))
                    yield from _leaves({inner: said for inner, said in each.items() if isinstance(said, dict)})
                else:
                    yield _plain(name), each


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _speaks_of_the_session(text: str) -> bool:
    said = _JOINT.sub(" ", text[:_MOST_BYTES]).strip().lower()
    if _OF_A_TOKEN.search(said):
        return not _OF_ANOTHER_TOKEN.search(said)
    return SAYS_LOGGED_OUT.search(said) is not None or SAYS_LOGGED_OUT.search(text.lower()) is not None
