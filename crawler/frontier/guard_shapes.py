"""Shapes of addresses that the rules of the guard have in common: numbers of things, programs, names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

from crawler.frontier.guard_words import NAMING, tokens
from crawler.late_pattern import late_pattern

NUMBER: Final = late_pattern(r"(?!(?:19|20)\d\d\Z)\d+\Z|[0-9a-f]{8}-[0-9a-f-]{27}\Z|(?=[a-f]*\d)[0-9a-f]{16,}\Z", re.I)
NUMBER_ARGUMENT: Final = late_pattern(
    r"(?:^|[&;])(?:[a-z]+_?)?(?:id|no|nr|num|uid|pid|user|item|order|post)=\w*\d", re.I
)
MAX_SEGMENT_WORDS: Final = 4  # more words are the title of an article
MAX_SEGMENT: Final = 128  # characters
_MAX_ARGUMENTS: Final = 64
SCRIPT: Final = late_pattern(
    r"\.(?:php\d?|aspx?|ashx|jspx?|jsf|do|action|s?html?|xhtml|cgi|pl|py|rb|cfm|dll|exe)\Z", re.I
)
_TITLE: Final = late_pattern(r"[A-Z][^\W\d_A-Z]*(?:[ _+-]\(?[^\W_]+\)?)+\Z")  # Great_Purge; not how programmers write
ONLY_CHOOSING: Final = late_pattern(
    r"(?:(?:page|p|lang|locale|sort|order|dir|q|ref|utm_[a-z]+)=[^&;]*(?:[&;]|\Z))*\Z", re.IGNORECASE
)
STATIC: Final = late_pattern(r"\.(?:png|gif|jpe?g|svg|webp|ico|css|js|woff2?|ttf|pdf|mp4|zip)\Z", re.I)


def is_of_programmer(segment: str) -> bool:
    """Whether it is written as programmers write: ``deleteUser``, ``delete_user``, ``delete.php``."""
    if SCRIPT.search(segment):
        return True
    return (segment != segment.lower() or "_" in segment) and not _TITLE.match(segment)


def is_name(segments: list[str], query: str) -> bool:
    """Whether the last segment names something, such as a tag or a film."""
    if "".join(tokens(segments[-2])) not in NAMING or not ONLY_CHOOSING.match(query):
        return False
    return segments[-1].istitle() or not is_of_programmer(segments[-1])


def arguments(query: str) -> Iterator[tuple[str, str]]:
    for argument in re.split("[&;]", query, maxsplit=_MAX_ARGUMENTS)[:_MAX_ARGUMENTS]:
        name, _, value = argument.partition("=")
        yield unquote_plus(name), unquote_plus(value)
