"""What a store's statements run on: one connection to a database, and the differences of its SQL from that of others.

The parts in `stores.sql` are written once for every database. They know a `Driver`, which begins transactions, waits
for others and explains errors, and its `Dialect`, which has a name for each place where databases differ; `sqlite/` and
`postgres/` have one of each. Parameters are marked by ``?`` or ``:name`` everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, TypeVar

Row = tuple[Any, ...]
Part = TypeVar("Part")

LEASES, PAGES = "leases", "pages"  #: what may be written at the same time as others write, see `Driver.write`
AHEAD_S = 3.0  #: how far ahead turns are reserved, at most
Bound = Sequence[Any] | Mapping[str, Any]


class Restarted(NamedTuple):
    """What a database may have forgotten when it began anew.

    Attributes:
        times: How often it was found to have begun anew, or to be another one: since then it may not know about leases
            and turns that it gave before.
        settled_at: When no process acts any more on a turn that it may not know about; 0.0 where it knows all.
    """

    times: int = 0
    settled_at: float = 0.0


class Result(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Transaction(Protocol):
    """An open transaction. Each call is one statement."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Result: ...

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> object: ...


class Dialect(Protocol):
    """The places where the SQL of databases differs.

    Attributes:
        greatest, least: The function that gives the greatest (least) of its arguments.
        json_row: The function that makes a JSON list of its arguments.
        for_claim: Appended to a query for rows that are about to be claimed, to skip those that another process is
            claiming; "" where writers are alone.
        for_change: Appended to a query whose rows decide what is written to them, so that they are not changed in
            between; "" where writers are alone.
        best_first: Order of requests by priority and age, as in the index of ready ones.
        keeps_versions: Old versions of rows stay in the indexes for a while, and queries have to pass them.
        in_lanes: A condition for rows of requests that are named by their numbers: they are in one of some lanes, see
            `lanes`, so that only a part of the table is searched; "" where there are no parts.
        in_buckets: The same for rows ``r`` that are found by their fingerprints: in the buckets of those lanes.
        lane_number: The number of a new lane; ``j.bucket`` is the bucket of its slot.
        buckets: How many there are; see `stores.buckets`.
        typed: A column of results takes values of one type.
        ordered_join: A join that is done in the order in which it is written, where the database has one.
        repeats: A statement may name the same row twice: to keep prepared statements few, lists are filled up with a
            row that they already hold.
        most_rows: Most rows of one statement.
        most_variables: Most parameters of one statement.
        most_columns: Most columns of a result table for fields; the others go into one text.
        taken_names: Query for all names of tables, views and indexes.
        age: Query for how many seconds the database has been up; before, no process could report that it lives.
    """

    greatest: str
    least: str
    json_row: str
    for_claim: str
    for_change: str
    best_first: str
    keeps_versions: bool
    typed: bool
    in_lanes: str
    in_buckets: str
    lane_number: str
    buckets: int
    ordered_join: str
    repeats: bool
    most_rows: int
    most_variables: int
    most_columns: int
    taken_names: str
    age: str

    def numbers(self, at: str = "?") -> str:
        """A query for the numbers in a list that is bound as JSON."""

    def texts(self, at: str = "?") -> str:
        """The same for texts."""

    def rows(self, columns: Mapping[str, str], at: str = "?") -> str:
        """A table in parentheses, from a list of lists that is bound as JSON.

        Args:
            columns: Name to type: ``integer``, ``real`` or ``text``.
        """

    def json_list(self, of: str, condition: str = "") -> str:
        """An aggregate: a JSON text of all values; ``[]`` where there is none."""

    def joined_each(self, table: str, chosen: str) -> str:
        """A join with ``r``, the *chosen* rows of a *table* with an ``id``, for each row of ``j``.

        Args:
            chosen: Table, condition, order and limit: what follows FROM.
        """

    def behind(self, rank: str, number: str) -> str:
        """A condition for ready requests that come after one; "" unless `keeps_versions`.

        Args:
            rank, number: Its priority, negated, and its number.
        """

    def lanes(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """What is bound for `in_lanes` or `in_buckets`: nothing where they are empty."""

    def text_before(self, column: str, mark: str) -> str:
        """The beginning of a text, up to *mark* in it; all of a text without."""

    def hex(self, column: str) -> str:
        """Bytes as a text of hexadecimal digits."""

    def many(self, kinds: Sequence[str], bound: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """Rows to be inserted or joined, with columns named ``column1`` and so on: a query, and what is bound for it.

        Args:
            kinds: For each column: as in `rows`, or ``blob``.
            bound: The values, row by row; each of its column's kind, or None.
        """

    def replace(self, table: str, columns: Sequence[str], key: Sequence[str]) -> tuple[str, str]:
        """What goes before and after rows that replace those with the same key."""

    def keys_of(self, column: str) -> str:
        """A table ``j`` in FROM, with the ``key`` and the ``value`` of each entry of a JSON object in *column*."""

    def first_of(self, value: str) -> str:
        """The first entry of a JSON list, as text."""

    def stamp(self, seconds: str) -> str:
        """A moment as the text of its UTC time, such as ``20261129T041152.250``."""

    def fit(self, stored: Any, note: list[Any] | None, kind: str) -> tuple[Any, list[Any] | None]:
        """A value and its note (`stores.rows`) as a column of *kind* takes them."""

    def question(self, column: str, kind: str, noted: str) -> str:
        """An expression for the kinds of a column's values, as an aggregate that is 0 or NULL where there is none.

        Args:
            column: Its name, quoted.
            noted: Values whose row has this text in `_types` do not count; "" for none.
        """


class Driver(Protocol):
    """One connection, for one thread at a time.

    Attributes:
        place: What the store is called in messages; shows no password.
        dialect: How the SQL of this database differs.
        now: The clock of the store, seconds since 1970.
        restarted: What its restarts may have made it forget.
        on_rollback: Called after each transaction that was undone: caches of uncommitted facts empty themselves.
    """

    @property
    def place(self) -> str: ...
    @property
    def dialect(self) -> Dialect: ...
    @property
    def now(self) -> Callable[[], float]: ...
    @property
    def restarted(self) -> Restarted: ...
    @property
    def on_rollback(self) -> list[Callable[[], None]]: ...

    def write(self, expected_bytes: int = 0, *, beside: str = "") -> AbstractContextManager[Transaction]:
        """``with driver.write() as raw:`` is one transaction: it happens completely or not at all.

        Args:
            expected_bytes: About how much it writes; mentioned when there is no room.
            beside: `LEASES` or `PAGES`, which others may write at the same moment: each writer locks the rows that it
                changes. "": no other process writes meanwhile.
        Raises:
            StoreError: Of the kind that fits. Nothing was written; the same call may be made again later.
        """

    def again(self, raw: Transaction) -> None:
        """Undo what the open transaction has done so far, and begin it anew."""

    def read(self, sql: str, parameters: Bound = ()) -> list[Row]:
        """All rows of a query, outside or inside a transaction."""

    def one(self, sql: str, parameters: Bound = ()) -> Row | None:
        """The first row of a query, or None."""

    def go_on_after(self, raw: Transaction, table: str) -> None:
        """After rows with given numbers were put into a table: make new ones get greater numbers."""

    def objection(self, sql: str) -> str:
        """The database's objection to a query that a person wrote; "" for none."""

    def forgetting(self, *tables: str) -> AbstractContextManager[Callable[[], None]]:
        """While secrets are removed: make sure that nothing of them stays where the rows were.

        The block is given a function to be called once they are removed.

        Args:
            tables: The tables that hold them.

        Raises:
            StoreBusy: They are removed, but another process reads the old pages, so that they are still there.
        """

    def copy(self, target: str) -> None:
        """Copy the whole database to a new file, while others go on writing."""

    def hurry(self) -> None:
        """From now on wait at most a second for other processes."""

    def close(self) -> None:
        """Hang up; an open transaction is undone. May be called twice."""

    def damage(self) -> Iterator[str]:
        """What the database itself finds wrong with its files."""


class Tables(Protocol):
    """Makes the tables of results, inside a transaction."""

    def alone(self, raw: Transaction) -> None:
        """Let no other process create or widen tables until the end of the transaction; waits for one doing so now."""

    def create(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> None:
        """Make a table, with one row for each position of a request, and for each record.

        Args:
            columns: Name to type (`stores.rows.Kind.sql`), or ANY for a column that says nothing about its values.
        """

    def widen(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> None:
        """Add columns to it."""

    def retype(self, raw: Transaction, stored_as: str, columns: Mapping[str, str]) -> list[str]:
        """Give a type to columns that say nothing about their values (ANY) and hold none.

        Returns:
            Those that have one now; none where columns take any value.
        """


class Membership(Protocol):
    """Which processes work on a spider, and which of them log in: a dead process holds nothing any more."""

    def take(self, spider: str, holder: str) -> bool:
        """Become the process that runs *spider*.

        Args:
            holder: Which process we are and since when, for those that come second.
        Returns:
            True when no other process of an earlier run is alive.
        Raises:
            AlreadyRunning: Another one is.
        """

    def join(self, spider: str) -> None:
        """Take part alongside the process that runs the spider."""

    def holder(self, spider: str) -> str | None:
        """The process that runs the spider now, or None."""

    def release(self, spider: str) -> None:
        """Release it; does nothing where we hold nothing."""

    def takes_login(self, key: str) -> bool:
        """Begin the login of *key*. True when the process that claimed it before is dead."""

    def ends_login(self, key: str) -> None:
        """Our login of *key* is over; does nothing where there is none."""

    def close(self) -> None:
        """Release everything. May be called twice."""


class Outer(Protocol):
    """Wraps a part of a store for callers from outside."""

    def __call__(self, part: Part, /) -> Part: ...


@lru_cache(maxsize=512)
def values(width: int, count: int) -> str:
    """``(?,?),(?,?)``: placeholders for *count* rows of *width* columns."""
    row = "(" + ",".join("?" * width) + ")"
    return ",".join([row] * count)


_SIZES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128)  # few sizes, so that prepared statements are used again


def batch_size(count: int, dialect: Dialect) -> int:
    """How many rows a statement for *count* rows has, `most_rows` at most: the smallest prepared size that fits."""
    if not dialect.repeats:
        return min(count, dialect.most_rows)
    for size in _SIZES:
        if size >= count:
            return size
    return _SIZES[-1]


def quoted(identifier: str) -> str:
    """An identifier for SQL, whatever it holds."""
    return '"' + identifier.replace('"', '""') + '"'
