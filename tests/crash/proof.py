"""What a dead crawl left behind, read from a copy: the file stays as the kill left it, for the crawler to mend."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crawler.errors import CrawlError
from crawler.output.audit import audit
from crawler.sessions.vault import Vault
from crawler.stores import open_store
from tests.crash.project import Project

FIELDS = ("id", "title", "upc", "price")
WAITING, LEASED, DONE, FAILED, SKIPPED, PARKED = range(6)


@dataclass(frozen=True, slots=True)
class Remains:
    """The contents of a store at one moment.

    Attributes:
        problems: What SQLite says against the file, and what does not add up.
        done: URLs whose page is committed.
        accepted: URL to number of times that the page log calls it accepted.
        items: Book id to its row, for each row of the result table; in the order of the rows.
        states: State number to number of requests.
        logins: Outcomes of the recorded logins ("" for one that has not ended).
        runs: How many were begun.
        ending: How the last one ended, "" when that was not recorded.
    """

    problems: tuple[str, ...] = ()
    done: frozenset[str] = frozenset()
    accepted: Counter[str] = field(default_factory=Counter)
    items: tuple[dict[str, str], ...] = ()
    states: Counter[int] = field(default_factory=Counter)
    logins: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    ending: str = ""


@contextmanager
def copied(database: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a copy of the store with its log; opening it mends the copy and not the original."""
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        for suffix in ("", "-wal"):
            source = database.with_name(database.name + suffix)
            if source.exists():
                shutil.copyfile(source, Path(folder) / source.name)
        with closing(sqlite3.connect(Path(folder) / database.name)) as connection:
            yield connection


def remains(database: Path) -> Remains:
    """Look at a store that no process uses. One that was not made yet, or that has no tables yet, is empty."""
    if not database.exists():
        return Remains()
    try:
        return _read(database)
    except sqlite3.DatabaseError as error:
        return Remains(problems=(f"SQLite cannot read it: {error}",))


def _read(database: Path) -> Remains:
    with copied(database) as store:
        problems = [row[0] for row in store.execute("PRAGMA integrity_check") if row[0] != "ok"]
        problems += [f"foreign key: {row}" for row in store.execute("PRAGMA foreign_key_check")]
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "crawl_requests" not in tables:
            half = sorted(name for name in tables if name.startswith("crawl_"))
            return Remains(problems=(*problems, *([f"half a schema: {half}"] if half else [])))
        states = Counter(dict(store.execute("SELECT state, count(*) FROM crawl_requests GROUP BY state")))
        items = _items(store) if "items" in tables else []
        endings = [ending for (ending,) in store.execute("SELECT ending FROM crawl_runs ORDER BY id")]
        return Remains(
            problems=(*problems, *_sums(store, states, len(items))),
            done=frozenset(url for (url,) in store.execute("SELECT url FROM crawl_requests WHERE state = 2")),
            accepted=Counter(
                dict(store.execute("SELECT url, count(*) FROM crawl_pages WHERE verdict = 'accept' GROUP BY url"))
            ),
            items=tuple(items),
            states=states,
            logins=Counter(dict(store.execute("SELECT outcome, count(*) FROM crawl_logins GROUP BY outcome"))),
            runs=len(endings),
            ending=endings[-1] if endings else "",
        )


def _items(store: sqlite3.Connection) -> list[dict[str, str]]:
    rows = store.execute(f"SELECT {', '.join(FIELDS)} FROM items ORDER BY rowid")
    return [dict(zip(FIELDS, row, strict=True)) for row in rows]


def _sums(store: sqlite3.Connection, states: Counter[int], items: int) -> Iterator[str]:
    """The counters of the frontiers against the rows; they move in the same transactions, so they always agree."""
    row = store.execute(
        "SELECT sum(waiting_or_leased), sum(done), sum(failed), sum(skipped), sum(parked), sum(items), sum(pages)"
        " FROM crawl_frontiers"
    ).fetchone()
    counted = (states[WAITING] + states[LEASED], states[DONE], states[FAILED], states[SKIPPED], states[PARKED], items)
    if tuple(value or 0 for value in row[:6]) != counted:
        yield f"counters say {row[:6]}, the rows {counted}"
    accepted = store.execute("SELECT count(*) FROM crawl_pages WHERE verdict = 'accept'").fetchone()[0]
    if (row[6] or 0) != accepted:
        yield f"the counter says {row[6]} pages, the page log {accepted}"


def lost_between(before: Remains, after: Remains) -> list[str]:
    """What was committed before and is not there any more."""
    gone = [f"page {url}" for url in sorted(before.done - after.done)]
    now = Counter(json.dumps(item, sort_keys=True) for item in after.items)
    then = Counter(json.dumps(item, sort_keys=True) for item in before.items)
    return gone + [f"item {text}" for text in (then - now)]


def doubled(found: Remains) -> list[str]:
    """Ids of books that are stored more than once, and pages accepted more than once."""
    ids = Counter(item["id"] for item in found.items)
    return [f"book {name} {count} times" for name, count in ids.items() if count > 1] + [
        f"{url} accepted {count} times" for url, count in found.accepted.items() if count > 1
    ]


def wrong_at_the_end(project: Project, found: Remains, truth: list[dict[str, str]]) -> list[str]:
    """Everything that is not as after a crawl that was never disturbed, and what `crawl audit` says against it."""
    wrong = list(found.problems) + doubled(found)
    expected = {item["id"]: {name: item[name] for name in FIELDS} for item in truth}
    stored = {item["id"]: item for item in found.items}
    wrong += [f"book {name} is missing" for name in sorted(expected.keys() - stored.keys(), key=int)]
    wrong += [f"book {name} is none of the truth" for name in stored.keys() - expected.keys()]
    wrong += [f"book {name} differs" for name in stored.keys() & expected.keys() if stored[name] != expected[name]]
    stuck = {state: count for state, count in found.states.items() if state not in (DONE, SKIPPED)}
    if stuck:
        wrong.append(f"requests not done: {stuck}")
    return wrong + [f"audit: {problem}" for problem in audit_problems(project)]


def audit_problems(project: Project) -> list[str]:
    """What `crawl audit` has to say against the last crawl."""
    try:
        with closing(open_store(str(project.database), cipher=Vault([Vault.new_key()]), create=False)) as store:
            audited = audit(store, project.name)
    except CrawlError as error:
        return [str(error)]
    return list(audited.problems) if audited is not None else ["the spider has never run"]
