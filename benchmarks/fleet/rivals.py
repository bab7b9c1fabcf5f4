"""The same crawl by several processes with a shared store: this crawler, scrapy-redis, Crawlee.

Each is set up as its documentation says. All crawl one site behind a login (nginx), with two processes each, and keep
items in the store. Figures are taken from the moment at which a tenth of the items are stored until nine tenths are, so
that neither starting nor waiting for the end counts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks import site, table
from benchmarks.fleet.ground import Database, database, load, processes_cpu_s
from benchmarks.server import Server, free_port, serve
from crawler.sessions.vault import Vault

ROOT = Path(__file__).parent.parent.parent
AT_ONCE = 16  #: concurrent requests of one process
_LOOK_S, _FROM, _TO = 0.2, 0.1, 0.9
#: Nor is the start page counted when pages were fetched again: a login ends there, and sessions are proved with it.
_NO_PAGE = ("/login.html", "/robots.txt", "/index.html")


class Shelf(Protocol):
    """Where a crawl keeps its data.

    Attributes:
        address: Address for the members.
    """

    address: str

    def skus(self) -> list[str]:
        """Keys of all stored items."""

    def count(self) -> int:
        """Number of stored items."""

    def cpu_s(self) -> float: ...


class OnPostgres:
    """A database of this crawler, or of Crawlee's SQL storage."""

    def __init__(self, made: Database, address: str, asked: str, counted: str) -> None:
        self._made, self.address, self._asked, self._counted = made, address, asked, counted

    def skus(self) -> list[str]:
        return [row[0] for row in self._made.ask(self._asked)]

    def count(self) -> int:
        try:
            return int(self._made.ask(self._counted)[0][0])
        except Exception as error:  # the tables do not exist yet
            if "does not exist" not in str(error):
                raise
            return 0

    def cpu_s(self) -> float:
        return self._made.cpu_s()


