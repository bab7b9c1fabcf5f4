"""The pictures of docs/: ``python -m tools.pictures [--out docs/pictures] [--keep FOLDER]``.

Crawls a practice site twelve times, as if on twelve nights (between two crawls all times in the store are moved back by
a day), and takes screenshots of the commands' output in headless Chromium. Needs the extra `browser` and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import io
import os
import pty
import select
import shutil
import signal
import sqlite3
import struct
import subprocess
import sys
import sysconfig
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crawler.testing import SiteProcess

CRAWL = str(Path(sysconfig.get_path("scripts")) / "crawl")
SPIDER = """
import os
from dataclasses import dataclass

from crawler import Spider


@dataclass
class Book:
    upc: str
    title: str
    price: str
    stock: int

    key = "upc"


class Bookshop(Spider):
    name = "bookshop"
    sessions = ["alice", "bob"]

    def __init__(self, site, **arguments):
        super().__init__(**arguments)
        self.site = site
        self.start_urls = [f"{site}/catalogue/?page=1", f"{site}/members/"]
        self.start_urls += [f"{site}/gone/"] * ("GONE" in os.environ)
        self.login_url, self.probe_url = f"{site}/login", f"{site}/account/"

    def login(self, session):
        page = session.get(self.login_url)
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response):
        if "/members/" in response.url:
            yield from ({"member offer": row.css("::text").get()} for row in response.css("a.book"))
            yield from response.follow_all(css="a.next")
            return
        for link in response.css("a.book::attr(href)").getall():
            if int(link.rpartition("/")[2]) <= int(os.environ.get("BOOKS", 160)):
                yield response.follow(link, callback=self.parse_book)
        yield from response.follow_all(css="a.next")

    def parse_book(self, response):
        yield Book(
            upc=response.css("p.upc::text").get(),
            title=response.css("h1::text").get(),
            price=response.css("p.price::text").get() if "NO_PRICES" not in os.environ else "",
            stock=int(response.css("span.stock::text").get()),
        )
