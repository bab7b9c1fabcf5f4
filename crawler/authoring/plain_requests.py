"""From a rendered page to the plain requests that would make the browser unnecessary. Pure.

Content that scripts have put on a page usually comes from one or two answers with JSON. We count how many of the
texts on the rendered page that are not in its document are in each of these answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response
from crawler.urls import is_secret_name, redact

_SHORTEST: Final = 2  #: characters of a text that can show where it came from
_INSIDE: Final = 4  #: characters of a value that is looked for inside a text
_MOST_TEXTS: Final = 5_000
_MOST_VALUES: Final = 50_000
_ENOUGH: Final = 0.1  #: share of the texts for which another request is worth suggesting
_TEXTS: Final = (
    "//body//text()[normalize-space() and not(parent::script or parent::style or parent::noscript or parent::template)]"
)
_USUAL: Final = frozenset({"accept", "content-type", "origin", "referer", "user-agent"})

Path = tuple[str | int, ...]


@quick_dataclass
class PlainRequest:
    """A request whose answer contains text that scripts have shown.

    Attributes:
        answer: The answer, with `asked`: the request of the page.
        count: Number of the page's texts that are in it.
        path: Keys that lead to most of them in its JSON.
        signed: Names of the headers with which scripts sign it; their values do not belong in a spider's code.
    """

    answer: Response
    count: int
    path: Path
    signed: tuple[str, ...] = ()

    def code(self) -> str:
        """The line that makes the request in a spider."""
        asked = self.answer.asked
        assert asked is not None
        parts = [repr(asked.url), "self.parse_data"]
        if asked.method != "GET":
            parts.append(f"method={asked.method!r}")
        headers = {
            name: value
            for name, value in (asked.headers or {}).items()
            if value and name not in self.signed and (name not in _USUAL or (name == "content-type" and asked.body))
        }
        if headers:
            parts.append(f"headers={headers!r}")
        if asked.body:
            parts.append(f"body={asked.body.decode('utf-8', 'replace')!r}")
        return f"yield Request({', '.join(parts)})"

    def place(self) -> str:
        """Where the texts are in the answer, as code."""
        if not _is_json(self.answer):
            return "response.css(...)"
        return "response.json()" + "".join(f"[{key!r}]" for key in self.path)


@quick_dataclass
class Sources:
    """Where the content of a rendered page came from.

    Attributes:
        texts: Number of its texts that are not in its document.
        requests: Requests that contain some of them, best first; each one adds texts that the ones before lack.
    """

    texts: int
    requests: list[PlainRequest]

    @property
    def found(self) -> int:
        """Number of texts that are in one of the answers."""
        return sum(each.count for each in self.requests)


def sources(document: Response, page: Response) -> Sources:
    """Where the texts of *page* that are not in *document* come from.

    Args:
        document: The page as received.
        page: The same after its scripts, with `requests`.
    """
    before = set(_texts(document))
    left = list(dict.fromkeys(text for text in _texts(page) if text not in before))
    total, found = len(left), list[PlainRequest]()
    answers = [each for each in page.requests if each.ok and each.asked is not None]
    while left and answers:
        looked = [(answer, *_hits(answer, left)) for answer in answers]
        best, hits, path = max(looked, key=lambda each: len(each[1]))
        if len(hits) < max(1, _ENOUGH * total):
            break
        found.append(PlainRequest(best, len(hits), path, _signed(best)))
        answers.remove(best)
        left = [text for text in left if text not in hits]
    return Sources(total, found)


def lines_for(found: Sources, same: Callable[[PlainRequest], bool | None] = lambda request: None) -> Iterator[str]:
    """What to tell the user about it.

    Args:
        same: Whether a request gives the same without a browser; None if that was not tried.
    """
    if not found.texts:
        yield "the page says the same without a browser: leave `render` out"
        return
    if not found.requests:
        yield f"scripts have put {found.texts} texts on the page; none of the answers that they fetched contains them"
        return
    yield f"{found.found} of {found.texts} texts that scripts have put on the page are in answers that need no browser:"
    for each in found.requests:
        yield f"  {redact(each.code())}"
        yield f"      # {each.count} texts, in {each.place()}"
        if each.signed:
            names = ", ".join(each.signed)
            yield f"      # its scripts sign it with {names}: see BearerAuth.from_storage and `session.storage`"
        tried = same(each)
        if tried is not None:
            yield "      # tried without a browser: " + ("the same" if tried else "a different result")


def _texts(response: Response) -> Iterator[str]:
    if not response.is_html or not response.body:
        return
    for number, text in enumerate(response.xpath(_TEXTS).getall()):
        if number >= _MOST_TEXTS:
            return
        bare = " ".join(text.split())
        if len(bare) >= _SHORTEST:
            yield bare


def _is_json(answer: Response) -> bool:
    return answer.content_type.endswith("json") or answer.body[:1] in (b"{", b"[")


def _hits(answer: Response, wanted: Iterable[str]) -> tuple[set[str], Path]:
    """The texts in an answer, and the part of its JSON that has most of them."""
    values: dict[str, list[Path]] = {}
    for path, value in _values(answer):
        values.setdefault(value, []).append(path)
        if len(values) > _MOST_VALUES:
            break
    long = [value for value in values if len(value) >= _INSIDE]
    hits: set[str] = set()
    places: list[Path] = []
    for text in wanted:
        value = text if text in values else next((each for each in long if each in text), "")
        if value:
            hits.add(text)
            places += values[value][:1]
    return hits, _common(places)


def _values(answer: Response) -> Iterator[tuple[Path, str]]:
    if not _is_json(answer):
        yield from (((), text) for text in _texts(answer))
        return
    try:
        found = json.loads(answer.text)
    except (ValueError, RecursionError):
        return
    waiting: list[tuple[Path, Any]] = [((), found)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [((*path, str(key)), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, number), each) for number, each in enumerate(value)]
        elif value is not None and not isinstance(value, bool):
            text = " ".join(str(value).split())
            if len(text) >= _SHORTEST:
                yield path, text


def _common(paths: list[Path]) -> Path:
    """The keys that all of *paths* begin with, up to the list in which they differ."""
    if not paths:
        return ()
    shared: list[str | int] = []
    for keys in zip(*paths, strict=False):
        if len(set(keys)) > 1 or isinstance(keys[0], int):
            break
        shared.append(keys[0])
    return tuple(shared)


def _signed(answer: Response) -> tuple[str, ...]:
    headers = (answer.asked.headers or {}) if answer.asked is not None else {}
    return tuple(name for name, value in headers.items() if value and (name == "authorization" or is_secret_name(name)))
