"""`crawl report`: one page about the last runs that needs nothing else, and says no secret."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsel import Selector

from crawler.output.report.answer_log import MOST_HOSTS, read_answers
from crawler.output.report.charts import Series, columns_chart, lines_chart, nice_top, spans
from crawler.output.report.document import report_page
from crawler.output.report.gathering import gather
from crawler.output.timeline import MOST_POINTS, Moment, Timeline, timeline_of
from crawler.settings import load
from crawler.stores.project import open_project_store
from crawler.stores.told import LogLine
from tests import forked
from tests.looking.conftest import Crawl, Nights, leaks


@pytest.fixture
def page(nights: Nights, at_store: str, crawl: Crawl) -> str:
    ended = crawl("report", "shop", "-o", "night.html", "--store", at_store)
    assert (ended.code, ended.out) == (0, "")
    assert "2 runs of shop in night.html" in ended.err
    return Path("night.html").read_text(encoding="utf-8")


def test_the_page_shows_runs_plots_errors_and_changes(page: str) -> None:
    shown = Selector(page)

    assert shown.css("h1::text").get() == "shop"
    assert shown.css("h2::text").getall() == [
        "Pages a minute",
        "Queue",
        "Answers by status",
        "Latency by host",
        "Items by run",
        "Filled fields",
        "Life of the sessions",
        "Logins by run",
        "Errors of the newest crawl",
        "Changes of the newest crawl",
        "Runs",
    ]
    (error,) = shown.xpath("//section[h2='Errors of the newest crawl']//tbody/tr")
    assert error.css("td::text").getall()[:2] == ["1", "StatusError: 404"]
    assert "/gone/" in error.get()
    changes = shown.xpath("//section[h2='Changes of the newest crawl']//tbody/tr")
    assert sorted(change.css("td::text").getall()[0] for change in changes) == ["changed", "changed"]
    assert any("stock: " in change.get() and "999" in change.get() for change in changes)
    assert [row.css("td::text").get() for row in shown.xpath("//section[h2='Runs']//tbody/tr")] == ["2", "1"]
    columns = shown.xpath("//section[h2='Items by run']//*[name()='g']/*[name()='title']/text()").getall()
    assert [column.rpartition(": ")[2] for column in columns] == ["Book 12", "Book 12"]
    assert len(shown.xpath("//section[h2='Life of the sessions']//*[name()='rect'][*[name()='title']]")) == 2


def test_a_run_about_which_nothing_is_known_yet_has_a_page_too(tmp_path: Path) -> None:
    store = open_project_store(load(command_line={"store": str(tmp_path / "crawl.db")}))
    try:
        run = store.runs.open("bare", args="{}", fresh=False, process="process 1")
        found = gather(store, "bare")
        store.runs.end(run.id, ending="usage", exit_code=2, summary="{}")
    finally:
        store.close()

    assert found is not None
    headings = Selector(report_page(found)).css("h2::text").getall()
    assert headings == ["Pages a minute", "Items by run", "Runs"]


def test_the_page_asks_nobody_for_anything_and_runs_no_script(page: str) -> None:
    assert not re.findall(r"<(?:script|link|img|iframe)|\bsrc=|\bhref=|url\(|@import", page)
    assert "default-src 'none'" in page


def test_no_password_cookie_or_token_is_on_the_page(nights: Nights) -> None:
    """In a process of its own, which has never seen them."""
    command = (sys.executable, "-m", "crawler.cli", "report", "shop", "-o", "-", "--store", nights.store)

    shown = forked.ended(command)
    page = shown.stdout

    assert shown.returncode == 0, shown.stderr

    assert "/members/?token=***" in page or "/gone/?token=***" in page
    assert leaks(page, nights.secrets) == []


def test_what_a_site_wrote_is_text_on_the_page(page: str) -> None:
    assert "<b>title</b>" not in page
    assert "&lt;b&gt;title&lt;/b&gt;" in page


def test_the_file_is_for_its_owner_and_a_folder_that_is_missing_is_named(
    at_store: str, crawl: Crawl, page: str
) -> None:
    assert Path("night.html").stat().st_mode & 0o777 == 0o600

    ended = crawl("report", "shop", "-o", "nowhere/night.html", "--store", at_store)

    assert ended.code == 2
    assert "nowhere/night.html: No such file or directory" in ended.err


def test_a_spider_that_never_ran_and_a_page_on_standard_output(at_store: str, crawl: Crawl) -> None:
    assert crawl("report", "other", "--store", at_store).code == 2
    assert crawl("report", "shop", "-o", "-", "--store", at_store).out.startswith("<!doctype html>")


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1e6, allow_nan=False), max_size=260))
def test_a_timeline_stays_bounded_keeps_its_ends_and_comes_back_from_json(steps: list[float]) -> None:
    timeline, now = Timeline(), 0.0
    for step in steps:
        now += step
        timeline.note(Moment(now, 1, 2, 3, 4, 5))
    timeline.note(Moment(now + 1, 9, 0, 0, 0, 0), last=True)

    points = timeline_of(timeline.as_list())

    assert len(points) < MOST_POINTS
    assert [point.after_s for point in points] == sorted(point.after_s for point in points)
    assert points[0].after_s == round(steps[0] if steps else 1.0, 2)
    assert timeline_of({"no": "list"}) == timeline_of([["a"], [1]]) == []


@given(
    st.lists(
        st.tuples(st.floats(0, 5000), st.sampled_from(["accept", "retry", "fail"]), st.sampled_from([0, 200, 503])),
        max_size=60,
    )
)
def test_every_accepted_page_and_every_answer_is_in_the_figures(rows: list[tuple[float, str, int]]) -> None:
    answers = [
        LogLine(1000 + at, f"http://user:pw@h{number % 3}/x", *rest, 40.0) for number, (at, *rest) in enumerate(rows)
    ]

    found = read_answers(answers, began=1000.0, ended=6000.0)

    assert sum(found.pages) == sum(verdict == "accept" for _, verdict, _ in rows)
    assert sum(found.statuses.values()) == len(rows)
    assert sum(host.answers for host in found.hosts) == sum(status > 0 for _, _, status in rows)
    assert {host.name for host in found.hosts} <= {"h0", "h1", "h2"}


def test_latencies_are_right_to_within_a_tenth_and_hosts_are_bounded() -> None:
    times = [float(ms) for ms in range(1, 1001)]
    (host,) = read_answers(
        (LogLine(0.0, "https://a.example/1", "accept", 200, ms) for ms in times), began=0, ended=1
    ).hosts
    many = read_answers(
        (LogLine(0.0, f"https://h{number}.example/", "accept", 200, 5.0) for number in range(MOST_HOSTS + 50)),
        began=0,
        ended=1,
    ).hosts

    assert (host.median_ms, host.slow_ms) == (pytest.approx(500, rel=0.1), pytest.approx(950, rel=0.1))
    assert len(many) == MOST_HOSTS + 1
    assert many[0].answers == 50


def test_charts_are_well_formed_whatever_their_names_and_numbers() -> None:
    from xml.etree import ElementTree

    for drawn in (
        columns_chart("<&>", ["a", '"b"'], [Series("<i>", [0.0, 3.5], 2), Series("x", [1e9, 0], 3)]),
        columns_chart("none", [], []),
        lines_chart("l", [0.0, 1.0], ["start", "end"], [Series("q", [0.0, 0.0])]),
        lines_chart("l", [], [], [Series("q", [])]),
        spans([(0.0, 2.0, 1, "a & b")], title="<t>"),
    ):
        ElementTree.fromstring(drawn)


@pytest.mark.parametrize(("value", "top"), [(0, 1), (0.3, 0.4), (1, 1), (7, 10), (332, 400), (1001, 2000)])
def test_an_axis_ends_at_a_round_number_above_all_values(value: float, top: float) -> None:
    assert nice_top(value) == pytest.approx(top)


def test_a_run_shorter_than_a_column_has_its_own_pace() -> None:
    rows = [LogLine(1000.1, "https://a.example/1", "accept", 200, 5.0)] * 3

    short, long = (read_answers(rows, began=1000.0, ended=1000.0 + took) for took in (0.5, 30.0))

    assert (short.a_minute(), short.column_s) == ([360.0], 0.5)
    assert long.a_minute()[0] == 180.0


def test_short_runs_of_one_day_are_told_apart_and_what_the_program_says_shows_its_commands(tmp_path: Path) -> None:
    store = open_project_store(load(command_line={"store": str(tmp_path / "crawl.db")}))
    told = {
        "why": "less: `crawl runs accept 2`, <b>",
        "mended": {"pages": 3, "at": 0.0},
        "items": {"items": 1},
        "timeline": [[0.37, 1, 2, 3, 4, 5], [0.4, 0, 2, 3, 4, 5]],
    }
    try:
        for _ in range(2):
            run = store.runs.open("bare", args="{}", fresh=True, process="process 1")
            store.runs.end(run.id, ending="less than before", exit_code=5, summary=json.dumps(told))
        found = gather(store, "bare")
    finally:
        store.close()

    assert found is not None
    shown = Selector(report_page(found))
    items, queue = (shown.xpath(f"//section[h2='{name}']") for name in ("Items by run", "Queue"))
    ticks = items.css("text.tick:not(.over)::text").getall()
    assert len(ticks) == 2
    assert all(re.fullmatch(r"\d\d-\d\d \d\d:\d\d", tick) for tick in ticks)
    assert queue.css("text.tick:not(.over)::text").getall() == ["start", "0.2 s", "0.4 s"]
    first, second = shown.css(".told li")
    assert first.css("code::text").getall() == ["crawl parse --write"]
    assert "corrected 3 pages" in first.get()
    assert second.get() == "<li>less: <code>crawl runs accept 2</code>, &lt;b&gt;</li>"
