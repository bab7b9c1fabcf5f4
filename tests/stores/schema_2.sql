BEGIN TRANSACTION;
CREATE TABLE "Order" (
   "_run" INTEGER,
   "_url" TEXT,
   "_time" REAL,
   "_request" INTEGER,
   "_position" INTEGER,
   "_types" TEXT,
   "_more" TEXT,
   "id" INTEGER,
   "total" INTEGER
);
INSERT INTO "Order" VALUES(1,'http://shop.example/p0',1800000000.0,1,1,'{"total": ["integer", "0x400000000000000000"]}',NULL,0,1.18059162071741130344e+21);
INSERT INTO "Order" VALUES(1,'http://shop.example/p1',1800000000.0,2,1,'{"total": ["integer", "0x400000000000000000"]}',NULL,1,1.18059162071741130344e+21);
INSERT INTO "Order" VALUES(1,'http://shop.example/p2',1800000000.0,3,1,'{"total": ["integer", "0x400000000000000000"]}',NULL,2,1.18059162071741130344e+21);
INSERT INTO "Order" VALUES(2,'http://shop.example/p0',1800000000.0,5,1,'{"total": ["integer", "0x400000000000000000"]}',NULL,0,1.18059162071741130344e+21);
INSERT INTO "Order" VALUES(2,'http://shop.example/p1',1800000000.0,6,1,'{"total": ["integer", "0x400000000000000000"]}',NULL,1,1.18059162071741130344e+21);
INSERT INTO "Order" VALUES(2,'http://shop.example/p2',1800000000.0,7,1,'{"total": ["integer", "0x400000000000000000"]}',NULL,2,1.18059162071741130344e+21);
CREATE TABLE crawl_bodies (
    request INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE crawl_columns (
    stored_in TEXT NOT NULL,
    field TEXT NOT NULL,
    stored_as TEXT NOT NULL,
    kind TEXT NOT NULL,
    PRIMARY KEY (stored_in, field)
);
INSERT INTO "crawl_columns" VALUES('items','sku','sku','text');
INSERT INTO "crawl_columns" VALUES('items','_crawl','_crawl','text');
INSERT INTO "crawl_columns" VALUES('items','price','price','decimal');
INSERT INTO "crawl_columns" VALUES('items','seen','seen','date');
INSERT INTO "crawl_columns" VALUES('Order','id','id','integer');
INSERT INTO "crawl_columns" VALUES('Order','total','total','integer');
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
INSERT INTO "crawl_frontiers" VALUES(1,'shop','{}',1800000000.0,0,0,3,0,0,0,3,6);
INSERT INTO "crawl_frontiers" VALUES(2,'shop','{}',1800000000.0,0,0,3,0,0,0,3,6);
CREATE TABLE crawl_lanes (
    id INTEGER PRIMARY KEY,
    slot INTEGER NOT NULL REFERENCES crawl_slots (id),
    session TEXT NOT NULL,
    UNIQUE (slot, session)
);
INSERT INTO "crawl_lanes" VALUES(1,1,'default');
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
CREATE TABLE crawl_owners (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);
INSERT INTO "crawl_owners" VALUES(1,'me');
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
INSERT INTO "crawl_pages" VALUES(1,1,1,'http://shop.example/p0',NULL,'accept',200,0,0.0,'default',0,NULL,NULL,1800000000.0);
INSERT INTO "crawl_pages" VALUES(2,1,2,'http://shop.example/p1',NULL,'accept',200,0,0.0,'default',0,NULL,NULL,1800000000.0);
INSERT INTO "crawl_pages" VALUES(3,1,3,'http://shop.example/p2',NULL,'accept',200,0,0.0,'default',0,NULL,NULL,1800000000.0);
INSERT INTO "crawl_pages" VALUES(4,2,5,'http://shop.example/p0',NULL,'accept',200,0,0.0,'default',0,NULL,NULL,1800000000.0);
INSERT INTO "crawl_pages" VALUES(5,2,6,'http://shop.example/p1',NULL,'accept',200,0,0.0,'default',0,NULL,NULL,1800000000.0);
INSERT INTO "crawl_pages" VALUES(6,2,7,'http://shop.example/p2',NULL,'accept',200,0,0.0,'default',0,NULL,NULL,1800000000.0);
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
INSERT INTO "crawl_requests" VALUES(1,1,X'42937D0648362CAAE00C54316ADBF083','http://shop.example/p0',1,'',0,0,2,1,1,0,0.0,1800000060.0,0.0,0,1,NULL,NULL,NULL,NULL);
INSERT INTO "crawl_requests" VALUES(2,1,X'EC6EF230F1828039EE794566B9C58ADC','http://shop.example/p1',1,'',0,0,2,1,1,0,0.0,1800000060.0,0.0,0,1,NULL,NULL,NULL,NULL);
INSERT INTO "crawl_requests" VALUES(3,1,X'1D665B9B1467944C128A5575119D1CFD','http://shop.example/p2',1,'',0,0,2,1,1,0,0.0,1800000060.0,0.0,0,1,NULL,NULL,NULL,NULL);
INSERT INTO "crawl_requests" VALUES(5,2,X'42937D0648362CAAE00C54316ADBF083','http://shop.example/p0',1,'',0,0,2,1,1,0,0.0,1800000060.0,0.0,0,1,NULL,NULL,NULL,NULL);
INSERT INTO "crawl_requests" VALUES(6,2,X'EC6EF230F1828039EE794566B9C58ADC','http://shop.example/p1',1,'',0,0,2,1,1,0,0.0,1800000060.0,0.0,0,1,NULL,NULL,NULL,NULL);
INSERT INTO "crawl_requests" VALUES(7,2,X'1D665B9B1467944C128A5575119D1CFD','http://shop.example/p2',1,'',0,0,2,1,1,0,0.0,1800000060.0,0.0,0,1,NULL,NULL,NULL,NULL);
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
INSERT INTO "crawl_runs" VALUES(1,'shop',1,0,1800000000.0,'{}',1800000000.0,'finished',0,'{}','process 4711');
INSERT INTO "crawl_runs" VALUES(2,'shop',2,0,1800000000.0,'{}',1800000000.0,'finished',0,'{}','process 4711');
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
CREATE TABLE crawl_slots (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    next_at REAL NOT NULL DEFAULT 0,
    paused_until REAL NOT NULL DEFAULT 0
);
INSERT INTO "crawl_slots" VALUES(1,'shop.example',0.0,0.0);
CREATE TABLE crawl_tables (
    name TEXT PRIMARY KEY,
    stored_as TEXT NOT NULL UNIQUE
);
INSERT INTO "crawl_tables" VALUES('items','items');
INSERT INTO "crawl_tables" VALUES('Order','Order');
CREATE TABLE crawl_values (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    expires_at REAL
);
CREATE TABLE "items" (
   "_run" INTEGER,
   "_url" TEXT,
   "_time" REAL,
   "_request" INTEGER,
   "_position" INTEGER,
   "_types" TEXT,
   "_more" TEXT,
   "sku" TEXT,
   "_crawl" TEXT,
   "price" TEXT,
   "seen" TEXT
);
INSERT INTO "items" VALUES(1,'http://shop.example/p0',1800000000.0,1,0,NULL,NULL,'s0','theirs 1','1.50','2026-01-01');
INSERT INTO "items" VALUES(1,'http://shop.example/p1',1800000000.0,2,0,NULL,NULL,'s1','theirs 1','1.50','2026-01-01');
INSERT INTO "items" VALUES(1,'http://shop.example/p2',1800000000.0,3,0,NULL,NULL,'s2','theirs 1','1.50','2026-01-01');
INSERT INTO "items" VALUES(2,'http://shop.example/p0',1800000000.0,5,0,NULL,NULL,'s0','theirs 2','1.50','2026-01-02');
INSERT INTO "items" VALUES(2,'http://shop.example/p1',1800000000.0,6,0,NULL,NULL,'s1','theirs 2','1.50','2026-01-02');
INSERT INTO "items" VALUES(2,'http://shop.example/p2',1800000000.0,7,0,NULL,NULL,'s2','theirs 2','1.50','2026-01-02');
CREATE INDEX crawl_frontiers_by_spider ON crawl_frontiers (spider, id);
CREATE INDEX crawl_runs_by_spider ON crawl_runs (spider, id);
CREATE INDEX crawl_runs_by_frontier ON crawl_runs (frontier, id);
CREATE UNIQUE INDEX crawl_requests_known ON crawl_requests (frontier, fingerprint);
CREATE INDEX crawl_requests_ready ON crawl_requests (frontier, lane, priority DESC) WHERE state = 0 AND not_before = 0;
CREATE INDEX crawl_requests_delayed ON crawl_requests (frontier, not_before) WHERE state = 0 AND not_before > 0;
CREATE INDEX crawl_requests_leased ON crawl_requests (frontier, lease_until) WHERE state = 1;
CREATE INDEX crawl_requests_suspect ON crawl_requests (frontier, sent_at) WHERE state = 2 AND proven = 0;
CREATE INDEX crawl_requests_ended ON crawl_requests (frontier, state) WHERE state >= 3;
CREATE INDEX crawl_session_history_by_key ON crawl_session_history (key, id);
CREATE INDEX crawl_logins_by_key ON crawl_logins (key, id);
CREATE VIEW crawl_urls AS
    SELECT r.id, r.frontier, r.url, s.name AS slot, l.session, r.callback, r.priority, r.depth,
           CASE r.state WHEN 0 THEN 'waiting' WHEN 1 THEN 'leased' WHEN 2 THEN 'done' WHEN 3 THEN 'failed'
                        WHEN 4 THEN 'skipped' ELSE 'parked' END AS state,
           r.attempt, r.error, r.rule
    FROM crawl_requests r JOIN crawl_lanes l ON l.id = r.lane JOIN crawl_slots s ON s.id = l.slot;
CREATE UNIQUE INDEX "crawl_by_request_items"
    ON "items" ("_request", "_position");
CREATE INDEX "crawl_by_run_items"
    ON "items" ("_run");
CREATE UNIQUE INDEX "crawl_by_request_Order"
    ON "Order" ("_request", "_position");
CREATE INDEX "crawl_by_run_Order"
    ON "Order" ("_run");
COMMIT;
INSERT INTO sqlite_sequence VALUES ('crawl_frontiers', 2);
INSERT INTO sqlite_sequence VALUES ('crawl_runs', 2);
INSERT INTO sqlite_sequence VALUES ('crawl_requests', 8);
INSERT INTO sqlite_sequence VALUES ('crawl_owners', 1);
