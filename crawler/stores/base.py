"""What a store must do: the interface between the engine and a database, divided by its users.

One thread of a process uses a `Store` (the scheduler); nothing here is safe from several threads. All times are
seconds since 1970 by the store's own clock, so that processes agree. Every write is one transaction: it happens
completely or not at all. For results and kept pages see `base_results`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    """Encrypts secrets at rest (`sessions.vault.Vault`), bound to the place where they are kept (`stores.sealed`)."""

    def seal(self, text: str, place: str = "") -> bytes: ...

    def open(self, sealed: bytes, place: str = "") -> str: ...

    @property
    def key_names(self) -> list[str]:
        """Public names of the keys at hand (`stores.sealed.key_name`); `open` looks again for one that is missing."""

    def is_sealed(self, found: bytes) -> bool:
        """Whether a value begins as one that such a cipher has sealed, with whatever key."""


class RunStore(Protocol):
    """Executions of spiders."""

    def open(self, spider: str, *, args: str, fresh: bool, process: str, max_pages: int = 0, again: str = "") -> RunRow:
        """Begin a run: on the unfinished frontier of the last run with the same *args*, or on a new one.

        Args:
            max_pages: For all its processes together; 0 for no limit.
            again: The options that it was begun with, for a command that continues it if its process is killed.

        Raises:
            AlreadyRunning: A living process runs this spider with this store.
        """

    def join(self, run: int) -> RunRow:
        """Take part in a run that another process of ours has opened."""

    def take_over(self, run: int, *, process: str) -> bool:
        """Take over the spider of a run that has no end, if its own process is dead. False: it is not."""

    def leave(self, run: int) -> None:
        """Take no part any more; others may continue the run."""

    def end(self, run: int, *, ending: str, exit_code: int, summary: str) -> bool:
        """Record how a run ended and release its spider. False when another process had already recorded an end."""

    def set_summary(self, run: int, summary: str) -> None:
        """Replace the summary of a run that has ended."""

    def last(self, spider: str | None = None, *, limit: int = 20) -> list[RunRow]:
        """Newest first."""

    def get(self, run: int) -> RunRow:
        """One run, by its number."""

    def running(self, spider: str) -> str | None:
        """What runs *spider* on this store now, such as "process 4711 since 2026-11-23 03:00", or None."""

    def hold(self, spider: str, *, process: str) -> None:
        """Prevent any crawl of *spider* from beginning until the store is closed.

        Raises:
            AlreadyRunning: One is under way.
        """

    def prune(self, spider: str, *, most: int = 2_000) -> int:
        """Remove up to *most* requests of frontiers older than the last three; 0 when nothing is left to remove."""

    def pages(self, frontier: int) -> Iterator[dict[str, Any]]:
        """The page log: every answer, and every try without one, oldest first."""


class FrontierStore(Protocol):
    """The requests of crawls, and the state of each."""

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
        """Put failed (or parked) requests back to waiting, with their attempts reset.

        Args:
            session: Those of this session only.
            errors: Those with one of these errors only, as `failed_errors` has them.
        """

    def rebuild(self, frontier: int, *, errors: Sequence[str]) -> int:
        """Reopen pages on which requests were found that failed with these errors, and forget those requests."""

    def failed_errors(self, frontier: int) -> list[str]:
        """All errors of failed requests, each once, most frequent first."""

    def park(self, frontier: int, *, session: str, why: str = "") -> int:
        """Put the waiting requests of a session aside (state PARKED) until `reopen` brings them back.

        Args:
            why: What `put_aside` reports about them.
        """

    def quarantine(self, frontier: int, *, session: str, epoch: int, since: float) -> int:
        """Reopen done pages of *session* sent after *since* in *epoch* that did not prove themselves.

        Their items are removed in the same transaction and come back when the page is fetched again.
        """

    def prove_pages(self, frontier: int, *, ids: Sequence[int], epoch: int) -> None:
        """Record that done pages of *epoch* proved themselves after all: `quarantine` leaves them as they are."""

    def has_brought(self, frontier: int, *, session: str, since_epoch: int) -> bool:
        """Whether a login of *session*, of that epoch or later, has brought a done page to any process.

        When there is none, it looks at all requests of the frontier: to be asked only when something seems wrong.
        """

    def prove_frontier(self, frontier: int) -> None:
        """At the end of a crawl: record that all done pages turned out to be certain."""

    def known_among(self, frontier: int, marks: Sequence[bytes]) -> set[bytes]:
        """Those of these fingerprints that the frontier has."""

    def urls_of(self, frontier: int, marks: Sequence[bytes]) -> list[str]:
        """The URLs of requests of a frontier, by their fingerprints; only some of very many."""


class LeaseStore(Protocol):
    """What a process works on: requests that only it may send."""

    def lease(self, frontier: int, *, owner: str, terms: LeaseTerms) -> list[Leased]:
        """Claim waiting requests whose slot may send soon, and reserve their sending times.

        Expired leases of dead processes count as waiting. Within a slot higher priority goes first, then older.
        Slots share the limit fairly. Each claimed request moves `next_at` of its slot by the slot's delay, in the
        same transaction. A request that no key at hand opens is put aside (state PARKED) for a run that has the key.
        """

    def begun(self, run: int) -> tuple[int, int]:
        """Pages of a run that are done, by any process, and its requests that are being worked on."""

    def renew(self, frontier: int, *, owner: str, lease_s: float) -> int:
        """Extend what *owner* holds to at least *lease_s* seconds from now; longer leases stay as they are."""

    def release(self, frontier: int, *, owner: str, ids: Sequence[int]) -> None:
        """Give unsent requests back as they were."""

    def without_key(self, frontier: int, *, failed: bool = False) -> tuple[int, int]:
        """How many open requests no key at hand opens, and of how many: the first some thousand of each state.

        Args:
            failed: Failed ones as well.
        """

    def next_due(self, frontier: int) -> float | None:
        """When the next waiting (or expired leased) request may be sent; None when nothing waits or is leased."""


class SlotStore(Protocol):
    """When requests may be sent to hosts."""

    def reserve(self, slot: str, *, delay_s: float) -> float:
        """Take the next sending time of a slot for a request that is not in the frontier (a login step, a redirect)."""

    def give_back(self, turns: Mapping[str, tuple[float, float]], *, now: float) -> None:
        """Give back reserved sending times that are not used: slot to the moment from which it is free again.

        Given with the moment up to which we have reserved: nothing happens where more was reserved since.
        """

    def pause(self, slot: str, until: float) -> None: ...

    def tell(self, words: Mapping[str, HostWord], *, run: int, free_after: Mapping[str, float]) -> float:
        """Store what answers have taught about hosts, for all processes; a pause is only ever made longer.

        Args:
            run: The run in which they were given up, if they were.
            free_after: Hosts that are back, to the seconds from now after which they may be asked again: what was
                reserved while they were asked rarely does not count.
        Returns:
            When that was; it is `HostWord.at` of these words.
        """

    def told(self, since: float, *, run: int) -> dict[str, HostWord]:
        """What was written after that moment, by any process."""


class SessionStore(Protocol):
    """The stored state of sessions, and its history."""

    def load(self, key: str) -> SessionRow | None: ...

    def save(self, snapshot: SessionSnapshot, *, run: int | None) -> SessionRow: ...

    def prove(self, key: str, *, epoch: int, proved_at: float, good: bool = False) -> None:
        """Keep the moment when a session was last known to be logged in; does nothing where it has another epoch.

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
    """Which process may log in; how logins ended, and how long they lasted."""

    def claim(
        self,
        key: str,
        *,
        owner: str,
        epoch: int,
        lease_s: float,
        trying: Trying,
    ) -> LoginClaim:
        """Ask to be the process that logs in. `policy.login_policy` decides whether the account may log in now.

        Raises:
            KeyFileError: The result of a login could not be sealed; nothing was claimed.
        """

    def refused(self, key: str, trying: Trying) -> str:
        """Why the credentials of *trying* may not be sent now, since the site has refused them; "" when they may."""

    def refused_until(self, key: str) -> float:
        """Until when the credentials that the site has refused are not tried again, unless they are changed.

        Seconds since 1970; 0 where none are refused.
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

        The *credentials* of a refused login are remembered, sealed. *asked_s*: seconds for which the site asks us to
        stay away.

        Returns False when the claim is not ours any more, by owner and *token*, or a newer session was stored
        meanwhile: then the session was not stored, and no other claim was touched.
        """

    def renew(self, key: str, *, owner: str, token: int, lease_s: float) -> bool:
        """Extend a claim while a login takes long; False when it is no longer ours."""

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

        *quota* None: nothing is counted, and only whether the account rests matters. *back*: what was granted but not
        sent, as moments and numbers.
        """

    def give_back(self, key: str, back: list[tuple[float, int]]) -> None:
        """Give back what was granted and will not be sent: others may have it."""

    def rest(self, key: str, until: float, why: str) -> None:
        """Let no process and no run send anything for the account before that moment."""

    def resting(self, keys: Iterable[str]) -> dict[str, tuple[float, str]]:
        """Those of the sessions *keys* whose account rests now: key to until when and why."""


class CrawlStore(Protocol):
    """What a crawl works with.

    Attributes:
        restarts: How often the database was found to have begun anew: it may have forgotten the last leases and given
            the requests to others, so that unsent ones have to be leased again.
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
        logged in anew since it was sent is taken only if it proved itself; otherwise it waits again, as after LOGIN.
        After an error nothing is written, and the same call may be made again.
        """


class Store(CrawlStore, KeptResults, Protocol):
    """A database of runs, frontiers, sessions and results, with a separate part for each job.

    Attributes:
        path: Where it is, for people: shows no password.
    """

    @property
    def path(self) -> str: ...

    def hurry(self) -> None:
        """From now on wait at most a second for other processes: this one was told to end at once."""

    def close(self) -> None:
        """Release spiders, logins and the database. May be called twice."""
