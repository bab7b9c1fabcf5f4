"""What may be wrong with a store in PostgreSQL, and what to do about it. Only `vacuum` changes anything."""

from __future__ import annotations

import time
from collections.abc import Iterator

from crawler.stores.incarnations import is_dead
from crawler.stores.postgres.old_snapshots import HELD
from crawler.stores.postgres.postgres_driver import PostgresDriver
from crawler.stores.postgres.postgres_migrations import VERSION
from crawler.stores.postgres.postgres_partitions import partitions
from crawler.stores.told import CareNote

_OLDEST = 140_000  #: server_version_num of PostgreSQL 14
_HELD_S = 60.0  #: a snapshot older than this is reported
_MUCH_DEAD, _DEAD_SHARE = 20_000, 0.25
_CLOCK_S = 5.0
_FROZEN = 1_500_000_000  #: of 2,147,483,648 transactions after which PostgreSQL stops
_LOPSIDED, _LARGE = 0.5, 1_000_000


def findings(driver: PostgresDriver) -> Iterator[CareNote]:
    """The findings, one after another. Needs no more rights than a crawl has."""
    yield from _server(driver)
    yield from _members(driver)
    yield from _snapshots(driver)
    yield from _dead_rows(driver)
    for problem in driver.damage():
        yield CareNote("references", problem, "restore the last backup, or ask for help before you crawl on")
    yield _partitions(driver)


def vacuum(driver: PostgresDriver) -> list[tuple[str, int, int]]:
    """Vacuum and analyze each table of the store. Returns table, dead rows before, and after."""
    before = _dead(driver)
    for table in before:
        driver.run(f'VACUUM (ANALYZE) "{table.replace(chr(34), chr(34) * 2)}"')
    after = _dead(driver)
    return [(table, dead, after.get(table, 0)) for table, dead in before.items()]


def _dead(driver: PostgresDriver) -> dict[str, int]:
    driver.run("SELECT pg_stat_clear_snapshot()")
    rows = driver.read(
        "SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY 2 DESC, 1"
    )
    return {str(table): int(dead) for table, dead in rows}


def _server(driver: PostgresDriver) -> Iterator[CareNote]:
    began = time.time()
    ((version, number, now, vacuums, syncs, used, most, age),) = driver.read(
        "SELECT current_setting('server_version'), current_setting('server_version_num')::int,"
        " extract(epoch FROM clock_timestamp())::double precision, current_setting('autovacuum'),"
        " current_setting('fsync'), (SELECT count(*) FROM pg_stat_activity), current_setting('max_connections')::int,"
        " (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database())"
    )
    ended = time.time()
    yield CareNote(
        "server", f"PostgreSQL {version}", "" if number >= _OLDEST else "upgrade it to PostgreSQL 14 or newer"
    )
    yield CareNote("tables", f"version {VERSION}")
    ahead_s = now - (began + ended) / 2
    way = f"{(ended - began) * 1000:.0f} ms there and back"
    yield CareNote(
        "clock",
        f"{abs(ahead_s):.2f} s {'ahead of' if ahead_s >= 0 else 'behind'} this machine, {way}",
        "" if abs(ahead_s) < _CLOCK_S else "set the clock of this machine: its logs are wrong (crawls are not)",
    )
    yield CareNote("autovacuum", vacuums, "" if vacuums == "on" else "switch it on: dead rows slow each claim down")
    yield CareNote("fsync", syncs, "" if syncs == "on" else "switch it on: a power cut may destroy the database")
    full = used > 0.9 * most
    yield CareNote(
        "connections", f"{used} of {most}", "raise max_connections, or put PgBouncer before it" if full else ""
    )
    old = age > _FROZEN
    yield CareNote("transactions", f"{age:,} since the last freeze", "run `crawl store vacuum` now" if old else "")


def _members(driver: PostgresDriver) -> Iterator[CareNote]:
    now = driver.now()
    rows = driver.read("SELECT process, until FROM crawl_members")
    alive = [process for process, until in rows if until > now and not is_dead(process)]
    yield CareNote("members", f"{len(alive)} at work, {len(rows) - len(alive)} dead")
    ((lapsed,),) = driver.read("SELECT count(*) FROM crawl_requests WHERE state = 1 AND lease_until <= ?", (now,))
    ((leased,),) = driver.read("SELECT count(*) FROM crawl_requests WHERE state = 1")
    advice = "`crawl run` of their spider takes them up again" if leased and not alive else ""
    yield CareNote("leases", f"{leased:,}, of which {lapsed:,} have run out", advice)


def _snapshots(driver: PostgresDriver) -> Iterator[CareNote]:
    held = [row for row in driver.read(HELD) if row[2] > _HELD_S]
    if not held:
        yield CareNote("snapshots", "none is old")
    for who, what, age_s, remedy in held:
        old = f"for {age_s / 60:,.0f} minutes" if age_s < 1e9 else "since it was left"
        advice = f"it keeps dead rows in their place, and claims slow down; end it: {remedy}"
        yield CareNote("snapshots", f"{who} ({what}) has held one {old}", advice)


def _dead_rows(driver: PostgresDriver) -> Iterator[CareNote]:
    rows = driver.read(
        "SELECT relname, n_live_tup, n_dead_tup, pg_total_relation_size(relid),"
        " coalesce(to_char(greatest(last_vacuum, last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'), '')"
        " FROM pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY 4 DESC LIMIT 40"
    )
    size = sum(row[3] for row in rows)
    found = False
    for table, live, dead, _, last in rows:
        if dead > _MUCH_DEAD and dead > _DEAD_SHARE * live:
            found = True
            vacuumed = f"last vacuumed {last} UTC" if last else "never vacuumed"
            yield CareNote("dead rows", f"{dead:,} of {table} beside {live:,}, {vacuumed}", "run `crawl store vacuum`")
    if not found:
        yield CareNote("dead rows", f"few; tables and indexes take {size / 1e6:,.1f} MB")


def _partitions(driver: PostgresDriver) -> CareNote:
    count = partitions(driver)
    if count == 1:
        return CareNote("partitions", "none: the table of requests is one piece")
    rows = driver.read(
        "SELECT c.relname, greatest(c.reltuples, 0)::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass('crawl_requests') ORDER BY 2 DESC"
    )
    total, (table, most) = sum(row[1] for row in rows), rows[0]
    share = most / total if total else 0.0
    lopsided = total > _LARGE and share > _LOPSIDED
    told = f"{count}; the largest is {table} with {share:.0%} of the requests"
    return CareNote("partitions", told, "one site is most of it: partitions bring little" if lopsided else "")
