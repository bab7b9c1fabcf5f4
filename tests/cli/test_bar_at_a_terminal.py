"""The bar of a run at a real terminal: what a spider prints stands above it, and it suits narrow and plain ones."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net
from tests.sessions_e2e.terminal import at_a_terminal

SPIDER = """
from crawler import Spider

class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/1"]
    custom_settings = {{"delay": 0, "workers": 1}}

    def parse(self, response):
        print("printed of page", response.url.rpartition("/")[2])
        yield {{"url": response.url}}
        yield from response.follow_all(css="a")
"""
PRINTED = [f"printed of page {number}" for number in (1, 2, 3)]
_PART = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|([^\x1b])", re.DOTALL)


class Screen:
    """What stands on a terminal: rows of text, and how often each moment had more than one row of the bar."""

    def __init__(self, columns: int) -> None:
        self.rows: list[str] = [""]
        self._row, self._column, self._columns = 0, 0, columns

    def write(self, text: str) -> None:
        for found in _PART.finditer(text):
            count, what, letter = found.groups()
            if what == "A":
                self._row = max(0, self._row - int(count or 1))
            elif what == "K" and count == "2":
                self.rows[self._row] = ""
            elif letter == "\r":
                self._column = 0
            elif letter == "\n":
                self._down()
            elif letter:
                self._put(letter)

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.rows):
            self.rows.append("")

    def _put(self, letter: str) -> None:
        if self._column == self._columns:
            self._column = 0
            self._down()
        row = self.rows[self._row].ljust(self._column)
        self.rows[self._row] = row[: self._column] + letter + row[self._column + 1 :]
        self._column += 1

    def shown(self) -> list[str]:
        return [row.rstrip() for row in self.rows if row.strip()]


def _packed(rows: list[str]) -> str:
    """All of the text, wherever a narrow terminal has broken it."""
    return "".join("".join(rows).split())


@pytest.fixture
def go_on() -> threading.Event:
    return threading.Event()


@pytest.fixture
def shop(project: Path, go_on: threading.Event) -> Iterator[Path]:
    """Three pages, one after the other; the last one is answered when the test says so."""

    def page(call: WireRequest) -> Answer:
        number = int(call.path[1:])
        if number == 3:
            go_on.wait(20)
        return Answer(body=b"<a href=/%d>on</a>" % (number + 1) if number < 3 else b"<p>the last</p>")

    net = Net()
    own = net.host({"/robots.txt": Answer(404), "*": page})
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER.format(url=own.url))
    yield project
    go_on.set()
    net.close()


@pytest.mark.parametrize(
    ("columns", "environ"),
    [(120, {}), (80, {"NO_COLOR": "1"}), (30, {}), (12, {})],
    ids=["wide", "no color", "narrow", "very narrow"],
)
def test_output_of_a_spider_is_above_the_bar_which_takes_one_row(
    shop: Path, go_on: threading.Event, columns: int, environ: dict[str, str]
) -> None:
    screen = Screen(columns)
    with at_a_terminal("run", "orders", folder=shop, columns=columns, environ={"TERM": "xterm", **environ}) as terminal:
        terminal.read_until("1 page, ")  # the bar, with numbers
        terminal.read_until_after("\x1b[2K", len(terminal.shown))  # drawn once more
        screen.write(terminal.shown.rpartition("\r\x1b[2K")[0])
        middle = screen.shown()
        go_on.set()
        assert terminal.ended() == 0
    assert "1 page, " in middle[-1]
    assert [row for row in middle if "1 page, " in row or "starti" in row] == middle[-1:]
    assert all(_packed([each]) in _packed(middle[:-1]) for each in PRINTED[:2])

    end = Screen(columns)
    end.write(terminal.shown)
    assert all(_packed([each]) in _packed(end.shown()) for each in PRINTED)
    assert columns < 30 or set(PRINTED) <= set(end.shown())
    assert not any("1 page, " in row or "starti" in row for row in end.shown())  # it is gone
    colours = re.findall(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[0-9;]*m", terminal.shown)
    assert bool(colours) is ("NO_COLOR" not in environ and columns > 12)  # the spinner has no room there


def test_a_dumb_terminal_gets_lines_alone(shop: Path, go_on: threading.Event) -> None:
    go_on.set()
    with at_a_terminal("run", "orders", folder=shop, columns=80, environ={"TERM": "dumb"}) as terminal:
        assert terminal.ended() == 0

    assert "\x1b" not in terminal.shown
    assert all(each in terminal.shown.splitlines() for each in PRINTED)
