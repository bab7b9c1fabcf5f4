"""Figures of a run for Prometheus while it goes on, the board that shows them; traces of pages for OpenTelemetry."""

from __future__ import annotations

import json
import logging
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

import crawler
from crawler import Spider
from crawler.errors import SettingsError
from crawler.events import Event, LoginEnded, PageDone, RunEnded, RunStarted, Summary
from crawler.output.metrics import metrics_text
from crawler.runs.metrics_endpoint import LOGINS, METRICS, MetricsEndpoint
from crawler.runs.telling import watchers
from crawler.runs.traces import Traces
from crawler.settings import load
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net
from tests.looking.conftest import TOKEN

pytest.importorskip("prometheus_client")
pytest.importorskip("opentelemetry.sdk")
BOARD = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "crawls.json"


class Shop(Spider):
    name = "shop"
    custom_settings = {"retries": 1, "backoff": 0.01, "processes": 1}

    def parse(self, response: Any) -> Any:
        yield {"url": response.url}
        yield from response.follow_all(css="a")


@pytest.fixture
def shop() -> Iterator[type[Spider]]:
    """Two good pages, one of them with a token in its address, and one that is gone."""
    net = Net()
    links = f"<a href='/2?token={TOKEN}'>2</a><a href='/gone'>3</a>".encode()
    host = net.host({"/robots.txt": Answer(404), "/1": Answer(body=links), "/gone": Answer(410)})
    yield type("Shop", (Shop,), {"start_urls": [f"{host.url}/1"]})
    net.close()


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def parsed(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_prometheus_finds_the_figures_while_a_run_goes_on_and_nobody_there_after_it(
    shop: type[Spider], port: int, tmp_path: Path
) -> None:
    seen: list[str] = []

    def look(event: Event) -> None:
        if isinstance(event, PageDone | RunEnded):
            seen.append(requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text)

    settings = {"store": str(tmp_path / "crawl.db"), "metrics_port": port}
    summary = crawler.run(shop, settings=settings, observers=[look])

    first, last = parsed(seen[0]), parsed(seen[-1])
    assert summary.pages == 2
    assert first["crawl_up"] == [({"spider": "shop"}, 1.0)]
    assert {name: last[name][0][1] for name in ("crawl_pages_total", "crawl_items_total", "crawl_failures_total")} == {
        "crawl_pages_total": 2.0,
        "crawl_items_total": 2.0,
        "crawl_failures_total": 1.0,
    }
    assert last["crawl_waiting_requests"][0][1] == 0.0
    assert TOKEN not in "".join(seen)
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5)


def test_names_and_labels_are_bounded_whatever_happens(port: int) -> None:
    endpoint = MetricsEndpoint("shop", port)
    for number in range(200):
        endpoint(LoginEnded(0.0, f"session {number}", f"outcome {number}", 1, 5.0))

    samples = [sample for family in endpoint.collect() for sample in family.samples]

    assert len(samples) == len(METRICS) - 1 + len(LOGINS)
    assert {name for sample in samples for name in sample.labels} == {"spider", "outcome"}
    assert endpoint.address == ""


