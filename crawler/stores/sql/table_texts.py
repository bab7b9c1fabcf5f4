"""The tables of a store, in SQLite's SQL; `postgres_table_texts` translates them into PostgreSQL's types.

Our tables begin with ``crawl_``; everything else is results. Times are seconds since 1970.

`crawl_requests` is the frontier. A row's life: ready (state 0, not_before 0) or delayed (state 0, not_before > 0),
leased (1), then done (2), failed (3), skipped (4) or parked (5). One partial index serves each of these, so that no
query ever scans the finished rows. A *lane* is one slot with one session: the unit of fair sharing and of leaving
sessions out. `lease_until` and `sent_at` hold the time of discovery until they get their own value: a row that
does not grow is rewritten in place. `parent` is the request on whose page it was found first.

`crawl_visits` has a row for the last visit of a page, under the request of the crawl that made it: a crawl that finds
the page unchanged moves the row to its own request. So the rows are removed along with their frontier. A kept page is a
row of `crawl_bodies`; equal bodies (and heads), of any pages and crawls, are one row of `crawl_contents`.

A *record* (`crawl_records`) is an item with a key: one row in its result table, followed from crawl to crawl. A
*sighting* (`crawl_sightings`) says that a page listed it when it was last read; `hash` shows whether the page says the
same about it as before, `shape` which fields it gave, `request` which request made the sighting. A page that was read
without the record leaves its sighting `dropped` until a complete crawl has shown that no other page lists it instead.

Pages (`crawl_record_pages`) are identified by their fingerprint, like requests, and belong to a *scope*: one spider
with one set of arguments. Whether a page was read in a crawl is only in `crawl_requests`: what a page listed counts as
met in every crawl in which its request is done, without a write. `nameless` is how many things without a key are always
kept aside from a page; a page with more of them, or that was not read in full, is `partial`: its not listing a record
proves nothing.

`crawl_files` has one row for each version of each file that is held. The bytes are in a folder beside the database,
named after their hash (`crawler.pages.file_folder`). Rows are only added, or confirmed: when what a lost session
brought is taken back, the version before is the newest one again. `crawl_samples` has pages kept for inspection.
"""

from __future__ import annotations

import re

from crawler.stores.sql.worker_tables import QUOTAS, WORKERS

