"""Admission: from a Request that a callback yielded to a row for the frontier, or to a row with the rule that skips it.

Pure but for two bounded memories (hosts, known links), which are safe from any thread because a lost update only costs
another look.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from dataclasses import field, replace
from typing import Any

from crawler.clock import unix_now
from crawler.errors import InvalidURL, SpiderError
from crawler.frontier.endless_pagers import REASON, EndlessPagers
from crawler.frontier.guard import FOLLOWED_WHERE_NAMED
from crawler.frontier.known import KnownLinks
from crawler.frontier.trap_counts import TrapCounts
from crawler.habits import ignored_meta
from crawler.link_text import BY_SCRIPT_ALONE, about_link
from crawler.outcome import Found
from crawler.quick_dataclass import quick_dataclass
from crawler.render import Render, render_of
from crawler.response import SPREAD, Request
from crawler.urls import absolute, canonical, fingerprint, fingerprint_of_gets, host_of, origin_of, redact

_MOST_TRAPPED = 10_000  #: rows of one rule against endless URLs
_NOT_GUARDED: Any = object()  # in the place of a link: its session is never logged in, and the guard is not asked


@quick_dataclass
class AdmissionRules:
    """Which found requests get a row.

    Attributes:
        domains: Hosts that may be fetched, with their subdomains; empty: any.
        default_session: Name for requests that name none.
        max_depth: 0 for no limit.
        guard: ``(url, link_text, rel) -> reason or None``; asked for requests of logged-in sessions.
        traps: ``(url, depth, now) -> reason or None``.
        guarded: ``session name -> bool``: whether the guard is asked.
        own_slots: Sessions that politeness counts by themselves on each host.
        upgraded: Hosts for which plain http links become https ones; may grow. None: links stay as they are.
        host_full: ``(host, fingerprint, fingerprints of it admitted in this process) -> reason or None``; asked once
            for each request that is admitted.
        counts: What `traps` and `host_full` count with.
        pagers: The rule against pagers without an end; None for none.
    """

    domains: Iterable[str]
    default_session: str
    max_depth: int = 0
    guard: Callable[[str, str, str], str | None] | None = None
    traps: Callable[[str, int, float], str | None] | None = None
    guarded: Callable[[str], bool] = lambda session: True
    own_slots: frozenset[str] = frozenset()
    upgraded: Container[str] | None = None
    host_full: Callable[[str, bytes, Collection[bytes]], str | None] | None = None
    counts: TrapCounts = field(default_factory=TrapCounts)
    pagers: EndlessPagers | None = None


class Admission:
    """Decides about found requests. Safe from any thread.

    Attributes:
        known: Links that need no row, as far as this process remembers them.
        ignored: Keys of Scrapy's meta that have no effect here, to the number of requests that have them.
    """

    def __init__(self, rules: AdmissionRules) -> None:
        self._domains = tuple(domain.lower() for domain in rules.domains)
        self._open = not self._domains  # no domain was named: only hosts of start requests belong
        self._rules, self._own_slots, self._upgraded = rules, rules.own_slots, rules.upgraded
        self._of_host: dict[str, set[bytes]] = {}  # fingerprints, only where their number is limited
        self._default_session, self._max_depth = rules.default_session, rules.max_depth
        self._guard, self._traps = rules.guard, rules.traps
        self._trapped: Counter[str] = Counter()
        self.unrecorded: dict[str, int] = {}  #: by rule against endless URLs: links left out without a row
        self.ignored = Counter[str]()
        self._hosts: dict[str, bool] = {}
        self.known = KnownLinks()

    def session_of(self, session: str | None) -> str:
        """The name of the session that sends a request which names *session*, or none."""
        return session or self._default_session

    def admit(self, request: Request, *, depth: int, session: str | None = None, parent: int = 0) -> Found | None:
        """The row for a request; None when it is known to be in the frontier already.

        Args:
            depth: Depth of the page on which it was found, plus one.
            session: Session to inherit.
            parent: The request on whose page it was found; of its requests with ``dont_filter`` those that differ are
                different rows.
        """
        if request.meta:
            self.ignored.update(ignored_meta(request.meta))
        name = request.session or session or self._default_session
        plain = request.method == "GET" and request.body is None and not request.dont_filter and request.file is None
        plain = plain and not request.render
        if plain and request.url in self.known.urls(name):
            return None
        url = request.url if self._upgraded is None else self._https(request.url, self._upgraded)
        key = canonical(url)
        body = request.body or b""
        if request.dont_filter:
            body += _again(request, parent)
        if request.render and isinstance(render := render_of(request.render), Render):  # not the plain page
            body += f"\x00render {json.dumps(render.dump())}".encode()
        if request.file is not None:  # each that is yielded becomes a row; the bytes are fetched once
            body += b"\x00file " + request.extras().encode()
        mark = fingerprint(request.method, key, body, name)
        if mark in self.known.fingerprints and not request.dont_filter:  # of those, equal ones are counted
            if plain:
                self.known.spelled(request.url, name, mark)
            return None
        skipped = ""
        if not (request.dont_filter and depth == 0):
            link = request.link if self._asks_guard(name) else _NOT_GUARDED
            skipped = self._rule(request.url, host_of(request.url), depth, link)
            if skipped == BY_SCRIPT_ALONE:
                mark = _by_script(key, name)
                if mark in self.known.fingerprints:
                    return None
        if self._rules.host_full is not None and not skipped:
            skipped = self._counted(mark, host_of(url))
        if skipped.startswith("trap") and not self._has_room(skipped):
            return None
        return Found(
            fingerprint=mark,
            url=url,
            slot=f"{slot_of(url)}#{name}" if name in self._own_slots else slot_of(url),
            session=name,
            callback=request.callback,
            priority=request.priority,
            depth=depth,
            extras=request.extras() if request.is_more_than_plain else "",
            skipped=skipped,
            parent=parent,
        )

    def admit_links(
        self, links: Iterable[tuple[str, Any]], callback: str, session: str, *, depth: int, parent: int
    ) -> Iterator[tuple[str, Found]]:
        """What `admit` says about plain links of one page, in less time: no `Request` is made for a link.

        Args:
            links: URLs in WHATWG form, not among those known, and what was followed (`Request.of_link`).
            callback: Name of a method, "" for `parse`.
            session: Name of the session that sends them.
            depth, parent: As in `admit`.
        Returns:
            The URL as it was given, and its row; none for what is known by another URL.
        """
        known, upgraded, mark_of = self.known, self._upgraded, fingerprint_of_gets(session)
        asks_guard, limited = self._asks_guard(session), self._rules.host_full is not None
        origin = host = slot = ""
        for url, link in links:
            sent = url if upgraded is None else self._https(url, upgraded)
            mark = mark_of(canonical(sent))
            if mark in known.fingerprints:
                known.spelled(url, session, mark)
                continue
            begin = sent[: sent.find("/", 8)]  # most links of a page lead to one site
            if begin != origin:
                origin, host = begin, host_of(sent)
                slot = f"{slot_of(sent)}#{session}" if session in self._own_slots else slot_of(sent)
            skipped = self._rule(url, host, depth, link if asks_guard else _NOT_GUARDED)
            if skipped == BY_SCRIPT_ALONE:
                mark = _by_script(canonical(sent), session)
                if mark in known.fingerprints:
                    continue
            if limited and not skipped:
                skipped = self._counted(mark, host)
            if skipped and skipped.startswith("trap") and not self._has_room(skipped):
                continue
            yield url, Found(mark, sent, slot, session, callback, 0, depth, "", skipped, parent)

    @staticmethod
    def _https(url: str, hosts: Container[str]) -> str:
        """The https form of a plain link to a host that is known to speak it; other ports are other services."""
        if url.startswith("http://") and origin_of(url).endswith(":80") and host_of(url) in hosts:
            return absolute("", f"https{url[4:]}")
        return url

    def _has_room(self, rule: str) -> bool:
        """Whether a rule against endless URLs gets one more row; without a limit these would fill the disk."""
        self._trapped[rule] += 1
        if self._trapped[rule] <= _MOST_TRAPPED:
            return True
        self.unrecorded[rule] = self._trapped[rule] - _MOST_TRAPPED
        return False

    def _counted(self, mark: bytes, host: str) -> str:
        """The rule against one more page of *host*, or "" when the page is admitted."""
        admitted = self._of_host.setdefault(host, set())
        if mark in admitted:
            return ""
        reason = self._rules.host_full(host, mark, admitted) if self._rules.host_full is not None else None
        if reason:
            return f"trap: {reason}"
        admitted.add(mark)
        return ""

    def admit_all(
        self, requests: Iterable[Request], *, depth: int, session: str | None = None, joined: Joined | None = None
    ) -> list[Found]:
        """Rows for several requests, without those that are known or occur twice.

        Args:
            joined: Counts those with ``dont_filter`` that occur twice.
        """
        found: dict[bytes, Found] = {}
        for request in requests:
            row = self.admit(request, depth=depth, session=session)
            if row is not None:
                found.setdefault(row.fingerprint, row)
                if joined is not None:
                    joined.note(request, row)
        return list(found.values())

    def after_page(
        self, url: str, found: Sequence[Found], items: list[Any], text: Callable[[], str]
    ) -> Sequence[Found]:
        """What a page leads to, once it is known what it brought (`EndlessPagers.refuses`)."""
        pagers = self._rules.pagers
        if pagers is None or not pagers.refuses(url, (row.url for row in found if not row.skipped), items, text):
            return found
        return [row if row.skipped else replace(row, skipped=f"trap: {REASON}") for row in found]

    def forget(self) -> None:
        """Forget what was remembered: it may no longer be true."""
        self.known.forget()

    def remember(self, committed: Iterable[Found]) -> None:
        """These are in the frontier now: links to them need no row."""
        self.known.learn(committed)

    @property
    def counts(self) -> TrapCounts:
        """What is counted against endless URLs."""
        return self._rules.counts

    @property
    def domains(self) -> tuple[str, ...]:
        """The hosts that belong to the crawl."""
        return self._domains

    def belongs(self, host: str) -> None:
        """A start request goes to *host*: it belongs to the crawl when the spider names no domains."""
        if self._open and host not in self._domains:
            self._domains = (*self._domains, host)
            self._hosts = {}

    def allows_host(self, host: str) -> bool:
        """Whether a host belongs to the crawl."""
        known = self._hosts.get(host)
        if known is None:
            known = not self._domains or any(host == each or host.endswith("." + each) for each in self._domains)
            if len(self._hosts) < 100_000:
                self._hosts[host] = known
        return known

    def _asks_guard(self, session: str) -> bool:
        return self._guard is not None and (session == SPREAD or self._rules.guarded(session))

    def _rule(self, url: str, host: str, depth: int, link: Any) -> str:
        """The rule against a URL, or "".

        Args:
            link: What was followed, or its text and rel; `_NOT_GUARDED` where the guard is not asked.
        """
        if not self.allows_host(host):
            return "off-site"
        if self._max_depth and depth > self._max_depth:
            return f"depth: deeper than {self._max_depth}"
        if link is not _NOT_GUARDED and self._guard is not None:
            text, rel = link if isinstance(link, tuple) else about_link(link) if link is not None else ("", "")
            reason = self._guard(url, text, rel)
            is_given = depth == 0 and link is None  # by `start`
            if reason and not (is_given and reason.startswith(FOLLOWED_WHERE_NAMED)):
                return f"guard: {reason}"
        if self._traps is not None:
            reason = self._traps(url, depth, unix_now())
            if reason:
                return f"trap: {reason}"
        return ""


class Joined:
    """Counts requests with ``dont_filter`` that are equal to one before, of one page or of `start`. For one thread.

    Attributes:
        count: How many are not sent, since an equal one is.
    """

    def __init__(self) -> None:
        self.count = 0
        self._marks: set[bytes] = set()

    def note(self, request: Request, row: Found) -> None:
        """Note a request that is admitted."""
        if request.dont_filter:
            self.count += row.fingerprint in self._marks
            self._marks.add(row.fingerprint)

    def told(self, giver: str) -> tuple[str, ...]:
        """What is reported about them, in one line; none where all differ. *giver*: "page"."""
        if not self.count:
            return ()
        are = "request with dont_filter is" if self.count == 1 else "requests with dont_filter are"
        return (f"{self.count:,} {are} equal to another one of the same {giver}, and not sent",)


def _again(request: Request, parent: int) -> bytes:
    """What tells a request with ``dont_filter`` from others for its URL: who gives it, and all that it has of its own.

    One that has nothing of its own keeps the mark that older versions have stored.
    """
    own = json.loads(request.extras())
    for told in ("dont_filter", "method", "body", *(("render",) if request.render else ())):  # by other parts of it
        own.pop(told, None)
    if request.callback not in ("", "parse"):
        own["callback"] = request.callback
    if request.priority:
        own["priority"] = request.priority
    mark = b"\x00again " + (str(parent) if parent else "").encode()
    return mark + b" " + json.dumps(own, sort_keys=True).encode() if own else mark


def _by_script(key: str, session: str) -> bytes:
    """The fingerprint of a link that a script sends: not that of the page that other links to its address lead to."""
    return fingerprint("GET", key, b"\x00by script", session)


def slot_of(url: str) -> str:
    """The key under which politeness counts a URL: its host, with the port where it is not the scheme's own."""
    start = url.index("//") + 2
    end = url.find("/", start)
    authority = url[start:] if end < 0 else url[start:end]
    return authority.rpartition("@")[2].partition("?")[0]


