"""The live line of a run at a terminal: numbers, an end where one is in sight, and its place beside questions."""

from __future__ import annotations

import io
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress as LiveDisplay
from rich.progress import TextColumn

from crawler import events
from crawler.cli.progress import LiveProgress, LogLines, watching
from crawler.cli.text import about
from crawler.output.time_left import TimeLeft
from tests.cli.terminal import Terminal, told


def display(out: io.StringIO) -> LiveDisplay:
    console = Console(file=out, force_terminal=True, width=100)
    return LiveDisplay(TextColumn("{task.description} {task.fields[numbers]}"), console=console, auto_refresh=False)


def test_a_live_line_shows_the_newest_numbers_and_an_end_where_one_is_in_sight() -> None:
    out = io.StringIO()
    with display(out) as shown:
        live = LiveProgress(shown, "orders")
        for second, waiting in enumerate([300, 320, 340, 360, 380]):
            live(events.Progress(float(second), 10 * second, waiting, 0, 480, 1, 10.0))
        growing = shown.tasks[0].total
        shown.refresh()
        for second, waiting in enumerate(range(380, 80, -10), 5):
            live(events.Progress(float(second), 10 * second, waiting, 2, 480, 1, 10.0))
        shown.refresh()
        task = shown.tasks[0]

    assert growing is None  # a bar that fills while the queue grows would be a lie
    assert (task.completed, task.total) == (342, 342 + 90)
    assert "orders 40 pages, 380 waiting, 10.0/s, 480 items, 1 login" in out.getvalue()
    assert "orders 340 pages, 90 waiting, 10.0/s, ~9 s left, 2 failed, 480 items, 1 login" in out.getvalue()


def test_the_bar_is_full_when_nothing_waits_and_empty_of_promises_before_the_first_page() -> None:
    with display(io.StringIO()) as shown:
        live = LiveProgress(shown, "orders")
        live(events.Progress(0.0, 0, 0, 0, 0, 0, 0.0))
        first = shown.tasks[0].total
        live(events.Progress(0.1, 7, 0, 0, 0, 0, 9.0))
        last = (shown.tasks[0].completed, shown.tasks[0].total)

    assert (first, last) == (None, (7, 7))


@given(rate=st.floats(0.5, 500), finds=st.floats(0, 0.9), waiting=st.integers(500, 100_000), seconds=st.integers(4, 60))
def test_an_end_is_shown_for_a_queue_that_shrinks_counting_the_links_still_found(
    rate: float, finds: float, waiting: int, seconds: int
) -> None:
    left, shrinks = TimeLeft(), rate * (1 - finds)
    for second in range(seconds + 1):
        now = max(waiting - round(shrinks * second), 0)
        left.note(float(second), done=round(rate * second), waiting=now)
    found = left.seconds()

    if waiting - shrinks * seconds > 100 and shrinks * min(seconds, 30) > 50:
        assert found == pytest.approx((waiting - shrinks * seconds) / shrinks, rel=0.1)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([(0, 0, 9), (1, 5, 5)], "too short"),
        ([(0, 0, 100), (2, 20, 110), (4, 40, 120)], "it grows"),
        ([(0, 0, 1000), (2, 500, 1000), (4, 1000, 999)], "it hardly shrinks"),
        ([(0, 0, 10)], "one point"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_end_is_shown_when_none_is_in_sight(points: list[tuple[int, int, int]], why: str) -> None:
    left = TimeLeft()
    for at, done, waiting in points:
        left.note(float(at), done=done, waiting=waiting)

    assert left.seconds() is None, why


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "~1 s"), (24.4, "~24 s"), (150, "~2 min"), (7199, "~120 min"), (7200, "~2 h"), (4e5, "~5 d")],
)
def test_an_estimate_is_not_shown_with_false_precision(seconds: float, text: str) -> None:
    assert about(seconds) == text


def test_the_live_line_is_gone_while_a_person_types_and_comes_back_even_after_an_error() -> None:
    with display(io.StringIO()) as shown:
        live = LiveProgress(shown, "orders")
        seen: list[bool] = []

        def ask(question: str, hidden: bool) -> str:
            seen.append(shown.live.is_started)
            if question == "bad":
                raise EOFError
            return "typed"

        assert live.asking(ask)("password: ", True) == "typed"
        with pytest.raises(EOFError):
            live.asking(ask)("bad", False)
        seen.append(shown.live.is_started)

    assert seen == [False, False, True]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_live_line_of_a_usual_terminal_shows_every_number(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))

    with watching("bookshop", quiet=False) as view:
        for event in (events.RunStarted(0, 1, "bookshop", False, 1), told(1.0, 120)):
            for observer in view.observers:
                observer(event)

    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    line = drawn.replace("\r", "\n").strip().splitlines()[-1]
    assert "bookshop" in line
    assert "120 pages, 300 waiting, 12.3/s, 2 failed, 480 items, 1 login" in line
    assert len(line) <= columns


@pytest.mark.parametrize(("term", "live"), [("xterm", True), ("dumb", False), ("", False)])
def test_a_live_line_only_on_a_terminal_that_can(monkeypatch: pytest.MonkeyPatch, term: str, live: bool) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", term)

    with watching("orders", quiet=False) as view:
        assert any(isinstance(each, LiveProgress) for each in view.observers) is live
        assert any(isinstance(each, LogLines) for each in view.observers)


def test_quiet_watches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")

    with watching("orders", quiet=True) as view:
        assert view.observers == ()
