"""The text of an element that was followed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from lxml import etree

_LINK_CHARACTERS = 256  # of a link's text, which the guard looks at
_MOST_STEPS, _PIECE_CHARACTERS = 3_000, 10_000  # that are looked at: a link may hold the whole page
_SAID_CHARACTERS = 100_000  # of a link without another one inside it
_NEVER_NESTED = frozenset({"a", "button"})  # in browsers, the start of one ends the one around it
_READING = frozenset({"", "get", "head", "options"})
SENT_BY_SCRIPT = "sent-by-script"  # a word added to those of rel
BY_SCRIPT_ALONE = "guard: sent by a script (link)"  # the rule by which a request is skipped


def about_link(element: Any) -> tuple[str, str]:
    """Text (its first 256 characters) and rel of an element that was followed.

    Where a script sends the link with a method that changes something (``data-method="post"``), `SENT_BY_SCRIPT`
    follows the words of rel.
    """
    text = element.text
    if text is None or len(element) or len(text) > _LINK_CHARACTERS:
        text = text_of(element, _LINK_CHARACTERS)
    return text.strip(), rel_of(element)


def rel_of(element: Any) -> str:
    """The rel attribute, and `SENT_BY_SCRIPT` where it holds."""
    rel: str = element.get("rel") or ""
    return f"{rel} {SENT_BY_SCRIPT}".lstrip() if is_sent_by_script(element) else rel


def says_by_script(link: Any) -> bool:
    """Whether `SENT_BY_SCRIPT` holds for what was followed: an element, its text and rel, or None."""
    if isinstance(link, tuple):
        return SENT_BY_SCRIPT in link[1].split()
    return link is not None and is_sent_by_script(link)


def is_sent_by_script(element: Any) -> bool:
    """Whether a script sends a link with a method that changes something: a plain GET would not do what it does."""
    asked = element.get
    method = asked("data-method") or asked("data-turbo-method") or asked("up-method")  # of Rails and Yii; Turbo; Unpoly
    return method is not None and method.strip().lower() not in _READING


def may_be_sent_by_script(body: bytes) -> bool:
    """Whether a page may hold such links; quicker than looking at each."""
    return b"-method" in body


def text_of(element: Any, most: int) -> str:
    """The text in an element, white space collapsed: its first *most* characters, however much there is.

    The text of a link or button ends where the next one begins inside it, as in browsers: so each text of a page is
    looked at once, however many of them are never closed.
    """
    if element.tag == "a" and next(islice(element.iter(*_NEVER_NESTED), 1, None), None) is None:  # nearly every link
        said = etree.tostring(element, method="text", encoding="unicode", with_tail=False)
        return " ".join(said[:_SAID_CHARACTERS].split())[:most]
    pieces: list[str] = []
    length, gap = 0, False
    for piece in islice(_pieces(element), _MOST_STEPS):
        words = " ".join(piece[:_PIECE_CHARACTERS].split())
        if words:
            spaced = " " if pieces and (piece[0].isspace() or gap) else ""
            pieces.append(spaced + words)
            length += len(words) + len(spaced)
            gap = piece[-1].isspace()
            if length >= most:
                break
        elif piece:
            gap = True
    return "".join(pieces)[:most]


def _pieces(element: Any) -> Iterable[str]:
    """The texts in it, in order."""
    if not len(element):
        return (element.text or "",)
    for child in element:
        if len(child) or child.tag in _NEVER_NESTED or not isinstance(child.tag, str):
            return _walked(element)
    texts: Iterable[str] = element.itertext()
    return texts


def _walked(element: Any) -> Iterator[str]:
    tag = element.tag if element.tag in _NEVER_NESTED else None
    for event, each in islice(etree.iterwalk(element, events=("start", "end", "comment", "pi")), _MOST_STEPS):
        if event == "start":
            if each.tag == tag and each is not element:
                return
            if each.text:
                yield each.text
        elif each is not element and each.tail:
            yield each.tail
