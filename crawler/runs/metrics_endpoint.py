"""Figures of a run in progress, for Prometheus to fetch: HTTP, on this machine only (extra `metrics`).

Names and labels are bounded: one line for each name per spider, and for logins one for each way in which they may end.
Figures per host or per page are in the report. These are the figures of progress, which is reported a few times a
second at most: a page costs nothing.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from crawler.errors import SettingsError
from crawler.events import (
    Event,
    LoginEnded,
    PageDone,
    PageFailed,
    PageRetried,
    Progress,
    RunEnded,
    RunStarted,
    SessionParked,
    SlotPaused,
)

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

log = logging.getLogger("crawler.run")

HOST: Final = "127.0.0.1"
LOGINS: Final = ("ok", "restored", "renewed", "refused", "failed", "human")
#: Name without the ending ``_total``, whether it only grows, and what it is
METRICS: Final[tuple[tuple[str, bool, str], ...]] = (
    ("crawl_up", False, "1 while the run is going on."),
    ("crawl_run", False, "Number of the run."),
    ("crawl_leads", False, "1 if the figures are those of the whole run, 0 if those of one member alone."),
    ("crawl_started_timestamp_seconds", False, "When the run began."),
    ("crawl_last_progress_timestamp_seconds", False, "When something was last committed."),
    ("crawl_pages", True, "Pages committed."),
    ("crawl_items", True, "Items stored."),
    ("crawl_waiting_requests", False, "Requests that are waiting or under way."),
    ("crawl_failed_requests", False, "Requests of the crawl that failed."),
    ("crawl_retries", True, "Answers after which a request is tried again."),
    ("crawl_failures", True, "Requests that failed for good, in this run."),
    ("crawl_host_pauses", True, "Pauses that hosts were given: Retry-After, and faults in a row."),
    ("crawl_sessions_parked", True, "Sessions that began to wait for a person."),
    ("crawl_logins", True, "Logins, and sessions restored without one, by how they ended."),
)


class MetricsEndpoint:
    """Serves the figures of one run at ``http://127.0.0.1:PORT/metrics``. An observer of its events.

    It begins to listen when the run begins, after further processes were forked. A port that is taken, perhaps by
    another spider's run, is reported and makes nothing fail.

    Raises:
        SettingsError: The extra is not installed.
    """

    ignores: frozenset[type[Event]] = frozenset((PageDone,))

    def __init__(self, spider: str, port: int) -> None:
        try:
            import prometheus_client  # noqa: F401
        except ImportError:
            raise SettingsError(
                "setting metrics_port needs prometheus-client: pip install 'crawl-sessions[metrics]'"
            ) from None
        self._spider, self._port = spider, port
        self._values: dict[str, float] = {name: 0.0 for name, _, _ in METRICS if name != "crawl_logins"}
        self._logins: Counter[str] = Counter()
        self._server: Any = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        """Where it listens; "" while it does not."""
        return f"http://{HOST}:{self._server.server_port}/metrics" if self._server is not None else ""

    def __call__(self, event: Event) -> None:
        values = self._values
        match event:
            case Progress():
                values["crawl_pages"], values["crawl_items"] = event.pages, event.items
                values["crawl_leads"] = float(event.whole)
                values["crawl_waiting_requests"], values["crawl_failed_requests"] = event.waiting, event.failed
                values["crawl_last_progress_timestamp_seconds"] = event.at
            case PageRetried():
                values["crawl_retries"] += 1
            case PageFailed():
                values["crawl_failures"] += 1
            case LoginEnded():
                self._logins[event.outcome if event.outcome in LOGINS else "failed"] += 1
            case SlotPaused():
                values["crawl_host_pauses"] += 1
            case SessionParked():
                values["crawl_sessions_parked"] += 1
            case RunStarted():
                values["crawl_up"], values["crawl_run"] = 1.0, event.run
                values["crawl_started_timestamp_seconds"], values["crawl_waiting_requests"] = event.at, event.waiting
                self._listen()
            case RunEnded():
                values["crawl_up"] = 0.0
            case _:
                pass

    def collect(self) -> Iterator[Metric]:
        """What Prometheus asks for; on a thread of the server. Numbers are read as of that moment."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, grows, text in METRICS:
            labels = ["spider", "outcome"] if name == "crawl_logins" else ["spider"]
            family = (CounterMetricFamily if grows else GaugeMetricFamily)(name, text, labels=labels)
            if name == "crawl_logins":
                for outcome in LOGINS:
                    family.add_metric([self._spider, outcome], self._logins[outcome])
            else:
                family.add_metric([self._spider], self._values[name])
            yield family

    def _listen(self) -> None:
        from prometheus_client import CollectorRegistry, start_http_server

        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(self._port, addr=HOST, registry=registry)
        except OSError as error:
            log.error("metrics_port %d: %s; this run has no metrics", self._port, error.strerror or error)
            return
        log.info("metrics at %s", self.address)

    def close(self) -> None:
        """Hang up. May be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        if self._thread is not None:
            self._thread.join(5.0)