def test_a_port_that_is_taken_is_reported_and_fails_nothing(
    shop: type[Spider], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, caplog.at_level(logging.ERROR):
        number = taken.getsockname()[1]
        summary = crawler.run(shop, settings={"store": str(tmp_path / "crawl.db"), "metrics_port": number})

    assert summary.pages == 2
    assert f"metrics_port {number}: Address already in use; this run has no metrics" in caplog.text


def test_every_metric_of_the_board_is_one_that_runs_give() -> None:
    board = json.loads(BOARD.read_text(encoding="utf-8"))
    endpoint = MetricsEndpoint("shop", 1)
    given = {sample.name for family in endpoint.collect() for sample in family.samples}
    summary = Summary("shop", items={"Book": 1})
    given |= set(re.findall(r"^(\w+)\{", metrics_text(summary, now=1.0, last_success=1.0), re.MULTILINE))

    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    asked += [variable["query"] for variable in board["templating"]["list"]]
    named = {name for text in asked for name in re.findall(r"\bcrawl_\w+", text)}

    assert len(named) > 15
    assert named - given == set()
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${datasource}"}


# --- traces ---------------------------------------------------------------------------------------------------------


class Collector:
    """An OTLP collector: what came, span by span."""

    def __init__(self, net: Net) -> None:
        self.spans: list[Any] = []
        self.service = ""
        self.url = net.host({"/v1/traces": self.take}).url

    def take(self, call: WireRequest) -> Answer:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        for resource in ExportTraceServiceRequest.FromString(call.body).resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.service = names.get("service.name", "")
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return Answer(body=b"", headers=[("Content-Type", "application/x-protobuf")])


def facts(span: Any) -> dict[str, Any]:
    kinds = ("string_value", "int_value", "double_value", "bool_value")
    return {
        each.key: next(getattr(each.value, kind) for kind in kinds if each.value.HasField(kind))
        for each in span.attributes
    }


def test_each_page_is_a_trace_with_its_times_sent_to_a_collector_without_its_token(
    shop: type[Spider], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = Net()
    collector = Collector(net)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)

    crawler.run(shop, settings={"store": str(tmp_path / "crawl.db"), "traces": True})
    net.close()

    by_name: dict[str, list[Any]] = {}
    for span in collector.spans:
        by_name.setdefault(span.name, []).append(span)
    assert {name: len(spans) for name, spans in by_name.items()} == {
        "page": 2,
        "try": 1,
        "fetch": 3,
        "parse and commit": 3,
        "run": 1,
    }
    assert collector.service == "crawl-sessions"
    assert len({span.trace_id for span in collector.spans}) == 4  # three pages, and the run
    assert TOKEN not in repr(collector.spans)
    pages = [facts(span) for span in by_name["page"]]
    assert all(page["http.response.status_code"] == 200 and page["crawl.run"] == 1 for page in pages)
    assert any(page["url.full"].endswith("/2?token=***") for page in pages)
    (failed,) = by_name["try"]
    assert (failed.status.code, facts(failed)["http.response.status_code"]) == (2, 410)
    for page in by_name["page"]:
        inside = [span for span in collector.spans if span.parent_span_id == page.span_id]
        assert [span.name for span in inside] == ["fetch", "parse and commit"]
        assert page.start_time_unix_nano <= inside[0].end_time_unix_nano <= page.end_time_unix_nano
        assert time.time() - page.start_time_unix_nano / 1e9 < 60


def test_a_collector_that_is_not_there_holds_up_no_run(
    shop: type[Spider], port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setattr("crawler.runs.traces._FLUSH_S", 0.1)
    began = time.monotonic()

    summary = crawler.run(shop, settings={"store": str(tmp_path / "crawl.db"), "traces": True})

    assert summary.pages == 2
    assert time.monotonic() - began < 5
    assert "did not take the last spans within 0.1 s; they are lost" in caplog.text


def test_spans_go_to_the_provider_that_a_program_has_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    traces = Traces("shop")

    traces(RunStarted(10.0, 7, "shop", False, 1))
    traces(PageDone(12.0, "https://a.example/1", 304, "buyer", 1, 2, 300, 400.0, 11.5))
    traces(LoginEnded(13.0, "buyer", "refused", 1, 500.0))
    traces(RunEnded(14.0, Summary("shop", ending="login failed", exit_code=3)))
    traces.close()

    spans = {span.name: span for span in kept.get_finished_spans()}
    assert (spans["page"].start_time, spans["page"].end_time) == (11_500_000_000, 12_000_000_000)
    assert spans["fetch"].end_time == 11_900_000_000
    assert not spans["login"].status.is_ok
    assert (spans["run"].start_time, spans["run"].status.is_ok) == (10_000_000_000, False)
    assert spans["page"].attributes["server.address"] == "a.example"
    provider.shutdown()


@pytest.mark.parametrize(
    ("typed", "module", "words"),
    [
        ({"metrics_port": 9187}, "prometheus_client", r"crawl-sessions\[metrics\]"),
        ({"traces": True}, "opentelemetry.exporter.otlp.proto.http", r"crawl-sessions\[otel\]"),
    ],
    ids=["metrics", "otel"],
)
def test_a_missing_extra_is_named_before_anything_is_sent(
    typed: dict[str, Any], module: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(SettingsError, match=words):
        watchers("shop", load(command_line=typed))


def test_when_they_are_off_none_of_their_code_is_loaded_and_no_page_is_reported(tmp_path: Path) -> None:
    assert watchers("shop", load()) == []
    program = (
        "import sys, crawler.engine.application, crawler.runs.telling\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'prometheus_client'))\n"
        "       or name in ('crawler.runs.traces', 'crawler.runs.metrics_endpoint')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