"""
TIMES: Mapping[str, Sequence[str]] = {
    "crawl_runs": ("started_at", "ended_at"),
    "crawl_frontiers": ("created_at",),
    "crawl_pages": ("at",),
    "crawl_logins": ("started_at", "ended_at", "expired_at"),
    "crawl_sessions": ("saved_at", "proved_at", "logged_in_at"),
}
DAY_S = 86_400.0

NIGHTS: Sequence[Mapping[str, Any]] = (
    {},
    {"site": {"rate_503": 0.02}},
    {"revoke": True},
    {},
    {
        "site": {"rate_503": 0.1, "rate_slow": 0.05},
        "edit": {number: {"stock": number % 7} for number in range(1, 140, 9)},
    },
    {"revoke": True},
    {"variables": {"BOOKS": "140"}},
    {},
    {"variables": {"NO_PRICES": "1"}},
    {"edit": {number: {"stock": number % 5} for number in range(2, 140, 5)}},
    {"revoke": True},
    {
        "site": {"rate_503": 0.04, "rate_reset": 0.01},
        "edit": {number: {"stock": 3} for number in range(3, 140, 11)},
        "variables": {"GONE": "1", "BOOKS": "150"},
    },
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make all pictures."""
    parser = argparse.ArgumentParser(prog="python -m tools.pictures", description="Make the pictures of docs/ anew.")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="folder of the pictures")
    parser.add_argument("--keep", type=Path, help="folder of the project in the pictures; it is kept")
    chosen = parser.parse_args(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="crawl-pictures-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with practice() as site:
            crawl_nights(site, folder)
            crawl(folder, "report", "bookshop", "-o", "report.html")
            at_terminals(site, folder, chosen.out)
        photograph((folder / "report.html").as_uri(), chosen.out)
        look_through(folder, chosen.out)
    finally:
        if chosen.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


@contextlib.contextmanager
def practice() -> Iterator[SiteProcess]:
    """Runs the site, with its accounts in the variables that a crawl reads."""
    with SiteProcess(books=160, latency_s=0.02, log_limit=0) as site:
        for account in site.accounts[:2]:
            os.environ[f"CRAWL_{account.username.upper()}_USERNAME"] = account.username
            os.environ[f"CRAWL_{account.username.upper()}_PASSWORD"] = account.password
        yield site


def crawl_nights(site: SiteProcess, folder: Path) -> None:
    """Twelve crawls, a day apart."""
    (folder / "spiders").mkdir(exist_ok=True)
    (folder / "spiders" / "bookshop.py").write_text(SPIDER, encoding="utf-8")
    usual = {"rate_503": 0.0, "rate_slow": 0.0, "rate_reset": 0.0}
    for night in NIGHTS:
        a_day_back(folder / "data" / "crawl.db")
        site.change(**{**usual, **night.get("site", {})})
        if "edit" in night:
            site.edit(night["edit"])
        if night.get("revoke"):
            site.revoke_all()
        options = ("-a", f"site={site.url}", "-s", "backoff=0.05", "-s", "processes=1", "-q")
        crawl(folder, "run", "bookshop", *options, variables=night.get("variables", {}))


def a_day_back(database: Path) -> None:
    """Move everything that has happened back by a day."""
    if not database.exists():
        return
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for table, columns in TIMES.items():
            moved = ", ".join(f"{column} = {column} - {DAY_S}" for column in columns)
            connection.execute(f"UPDATE {table} SET {moved}")


def crawl(folder: Path, *words: str, variables: Mapping[str, str] | None = None) -> None:
    """Run a command of the project; the pictures show how a night ends."""
    done = subprocess.run([CRAWL, *words], cwd=folder, env={**os.environ, **(variables or {})}, check=False)
    print(f"crawl {words[0]}: exit {done.returncode}", file=sys.stderr)


def at_terminals(site: SiteProcess, folder: Path, out: Path) -> None:
    """A slow crawl with its progress bar, and watched from a second terminal."""
    site.change(latency_s=0.25, rate_503=0.03, rate_slow=0.0, rate_reset=0.0)
    words = (
        "run",
        "bookshop",
        "--fresh",
        "-a",
        f"site={site.url}",
        "-s",
        "backoff=1",
        "-s",
        "http_cache=off",
        "-w",
        "6",
    )
    with Screen(folder, *words, columns=112, rows=8) as bar:
        bar.read(9.0)
        with Screen(folder, "top", "bookshop", columns=100, rows=26) as top:
            top.read(3.0)
            picture(top.lines("\x1b[H"), 100, out / "top.png")
        picture(bar.lines("\x1b[2K")[-8:], 112, out / "bar.png")


class Screen:
    """A command at its own terminal."""

    def __init__(self, folder: Path, *words: str, columns: int, rows: int) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        environ = {**os.environ, "TERM": "xterm-256color"}
        self._process = subprocess.Popen(
            [CRAWL, *words], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, env=environ
        )
        os.close(theirs)
        self.shown = ""

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self.read(5.0)
        self._process.wait(30)
        os.close(self._ours)

    def read(self, seconds: float) -> None:
        """Read its output for some seconds, or until it ends."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if select.select([self._ours], [], [], left)[0]:
                try:
                    self.shown += os.read(self._ours, 65_536).decode("utf-8", "replace")
                except OSError:
                    return

    def lines(self, mark: str) -> list[str]:
        """The screen: the printed lines, and the last complete frame below them; each begins with *mark*."""
        parts = self.shown.replace("\r", "").split(mark)
        printed = [line for part in parts[:-1] for line in part.split("\n")[:-1]] if mark != "\x1b[H" else []
        return [*(each for each in printed if each.strip()), *parts[-2].rstrip("\n").split("\n")[-30:]]


def picture(lines: Sequence[str], columns: int, path: Path) -> None:
    """A picture of a terminal's lines, with their colours."""
    from rich.console import Console
    from rich.terminal_theme import MONOKAI
    from rich.text import Text

    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text.from_ansi(line, no_wrap=True, overflow="crop"))
    page = console.export_html(theme=MONOKAI, inline_styles=True, code_format=(
        "<body style='margin:0;background:#1b1d20;color:#d7dade;width:max-content'>"
        "<pre style='margin:0;padding:14px 18px;font:14px/1.35 DejaVu Sans Mono,monospace'>{code}</pre></body>"
    ))  # fmt: skip
    with chromium() as browser:
        shown = browser.new_page(viewport={"width": 1200, "height": 300})
        shown.set_content(page)
        shown.locator("pre").screenshot(path=str(path))


def photograph(address: str, out: Path) -> None:
    """The report: on a desktop, in dark mode, and on a phone."""
    with chromium() as browser:
        for name, width, height, scheme in (
            ("report", 1000, 1_560, "light"),
            ("report-dark", 1000, 760, "dark"),
            ("report-phone", 390, 1_100, "light"),
        ):
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page.goto(address)
            page.screenshot(
                path=str(out / f"{name}.png"), clip={"x": 0, "y": 0, "width": width, "height": height}, full_page=True
            )
            page.close()


def look_through(folder: Path, out: Path) -> None:
    """Results and changes in Datasette."""
    words = (CRAWL, "browse", "bookshop", "--search", "title")
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as served, chromium() as browser:
        assert served.stdout is not None
        address = served.stdout.readline().strip()
        page = browser.new_page(viewport={"width": 1000, "height": 760})
        page.goto(address)
        for name, path in (
            ("browse-results", "results/Book?_search=dublin"),
            ("browse-changes", "runs/changes"),
        ):
            page.goto(address.partition("?")[0] + path)
            page.screenshot(path=str(out / f"{name}.png"))
        served.send_signal(signal.SIGINT)


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
