"""What a store must do: the port between the engine and a database.

One thread of a process uses a `Store` (the scheduler); nothing here is safe from several threads. All times are
seconds since 1970 by the store's own clock, so that processes agree. Every write is one transaction: it happened whole
or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from crawler.outcome import FileRow, Found, Leased, Outcome, Page, SessionSnapshot
from crawler.records import Change
from crawler.selection import Column, Portion, Selection
from crawler.sessions.desk import LoginEnd
from crawler.sessions.quota import Granted, Quota
from crawler.stores.login_policy import Trying
from crawler.stores.told import Audit, Counts, HeldFile, Login, Sample
from crawler.stores.told_pages import Kept, KnownPage
from crawler.stores.told_runs import Committed as Committed
from crawler.stores.told_runs import LeaseTerms as LeaseTerms
from crawler.stores.told_runs import RunRow as RunRow
from crawler.stores.told_runs import SlotRule as SlotRule
from crawler.stores.told_sessions import LoginClaim as LoginClaim
from crawler.stores.told_sessions import SessionRow as SessionRow
from crawler.stores.told_sessions import Snapshot as Snapshot


class Cipher(Protocol):
    """Encrypts what is secret at rest (`sessions.vault.Vault`), for the place where it is kept (`stores.sealed`)."""

    def seal(self, text: str, place: str = "") -> bytes: ...

    def open(self, sealed: bytes, place: str = "") -> str: ...


class Store(Protocol):
    """A database of runs, frontiers, sessions and results."""

    path: str

    def now(self) -> float:
        """The store's clock, seconds since 1970."""

    # --- runs -------------------------------------------------------------------------------------------------
    def open_run(self, spider: str, *, args: str, fresh: bool, process: str) -> RunRow:
        """Begin a run: on the unfinished frontier of the last run with the same *args*, or on a new one.

        Raises:
            AlreadyRunning: A living process runs this spider with this store (see `lock`).
        """

    def join_run(self, run: int, *, process: str) -> RunRow:
        """Take part in a run that another process of ours has opened."""

    def end_run(self, run: int, *, ending: str, exit_code: int, summary: str) -> None: ...

    def set_summary(self, run: int, summary: str) -> None:
        """Replace what a run that has ended says of itself."""

    def runs(self, spider: str | None = None, *, limit: int = 20) -> list[RunRow]:
        """Newest first."""

    def run(self, run: int) -> RunRow:
        """One run, by its number."""

    def running(self, spider: str) -> str | None:
        """Who runs *spider* on this store now, such as "process 4711 since 2026-11-23 03:00", or None."""

    def prune(self, spider: str, *, most: int = 2_000) -> int:
        """Remove up to *most* requests of frontiers older than the last three; 0 when nothing is left to remove."""

    # --- frontier ---------------------------------------------------------------------------------------------
    def add(self, frontier: int, found: Sequence[Found], *, run: int) -> int:
        """Put requests into the frontier; known ones are ignored. Returns how many were new and waiting."""

    def lease(self, frontier: int, *, owner: str, terms: LeaseTerms) -> list[Leased]:
        """Claim waiting requests whose slot may send soon, and reserve their sending times.

        Expired leases of dead processes count as waiting. Within a slot higher priority goes first, then older.
        Slots share the limit fairly. Each claimed request moves `next_at` of its slot by the slot's delay, in the
        same transaction.
        """

    def earlier(self, frontier: int) -> tuple[int, ...]:
        """The frontiers before this one, of the same spider and arguments, that know of visits; newest last."""

    def recall(self, earlier: Sequence[int], leased: Sequence[Leased]) -> list[Leased]:
        """*leased*, each with the last visit of its page in one of the frontiers *earlier*, where there is one.

        Only of pages that were accepted and are certain, whose request was the same, and whose items are all there.
        """

    def renew(self, frontier: int, *, owner: str, lease_s: float) -> int:
        """Prolong what *owner* holds to *lease_s* seconds from now at least; a lease that holds for longer stays."""

    def release(self, frontier: int, *, owner: str, ids: Sequence[int]) -> None:
        """Give unsent requests back as they were."""

    def next_due(self, frontier: int) -> float | None:
        """When the next waiting (or expired leased) request may be sent; None when nothing waits or is leased."""

    def commit(self, run: RunRow, owner: str, outcomes: Sequence[Outcome]) -> Committed:
        """Write whole pages in one transaction: row states, items, found requests, page log, sessions, pauses.

        Items and links are stored for verdicts that end a request (ACCEPT, FAIL, SKIP). A page whose session has
        logged in anew since it was sent is taken only when it proved itself; else it waits again, as after LOGIN.
        After an error nothing is written, and the same call may be made again.
        """

    def counts(self, frontier: int) -> Counts: ...

    def skipped_by(self, frontier: int) -> dict[str, int]:
        """Rule to number of requests that it refused, most first."""

    def ended_samples(self, frontier: int) -> tuple[list[Sample], list[Sample]]:
        """Failed and skipped requests by error and rule, most first, each with an example."""

    def silent_hosts(self, frontier: int) -> dict[str, int]:
        """Slots of which every request failed without an answer, to how many, most first."""

    def retried_samples(self, frontier: int) -> list[Sample]:
        """What was tried again, by error, most first; reads the page log."""

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

    def park(self, frontier: int, *, session: str) -> int:
        """Put the waiting requests of a session aside (state PARKED) until `reopen` brings them back."""

    def quarantine(self, frontier: int, *, session: str, epoch: int, since: float) -> int:
        """Reopen done pages of *session* sent after *since* in *epoch* that did not prove themselves.

        Their items are removed in the same transaction and come back when the page is fetched again.
        """

    def prove_pages(self, frontier: int, *, ids: Sequence[int], epoch: int) -> None:
        """Done pages of *epoch* did prove themselves after all: `quarantine` leaves them as they are."""

    def prove_frontier(self, frontier: int) -> None:
        """All done pages turned out to be certain, at the end of a crawl."""

    def reserve(self, slot: str, *, delay_s: float) -> float:
        """Take the next sending time of a slot for a request that is not in the frontier (a login step, a redirect)."""

    def give_back_turns(self, turns: Mapping[str, tuple[float, float]], *, now: float) -> None:
        """Reserved sending times that nobody uses: slot to the moment from which it is free again.

        Given with the moment up to which we have reserved: nothing happens where somebody has reserved more since.
        """

    def pause_slot(self, slot: str, until: float) -> None: ...

    # --- sessions ---------------------------------------------------------------------------------------------
    def load_session(self, key: str) -> SessionRow | None: ...

    def save_session(self, snapshot: SessionSnapshot, *, run: int | None) -> SessionRow: ...

    def prove_session(self, key: str, *, epoch: int, proved_at: float) -> None:
        """Keep the moment at which a session was last known to be logged in; nothing where it has another epoch."""

    def list_sessions(self) -> list[SessionRow]: ...

    def clear_session(self, key: str) -> bool:
        """Remove a session, its history included, so that the raw file no longer holds it."""

    def reseal(self) -> tuple[int, int]:
        """Encrypt all secrets with the newest key of the cipher: how many were, and how many could not be read."""

    def claim_login(
        self,
        key: str,
        *,
        owner: str,
        epoch: int,
        lease_s: float,
        trying: Trying,
    ) -> LoginClaim:
        """Ask to be the one that logs in. Whether the account may be logged in now, `stores.login_policy` decides.

        Raises:
            KeyFileError: What comes of a login could not be sealed; nothing was claimed.
        """

    def end_login(
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

    def renew_login(self, key: str, *, owner: str, token: int, lease_s: float) -> bool:
        """Prolong a claim while a login takes long; False when it is no longer ours."""

    def note_expired(self, key: str, epoch: int) -> None:
        """The login of *epoch* was found logged out now; feeds `login_lives`."""

    def session_version(self, key: str) -> int:
        """Version of the stored session, 0 for none; cheap, nothing is decrypted."""

    def session_history(self, key: str) -> list[Snapshot]: ...

    def snapshot_secret(self, snapshot: int) -> str: ...

    def logins_of(self, run: int) -> list[Login]:
        """The logins that a run made, oldest first."""

    def login_lives(self, key: str, *, limit: int = 10) -> list[float]:
        """How long past logins lived, in seconds, newest first."""

    # --- quotas of accounts -----------------------------------------------------------------------------------
    def take_quota(self, key: str, quota: Quota | None, *, wanted: int, back: list[tuple[float, int]]) -> Granted:
        """Grant requests of the session *key*, as many as are wanted and left of its quota.

        *quota* None: nobody counts, and only whether the account rests is of interest. *back*: what was granted and was
        not sent, as moments and numbers.
        """

    def give_back_quota(self, key: str, back: list[tuple[float, int]]) -> None:
        """What was granted and will not be sent: others may have it."""

    def rest_account(self, key: str, until: float, why: str) -> None:
        """No process and no run sends anything of the account before that moment."""

    def resting(self) -> dict[str, tuple[float, str]]:
        """Accounts that rest now: key to until when and why."""

    # --- small things -----------------------------------------------------------------------------------------
    def get_value(self, name: str) -> Any: ...

    def set_value(self, name: str, value: Any, *, ttl_s: float | None = None) -> None: ...

    # --- files ------------------------------------------------------------------------------------------------
    def held_file(self, spider: str, session: str, *, url: str, key: str = "") -> tuple[FileRow | None, FileRow | None]:
        """The newest version that is held of a file: by the key that the spider gives it, and at its URL.

        Args:
            session: Key of the session; what another one holds does not count.
        """

    def files(self, spider: str | None = None) -> Iterator[HeldFile]:
        """Every version of every file that is held, oldest first."""

    # --- results ----------------------------------------------------------------------------------------------
    def stored_by(self, run: int) -> tuple[int, dict[str, int]]:
        """What a run has stored and what is still there: pages that are done, and items by table.

        A page that was fetched again because its session was lost counts once. Looks at all pages of the run.
        """

    def tables(self) -> dict[str, int]:
        """Result tables and their number of rows."""

    def stored_as(self, table: str) -> str | None:
        """The name in the database of a kind of item; None where there is none."""

    def rows(self, table: str, *, run: int | None = None) -> Iterator[dict[str, Any]]: ...

    def latest(self, table: str, *, spider: str | None = None) -> Iterator[dict[str, Any]]:
        """What is so now: the records that are there, and of items without a key those of the newest crawl."""

    def columns(self, table: str, selection: Selection, *, typed: bool = True) -> list[Column]:
        """The fields of what is selected, in their order, with what their values have in common where *typed*."""

    def has_rows(self, table: str, selection: Selection) -> bool:
        """Whether anything is selected."""

    def portions(
        self, table: str, selection: Selection, columns: Sequence[Column], *, origin: Sequence[str] = ()
    ) -> Iterator[Portion]:
        """What is selected, in portions, also while a crawl runs: items in the order of their pages, then records.

        Args:
            origin: Columns of ours that go in front; ``_id`` is what tells a row from all others.
        """

    def settle_records(self, run: RunRow) -> bool:
        """A run has ended well: where its crawl is complete, mark the records as gone that it did not meet.

        Called again it does nothing. Returns whether the crawl is complete; False where the spider has no records.
        """

    def changes(
        self,
        spider: str,
        *,
        crawls: tuple[int, int] | None = None,
        since: float | None = None,
        table: str | None = None,
    ) -> Iterator[Change]:
        """What the records of a spider have come to, each once, compared with how they were before.

        Args:
            crawls: The first and the last crawl that count.
            since: Instead of those: the moment from which on changes count, seconds since 1970.
            table: One kind of item; all when left out.
        """

    def change_counts(self, spider: str, crawl: int) -> dict[str, dict[str, int]]:
        """Kind of item to how many of its records are new, changed, gone and back by one crawl."""

    def rejected(self, frontier: int) -> Iterator[dict[str, Any]]:
        """What was kept aside in a crawl since it was no good item, oldest first."""

    def rejected_count(self, frontier: int) -> int:
        """How many things were kept aside in a crawl."""

    def pages(self, frontier: int) -> Iterator[dict[str, Any]]:
        """The page log: every answer, and every try that brought none, oldest first."""

    def body(self, request: int) -> bytes | None:
        """The body of a page where `keep_pages` was on."""

    def page(self, request: int) -> Page | None:
        """The page itself where `keep_pages` was on."""

    def kept(self, frontier: int) -> Iterator[Kept]:
        """The kept pages of a frontier that are done, with what is stored of them, in the order of their requests."""

    def known_pages(self, urls: Sequence[str]) -> list[KnownPage]:
        """All requests for one of these URLs, newest first. Looks at every request that is stored."""

    def known_among(self, frontier: int, marks: Sequence[bytes]) -> set[bytes]:
        """Those of these fingerprints that the frontier has."""

    def urls_of(self, frontier: int, marks: Sequence[bytes]) -> list[str]:
        """The URLs of requests of a frontier, by their fingerprints; of very many only some."""

    def take_pages(self, run: RunRow, pages: Sequence[tuple[Found, Page]]) -> int:
        """Put pages that somebody else has fetched into a crawl, as done and kept. Returns how many were new to it."""

    def rewrite(self, run: RunRow, outcomes: Sequence[Outcome]) -> None:
        """Put what was found in kept pages in the place of what is stored of them, whole pages in one transaction."""

    def hold(self, spider: str, *, process: str) -> None:
        """Let no crawl of *spider* begin until the store is closed.

        Raises:
            AlreadyRunning: One is under way.
        """

    # --- care -------------------------------------------------------------------------------------------------
    def audit(self, frontier: int) -> Audit:
        """Recount everything about a frontier; slow on large ones."""

    def backup(self, target: str) -> None:
        """Copy the whole database to a new file, while others go on writing."""

    def hurry(self) -> None:
        """From now on wait a second at most for other processes: this one is told to end at once."""

    def close(self) -> None: ...
