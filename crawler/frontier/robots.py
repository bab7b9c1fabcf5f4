"""robots.txt by RFC 9309: what a file allows, what an answer for it means, and one fetch of it per origin and day.

Protego reads the rules. Before that, the text is brought into the form that Google's reader would see: no byte order
mark, agent lines cut at the first space, no lines of unknown kinds, no line and no group that could only be an attack.

`Robots` and `robots_decision` are pure; `RobotsCache` is thin and safe from any thread.
"""

from __future__ import annotations

import codecs
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, Final

from protego import Protego

from crawler.clock import unix_now
from crawler.errors import CrawlError, RedirectError
from crawler.late_pattern import late_pattern
from crawler.quick_dataclass import quick_dataclass
from crawler.urls import origin_of

MAX_BYTES: Final = 500 * 1024  # what must be read at least. Source: RFC 9309 section 2.5
MAX_LINE_CHARACTERS: Final = 2083 * 8 - 1  # as in Google's reader: the longest URL of old browsers, with room
MAX_GROUP_AGENTS: Final = 1_000
MAX_RULES: Final = 200_000  # times the agents each stands for: 500 KiB could ask for hundreds of millions

_KEEP_S: Final = 24 * 3600.0  # Source: RFC 9309 section 2.4
_UNREACHABLE_S: Final = 300.0
_WAIT_S: Final = 180.0

_LINE_END: Final = late_pattern(r"\r\n|\n|\r")
_AGENT_LINE: Final = late_pattern(r"(?:user[- ]?agent)(?:\s*:\s*|\s+)([^#]*)", re.IGNORECASE)
_SITE_LINE: Final = late_pattern(r"site|host", re.IGNORECASE)  # not part of any group
_OTHER_RECORD: Final = late_pattern(r"crawl|request|visit", re.IGNORECASE)  # no rule. Source: RFC 9309 section 2.2.4
_REFUSAL: Final = late_pattern(r"\s*di", re.IGNORECASE)  # "Disallow", in all its spellings
_REFUSED: Final = late_pattern(r"\s*di[a-z]+\s*:\s*(?:(/[^#\s]*)\s*)?(?:#.*)?", re.IGNORECASE)
_LITERAL: Final = late_pattern(r"[\w/.~-]*", re.ASCII)  # of a rule: up to what may mean something
_PLAIN: Final = late_pattern(r"https?://[^/?#]+(/[\w/.~&=?-]*)", re.ASCII)  # a URL that is compared as it is written
_ODD_LINE_END: Final = late_pattern("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")  # line ends for Protego only
_KNOWN_LINE: Final = late_pattern(
    r"(?:(?:user[- ]?agent|allow|diss?all?ow|dissalow|diasllow|disallaw|sitemaps?|site-map|crawl[- ]delay|"
    r"request[- ]rate|visit[- ]time|host)(?=[\s:])|[^:#]+:\s*/)",  # a path after the colon: meant as a rule
    re.IGNORECASE,
)


def _prepared(text: str) -> str:
    """*text* without what Protego takes differently than RFC 9309 and Google's reader, and bounded."""
    lines: list[str] = []
    group: list[str] = []  # the agent lines of the group that begins
    written = 0  # how many of them are in *lines*
    agents, rules, in_agents, is_split = 0, 0, False, False
    for line in _LINE_END.split(_ODD_LINE_END.sub(" ", text.removeprefix("\ufeff"))):
        line = line[:MAX_LINE_CHARACTERS].strip()
        if _KNOWN_LINE.match(line) is None:
            continue  # Protego would end a group at it. Source: RFC 9309 section 2.2.4
        agent = _AGENT_LINE.match(line)
        if agent is not None:
            if not in_agents:
                group, written, agents, in_agents, is_split = [], 0, 0, True, False
            agents += 1
            if agents <= MAX_GROUP_AGENTS:
                group += _agent_lines(line, agent[1].strip())
            continue
        if _SITE_LINE.match(line):
            lines.append(line)
            continue
        if in_agents:  # a delay belongs to the agents before it and does not end their list; a rule does
            is_rule = _OTHER_RECORD.match(line) is None
            lines += group if is_rule and is_split else group[written:]
            written, is_split, in_agents = len(group), True, not is_rule
        rules += min(agents, MAX_GROUP_AGENTS)
        if rules > MAX_RULES:
            break
        lines.append(line)
    if in_agents:  # a group without a rule is a group: its agents may fetch everything. Source: RFC 9309 section 5.1
        lines += group[written:]
    return "\n".join(lines)


def _agent_lines(line: str, name: str) -> list[str]:
    """An agent line, and one with the product token only where it has more."""
    token = re.split(r"[\s/]", name, maxsplit=1)[0]
    if token and token != name and token.lower() != "mozilla":  # every browser begins with that word
        return [line, f"User-agent: {token}"]
    return [line]


