"""Whether an answer says that the request was taken for a forged one (CSRF), as frameworks word it. Pure.

Such a page stands in place of what a link does that changes something, often with status 200 (Request Tracker): stored
as an item, it would look like any other page.
"""

from __future__ import annotations

import re
from typing import Final

from crawler.late_pattern import late_pattern
from crawler.response import Response

#: Cheap to look for; none of them begins the names of the tokens that nearly every form has (csrf-token).
_STEMS: Final = (
    b"orgery",
    b"CSRF",
    b"alid crumb",
    b"EQUEST CHECK",
    b"equest check",
    b"wanted was rejected",
    b"sesskey",
)
#: Request Tracker; Django; Jenkins; Roundcube; Rails, Gitea, Symfony and others; Rails in production; Moodle.
_SAYS: Final = late_pattern(
    r"possible cross-site request|cross-site request forgery detected|CSRF (?:verification|validation|check) failed"
    r"|no valid crumb was included|request check failed|(?:invalid|missing|bad|expired|incorrect) CSRF.token"
    r"|CSRF.token (?:is |was )?(?:invalid|missing|expired|incorrect|mismatch)|verify (?:the )?CSRF token"
    r"|change you wanted was rejected|(?:invalid|incorrect) sesskey",
    re.IGNORECASE,
)
_MOST_BYTES: Final = 1 << 20  # a page that only refuses has no more
_FEW_CHARACTERS: Final = 2_000  # what says it in its text only is short: else it is an article about it
_SAID: Final = ("it took the request for a forged one (CSRF): the link changes something, so leave such links out",)


def took_for_forged(page: Response | None) -> tuple[str, ...]:
    """A line for a person; none where an answer says no such thing."""
    if page is None or len(page.body) > _MOST_BYTES:
        return ()
    body = page.body
    for stem in _STEMS:
        if stem in body:
            break
    else:
        return ()
    if not page.is_html or not _SAYS.search(page.text):
        return ()
    for heading in page.xpath("//title | //h1 | //h2 | //h3"):
        if _SAYS.search(heading.xpath("string()").get("")):
            return _SAID
    text = " ".join(page.xpath("string(//body)").get("").split())
    return _SAID if len(text) <= _FEW_CHARACTERS and _SAYS.search(text) else ()
