"""What the processes of a run share, as tables and columns: see `table_texts`.

`crawl_quotas` has what was granted from accounts' quotas, and which accounts rest.

What answers have taught about a host is in its slot, for all processes: `crawl_delay_s` of its robots.txt, `slowed_s`
since it said that we are too fast, how often in a row its circuit was opened, and in which run it was given up, with
the error. `learned_at` is when any of it, or its pause, was last written.

`crawl_workers` has a row for each process of a run that works with others: `until` is its end unless it reports that it
is alive, `agrees` the processes among which it shares connections, `counted` what it has done. `max_pages` of a run
holds for all of them; `pages_before` is how many its frontier had when it began.
"""

from __future__ import annotations

QUOTAS = """
CREATE TABLE crawl_quotas (
    key TEXT PRIMARY KEY,
    granted TEXT NOT NULL DEFAULT '[]',
    rests_until REAL NOT NULL DEFAULT 0,
    why TEXT NOT NULL DEFAULT ''
);
"""

WORKERS = """
CREATE TABLE crawl_workers (
    run INTEGER NOT NULL,
    number INTEGER NOT NULL,
    owner TEXT NOT NULL,
    process TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    joined_at REAL NOT NULL,
    until REAL NOT NULL,
    left_at REAL NOT NULL DEFAULT 0,
    agrees TEXT NOT NULL DEFAULT '',
    counted TEXT NOT NULL DEFAULT '{}',
    PRIMARY KEY (run, number)
);
"""

#: What a store of an older schema lacks besides.
SHARED_COLUMNS = [
    f"ALTER TABLE {table} ADD COLUMN {name} {kind} NOT NULL DEFAULT {usual}"
    for table, name, kind, usual in (
        ("crawl_runs", "max_pages", "INTEGER", "0"),
        ("crawl_runs", "pages_before", "INTEGER", "0"),
        ("crawl_slots", "crawl_delay_s", "REAL", "0"),
        ("crawl_slots", "slowed_s", "REAL", "0"),
        ("crawl_slots", "openings", "INTEGER", "0"),
        ("crawl_slots", "given_up", "TEXT", "''"),
        ("crawl_slots", "given_up_in", "INTEGER", "0"),
        ("crawl_slots", "learned_at", "REAL", "0"),
    )
]
SHARED_INDEX = "CREATE INDEX crawl_slots_learned ON crawl_slots (learned_at) WHERE learned_at > 0"