class Robots:
    """The rules of one robots.txt. Immutable; safe from any thread.

    Attributes:
        unreachable: The file could not be asked for: everything is refused for now.
        status: For an unreachable one: of the answer, or None when there was none.
        cause: For an unreachable one: why there was no answer; None when there was one.
    """

    def __init__(self, text: str) -> None:
        prepared = _prepared(text)
        self._rules: Protego | None = Protego.parse(prepared)
        self._refused = _refused(prepared)
        self._otherwise = True
        self.unreachable = False
        self.status: int | None = None
        self.cause: BaseException | None = None

    @classmethod
    def without_rules(cls, *, allowed: bool, status: int | None = None, cause: BaseException | None = None) -> Robots:
        """Rules that allow everything, or that refuse everything because the file is unreachable."""
        made = cls.__new__(cls)
        made._rules, made._refused = None, ()
        made._otherwise, made.unreachable = allowed, not allowed
        made.status, made.cause = (None, None) if allowed else (status, cause)
        return made

    def allows(self, agent: str, url: str) -> bool:
        """Whether *agent*, a product token or a whole User-Agent, may fetch *url*."""
        if self._rules is None:
            return self._otherwise
        if self._refused is not None:
            plain = _PLAIN.fullmatch(url)
            if plain is not None and not plain[1].startswith(self._refused):
                return True
        return bool(self._rules.can_fetch(url, agent))

    def delay(self, agent: str) -> float | None:
        """The Crawl-delay for *agent* in seconds, 0 or more; None when there is none."""
        found = None if self._rules is None else self._rules.crawl_delay(agent)
        return None if found is None else float(found)

    @property
    def sitemaps(self) -> list[str]:
        """The sitemaps named, in order, as written: check where they lead before fetching one."""
        return [] if self._rules is None else list(self._rules.sitemaps)


def _refused(text: str) -> tuple[str, ...] | None:
    """The beginnings of all paths that any rule may refuse to any agent; None when they cannot be told.

    Most pages of a site are under none of these, and matching all rules costs 20 times as much as seeing that.
    """
    beginnings: set[str] = set()
    for line in text.split("\n"):
        if not _REFUSAL.match(line):
            continue
        found = _REFUSED.fullmatch(line)
        if found is None:
            return None
        if found[1]:
            literal = _LITERAL.match(found[1])
            beginnings.add(literal[0] if literal else "")
    return tuple(beginnings)


def decoded(body: bytes) -> str:
    """The text of a robots.txt: the first 500 KiB, whole lines only; bytes that are not UTF-8 are replaced.

    Some editors save UTF-16: it is read, too.
    """
    charset = "utf-16" if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    if body[1::2][:200].count(0) > 20:
        charset = "utf-16-le"
    elif body[::2][:200].count(0) > 20:
        charset = "utf-16-be"
    text = body[:MAX_BYTES].decode(charset, "replace").removeprefix("\ufeff")
    if len(body) > MAX_BYTES:  # half of "Disallow: /private/" may be "Disallow: /"
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1]
    return text


def robots_decision(status: int | None, body: bytes | None = None, error: BaseException | None = None) -> Robots:
    """What an answer for robots.txt means.

    Args:
        status: Of the final answer, or None when there was none.
        body: Of the final answer.
        error: Why there was no answer.
    Returns:
        2xx: its rules. 3xx, 4xx, or too many redirects: everything allowed. 429, 5xx, anything else: everything refused
        and `Robots.unreachable`. (429 counts as unreachable: a server that asks for quiet is not asking to be crawled.)

    Source: RFC 9309 section 2.3.1.
    """
    if error is not None or status is None:
        return Robots.without_rules(allowed=isinstance(error, RedirectError), cause=error)
    if 200 <= status < 300:
        return Robots(decoded(body or b""))
    return Robots.without_rules(allowed=300 <= status < 500 and status != 429, status=status)


