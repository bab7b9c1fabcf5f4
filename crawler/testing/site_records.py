"""What the practice site records about its visitors, so that tests can assert on it."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from dataclasses import field
from typing import Any, NamedTuple

from crawler.quick_dataclass import field_names, quick_dataclass


class LoggedRequest(NamedTuple):
    """One request as the site saw it, and its result.

    Attributes:
        time_s: Monotonic time, in the site's process, at which its head had been read.
        host: Address it was sent to, such as ``127.0.0.1``.
        method: In upper case.
        url: Full address with the query.
        account: The signed-in account, or empty.
        session: Label of the session, such as ``alice#2`` for the second login of alice, or empty.
        status: Status of the answer; 0 if the connection was reset instead.
        headers: Header fields, names in lower case.
        body: Its body, at most 64 kB of it.
        connection: Number of the connection it used.
    """

    time_s: float
    host: str
    method: str
    url: str
    account: str
    session: str
    status: int
    headers: dict[str, str]
    body: str
    connection: int


@quick_dataclass(frozen=False)
class Record:
    """The counts at one moment: a copy that no longer changes.

    Attributes:
        logins: Completed logins of every kind, by account.
        failed_logins: Refused logins (wrong password, wrong code, locked account), by the name that was given.
        login_posts: All login attempts that reached the server, by account name.
        refused: Refused requests, by reason: logged-out (a page behind the login), expired and user-agent (the
            session ended because of it), stale-session (an id that was replaced), foreign-session (an id of another
            host), secure-cookie-in-clear, csrf, button, too-many-logins, too-early (before Retry-After was over),
            too-fast, ticket, token.
        hits: Requests that were answered or reset, by URL.
        hits_by_session: The same, by (URL, session label).
        statuses: Answers, by status; 0 for resets.
        most_simultaneous: Most requests in progress at one time, by host.
        connections: Opened connections, by host.
        requests: All requests, by host.
        granted: Pages served behind a login, by account.
        revocations: How many times sessions were ended by `revoke`, `revoke_at` or `expire_now`.
        logouts: Sessions ended by a logout link, by account.
        deleted: Orders deleted through links, in order.
        tokens: Issued tokens, by grant.
        pages: Shop pages answered as "unchanged" (304).
        files: Answers to requests for invoices: "sent" whole, "continued" where a try had ended, "unchanged" (304).
    """

    logins: Counter[str] = field(default_factory=Counter)
    failed_logins: Counter[str] = field(default_factory=Counter)
    login_posts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    hits_by_session: Counter[tuple[str, str]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    most_simultaneous: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    granted: Counter[str] = field(default_factory=Counter)
    revocations: int = 0
    logouts: Counter[str] = field(default_factory=Counter)
    deleted: list[str] = field(default_factory=list)
    tokens: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)

    def copy(self) -> Record:
        """An independent copy."""
        values: dict[str, Any] = {}
        for name in field_names(self):
            value = getattr(self, name)
            values[name] = value if isinstance(value, int) else value.copy()
        return Record(**values)

    def to_json(self) -> dict[str, Any]:
        """The counts as values that JSON can represent."""
        values: dict[str, Any] = {name: getattr(self, name) for name in field_names(self)}
        values["hits_by_session"] = [[url, label, count] for (url, label), count in self.hits_by_session.items()]
        values["statuses"] = [[status, count] for status, count in self.statuses.items()]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Record:
        """The record from the output of `to_json`."""
        read: dict[str, Any] = {
            name: Counter(value) if isinstance(value, dict) else value for name, value in values.items()
        }
        read["hits_by_session"] = Counter({(url, label): count for url, label, count in values["hits_by_session"]})
        read["statuses"] = Counter(dict(values["statuses"]))
        return cls(**read)


class Recorder:
    """Counts while the site runs. Thread-safe; every method holds the lock only briefly."""

    def __init__(self, log_limit: int) -> None:
        self._lock = threading.Lock()  # guards everything below
        self._answered = threading.Condition(self._lock)
        self._answers = 0
        self._waiting = 0  # threads in wait_for_answers
        self._record = Record()
        self._log: deque[LoggedRequest] = deque(maxlen=log_limit)
        self._starts: dict[str, list[float]] = {}
        self._working: Counter[str] = Counter()
        self._connection_number = 0

    def connected(self, host: str) -> int:
        """Counts a new connection to *host*; returns its number."""
        with self._lock:
            self._connection_number += 1
            self._record.connections[host] += 1
            return self._connection_number

    def begin(self, host: str) -> float:
        """Counts a request as in progress; returns its start in monotonic seconds."""
        with self._lock:
            start_s = time.monotonic()
            working = self._working[host] + 1
            self._working[host] = working
            record = self._record
            record.requests[host] += 1
            if working > record.most_simultaneous[host]:
                record.most_simultaneous[host] = working
            self._starts.setdefault(host, []).append(start_s)
            return start_s

    def end(self, entry: LoggedRequest) -> None:
        """Records an answer. Must be called before its bytes are sent, so that whoever has the answer finds it here."""
        with self._lock:
            self._working[entry.host] -= 1
            record = self._record
            record.hits[entry.url] += 1
            record.hits_by_session[entry.url, entry.session] += 1
            record.statuses[entry.status] += 1
            self._log.append(entry)
            self._answers += 1
            if self._waiting:
                self._answered.notify_all()

    def wait_for_answers(self, count: int, seconds: float) -> bool:
        """Waits until *count* requests were answered since the last reset; returns whether they were."""
        with self._answered:
            self._waiting += 1
            try:
                return self._answered.wait_for(lambda: self._answers >= count, seconds)
            finally:
                self._waiting -= 1

    def count(self, name: str, key: str) -> int:
        """Adds one to the counter *name* of `Record` at *key*; returns the new number."""
        with self._lock:
            counter: Counter[str] = getattr(self._record, name)
            counter[key] += 1
            return counter[key]

    def revoked(self) -> None:
        """Counts a revocation."""
        with self._lock:
            self._record.revocations += 1

    def deleted(self, order: str) -> None:
        """Counts an order deleted through a link."""
        with self._lock:
            self._record.deleted.append(order)

    def snapshot(self) -> Record:
        """A copy of the current counts."""
        with self._lock:
            return self._record.copy()

    def log(self) -> list[LoggedRequest]:
        """The latest requests, in the order of their answers, up to the limit."""
        with self._lock:
            return list(self._log)

    def starts(self, host: str) -> list[float]:
        """Start of each request to *host* in monotonic seconds, ascending."""
        with self._lock:
            return list(self._starts.get(host, ()))

    def reset(self) -> None:
        """Resets all counts, except requests in progress and open connections."""
        with self._lock:
            self._record = Record()
            self._answers = 0
            self._log.clear()
            self._starts.clear()