class OnRedis:
    """Redis as Debian installs it, with its log of writes."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.address, self._port, self._process = f"redis://127.0.0.1:{port}/0", port, process

    def do(self, *words: str) -> str:
        command = ["redis-cli", "-p", str(self._port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def skus(self) -> list[str]:
        return [json.loads(line)["sku"] for line in self.do("lrange", "shop:items", "0", "-1").splitlines()]

    def count(self) -> int:
        return int(self.do("llen", "shop:items"))

    def cpu_s(self) -> float:
        return processes_cpu_s(self._process.pid)


@contextmanager
def redis(folder: Path) -> Iterator[OnRedis]:
    """A Redis server with an append-only file that is synced to disk every second."""
    port = free_port(range(18_750, 18_770))
    words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        shelf = OnRedis(port, process)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            try:
                shelf.do("ping")
                break
            except subprocess.CalledProcessError:
                time.sleep(0.05)
        yield shelf
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True)
class Rival:
    """A crawler that takes part.

    Attributes:
        shelf: Makes what it needs for one crawl: ``shelf(stack, folder)``.
        environment: Name of a file in requirements/; "" for the environment of this project.
        begin: What has to be done once before the first process is started.
        ends_for_all: A process ends with 0 only when the crawl is over.
        command: Command of a process: ``command(number, started again, folder, address)``.
    """

    key: str
    label: str
    shelf: Callable[[ExitStack, Path], Shelf]
    environment: str
    command: Callable[[int, bool, Path, str], list[str]]
    begin: Callable[[Any, Server], None] = lambda shelf, server: None
    ends_for_all: bool = False


def _ours_on(stack: ExitStack, folder: Path) -> Shelf:
    made = stack.enter_context(database())
    return OnPostgres(made, made.address, "SELECT sku FROM items", "SELECT count(*) FROM items")


def _crawlee_on(stack: ExitStack, folder: Path) -> Shelf:
    made = stack.enter_context(database())
    socket = made.address.partition("host=")[2].partition("&")[0]
    name = made.address.partition("?")[0].rpartition("/")[2]
    asked = "SELECT data->>'sku' FROM dataset_records"
    address = f"postgresql+asyncpg://crawl@/{name}?host={socket}"
    return OnPostgres(made, address, asked, "SELECT count(*) FROM dataset_records")


def _redis_on(stack: ExitStack, folder: Path) -> Shelf:
    return stack.enter_context(redis(folder))


def _ours(number: int, again: bool, folder: Path, address: str) -> list[str]:
    home = folder / f"member-{number}"
    if not home.exists():
        (home / "spiders").mkdir(parents=True)
        (home / "pyproject.toml").write_text("[tool.crawl]\n")
        shutil.copy(ROOT / "benchmarks" / "contenders" / "ours.py", home / "spiders" / "sites.py")
    words = ["run", "shop"] if number == 0 and not again else ["worker", "shop", "--wait", "--until-empty"]
    settings = [f"workers={AT_ONCE}", f"per_host={2 * AT_ONCE}", *(["processes=1"] if words[0] == "run" else [])]
    typed = [word for setting in settings for word in ("-s", setting)]
    return [sys.executable, "-m", "crawler.cli", *words, "--store", address, *typed]


def _script(name: str, environment: str) -> Callable[[int, bool, Path, str], list[str]]:
    script = str(ROOT / "benchmarks" / "contenders" / f"{name}.py")

    def command(number: int, again: bool, folder: Path, address: str) -> list[str]:
        (folder / f"member-{number}").mkdir(exist_ok=True)
        return [str(table.CACHE / environment / "bin" / "python"), script]

    return command


def _push_start(shelf: OnRedis, server: Server) -> None:
    shelf.do("lpush", "shop:start_urls", json.dumps({"url": server.url()}))


ALL = {
    each.key: each
    for each in (
        Rival("ours", "this crawler on PostgreSQL", _ours_on, "", _ours, ends_for_all=True),
        Rival(
            "scrapy-redis",
            "scrapy-redis",
            _redis_on,
            "scrapy-redis",
            _script("fleet_scrapy_redis", "scrapy-redis"),
            _push_start,
        ),
        Rival(
            "crawlee-sql",
            "Crawlee, SQL storage on PostgreSQL",
            _crawlee_on,
            "crawlee-storages",
            _script("fleet_crawlee", "crawlee-storages"),
        ),
        Rival(
            "crawlee-redis",
            "Crawlee, Redis storage",
            _redis_on,
            "crawlee-storages",
            _script("fleet_crawlee", "crawlee-storages"),
        ),
    )
}


@dataclass
class Played:
    """The results of one crawl; CPU milliseconds per page."""

    key: str
    pages_s: float
    members_ms: float
    server_ms: float
    lost: int
    twice: int
    fetched_again: int
    kills: int
    seconds: float
    said: str
    load: str


class Members:
    """The processes of one crawl."""

    def __init__(self, rival: Rival, folder: Path, address: str, orders: dict[str, Any]) -> None:
        self._rival, self._folder, self._address = rival, folder, address
        self._ended_s = 0.0
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self._environ = environ | {
            "BENCH": json.dumps(orders),
            "FLEET_STORE": address,
            "PYTHONPATH": str(ROOT) if not rival.environment else "",
            "CRAWL_KEY": Vault.new_key(),
            "CRAWL_DEFAULT_USERNAME": "u",
            "CRAWL_DEFAULT_PASSWORD": "p",
        }
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int, *, again: bool = False) -> None:
        command = self._rival.command(number, again, self._folder, self._address)
        home = self._folder / f"member-{number}"
        with (home / "log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                command, cwd=home, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self, number: int) -> None:
        """Kill it with SIGKILL, and start another one in its place."""
        process = self._processes[number]
        self._ended_s += processes_cpu_s(process.pid)
        process.kill()
        process.wait()
        self.start(number, again=True)

    def cpu_s(self) -> float:
        return self._ended_s + sum(
            processes_cpu_s(each.pid) for each in self._processes.values() if each.poll() is None
        )

    def are_over(self) -> bool:
        """Whether all have ended; for ours, one that ended well is enough: one started later waits for the next run."""
        codes = [each.poll() for each in self._processes.values()]
        return None not in codes or (self._rival.ends_for_all and 0 in codes)

    def stop(self) -> None:
        for each in self._processes.values():
            if each.poll() is None:
                each.kill()
                each.wait()

    def said(self) -> str:
        """The last output line of the first process that failed with any output."""
        for number, each in self._processes.items():
            lines = (self._folder / f"member-{number}" / "log").read_text(errors="replace").strip().splitlines()
            if each.poll() not in (0, -9) and lines:
                return lines[-1][:200]
        return ""


def play(rival: Rival, pages: int, *, members: int = 2, kills: int = 0, limit_s: float = 900.0) -> Played:
    """Run one crawl; during it *kills* members are killed, in turn."""
    place = Path(tempfile.mkdtemp(prefix="crawl-fleet-"))
    port = free_port()
    made = site.make(table.HERE.parent / "build" / "fleet", "shop", pages, port)
    log = place / "answers"
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, place, ignore_errors=True)
        server = stack.enter_context(serve(made.root, port=port, kind=made.kind, login=True, log=log))
        shelf = rival.shelf(stack, place)
        rival.begin(shelf, server)
        orders = {
            "starts": [server.url()],
            "hosts": [f"127.0.0.1:{server.port}"],
            "login": server.url(path="/login.html"),
            "at_once": AT_ONCE,
            "per_host": AT_ONCE,
            "site": "shop",
        }
        crowd = Members(rival, place, shelf.address, orders)
        stack.callback(crowd.stop)
        for number in range(members):
            crowd.start(number)
        began, moments = time.monotonic(), list(_moments(kills, made.items))
        marks: list[tuple[float, float, float, int]] = []
        killed = 0
        while not crowd.are_over() and time.monotonic() < began + limit_s:
            stored = shelf.count()
            if stored >= made.items * (_FROM if not marks else _TO) and len(marks) < 2:
                marks.append((time.monotonic(), crowd.cpu_s(), shelf.cpu_s(), stored))
            if moments and stored >= moments[0]:
                moments.pop(0)
                crowd.kill(killed % members)
                killed += 1
            time.sleep(_LOOK_S)
        seconds, said = time.monotonic() - began, crowd.said()
        if not crowd.are_over():
            said = f"not over after {limit_s:.0f} s; {said}"
        items = Counter(shelf.skus()) if shelf.count() else Counter[str]()
        answers = Counter(line.partition(" ")[2] for line in _lines(log) if line.startswith("200 "))
    again = sum(count - 1 for path, count in answers.items() if path not in _NO_PAGE)
    rate, own, of_server = _between(marks, made.pages / made.items)
    lost, twice = made.items - len(items), sum(items.values()) - len(items)
    return Played(rival.key, rate, own, of_server, lost, twice, again, killed, seconds, said, load())


def _between(marks: Sequence[tuple[float, float, float, int]], pages_per_item: float) -> tuple[float, float, float]:
    """Pages per second, and milliseconds per page of the members and of the server."""
    if len(marks) < 2:
        return 0.0, 0.0, 0.0
    (at, own, of_server, stored), (then, own_then, of_server_then, stored_then) = marks
    pages = max(1.0, (stored_then - stored) * pages_per_item)
    return pages / (then - at), (own_then - own) / pages * 1e3, (of_server_then - of_server) / pages * 1e3


def _moments(kills: int, items: int) -> Iterator[int]:
    for number in range(kills):
        yield round(items * (0.1 + 0.5 * number / max(1, kills - 1)))


def _lines(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []
