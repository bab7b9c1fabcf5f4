"""Sitemaps and feeds: XML, gzip or plain text in, a bounded list of URLs out. Pure; safe from any thread.

The XML is read as a stream of events without a tree, so memory does not grow with the file. Nothing outside the file is
ever read: no DTD, no entity, no network; a file that declares entities is refused, since a sitemap has no use for them.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import field
from itertools import chain
from typing import Any, Final, Literal, cast

from lxml import etree

from crawler.errors import BadAnswer, InvalidURL
from crawler.pages.sitemap_bytes import decoded, numbered
from crawler.quick_dataclass import quick_dataclass
from crawler.url_users import note_users
from crawler.urls import MAX_CHARACTERS, absolute, canonical, host_of, site_of

MAX_BYTES: Final = 50 * 1024 * 1024  # decoded. Source: sitemaps.org protocol, which allows 50 MiB and 50,000 entries
MAX_ENTRIES: Final = 50_000
MAX_ELEMENTS: Final = 4_000_000  # 50,000 entries with their translations come to half as many
MAX_NESTING: Final = 3  # the protocol allows no index in an index; some sites have one

_KINDS: Final = {"urlset": "urlset", "sitemapindex": "index", "rss": "urlset", "rdf": "urlset", "feed": "urlset"}
_CONTAINERS: Final = frozenset(("url", "sitemap", "item", "entry"))
_FIELDS: Final = {
    "loc": "loc",
    "link": "loc",  # RSS and Atom
    "lastmod": "lastmod",
    "guid": "guid",  # RSS: the address of a page, unless it says that it is not
    "pubdate": "lastmod",
    "updated": "lastmod",
    "changefreq": "changefreq",
    "priority": "priority",
}
_ENTITY: Final = tuple("<!ENTITY".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_LONGEST_MARK: Final = max(map(len, _ENTITY))

_IN_ROBOTS: Final = re.compile(r"^\ufeff?[ \t]*site-?maps?[ \t]*:[ \t]*([^\s#]\S*)", re.IGNORECASE | re.MULTILINE)

Kind = Literal["urlset", "index"]


@quick_dataclass
class SitemapEntry:
    """One URL of a sitemap.

    Attributes:
        loc: Absolute URL in WHATWG form.
        lastmod: Date as written, or "".
        changefreq: As written, or "".
        priority: 0 to 1, or None.
    """

    loc: str
    lastmod: str = ""
    changefreq: str = ""
    priority: float | None = None


@quick_dataclass
class Sitemap:
    """What a sitemap lists.

    Attributes:
        kind: "urlset": pages; "index": further sitemaps.
        entries: Without repetitions, in the order of the file.
        refused: How many were left out, by reason.
        warnings: What was wrong with the file, one sentence each.
    """

    kind: Kind
    entries: tuple[SitemapEntry, ...]
    refused: dict[str, int]
    warnings: tuple[str, ...]


def parse_sitemap(
    body: bytes, *, url: str, max_bytes: int = MAX_BYTES, site: str | None = None, nesting: int = 0
) -> Sitemap:
    """Read a sitemap, a sitemap index, a feed or a list of URLs, gzipped or not.

    Args:
        body: The file, without any Content-Encoding.
        url: Where it came from.
        max_bytes: Most bytes after unzipping, 1 or more.
        site: Registrable domain that entries must belong to; None: that of *url*; "": any.
        nesting: How many indexes led here. From `MAX_NESTING` on an index yields nothing, so that an index which
            lists itself under ever new names comes to an end.
    Returns:
        At most `MAX_ENTRIES` entries. A broken file gives what precedes the damage, and a warning.
    Raises:
        TooLarge: More than *max_bytes* after unzipping.
        BadAnswer: It declares entities.
        InvalidURL: *url* is not a URL.
    """
    found = _Collector(url, site_of(host_of(url)) if site is None else site.lower())
    chunks = decoded(body, url, max_bytes, found.warnings)
    first = next((chunk for chunk in chunks if chunk.strip()), b"")
    start = first.lstrip(codecs.BOM_UTF8 + b" \t\r\n")[:4]
    if start.startswith((b"<", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, b"\0<")):
        _read_xml(first, chunks, url, found)
    else:
        _read_text(first, chunks, found)
    if found.kind == "index" and nesting >= MAX_NESTING:
        found.refused["index nested too deep"] += len(found.entries)
        found.entries.clear()
        found.warnings.append(f"an index below {nesting} other indexes is not followed")
    return Sitemap(found.kind, tuple(found.entries.values()), dict(found.refused), tuple(found.warnings))


class _Enough(Exception):
    """Thrown out of the parser when a limit is reached."""


class _Collector:
    """Takes raw entries, keeps the good ones."""

    def __init__(self, url: str, site: str) -> None:
        self.kind: Kind = "urlset"
        self.entries: dict[str, SitemapEntry] = {}
        self.refused: Counter[str] = Counter()
        self.warnings: list[str] = []
        self._url, self._own_key, self._site = url, canonical(url), site
        self._own_address, _, query = self._own_key.partition("?")
        self._has_query = bool(query)

    def add(self, raw: dict[str, str]) -> None:
        loc = raw.get("loc", "").strip() or raw.get("guid", "").strip()
        if not loc:
            self.refused["no URL"] += 1
            return
        try:
            note_users(self.warnings, loc)
            loc = absolute(self._url, loc)
            key = canonical(loc)
        except InvalidURL as error:
            self.refused[error.why] += 1
            return
        if self._site and site_of(host_of(loc)) != self._site:
            self.refused["off-site"] += 1
        elif key == self._own_key or self._is_next_of_many(key):
            self.refused["points at itself"] += 1
        elif key in self.entries:
            self.refused["listed twice"] += 1
        else:
            self.entries[key] = SitemapEntry(
                loc, raw.get("lastmod", "").strip()[:64], raw.get("changefreq", "").strip()[:16], _priority(raw)
            )
            if len(self.entries) >= MAX_ENTRIES:
                self.warnings.append(f"cut after {MAX_ENTRIES} entries")
                raise _Enough

    def _is_next_of_many(self, key: str) -> bool:
        """``/map?n=2`` in the index ``/map?n=1``. In ``/map`` it is accepted: an index in parts."""
        return self.kind == "index" and self._has_query and key.partition("?")[0] == self._own_address


def _priority(raw: dict[str, str]) -> float | None:
    try:
        value = float(raw["priority"][:16])
    except (KeyError, ValueError):
        return None
    return value if 0 <= value <= 1 else None


def sitemaps_of_robots(text: str) -> list[str]:
    """The sitemaps that a robots.txt names, in order, as written."""
    return _IN_ROBOTS.findall(text)[:MAX_ENTRIES]


def _read_text(first: bytes, chunks: Iterator[bytes], found: _Collector) -> None:
    text = codecs.getincrementaldecoder("utf-8-sig")("replace")
    rest = text.decode(first)
    try:
        for chunk in chunks:
            *lines, rest = (rest + text.decode(chunk)).splitlines() or [""]
            for line in lines:
                _add_line(line, found)
            rest = rest[: MAX_CHARACTERS + 1]  # a line without end is no URL
        for line in (rest + text.decode(b"", final=True)).splitlines():
            _add_line(line, found)
    except _Enough:
        pass
    if not found.entries:
        found.warnings.append("neither XML nor a list of URLs")


def _add_line(line: str, found: _Collector) -> None:
    line = line.strip()
    if line.lower().startswith(("http://", "https://")):
        found.add({"loc": line})
    elif line and not line.startswith("#"):
        found.refused["not an absolute URL"] += 1


@quick_dataclass(frozen=False)
class _Events:
    """Called by lxml while it reads: no tree is built."""

    found: _Collector
    depth: int = 0
    elements: int = 0
    root: str = ""
    entry: dict[str, str] | None = None
    entry_depth: int = 0
    container: str = ""
    field_name: str = ""
    pieces: list[str] = field(default_factory=list)
    characters: int = 0
    field_depth: int = 0
    space: str = ""  #: namespace of the root
    more: list[str] = field(default_factory=list)  #: further loc of an entry
    containers: Counter[str] = field(default_factory=Counter)

    def start(self, tag: str, attributes: Any) -> None:
        self.depth += 1
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            self.found.warnings.append(f"cut after {MAX_ELEMENTS} elements")
            raise _Enough
        space, _, name = tag.rpartition("}")
        name = name.lower()
        if self.depth == 1:
            self.root, self.space = name, space
            self.found.kind = "index" if _KINDS.get(name) == "index" else "urlset"
            if name not in _KINDS:
                self.found.warnings.append(f"<{name[:40]}> is no sitemap")
                raise _Enough
        elif name in _CONTAINERS and (self.entry is None or name == self.container or self.container == "loc"):
            if self.entry is not None:  # the end of the last one is missing
                self.end_of_field()
                self.end_of_entry()
            self.entry, self.entry_depth, self.container = {}, self.depth, name
            self.containers[name] += 1
        elif self.entry is None:
            if name == "loc":  # around which url or sitemap is missing
                self.entry, self.entry_depth, self.container = {}, self.depth - 1, name
                self.begin_field(name, self.depth)
        elif self.depth == self.entry_depth + 1:  # deeper ones belong to images, videos and authors
            self.begin_field("" if attributes.get("isPermaLink") == "false" else _FIELDS.get(name, ""), self.depth)
            relation = attributes.get("rel", "alternate")
            if name == "link" and attributes.get("href") and relation == "alternate":
                self.entry.setdefault("loc", attributes["href"])  # Atom
        elif name == "loc" and space == self.space and self.container in ("url", "sitemap"):
            self.begin_field("loc", self.depth)

    def begin_field(self, name: str, depth: int) -> None:
        self.field_name, self.field_depth, self.pieces, self.characters = name, depth, [], 0

    def data(self, text: str) -> None:
        if self.field_name and self.depth == self.field_depth and self.characters <= MAX_CHARACTERS:
            self.pieces.append(text)
            self.characters += len(text)

    def end(self, tag: str) -> None:
        if self.entry is not None:
            if self.field_name and self.depth == self.field_depth:
                self.end_of_field()
            if self.depth == self.entry_depth + (self.container == "loc"):
                self.depth -= 1
                self.end_of_entry()
                return
        self.depth -= 1

    def end_of_field(self) -> None:
        text = "".join(self.pieces)
        if self.entry is not None and self.field_name and text.strip():
            if self.field_name == "loc" and "loc" in self.entry and self.container in ("url", "sitemap"):
                self.more.append(text)  # several in one entry: each is a page
            else:
                self.entry.setdefault(self.field_name, text)
        self.field_name, self.pieces = "", []

    def end_of_entry(self) -> None:
        entry, self.entry = self.entry, None
        more, self.more = self.more, []
        for each in (entry or {}, *({"loc": text} for text in more)):
            self.found.add(each)

    def kind(self) -> Kind:
        """What it lists: decided by its entries where all of them contradict the root."""
        if set(self.containers) == {"sitemap"}:
            return "index"
        if set(self.containers) == {"url"}:
            return "urlset"
        if self.containers["sitemap"] and self.containers["url"]:
            other = "url" if self.found.kind == "index" else "sitemap"
            self.found.warnings.append(f"{self.containers[other]} <{other}> in a file of the other kind")
        return self.found.kind

    def close(self) -> None:
        return None


def _read_xml(first: bytes, chunks: Iterator[bytes], url: str, found: _Collector) -> None:
    events = _Events(found)
    parser = etree.XMLParser(
        target=cast(Any, events), recover=True, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    pieces: Iterable[bytes] = chain((first.removeprefix(codecs.BOM_UTF8).lstrip(),), chunks)
    if not first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" not in first[:4]:
        pieces = numbered(pieces)
    try:
        _feed(parser, pieces, url)
    except _Enough:
        return
    except etree.LxmlError as error:
        found.warnings.append(f"broken XML: {str(error)[:200]}")
        return
    finally:
        found.kind = events.kind()
    if not events.root:
        found.warnings.append("no XML element in it")
    elif events.depth > 0:
        found.warnings.append("the XML ends too early")
    elif parser.feed_error_log:
        found.warnings.append(f"broken XML: {parser.feed_error_log[0].message[:200]}")


def _feed(parser: Any, pieces: Iterable[bytes], url: str) -> None:
    seen = b""
    for piece in pieces:
        seen = seen[-_LONGEST_MARK:] + piece
        if any(mark in seen for mark in _ENTITY):
            raise BadAnswer(url, "a sitemap that declares entities is refused")
        parser.feed(piece)
    parser.close()