@quick_dataclass
class RobotsRecord:
    """What was learned about one origin; plain values that a store can keep.

    Attributes:
        origin: As `crawler.urls.origin_of` writes it.
        fetched_at_s: Seconds since 1970 by the clock of the cache.
        status: Of the answer; None: no answer; 310: more redirects than we follow.
        text: The decoded file; "" unless status is 2xx.
    """

    origin: str
    fetched_at_s: float
    status: int | None
    text: str

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> RobotsRecord:
        """The opposite of `to_dict`. Raises KeyError, TypeError or ValueError for rows that are not ours."""
        status = row["status"]
        return cls(
            str(row["origin"]), float(row["fetched_at_s"]), None if status is None else int(status), str(row["text"])
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON or a table."""
        return asdict(self)

    def robots(self) -> Robots:
        """The rules that follow from it."""
        return robots_decision(self.status, self.text.encode())


@quick_dataclass(frozen=False)
class _Entry:
    record: RobotsRecord
    robots: Robots
    ask_again_at_s: float


class _RobotsFlight:
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.robots = Robots.without_rules(allowed=False)  # what waiters get when the fetch never ends


class RobotsCache:
    """robots.txt of many origins, each fetched once however many threads ask. Safe from any thread.

    Rules are kept for a day. An unreachable file is asked for again after some minutes; until then its last known rules
    hold, or, without any, everything is refused (RFC 9309 sections 2.3.1.4 and 2.4).
    """

    def __init__(
        self,
        fetch: Callable[[str], tuple[int, bytes]],
        *,
        clock: Callable[[], float] = unix_now,
        keep_s: float = _KEEP_S,
        unreachable_s: float = _UNREACHABLE_S,
        wait_s: float = _WAIT_S,
        max_origins: int = 10_000,
    ) -> None:
        """Make an empty cache.

        Args:
            fetch: From the URL of a robots.txt to status and body of the final answer: redirects followed (five at
                most, then `RedirectError`), no credentials of any session sent. Without an answer: `CrawlError`.
            clock: Seconds since 1970.
            keep_s: How long rules are good.
            unreachable_s: How long until an unreachable file is asked for again.
            wait_s: Longest wait for a fetch that another thread is doing.
            max_origins: The least recently used above this number are forgotten.
        """
        self._fetch, self._clock = fetch, clock
        self._keep_s, self._unreachable_s, self._wait_s = keep_s, unreachable_s, wait_s
        self._max_origins = max_origins
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._flights: dict[str, _RobotsFlight] = {}
        self._lock = threading.Lock()  # guards _entries and _flights; never held while fetching or parsing

    def get(self, url: str) -> Robots:
        """The rules for the origin of *url*, fetched if they must be. Raises `InvalidURL`."""
        origin = origin_of(url)
        with self._lock:
            entry = self._entries.get(origin)
            if entry is not None and self._clock() < entry.ask_again_at_s:
                self._entries.move_to_end(origin)
                return entry.robots
            flight = self._flights.get(origin)
            mine = flight is None
            if flight is None:
                flight = self._flights[origin] = _RobotsFlight()
        if not mine:
            flight.landed.wait(self._wait_s)
            return flight.robots
        try:
            flight.robots = self._learn(origin, entry)
            return flight.robots
        finally:  # also when the fetch failed in a way nobody foresaw: the next caller tries again
            with self._lock:
                del self._flights[origin]
            flight.landed.set()

    def allows(self, agent: str, url: str) -> bool:
        """Whether *agent* may fetch *url*; fetches robots.txt if it must. Raises `InvalidURL`."""
        return self.get(url).allows(agent, url)

    def _learn(self, origin: str, known: _Entry | None) -> Robots:
        status: int | None
        cause: CrawlError | None = None
        try:
            status, body = self._fetch(f"{origin}/robots.txt")
        except RedirectError:
            status, body = 310, b""
        except CrawlError as error:
            status, body, cause = None, b"", error
        good = status is not None and 200 <= status < 300
        record = RobotsRecord(origin, self._clock(), status, decoded(body) if good else "")
        self._keep(record, known, cause)
        with self._lock:
            entry = self._entries.get(origin)
        return entry.robots if entry is not None else record.robots()

    def _keep(self, record: RobotsRecord, known: _Entry | None, cause: CrawlError | None = None) -> None:
        robots = record.robots() if cause is None else Robots.without_rules(allowed=False, cause=cause)
        if robots.unreachable:
            kept = known if known is not None and not known.robots.unreachable else _Entry(record, robots, 0.0)
            entry = _Entry(kept.record, kept.robots, record.fetched_at_s + self._unreachable_s)
        else:
            entry = _Entry(record, robots, record.fetched_at_s + self._keep_s)
        with self._lock:
            self._entries[record.origin] = entry
            self._entries.move_to_end(record.origin)
            while len(self._entries) > self._max_origins:
                self._entries.popitem(last=False)

    def dump(self) -> list[RobotsRecord]:
        """What is known now, least recently used first."""
        with self._lock:
            return [entry.record for entry in self._entries.values()]

    def load(self, records: Iterable[RobotsRecord]) -> None:
        """Take over what `dump` gave, perhaps in an earlier process; newer knowledge stays."""
        for record in records:
            with self._lock:
                known = self._entries.get(record.origin)
            if known is None or known.record.fetched_at_s < record.fetched_at_s:
                self._keep(record, known)
