"""Sessions that cannot be used: they wait for a person, or the site refused them. What becomes of their requests.

A request that any session may send goes to another one, the others are parked: this run leaves them, and the next one
begins with them. While the run has other work it checks whether somebody has logged such a session in meanwhile
(``crawl login`` in another terminal); then its requests go on at once. Used by the scheduler's thread only.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Sequence

from crawler.errors import NeedsHuman, SessionError, SiteUnreachable
from crawler.events import LoginEnded, SessionParked
from crawler.outcome import Leased, Outcome, Verdict
from crawler.response import SPREAD
from crawler.sessions.login.ports import SESSION, Requests, SessionGates, Teller
from crawler.sessions.login.put_aside import as_stored
from crawler.sessions.login.states import LoginState
from crawler.sessions.pool import SessionPool

_trace = logging.getLogger("crawler.trace")  # shown with `--traceback`

LOOK_EVERY_S = 2.0
_BROUGHT_BACK = 5  #: how often requests of others are brought back before a page has come of it
_LINE_ENDS = re.compile(r"; (?:the next run goes on|continue with: crawl login .*)$", re.DOTALL)
_MANY = 1_000_000  #: a request that waits for a login weighs as much as so many that are under way


class UnusableSessions:
    """The sessions of a run that cannot be used.

    Attributes:
        failures: Why, by session.
        look_at: When to check next whether somebody has logged one in, seconds since 1970; None when there is none.
    """

    def __init__(
        self,
        pool: SessionPool,
        gates: SessionGates,
        teller: Teller,
        requests: Requests,
        spider_name: str,
        also: str = "",
    ) -> None:
        """*also* is what else a command that is proposed to a person needs."""
        self._pool, self._gates, self._teller, self._spider_name = pool, gates, teller, spider_name
        self._requests, self._also = requests, also
        self.failures: dict[str, SessionError] = {}
        self.look_at: float | None = None
        self._said: dict[str, str] = {}  # unusable session to its line of the summary
        self._brought: dict[str, list[int]] = {}  # session to its epoch, our pages, and how often others' were brought
        self._strangers: set[str] = set()  # sessions of stored requests that this run does not have

    def choose(self, leased: Leased, now: float, *, without: frozenset[str] = frozenset()) -> str:
        """The session that is to send a request. One that is logging in gets no more than what makes it log in.

        A request that any session may send never gets one that waits for a person while there is another, even when
        that may send nothing now: it would come back from there at once, again and again.

        Args:
            without: Sessions that may send nothing now, such as those whose quota is spent.
        """

        def least_busy(without: Collection[str]) -> str:
            return self._pool.choose(leased.session, now, without=without, waiting=self._waiting)

        name = least_busy(without.union(self._said) if without else self._said)
        others = len(self._said) < len(self._pool.names)
        return least_busy(self._said) if others and leased.session == SPREAD and name in self._said else name

    def _waiting(self, name: str) -> int:
        return _MANY * self._gates.held_by((SESSION, name))

    def names(self) -> list[str]:
        """Sessions whose waiting requests are to be parked; "spread" is one of them when none is left."""
        for_all = [SPREAD] if len(self._said) == len(self._pool.names) else []
        return [*self._said, *for_all, *self._strangers]

    def reason(self, name: str) -> str:
        """Why requests of one of `names` are put aside, as it is stored with them; "" where it is stored with none."""
        return as_stored({each: self.failures[each] for each in self._said if name in (each, SPREAD)})

    def park(self, leased: Sequence[Leased], name: str) -> None:
        """Put requests aside; those that any session may send go to one that still can."""
        others = len(self._said) < len(self._pool.names)
        self._requests.take_back([each for each in leased if others and each.session == SPREAD])
        parked = [each for each in leased if not (others and each.session == SPREAD)]
        why = self.reason(name)
        self._requests.settle([Outcome(each, Verdict.PARK, session_name=name, error=why) for each in parked])

    def stranger(self, leased: Leased, name: str) -> None:
        """A stored request belongs to a session that this run does not have: it is left for one that has it."""
        if name not in self._strangers:
            self._strangers.add(name)
            self._teller.summary.messages.append(
                f"requests of session {name!r} are left for a run that has it; this one has:"
                f" {', '.join(self._pool.names)}"
            )
        self._requests.settle([Outcome(leased, Verdict.PARK, session_name=name)])

    def bar(self, name: str, error: SessionError, now: float, elapsed_ms: float) -> None:
        """A session will not be ready by itself."""
        held = self._gates.barred((SESSION, name))
        if name not in self._said:  # otherwise a person tried, and it is no better
            self.failures[name] = error
            _trace.debug("the whole trace for session %s:", name, exc_info=error)
            ending = "human" if isinstance(error, NeedsHuman) else "refused"
            epoch = self._pool.manager(name).record.epoch
            self._teller.tell(LoginEnded(now, name, ending, epoch, elapsed_ms, error.why))
            command = self._say(name, error)
            if not isinstance(error, SiteUnreachable):
                self._teller.tell(SessionParked(now, name, error.why, command))
            self.look_at = now + LOOK_EVERY_S
        self.park(held, name)

    def _say(self, name: str, error: SessionError) -> str:
        """Put it into the summary. Returns the command that goes on."""
        if isinstance(error, SiteUnreachable):  # no person is needed
            command = f"crawl run {self._spider_name}{self._also}"
            why = f"the site could not be reached to log in ({error.why})"
            self._said[name] = f"session {name!r}: {why}; the next run goes on"
        else:
            browser = self._pool.manager(name).by_browser if name in self._pool.names else ""
            # without it, it would be held up, too
            insists = " --force" if "--force` tries at once" in error.why else ""
            command = f"crawl login {self._spider_name} --session {name}{browser}{insists}{self._also}"
            self._said[name] = f"{error}; continue with: {command}"
        self._teller.summary.messages.append(self._said[name])
        many = len(self._said) > 1 and len(self._said) == len(self._pool.names)  # one command is for all of them
        self._teller.summary.next_command = command.replace(f" --session {name}", "", 1) if many else command
        return command

    def met_elsewhere(self, failures: Iterable[SessionError]) -> None:
        """The run ends with requests that other processes have put aside for these reasons: reported as ours."""
        for error in failures:
            if error.session not in self._said:
                self.failures[error.session] = error
                self._say(error.session, error)

    def bring_back_of_others(self) -> int:
        """Bring back what other processes have put aside and a session that is good here can send.

        They may put it aside again before we have it. It is given up when a few times in one login have brought
        no page.

        Returns:
            The number of requests.
        """
        back = 0
        for name in self._pool.names if self._requests.parked() else ():
            record = self._pool.manager(name).record
            if name in self._said or record.state is not LoginState.READY:
                continue
            pages = self._teller.summary.pages
            tried = self._brought.setdefault(name, [record.epoch, pages, 0])
            if tried[:2] != [record.epoch, pages]:
                tried[:] = [record.epoch, pages, 0]
            if tried[2] < _BROUGHT_BACK:
                tried[2] += 1
                back += self._requests.bring_back(name) + self._requests.bring_back(SPREAD)
        return back

    def is_told(self, message: str) -> bool:
        """Whether a line of another process's summary is about a session for which ours has a line."""
        of_it = (name for name in self._said if message.startswith(f"session {name!r}: "))
        return any(of_it) and _LINE_ENDS.search(message) is not None

    def look(self, now: float) -> None:
        """Try those again whose stored state has moved: somebody has run ``crawl login``."""
        if self.look_at is None or now < self.look_at:
            return
        self.look_at = now + LOOK_EVERY_S
        for name in self._said:
            manager, gate = self._pool.manager(name), self._gates.get((SESSION, name))
            moved = gate.is_barred and (self._requests.session_version(manager.session.key) > manager.record.version)
            if moved:
                gate.shut()
                self._gates.open_now((SESSION, name))

    def let_in(self, name: str) -> None:
        """The session is ready after all: its parked requests go on in this run."""
        if name not in self._said:
            return
        summary = self._teller.summary
        summary.messages.remove(self._said.pop(name))
        del self.failures[name]
        if not self._said:
            self.look_at, summary.next_command = None, ""
        self._requests.bring_back(name)
        self._requests.bring_back(SPREAD)
