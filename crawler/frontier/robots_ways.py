"""robots.txt fetched by the way that pages go: the same proxy, certificates, adapters and user agent.

A host that only a proxy knows, or that wants a client certificate, gives its robots.txt to requests that come the same
way, and its answer to one way does not hold for another. Sessions that go one way share its answers.
No credentials go along except a client certificate, to the origins of its session: without it there is no connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import field
from typing import Any

from requests.adapters import BaseAdapter

from crawler.frontier.robots import RobotsCache
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.urls import host_of

_AGAIN_S = 0.25  #: how long one answer serves all that ask; the door decides when to ask again


@quick_dataclass
class Way:
    """What the answer of a host may depend on. Its repr shows none of it.

    Attributes:
        agent: Product name that the rules refer to. Source: RFC 9309 section 2.2.1.
        proxies: Pairs of a requests' ``proxies``.
        verify, cert: As in requests.
        adapters: Prefixes and adapters that were mounted on the session.
    """

    agent: str
    proxies: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    verify: Any = field(default=True, repr=False)
    cert: Any = field(default=None, repr=False)
    adapters: tuple[tuple[str, BaseAdapter], ...] = field(default=(), repr=False)


def product_of(user_agent: Any) -> str:
    """The product name of a User-Agent; "*" for none."""
    text = user_agent.decode("latin-1") if isinstance(user_agent, bytes) else str(user_agent or "")
    return text.partition("/")[0].partition(" ")[0] or "*"


@quick_dataclass
class Answers:
    """What hosts have said to one way.

    Attributes:
        number: Of the way; 0 for the usual one.
        agent: Product name that the rules refer to.
        rules: By origin.
    """

    number: int
    agent: str
    rules: RobotsCache


class RobotsWays:
    """The rules of hosts, by the way that a session goes. Safe from any thread.

    Args:
        make: A session without credentials for a set of origins; they say where a client certificate may go.
        usual: The way of sessions that go as the settings say: its answers are kept for later runs.
        transport: The adapter that all sessions share.
    """

    def __init__(self, make: Callable[[Origins], Session], usual: Way, transport: BaseAdapter) -> None:
        self._make, self._transport = make, transport
        self._lock = threading.Lock()  # guards _ways
        self._ways: dict[Way, Answers] = {}
        self._latest: dict[Session, tuple[int, Answers]] = {}  # by the epoch: only a login step changes the way
        self.usual = self._added(usual, make(Origins())).rules

    def answers(self, session: Session) -> Answers:
        """The answers for the way of *session*, as its login step has left it."""
        latest = self._latest.get(session)
        if latest is not None and latest[0] == session.epoch:
            return latest[1]
        epoch, way = session.epoch, self._way(session)
        found = self._ways.get(way) or self._added(way, self._like(session, way))
        self._latest[session] = epoch, found
        return found

    def allows(self, session: Session, url: str) -> bool:
        """Whether *session* may fetch *url*; asks for robots.txt if it must."""
        answers = self.answers(session)
        return answers.rules.get(url).allows(answers.agent, url)

    def refusal(self, session: Session, url: str) -> str:
        """Why *session* may not fetch *url*, "" where it may; asks for robots.txt if it must."""
        answers = self.answers(session)
        rules = answers.rules.get(url)
        if rules.allows(answers.agent, url):
            return ""
        return f"robots.txt of {host_of(url)} cannot be read" if rules.unreachable else "robots"

    def _way(self, session: Session) -> Way:
        mounted = ((prefix, each) for prefix, each in session.adapters.items() if each is not self._transport)
        return Way(
            agent=product_of(session.headers.get("User-Agent")),
            proxies=tuple(session.proxies.items()),
            verify=session.verify,
            cert=session.cert,
            adapters=tuple(mounted),
        )

    def _like(self, session: Session, way: Way) -> Session:
        made = self._make(session.origins)
        if "User-Agent" in session.headers:
            made.headers["User-Agent"] = session.headers["User-Agent"]
        made.proxies, made.verify, made.cert = dict(way.proxies), way.verify, way.cert
        for prefix, adapter in way.adapters:
            made.mount(prefix, adapter)  # not ours: it is closed with the session that it was mounted on
        return made

    def _added(self, way: Way, asks: Session) -> Answers:
        def fetch(url: str) -> tuple[int, bytes]:
            response = asks.get(url)
            asks.cookies.clear()
            return response.status_code, response.body

        with self._lock:
            if way not in self._ways:
                rules = RobotsCache(fetch, unreachable_s=_AGAIN_S)
                self._ways[way] = Answers(len(self._ways), way.agent, rules)
            return self._ways[way]
