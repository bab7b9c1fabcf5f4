"""What a page may cost before it is parsed: elements, attributes of a tag, and memory while others are parsed, too.

Thirty kilobytes of gzip can hold eleven million ``<p>``, which take a gigabyte as a tree; fifty thousand attributes in
one tag take libxml2 the square of that. So they are counted in the bytes first: elements by their brackets, attributes
(of pages that are large enough to matter) by one pattern that reads markup as browsers do and takes each byte once.
Large trees share a budget of the process: a page that finds it spent waits for its turn.
"""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from crawler.errors import BadAnswer
from crawler.late_pattern import late_pattern

MAX_ELEMENTS: Final = 1_000_000  # the largest pages that people read (whole standards) have a third of that
MAX_ATTRIBUTES: Final = 256  # of one tag
MAX_LINKS: Final = 100_000  # of a page that are followed; others are counted in a warning
MAX_NESTED_JSON: Final = 2_000_000  # lists and objects
SMALL_BYTES: Final = (
    64 * 1024
)  # nothing has to be counted: all attributes that fit into so little cost less than a second in one tag
_LARGE_BYTES: Final = 64 * 1024 * 1024  # of a tree: such pages wait for their turn
_TREES_BYTES: Final = 512 * 1024 * 1024  # of all large trees of this process
_PATIENCE_S: Final = 30.0
_ELEMENT_BYTES: Final = 200  # an element and its text, as libxml2 has them; measured: 125 to 400
_ATTRIBUTE_BYTES: Final = 110

_ATTRIBUTE: Final = (
    rb"""[\s/]*+[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:"[^"]*+"?|'[^']*+'?|[^\s"'>][^\s>]*+|))?+"""  # as in the HTML standard
)
_ATTRIBUTES: Final = rb"(?:%b){0,%d}+[\s/]*+>" % (_ATTRIBUTE, MAX_ATTRIBUTES)
#: markup up to a tag that has no end, or more attributes than allowed
_GOOD: Final = late_pattern(
    rb"(?:<(?!script>|style>|textarea>|title>)/?[a-z][a-z0-9]*+>[^<]*+"  # most tags: nothing but a name
    rb"""|<(?!script|style|textarea|title)[a-z][a-z0-9]*+(?: [a-z-]++="[^"<>]*+"){1,8}+>[^<]*+"""
    rb"|[^<]++"
    rb"|<script(?=[\s/>])%(rest)b(?:[^<]++|<(?!/script))*+"
    rb"|<style(?=[\s/>])%(rest)b(?:[^<]++|<(?!/style))*+"
    rb"|<textarea(?=[\s/>])%(rest)b(?:[^<]++|<(?!/textarea))*+"
    rb"|<title(?=[\s/>])%(rest)b(?:[^<]++|<(?!/title))*+"
    rb"|<!--(?:-?>|(?:[^-]++|-(?!-!?>))*+(?:--!?>)?)"
    rb"|<[!?][^>]*+>?"
    rb"|</?(?!(?:script|style|textarea|title)[\s/>])[a-z][^\s/>]*+%(rest)b"
    rb"|</(?:script|style|textarea|title)%(rest)b"
    rb"|<(?![a-z/!?])|</(?![a-z])"
    rb")*+" % {b"rest": _ATTRIBUTES},
    re.IGNORECASE,
)
_TOO_MANY: Final = late_pattern(rb"</?[a-z][^\s/>]*+(?:%b){%d}" % (_ATTRIBUTE, MAX_ATTRIBUTES + 1), re.IGNORECASE)


def elements_of(body: bytes) -> int:
    """The most elements that markup can have: of the end tags, those of p and br may make one, too."""
    brackets, ends = body.count(b"<"), body.count(b"</")
    return brackets - ends + body.count(b"</p") + body.count(b"</P") + body.count(b"</br") + body.count(b"</BR")


def check_markup(body: bytes, url: str) -> None:
    """Raise BadAnswer when parsing the page would cost too much: the error names what there is too much of."""
    if elements_of(body) > MAX_ELEMENTS:
        raise BadAnswer(url, f"the page is too complex: more than {MAX_ELEMENTS:,} elements")
    good = _GOOD.match(body)
    end = good.end() if good is not None else 0
    if end < len(body) and _TOO_MANY.match(body, end):
        raise BadAnswer(url, f"the page is too complex: more than {MAX_ATTRIBUTES:,} attributes in one tag")


def check_json(text: str, url: str) -> None:
    """Raise BadAnswer when there are more lists and objects in it than memory should hold."""
    if text.count("[") + text.count("{") > MAX_NESTED_JSON:
        raise BadAnswer(url, f"the page is too complex: more than {MAX_NESTED_JSON:,} lists and objects")


def tree_bytes(body: bytes) -> int:
    """About how much memory the tree of a page takes."""
    return 3 * len(body) + elements_of(body) * _ELEMENT_BYTES + body.count(b"=") * _ATTRIBUTE_BYTES


class Trees:
    """The memory of large trees in this process. Safe from any thread."""

    def __init__(self, most_bytes: int = _TREES_BYTES, patience_s: float = _PATIENCE_S) -> None:
        self._most_bytes, self._patience_s = most_bytes, patience_s
        self._taken = 0
        self._freed = threading.Condition()  # guards _taken; nothing else happens under it
        self._mine = threading.local()

    def take(self, body: bytes, owner: Any) -> None:
        """Wait until a page has room, and keep it until *owner*, its response, is gone.

        A thread that already holds a large page does not wait: it might be for itself. One that waited long goes on.
        """
        wanted = tree_bytes(body)
        if wanted < _LARGE_BYTES:
            return
        mine = self._mine.__dict__.setdefault("held", [0])
        with self._freed:
            if not mine[0]:
                until = time.monotonic() + self._patience_s
                while self._taken and self._taken + wanted > self._most_bytes and time.monotonic() < until:
                    self._freed.wait(until - time.monotonic())
            self._taken += wanted
        _give_memory_back()
        mine[0] += 1
        weakref.finalize(owner, self._give_back, wanted, mine)

    def _give_back(self, wanted: int, holder: list[int]) -> None:
        holder[0] -= 1
        with self._freed:
            self._taken -= wanted
            self._freed.notify_all()


@cache
def _trim() -> Callable[[int], int] | None:
    """`malloc_trim` of the C library; None where it has none."""
    from ctypes import CDLL  # loaded with the first large tree

    try:
        found: Callable[[int], int] = CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    return found


def _give_memory_back() -> None:
    """Return to the system what trees now gone have left: each thread has a heap of its own, and glibc keeps it."""
    trim = _trim()
    if trim is not None:
        trim(0)


trees: Final = Trees()  #: of this process
