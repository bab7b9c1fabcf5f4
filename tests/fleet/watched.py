"""The database's own log of what happens to requests: a trigger writes it in the transaction that makes the change."""

from __future__ import annotations

from tests.fleet.history import Write
from tests.postgres import PostgresServer

_STATEMENTS = (
    "CREATE TABLE IF NOT EXISTS fleet_writes (number BIGINT GENERATED ALWAYS AS IDENTITY, at DOUBLE PRECISION,"
    " who TEXT, request BIGINT, state_before BIGINT, token_before BIGINT, state BIGINT, token BIGINT,"
    " until DOUBLE PRECISION)",
    "CREATE OR REPLACE FUNCTION fleet_watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " INSERT INTO fleet_writes (at, who, request, state_before, token_before, state, token, until)"
    " VALUES (extract(epoch FROM clock_timestamp()), current_setting('application_name'), NEW.id,"
    " OLD.state, OLD.token, NEW.state, NEW.token, OLD.lease_until); RETURN NULL; END $$",
    "CREATE TRIGGER fleet_watch AFTER UPDATE ON crawl_requests FOR EACH ROW"
    " WHEN (OLD.state <> NEW.state OR OLD.token <> NEW.token) EXECUTE FUNCTION fleet_watch()",
)


def watch(server: PostgresServer, database: str) -> None:
    """From now on changes are logged. The tables of the store are there."""
    for statement in _STATEMENTS:
        server.do(statement, database)


def writes(server: PostgresServer, database: str) -> list[Write]:
    """What was logged."""
    rows = server.do(
        "SELECT at, who, request, state_before, token_before, state, token, until FROM fleet_writes ORDER BY number",
        database,
    )
    return [
        Write(at, who, request, (state_before, token_before), (state, token), until or 0.0)
        for at, who, request, state_before, token_before, state, token, until in rows
    ]
