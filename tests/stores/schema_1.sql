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
    process TEXT NOT NULL DEFAULT ''
);
CREATE INDEX crawl_runs_by_spider ON crawl_runs (spider, id);
CREATE INDEX crawl_runs_by_frontier ON crawl_runs (frontier, id);

CREATE TABLE crawl_slots (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    next_at REAL NOT NULL DEFAULT 0,
    paused_until REAL NOT NULL DEFAULT 0
);
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
    extras BLOB
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

CREATE TABLE crawl_bodies (
    request INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    body BLOB NOT NULL
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
    logged_in_at REAL
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
CREATE TABLE crawl_login_claims (
    key TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    until REAL NOT NULL,
    login INTEGER NOT NULL REFERENCES crawl_logins (id)
);

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
