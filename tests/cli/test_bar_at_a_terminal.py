"""The bar of a run at a real terminal: what a spider prints stands above it, and it suits narrow and plain ones."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, Call
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


@pytest.fixture
def go_on() -> threading.Event:
    return threading.Event()


@pytest.fixture
def shop(project: Path, go_on: threading.Event) -> Iterator[Path]:
    """Three pages, one after the other; the last one is answered when the test says so."""

    def page(call: Call) -> Answer:
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
def test_what_a_spider_prints_stands_above_the_bar_which_takes_one_row(
    shop: Path, go_on: threading.Event, columns: int, environ: dict[str, str]
) -> None:
    screen = Screen(columns)
    with at_a_terminal("run", "orders", folder=shop, columns=columns, environ={"TERM": "xterm", **environ}) as terminal:
        terminal.read_until("page 2")
        before = len(terminal.shown)
        terminal.read_until_after("ord", before)  # the bar, drawn anew below it
        terminal.read_until_after("\x1b[2K", len(terminal.shown))
        middle = terminal.shown.rpartition("\r\x1b[2K")[0]
        screen.write(middle)
        below = screen.shown()
        go_on.set()
        assert terminal.ended() == 0
        whole = terminal.shown

    text = "".join(below) if columns < 20 else "\n".join(below)
    assert all(each in text for each in PRINTED[:2])
    assert text.index(PRINTED[1]) < text.rindex("ord")  # the bar is the last row
    assert "printed" not in below[-1]
    assert sum(row.lstrip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏") != row for row in below) == 1

    end = Screen(columns)
    end.write(whole)
    rows = end.shown()
    assert all(each in ("".join(rows) if columns < 20 else rows) for each in PRINTED)
    assert not any(re.search("[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏]", row) for row in rows)  # it is gone
    colours = re.findall(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[0-9;]*m", whole)
    assert bool(colours) is ("NO_COLOR" not in environ)


def test_a_dumb_terminal_gets_lines_alone(shop: Path, go_on: threading.Event) -> None:
    go_on.set()
    with at_a_terminal("run", "orders", folder=shop, columns=80, environ={"TERM": "dumb"}) as terminal:
        assert terminal.ended() == 0

    assert "\x1b" not in terminal.shown
    assert all(each in terminal.shown.splitlines() for each in PRINTED)