CRAWLS = """
CREATE TABLE crawl_frontiers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spider TEXT NOT NULL,
    args TEXT NOT NULL,
    created_at REAL NOT NULL,
    pruned INTEGER NOT NULL DEFAULT 0,
    waiting_or_leased INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    skipped INTEGER NOT NULL DEFAULT 0,
    parked INTEGER NOT NULL DEFAULT 0,
    pages INTEGER NOT NULL DEFAULT 0,
    items INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX crawl_frontiers_by_spider ON crawl_frontiers (spider, id);

CREATE TABLE crawl_runs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spider TEXT NOT NULL,
    frontier INTEGER NOT NULL REFERENCES crawl_frontiers (id),
    resumed INTEGER NOT NULL,
    started_at REAL NOT NULL,
    args TEXT NOT NULL DEFAULT '{}',
    ended_at REAL,
    ending TEXT NOT NULL DEFAULT '',
    exit_code INTEGER,
    summary TEXT NOT NULL DEFAULT '{}',
    process TEXT NOT NULL DEFAULT '',
    max_pages INTEGER NOT NULL DEFAULT 0,
    pages_before INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX crawl_runs_by_spider ON crawl_runs (spider, id);
CREATE INDEX crawl_runs_by_frontier ON crawl_runs (frontier, id);

CREATE TABLE crawl_slots (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    next_at REAL NOT NULL DEFAULT 0,
    paused_until REAL NOT NULL DEFAULT 0,
    crawl_delay_s REAL NOT NULL DEFAULT 0,
    slowed_s REAL NOT NULL DEFAULT 0,
    openings INTEGER NOT NULL DEFAULT 0,
    given_up TEXT NOT NULL DEFAULT '',
    given_up_in INTEGER NOT NULL DEFAULT 0,
    learned_at REAL NOT NULL DEFAULT 0
);
CREATE INDEX crawl_slots_learned ON crawl_slots (learned_at) WHERE learned_at > 0;
CREATE TABLE crawl_lanes (
    id INTEGER PRIMARY KEY,
    slot INTEGER NOT NULL REFERENCES crawl_slots (id),
    session TEXT NOT NULL,
    UNIQUE (slot, session)
);
CREATE TABLE crawl_owners (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE crawl_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    frontier INTEGER NOT NULL REFERENCES crawl_frontiers (id),
    fingerprint BLOB NOT NULL,
    url TEXT NOT NULL,
    lane INTEGER NOT NULL REFERENCES crawl_lanes (id),
    callback TEXT NOT NULL,
    priority INTEGER NOT NULL,
    depth INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    owner INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    lease_until REAL NOT NULL,
    sent_at REAL NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    proven INTEGER NOT NULL DEFAULT 1,
    session_name TEXT,
    error TEXT,
    rule TEXT,
    extras BLOB,
    parent INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX crawl_requests_known ON crawl_requests (frontier, fingerprint);
CREATE INDEX crawl_requests_ready ON crawl_requests (frontier, lane, priority DESC) WHERE state = 0 AND not_before = 0;
CREATE INDEX crawl_requests_delayed ON crawl_requests (frontier, not_before) WHERE state = 0 AND not_before > 0;
CREATE INDEX crawl_requests_leased ON crawl_requests (frontier, lease_until) WHERE state = 1;
CREATE INDEX crawl_requests_suspect ON crawl_requests (frontier, sent_at) WHERE state = 2 AND proven = 0;
CREATE INDEX crawl_requests_ended ON crawl_requests (frontier, state) WHERE state >= 3;

CREATE TABLE crawl_pages (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES crawl_runs (id),
    request INTEGER NOT NULL,
    url TEXT NOT NULL,
    final_url TEXT,
    verdict TEXT NOT NULL,
    status INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    ms REAL NOT NULL,
    session TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    error TEXT,
    warnings TEXT,
    at REAL NOT NULL
);

CREATE TABLE crawl_sessions (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    version INTEGER NOT NULL,
    secret BLOB NOT NULL,
    cookies INTEGER NOT NULL,
    url TEXT NOT NULL,
    saved_at REAL NOT NULL,
    expires_at REAL,
    proved_at REAL,
    logged_in_at REAL,
    login_owner TEXT NOT NULL DEFAULT '',
    login_token INTEGER NOT NULL DEFAULT 0,
    login_until REAL NOT NULL DEFAULT 0
);
CREATE TABLE crawl_session_history (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    name TEXT NOT NULL,
    at REAL NOT NULL,
    url TEXT NOT NULL,
    run INTEGER,
    epoch INTEGER NOT NULL,
    cookies INTEGER NOT NULL,
    secret BLOB NOT NULL
);
CREATE INDEX crawl_session_history_by_key ON crawl_session_history (key, id);

CREATE TABLE crawl_logins (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    owner TEXT NOT NULL,
    run INTEGER,
    epoch INTEGER NOT NULL,
    started_at REAL NOT NULL,
    ended_at REAL,
    outcome TEXT NOT NULL DEFAULT '',
    expired_at REAL
);
CREATE INDEX crawl_logins_by_key ON crawl_logins (key, id);

CREATE TABLE crawl_values (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    expires_at REAL
);

CREATE TABLE crawl_tables (
    name TEXT PRIMARY KEY,
    stored_as TEXT NOT NULL UNIQUE
);
CREATE TABLE crawl_columns (
    stored_in TEXT NOT NULL,
    field TEXT NOT NULL,
    stored_as TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (stored_in, field)
);

CREATE VIEW crawl_urls AS
    SELECT r.id, r.frontier, r.url, s.name AS slot, l.session, r.callback, r.priority, r.depth,
           CASE r.state WHEN 0 THEN 'waiting' WHEN 1 THEN 'leased' WHEN 2 THEN 'done' WHEN 3 THEN 'failed'
                        WHEN 4 THEN 'skipped' ELSE 'parked' END AS state,
           r.attempt, r.error, r.rule
    FROM crawl_requests r JOIN crawl_lanes l ON l.id = r.lane JOIN crawl_slots s ON s.id = l.slot;
"""

PAGES = """
CREATE TABLE crawl_visits (
    request INTEGER PRIMARY KEY,
    checked_at REAL NOT NULL,
    etag TEXT,
    modified TEXT,
    caching TEXT,
    vary TEXT,
    code TEXT NOT NULL,
    session TEXT NOT NULL,
    items TEXT,
    records TEXT,
    links BLOB,
    others BLOB
);

CREATE TABLE crawl_contents (
    id INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    size INTEGER NOT NULL,
    coding TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE crawl_bodies (
    request INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    content INTEGER NOT NULL REFERENCES crawl_contents (id),
    status INTEGER NOT NULL DEFAULT 200,
    url TEXT,
    head INTEGER REFERENCES crawl_contents (id)
);
CREATE INDEX crawl_bodies_by_content ON crawl_bodies (content);
CREATE INDEX crawl_bodies_by_head ON crawl_bodies (head);
"""

