"""What a store must do: the port between the engine and a database, cut by who uses it.

One thread of a process uses a `Store` (the scheduler); nothing here is safe from several threads. All times are
seconds since 1970 by the store's own clock, so that processes agree. Every write is one transaction: it happened whole
or not at all. What is said of results and kept pages is in `base_results`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from crawler.outcome import Found, Leased, Outcome, SessionSnapshot
from crawler.pacing import HostWord
from crawler.sessions.desk import LoginEnd
from crawler.sessions.quota import Granted, Quota
from crawler.stores.base_members import MemberStore as MemberStore
from crawler.stores.base_members import ValueStore as ValueStore
from crawler.stores.base_results import KeptResults, VisitStore
from crawler.stores.policy.login_policy import Trying
from crawler.stores.told import Counts, Login
from crawler.stores.told_runs import Committed as Committed
from crawler.stores.told_runs import LeaseTerms as LeaseTerms
from crawler.stores.told_runs import MemberRow as MemberRow
from crawler.stores.told_runs import RunRow as RunRow
from crawler.stores.told_runs import SlotRule as SlotRule
from crawler.stores.told_sessions import LoginClaim as LoginClaim
from crawler.stores.told_sessions import SessionRow as SessionRow
from crawler.stores.told_sessions import Snapshot as Snapshot

ALL_RUNS = 1_000_000  #: for `RunStore.last`: a run each minute for two years


class Cipher(Protocol):
    """Encrypts what is secret at rest (`sessions.vault.Vault`), for the place where it is kept (`stores.sealed`)."""

    def seal(self, text: str, place: str = "") -> bytes: ...

    def open(self, sealed: bytes, place: str = "") -> str: ...


class RunStore(Protocol):
    """Executions of spiders."""

    def open(self, spider: str, *, args: str, fresh: bool, process: str, max_pages: int = 0, again: str = "") -> RunRow:
        """Begin a run: on the unfinished frontier of the last run with the same *args*, or on a new one.

        Args:
            max_pages: Of all its processes together; 0 for no limit.
            again: The options that it was begun with, for a command that goes on with it if its process is killed.

        Raises:
            AlreadyRunning: A living process runs this spider with this store .
        """

    def join(self, run: int) -> RunRow:
        """Take part in a run that another process of ours has opened."""

    def take_over(self, run: int, *, process: str) -> bool:
        """Become the one that runs the spider of a run that has no end, when its own process is dead. False: not so."""

    def leave(self, run: int) -> None:
        """Take no part any more; others may go on with the run."""

    def end(self, run: int, *, ending: str, exit_code: int, summary: str) -> bool:
        """Record how a run ended and let go of its spider. False when somebody else had recorded an end before."""

    def set_summary(self, run: int, summary: str) -> None:
        """Replace what a run that has ended says of itself."""

    def last(self, spider: str | None = None, *, limit: int = 20) -> list[RunRow]:
        """Newest first."""

    def get(self, run: int) -> RunRow:
        """One run, by its number."""

    def running(self, spider: str) -> str | None:
        """Who runs *spider* on this store now, such as "process 4711 since 2026-11-23 03:00", or None."""

    def hold(self, spider: str, *, process: str) -> None:
        """Let no crawl of *spider* begin until the store is closed.

        Raises:
            AlreadyRunning: One is under way.
        """

    def prune(self, spider: str, *, most: int = 2_000) -> int:
        """Remove up to *most* requests of frontiers older than the last three; 0 when nothing is left to remove."""

    def pages(self, frontier: int) -> Iterator[dict[str, Any]]:
        """The page log: every answer, and every try that brought none, oldest first."""


class FrontierStore(Protocol):
    """The requests of crawls, and where each stands."""

    def add(self, frontier: int, found: Sequence[Found]) -> int:
        """Put requests into the frontier; known ones are ignored. Returns how many were new and waiting."""

    def counts(self, frontier: int) -> Counts: ...

    def skipped_by(self, frontier: int) -> dict[str, int]:
        """Rule to number of requests that it refused, most first."""

    def waiting_by(self, frontier: int) -> dict[str, int]:
        """Slot to number of waiting requests, most first."""

    def reopen(
        self,
        frontier: int,
        *,
        states: Sequence[int],
        session: str | None = None,
        errors: Sequence[str] | None = None,
    ) -> int:
        """Put failed (or parked) requests back to waiting with no attempts on their account.

        Args:
            session: Those of this session only.
            errors: Those with one of these errors only, as `failed_errors` has them.
        """

    def failed_errors(self, frontier: int) -> list[str]:
        """All errors of failed requests, each once, most frequent first."""

    def park(self, frontier: int, *, session: str, why: str = "") -> int:
        """Put the waiting requests of a session aside (state PARKED) until `reopen` brings them back.

        Args:
            why: What `put_aside` tells of them.
        """

    def quarantine(self, frontier: int, *, session: str, epoch: int, since: float) -> int:
        """Reopen done pages of *session* sent after *since* in *epoch* that did not prove themselves.

        Their items are removed in the same transaction and come back when the page is fetched again.
        """

    def prove_pages(self, frontier: int, *, ids: Sequence[int], epoch: int) -> None:
        """Done pages of *epoch* did prove themselves after all: `quarantine` leaves them as they are."""

    def has_brought(self, frontier: int, *, session: str, since_epoch: int) -> bool:
        """Whether a page is done that a login of *session* brought, to whichever process: that epoch, or a later one.

        It looks at all requests of the frontier when there is none: a question for when something seems wrong.
        """

    def prove_frontier(self, frontier: int) -> None:
        """All done pages turned out to be certain, at the end of a crawl."""

    def known_among(self, frontier: int, marks: Sequence[bytes]) -> set[bytes]:
        """Those of these fingerprints that the frontier has."""

    def urls_of(self, frontier: int, marks: Sequence[bytes]) -> list[str]:
        """The URLs of requests of a frontier, by their fingerprints; of very many only some."""


class LeaseStore(Protocol):
    """What a process works on: requests that it alone may send."""

    def lease(self, frontier: int, *, owner: str, terms: LeaseTerms) -> list[Leased]:
        """Claim waiting requests whose slot may send soon, and reserve their sending times.

        Expired leases of dead processes count as waiting. Within a slot higher priority goes first, then older.
        Slots share the limit fairly. Each claimed request moves `next_at` of its slot by the slot's delay, in the
        same transaction.
        """

    def begun(self, run: int) -> tuple[int, int]:
        """Pages of a run that are done, by whichever process, and requests of it that somebody works on."""

    def renew(self, frontier: int, *, owner: str, lease_s: float) -> int:
        """Prolong what *owner* holds to *lease_s* seconds from now at least; a lease that holds for longer stays."""

    def release(self, frontier: int, *, owner: str, ids: Sequence[int]) -> None:
        """Give unsent requests back as they were."""

    def next_due(self, frontier: int) -> float | None:
        """When the next waiting (or expired leased) request may be sent; None when nothing waits or is leased."""


class SlotStore(Protocol):
    """From when something may be sent to a host."""

    def reserve(self, slot: str, *, delay_s: float) -> float:
        """Take the next sending time of a slot for a request that is not in the frontier (a login step, a redirect)."""

    def give_back(self, turns: Mapping[str, tuple[float, float]], *, now: float) -> None:
        """Reserved sending times that nobody uses: slot to the moment from which it is free again.

        Given with the moment up to which we have reserved: nothing happens where somebody has reserved more since.
        """

    def pause(self, slot: str, until: float) -> None: ...

    def tell(self, words: Mapping[str, HostWord], *, run: int, free_after: Mapping[str, float]) -> float:
        """What answers have taught of hosts, for all processes; a pause is only ever made longer.

        Args:
            run: Where they were given up, if they were.
            free_after: Hosts that are back, to the seconds from now after which they may be asked again: what was
                reserved while they were asked seldom does not count.
        Returns:
            When that was; it is `HostWord.at` of these words.
        """

    def told(self, since: float, *, run: int) -> dict[str, HostWord]:
        """What was written after that moment, by whomever."""


class SessionStore(Protocol):
    """Who we are: the stored state of sessions, and its history."""

    def load(self, key: str) -> SessionRow | None: ...

    def save(self, snapshot: SessionSnapshot, *, run: int | None) -> SessionRow: ...

    def prove(self, key: str, *, epoch: int, proved_at: float, good: bool = False) -> None:
        """Keep the moment at which a session was last known to be logged in; nothing where it has another epoch.

        Args:
            good: It still is: then its state is "ready", whatever was noted before.
        """

    def all(self) -> list[SessionRow]: ...

    def clear(self, key: str) -> bool:
        """Remove a session, its history included, so that the raw file no longer holds it."""

    def version(self, key: str) -> int:
        """Version of the stored session, 0 for none; cheap, nothing is decrypted."""

    def history(self, key: str) -> list[Snapshot]: ...

    def secret_of(self, snapshot: int) -> str: ...


class LoginStore(Protocol):
    """Who may log in; how logins ended, and how long they lasted."""

    def claim(
        self,
        key: str,
        *,
        owner: str,
        epoch: int,
        lease_s: float,
        trying: Trying,
    ) -> LoginClaim:
        """Ask to be the one that logs in. Whether the account may be logged in now, `policy.login_policy` decides.

        Raises:
            KeyFileError: What comes of a login could not be sealed; nothing was claimed.
        """

    def end(
        self,
        key: str,
        *,
        owner: str,
        token: int,
        ended: LoginEnd,
        snapshot: SessionSnapshot | None,
        run: int | None,
    ) -> bool:
        """Record how the login ended and free the claim, in one transaction.

        The *credentials* of one that was refused are remembered, sealed. *asked_s*: seconds that the site asks us to
        stay away.

        Returns False when the claim is not ours any more, by owner and *token*, or somebody has stored a newer session
        meanwhile: the session was not stored then, and nobody else's claim was touched.
        """

    def renew(self, key: str, *, owner: str, token: int, lease_s: float) -> bool:
        """Prolong a claim while a login takes long; False when it is no longer ours."""

    def note_expired(self, key: str, epoch: int) -> None:
        """The login of *epoch* was found logged out now; feeds `lives`."""

    def of_run(self, run: int) -> list[Login]:
        """The logins that a run made, oldest first."""

    def lives(self, key: str, *, limit: int = 10) -> list[float]:
        """How long past logins lived, in seconds, newest first."""


class QuotaStore(Protocol):
    """How much an account may still send, and which accounts rest."""

    def take(self, key: str, quota: Quota | None, *, wanted: int, back: list[tuple[float, int]]) -> Granted:
        """Grant requests of the session *key*, as many as are wanted and left of its quota.

        *quota* None: nobody counts, and only whether the account rests is of interest. *back*: what was granted and was
        not sent, as moments and numbers.
        """

    def give_back(self, key: str, back: list[tuple[float, int]]) -> None:
        """What was granted and will not be sent: others may have it."""

    def rest(self, key: str, until: float, why: str) -> None:
        """No process and no run sends anything of the account before that moment."""

    def resting(self) -> dict[str, tuple[float, str]]:
        """Accounts that rest now: key to until when and why."""


class CrawlStore(Protocol):
    """What a crawl works with.

    Attributes:
        restarts: How often the database was found to have begun anew: it may have forgotten the last leases, and given
            them to others, so that what is not sent has to be leased again.
    """

    @property
    def restarts(self) -> int: ...
    @property
    def runs(self) -> RunStore: ...
    @property
    def members(self) -> MemberStore: ...
    @property
    def frontier(self) -> FrontierStore: ...
    @property
    def leases(self) -> LeaseStore: ...
    @property
    def slots(self) -> SlotStore: ...
    @property
    def visits(self) -> VisitStore: ...
    @property
    def sessions(self) -> SessionStore: ...
    @property
    def logins(self) -> LoginStore: ...
    @property
    def quotas(self) -> QuotaStore: ...
    @property
    def values(self) -> ValueStore: ...

    def now(self) -> float:
        """The store's clock, seconds since 1970."""

    def commit(self, run: RunRow, owner: str, outcomes: Sequence[Outcome]) -> Committed:
        """Write whole pages in one transaction: row states, items, found requests, page log, sessions, pauses.

        Items and links are stored for verdicts that end a request (ACCEPT, FAIL, SKIP). A page whose session has
        logged in anew since it was sent is taken only when it proved itself; else it waits again, as after LOGIN.
        After an error nothing is written, and the same call may be made again.
        """


class Store(CrawlStore, KeptResults, Protocol):
    """A database of runs, frontiers, sessions and results; each job has a part of its own.

    Attributes:
        path: Where it is, for people: shows no password.
    """

    @property
    def path(self) -> str: ...

    def hurry(self) -> None:
        """From now on wait a second at most for other processes: this one is told to end at once."""

    def close(self) -> None:
        """Let go of spiders, logins and the database. May be called twice."""
