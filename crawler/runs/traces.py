"""Traces of pages for OpenTelemetry (extra `otel`): a span for each try of a page, with one for its transfer inside.

Made from the events of a run, after each commit, with the times that the page itself took: nothing is measured for
them, and where they are off none of the code here runs. Addresses are masked, as in every event. Each page is a trace
of its own (a run would be one of a hundred thousand spans) and carries the number of its run.

Where spans go is decided by OpenTelemetry's variables (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_TRACES_SAMPLER``, ...),
or the provider that the program has set.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from crawler.errors import SettingsError
from crawler.events import Event, LoginEnded, PageDone, PageFailed, PageRetried, RunEnded, RunStarted
from crawler.urls import host_of

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = logging.getLogger("crawler.run")

SERVICE: Final = "crawl-sessions"
_FLUSH_S = 5.0  #: longest time that the end of a run waits for a collector
_NS: Final = 1_000_000_000


class Traces:
    """Makes spans of one run's events. An observer; used by one thread.

    The exporter's thread is started when the run begins, after further processes were forked.

    Raises:
        SettingsError: The extra is not installed.
    """

    ignores: frozenset[type[Event]] = frozenset()

    def __init__(self, spider: str) -> None:
        try:
            from opentelemetry import trace
            from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: F401
        except ImportError:
            raise SettingsError("setting traces needs OpenTelemetry: pip install 'crawl-sessions[otel]'") from None
        self._trace = trace
        self._spider, self._run, self._began = spider, 0, 0.0
        self._provider: Any = None  # one of our own
        self._tracer: Tracer | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._run, self._began = event.run, event.at
                self._tracer = self._made()
            case PageDone():
                self._page(event, event.status)
            case PageFailed():
                self._page(event, event.status)
            case PageRetried():
                self._page(event, 0)
            case LoginEnded():
                begin = event.at - event.elapsed_ms / 1000
                of_login = {"crawl.session": event.session, "crawl.login.outcome": event.outcome}
                name = "renewal" if event.outcome == "renewed" else "login"
                self._span(name, begin, event.at, of_login, error=event.outcome in ("refused", "failed", "human"))
            case RunEnded():
                ended = event.summary
                names: dict[str, Any] = {"crawl.ending": ended.ending, "crawl.pages": ended.pages}
                names["crawl.items"] = ended.item_count
                self._span("run", self._began, event.at, names, error=ended.exit_code != 0)
            case _:
                pass

    def _made(self) -> Tracer:
        """From the provider that the program has set, or from one of our own."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        current = self._trace.get_tracer_provider()
        if isinstance(current, TracerProvider):
            return current.get_tracer(SERVICE)
        resource = Resource.create().merge(Resource({}))
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": SERVICE}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        tracer: Tracer = self._provider.get_tracer(SERVICE)
        return tracer

    def _page(self, event: PageDone | PageRetried | PageFailed, status: int) -> None:
        begin = event.sent_at if 0 < event.sent_at <= event.at else event.at
        names: dict[str, Any] = {"url.full": event.url, "server.address": _host(event.url)}
        if status:
            names["http.response.status_code"] = status
        if isinstance(event, PageDone):
            names |= {"crawl.session": event.session, "crawl.items": event.items, "crawl.found": event.found}
            names["http.response.body.size"] = event.size_bytes
            self._span("page", begin, event.at, names, fetched_ms=event.elapsed_ms)
        else:
            names["error.type"] = event.error.partition(":")[0]
            self._span("try", begin, event.at, names, error=True, fetched_ms=event.elapsed_ms)

    def _span(
        self,
        name: str,
        begin: float,
        end: float,
        names: dict[str, Any],
        *,
        error: bool = False,
        fetched_ms: float = 0.0,
    ) -> None:
        if self._tracer is None:
            return
        names |= {"crawl.spider": self._spider, "crawl.run": self._run}
        span = self._tracer.start_span(name, start_time=_ns(begin), attributes=names)
        if error:
            span.set_status(self._trace.Status(self._trace.StatusCode.ERROR, str(names.get("error.type", ""))))
        if fetched_ms and span.is_recording():
            inside = self._trace.set_span_in_context(span)
            answered = min(begin + fetched_ms / 1000, end)
            self._tracer.start_span("fetch", context=inside, start_time=_ns(begin)).end(_ns(answered))
            self._tracer.start_span("parse and commit", context=inside, start_time=_ns(answered)).end(_ns(end))
        span.end(_ns(end))

    def close(self) -> None:
        """Send what has not been sent, for some seconds at most. May be called twice."""
        provider, self._provider = self._provider, None
        if provider is None:
            return
        sending = threading.Thread(target=provider.shutdown, name="last-traces", daemon=True)  # it has no time limit
        sending.start()
        sending.join(_FLUSH_S)
        if sending.is_alive():
            log.warning("traces: the collector did not take the last spans within %g s; they are lost", _FLUSH_S)


def _ns(moment: float) -> int:
    return int(moment * _NS)


def _host(url: str) -> str:
    try:
        return host_of(url)
    except ValueError:
        return ""