def allowed_hosts(given: Iterable[object] | str) -> tuple[str, ...]:
    """`allowed_domains` as people write them: hosts, also with scheme, port, wildcard or final dot.

    Args:
        given: The list of a spider, or the text of an argument (``-a allowed_domains=a.example,b.example``).
    Returns:
        Hosts in their canonical form. A port is left out: a host belongs to the crawl with all its ports.
    Raises:
        SpiderError: An entry is not a host, or says more than a host can; the message gives the right spelling.
    """
    entries = [each for each in re.split(r"[\s,]+", given) if each] if isinstance(given, str) else list(given)
    return tuple(dict.fromkeys(_allowed_host(each) for each in entries))


def _allowed_host(entry: object) -> str:
    text = entry.strip() if isinstance(entry, str) else ""
    bare = re.sub(r"\A(?:https?:)?//", "", text, flags=re.IGNORECASE)
    place, _, rest = bare.partition("/")
    if place.count(":") > 1 and not place.startswith("["):  # an IPv6 address without brackets
        place = f"[{place}]"
    place = place.removeprefix("*").removeprefix(".")
    try:
        if not place or "@" in place or "*" in place or place.startswith(":"):
            raise InvalidURL(text)
        host = host_of(absolute("", f"http://{place}/")).removesuffix(".")
    except InvalidURL:
        shown = redact(str(entry)).rpartition("@")[2]
        raise SpiderError(
            f"allowed_domains: {shown!r} is not a host; write hosts such as 'shop.example', which includes its"
            " subdomains"
        ) from None
    if rest or "?" in place or "#" in place:
        raise SpiderError(
            f"allowed_domains: {redact(text)!r} names a page, but a host is needed: write {host!r}; which pages of it"
            " are followed is for the callbacks (or the rules) to say"
        )
    return host


def domains_of(allowed: Iterable[str], urls: Iterable[Any]) -> list[str]:
    """The hosts of a crawl: what the spider allows, or the hosts of its start URLs."""
    return list(allowed) or sorted({host_of(str(url)) for url in urls})
