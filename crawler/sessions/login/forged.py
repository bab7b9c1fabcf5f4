"""Whether an answer says that the request was taken for a forged one (CSRF), as frameworks word it. Pure.

Such a page stands in place of what a link does that changes something, often with status 200 (Request Tracker): stored
as an item, it would look like any other page.
"""

from __future__ import annotations

import re
from typing import Final

from crawler.late_pattern import late_pattern
from crawler.response import Response

#: Cheap to look for, in lower case; one of them is in whatever `_SAYS` finds.
_STEMS: Final = (b"cross-site request", b"csrf", b"crumb", b"request check", b"wanted was rejected", b"sesskey")
#: Request Tracker; Django; Jenkins; Roundcube; Rails, Gitea, Symfony and others; Rails in production; Moodle.
_SAYS: Final = late_pattern(
    r"possible cross-site request|cross-site request forgery detected|CSRF (?:verification|validation|check) failed"
    r"|no valid crumb was included|request check failed|(?:invalid|missing|bad|expired|incorrect) CSRF.token"
    r"|CSRF.token (?:is |was )?(?:invalid|missing|expired|incorrect|mismatch)|verify (?:the )?CSRF token"
    r"|change you wanted was rejected|(?:invalid|incorrect) sesskey",
    re.IGNORECASE,
)
_TITLE_BYTES: Final = 300
_SHORT_BYTES: Final = 4_096  # all of such a page is looked at, of longer ones the title: this is asked for each page
_REFUSAL_BYTES: Final = 65_536  # the same for an answer of status 400 and more
_FEW_CHARACTERS: Final = 2_000  # what says it in its text only is short: else it is an article about it
_SAID: Final = ("it took the request for a forged one (CSRF): the link changes something, so leave such links out",)


def took_for_forged(page: Response) -> tuple[str, ...]:
    """A line for a person; none where an answer says no such thing."""
    body = page.body
    is_whole = len(body) <= (_SHORT_BYTES if page.status_code < 400 else _REFUSAL_BYTES)
    if is_whole:
        looked_at = body.lower()
    else:
        start = body.find(b"<title")
        looked_at = body[start : start + _TITLE_BYTES].lower() if start >= 0 else b""
    for stem in _STEMS:
        if stem in looked_at:
            return _SAID if page.is_html and _says_so(page, is_whole) else ()
    return ()


def _says_so(page: Response, is_whole: bool) -> bool:
    """Whether its title, a heading or, if *is_whole*, all of a short text says it."""
    for heading in page.xpath("//title | //h1 | //h2 | //h3"):
        if _SAYS.search(heading.xpath("string()").get("")):
            return True
    text = " ".join(page.xpath("string(//body)").get("").split()) if is_whole else ""
    return len(text) <= _FEW_CHARACTERS and _SAYS.search(text) is not None