RECORDS = """
CREATE TABLE crawl_record_scopes (
    id INTEGER PRIMARY KEY,
    spider TEXT NOT NULL,
    args TEXT NOT NULL,
    UNIQUE (spider, args)
);
CREATE TABLE crawl_record_kinds (
    id INTEGER PRIMARY KEY,
    spider TEXT NOT NULL,
    name TEXT NOT NULL,
    stored_in TEXT NOT NULL,
    UNIQUE (spider, name)
);
CREATE TABLE crawl_records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL REFERENCES crawl_record_kinds (id),
    key TEXT NOT NULL,
    hash BLOB NOT NULL,
    gone INTEGER,
    UNIQUE (kind, key)
);
CREATE TABLE crawl_record_pages (
    id INTEGER PRIMARY KEY,
    scope INTEGER NOT NULL REFERENCES crawl_record_scopes (id),
    fingerprint BLOB NOT NULL,
    parent INTEGER NOT NULL DEFAULT 0,
    depth INTEGER NOT NULL DEFAULT 0,
    partial INTEGER NOT NULL DEFAULT 0,
    nameless INTEGER NOT NULL DEFAULT 0,
    UNIQUE (scope, fingerprint)
);
CREATE TABLE crawl_shapes (
    id INTEGER PRIMARY KEY,
    fields TEXT NOT NULL UNIQUE
);
CREATE TABLE crawl_sightings (
    page INTEGER NOT NULL REFERENCES crawl_record_pages (id),
    record INTEGER NOT NULL REFERENCES crawl_records (id),
    hash BLOB,
    shape INTEGER NOT NULL REFERENCES crawl_shapes (id),
    request INTEGER NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0,
    UNIQUE (page, record)
);
CREATE INDEX crawl_sightings_by_record ON crawl_sightings (record);

CREATE TABLE crawl_changes (
    id INTEGER PRIMARY KEY,
    crawl INTEGER NOT NULL,
    run INTEGER NOT NULL,
    request INTEGER NOT NULL DEFAULT 0,
    record INTEGER NOT NULL REFERENCES crawl_records (id),
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    fields TEXT
);
CREATE INDEX crawl_changes_by_crawl ON crawl_changes (crawl);
CREATE INDEX crawl_changes_by_record ON crawl_changes (record);
CREATE INDEX crawl_changes_by_request ON crawl_changes (request) WHERE request > 0;

CREATE TABLE crawl_rejected (
    id INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    request INTEGER NOT NULL,
    url TEXT NOT NULL,
    session TEXT NOT NULL,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    item TEXT NOT NULL
);
CREATE INDEX crawl_rejected_by_request ON crawl_rejected (request);
CREATE INDEX crawl_rejected_by_run ON crawl_rejected (run);
"""

FILES = """
CREATE TABLE crawl_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spider TEXT NOT NULL,
    session TEXT NOT NULL,
    url TEXT NOT NULL,
    key TEXT NOT NULL DEFAULT '',
    hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    type TEXT NOT NULL,
    name TEXT NOT NULL,
    link TEXT NOT NULL DEFAULT '',
    width INTEGER,
    height INTEGER,
    etag TEXT NOT NULL DEFAULT '',
    modified TEXT NOT NULL DEFAULT '',
    request INTEGER NOT NULL,
    run INTEGER NOT NULL,
    at REAL NOT NULL,
    checked_in INTEGER NOT NULL,
    checked_at REAL NOT NULL,
    checked_by INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    proven INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX crawl_files_by_url ON crawl_files (spider, session, url, id);
CREATE INDEX crawl_files_by_key ON crawl_files (spider, session, key, id) WHERE key <> '';
CREATE INDEX crawl_files_by_hash ON crawl_files (hash);
CREATE INDEX crawl_files_by_request ON crawl_files (request);
CREATE INDEX crawl_files_by_check ON crawl_files (checked_by);
"""

SAMPLES = """
CREATE TABLE crawl_samples (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    spider TEXT NOT NULL,
    callback TEXT NOT NULL,
    cause TEXT NOT NULL,
    score INTEGER NOT NULL,
    run INTEGER NOT NULL,
    url TEXT NOT NULL,
    status INTEGER NOT NULL,
    head TEXT NOT NULL,
    body BLOB NOT NULL,
    at REAL NOT NULL,
    fields TEXT NOT NULL DEFAULT '[]',
    given TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX crawl_samples_known ON crawl_samples (spider, callback, cause);
"""

TABLES = CRAWLS + PAGES + RECORDS + FILES + SAMPLES + QUOTAS + WORKERS


def statements(tables: str) -> list[str]:
    """The single statements of such a text."""
    return [statement for statement in tables.split(";\n") if statement.strip()]


def references(tables: str) -> list[tuple[str, str, str]]:
    """Table, column, and the table to whose ``id`` it refers."""
    found: list[tuple[str, str, str]] = []
    for statement in statements(tables):
        table = re.match(r"\s*CREATE TABLE (\w+)", statement)
        if table is not None:
            columns = re.findall(r"(\w+) INTEGER.* REFERENCES (\w+) \(id\)", statement)
            found += [(table[1], column, parent) for column, parent in columns]
    return found
