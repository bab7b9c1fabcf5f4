"""`crawl run`, `retry`, `login`: the words reach the engine, its answer becomes lines and an exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crawler import errors, events
from crawler.events import Summary
from crawler.runs.stats import wants_pages
from crawler.settings import load
from crawler.spider import Spider
from crawler.stores.project import open_project_store
from crawler.testing import PracticeSite

from .conftest import Crawl

Engine = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Puts something in place of the engine: `engine(summary_or_error, *events)` gives the calls that it gets."""

    def put(answer: Summary | Exception, *told: events.Event) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def run(spider: type[Spider], **how: Any) -> Summary:
            calls.append({"spider": spider.name, **how})
            for event in told:
                for observer in how["observers"]:
                    observer(event)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr("crawler.engine.application.run", run)
        return calls

    return put


def test_the_words_reach_the_engine(orders: Path, crawl: Crawl, engine: Engine) -> None:
    calls = engine(Summary("orders", ending="finished"))

    done = crawl(
        *["run", "orders", "--fresh", "-a", "day=mon=1", "-a", "x=", "-s", "delay=2", "--workers", "3"],
        *["--processes", "2", "--limit-pages", "10", "--max-time", "60", "--store", "x.db", "--if-running", "wait"],
    )

    assert done.code == 0
    assert calls[0]["spider"] == "orders"
    assert calls[0]["arguments"] == {"day": "mon=1", "x": ""}
    assert calls[0]["settings"] == {
        "delay": "2", "workers": 3, "processes": 2, "max_pages": 10, "max_time": 60.0, "store": "x.db",
    }  # fmt: skip
    assert (calls[0]["fresh"], calls[0]["if_running"], calls[0]["signals"]) == (True, "wait", True)


@pytest.mark.parametrize("words", [["--quiet"], [], ["--json"], ["--entry", "nightly"]], ids=" ".join)
def test_no_observer_wants_to_hear_of_every_page(orders: Path, crawl: Crawl, engine: Engine, words: list[str]) -> None:
    """An event of each page, sent from a second process to the first, took a twentieth of its time."""
    calls = engine(Summary("orders", ending="finished"))

    assert crawl("run", "orders", *words).code == 0

    assert not wants_pages(calls[0]["observers"])


def test_retry_is_a_run_that_opens_failed_requests_again(orders: Path, crawl: Crawl, engine: Engine) -> None:
    calls = engine(Summary("orders", ending="finished"))

    assert crawl("retry", "orders").code == 0
    assert calls[0]["retry"] is True
    assert "fresh" not in calls[0]


@pytest.mark.parametrize("code", [0, 1, 3, 5, 6, 7, 130, 143])
def test_the_exit_code_is_the_one_of_the_summary(orders: Path, crawl: Crawl, engine: Engine, code: int) -> None:
    engine(Summary("orders", ending="x", exit_code=code))

    assert crawl("run", "orders").code == code


SUMMARY = Summary(
    "orders",
    run=7,
    ending="failures",
    exit_code=1,
    resumed=True,
    pages=1200,
    items={"items": 480, "Book": 3},
    known=1300,
    failed=3,
    retried=5,
    size_bytes=2_500_000,
    logins=1,
    elapsed_s=75.2,
    pages_per_s=16.0,
    skipped_by={"robots": 4},
    errors={"503 from \x1b[2J http://a/?token=abcdef123": 3},
    messages=["title \r\nforged line"],
    next_command="crawl retry orders",
    store="data/crawl.db",
)


def test_the_summary_is_a_few_lines_on_standard_output(orders: Path, crawl: Crawl, engine: Engine) -> None:
    engine(SUMMARY)

    done = crawl("run", "orders")

    assert done.out == (
        "orders     failures, run 7, resumed\n"
        "pages      1,200 in 1 min 15 s (16.0/s, 2.5 MB)\n"
        "items      483 (480 items, 3 Book)\n"
        "requests   1,300 known, 3 failed, 5 retried\n"
        "logins     1\n"
        "skipped    4 x robots\n"
        "errors     3 x 503 from \\x1b[2J http://a/?token=***\n"
        "note       title \\x0d\\x0aforged line\n"
        "stored in  data/crawl.db\n"
        "next       crawl retry orders\n"
    )


def test_json_is_the_whole_summary_on_one_line_without_secrets(orders: Path, crawl: Crawl, engine: Engine) -> None:
    engine(SUMMARY)

    done = crawl("run", "orders", "--json")

    found = json.loads(done.out)
    assert done.out.count("\n") == 1
    assert found == SUMMARY.as_dict() | {"errors": {"503 from \x1b[2J http://a/?token=***": 3}}


def test_quiet_success_prints_nothing_at_all(orders: Path, crawl: Crawl, engine: Engine) -> None:
    engine(
        Summary("orders", ending="finished", pages=3),
        events.RunStarted(0.0, 1, "orders", False, 0),
        events.LoginEnded(0.0, "default", "ok", 1, 20.0),
        events.Warned(0.0, "http://a/", "tree cut"),
    )

    done = crawl("run", "orders", "--quiet")

    assert (done.code, done.out, done.err) == (0, "", "")


def test_quiet_failure_is_one_line_for_the_mail_with_what_to_do(orders: Path, crawl: Crawl, engine: Engine) -> None:
    engine(SUMMARY)

    done = crawl("run", "orders", "--quiet")

    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "crawl: orders: failures (run 7): 1,200 pages, 483 items, 3 failed; next: crawl retry orders",
        "crawl: title \\x0d\\x0aforged line",
    ]


def test_P5_a_second_run_says_who_holds_the_spider(orders: Path, crawl: Crawl, engine: Engine) -> None:
    engine(errors.AlreadyRunning("orders", "process 4711 since 03:00"))

    done = crawl("run", "orders")

    assert (done.code, done.out) == (4, "")
    assert "process 4711 since 03:00" in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize(("quiet", "lines"), [((), 1), (("--quiet",), 0)], ids=["loud", "quiet"])
def test_P5_with_skip_a_second_run_ends_well(
    orders: Path, crawl: Crawl, engine: Engine, quiet: tuple[str, ...], lines: int
) -> None:
    engine(Summary("orders", ending="skipped"))

    done = crawl("run", "orders", "--if-running", "skip", *quiet)

    assert (done.code, done.out, len(done.err.splitlines())) == (0, "", lines)


def test_without_a_terminal_nobody_is_asked(orders: Path, crawl: Crawl, engine: Engine) -> None:
    calls = engine(Summary("orders", ending="finished"))

    crawl("run", "orders")

    assert calls[0]["ask"] is None


class FakeVisitor:
    """Stands for the engine's visitor."""

    def __init__(self, spider: type[Spider]) -> None:
        self.spider, self.calls = spider(), list[Any]()

    def login(self, session: str | None = None, *, force: bool = False) -> str:
        self.calls.append((session, force))
        return "login" if force else "restored"

    def only_sends_credentials(self, session: str | None = None) -> bool:
        return False

    def browser_login(
        self, session: str | None = None, *, headless: bool = False, picture: Path | None = None, force: bool = False
    ) -> list[str]:
        self.calls.append((session, "browser", headless, force))
        return []


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[FakeVisitor]:
    """The visitors that commands open."""
    opened: list[FakeVisitor] = []

    @contextmanager
    def visitor(spider: type[Spider], **how: Any) -> Iterator[FakeVisitor]:
        opened.append(FakeVisitor(spider))
        yield opened[-1]

    monkeypatch.setattr("crawler.engine.application.visitor", visitor)
    return opened


def test_login_makes_every_session_that_logs_in_ready(orders: Path, crawl: Crawl, visits: list[FakeVisitor]) -> None:
    path = orders / "spiders" / "orders.py"
    path.write_text(
        path.read_text().replace("custom_settings =", 'sessions = ["buyer", "auditor"]\n    custom_settings =')
    )

    done = crawl("login", "orders")

    assert done.code == 0
    assert visits[0].calls == [("buyer", False), ("auditor", False)]
    assert done.out.splitlines()[0] == "session 'buyer': the stored session is good, no login was needed"


@pytest.mark.parametrize(
    ("words", "calls"),
    [
        (["--force"], [("default", True)]),
        (["--session", "default"], [("default", False)]),
        (["--browser"], [("default", "browser", False, False)]),
        (["--browser", "--headless", "--force"], [("default", "browser", True, True)]),
    ],
)
def test_the_ways_to_log_in(
    orders: Path, crawl: Crawl, visits: list[FakeVisitor], words: list[str], calls: list[object]
) -> None:
    assert crawl("login", "orders", *words).code == 0
    assert visits[0].calls == calls


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--headless"], "--browser"), (["--session", "x"], "no session 'x' that logs in; there are: default")],
)
def test_a_login_command_that_makes_no_sense_is_refused(
    orders: Path, crawl: Crawl, visits: list[FakeVisitor], words: list[str], said: str
) -> None:
    done = crawl("login", "orders", *words)

    assert done.code == 2
    assert said in done.err


def test_a_spider_without_a_login_step_says_so(orders: Path, crawl: Crawl, visits: list[FakeVisitor]) -> None:
    path = orders / "spiders" / "orders.py"
    path.write_text(path.read_text().replace("def login(", "def not_login("))

    done = crawl("login", "orders")

    assert done.code == 2
    assert "no login step" in done.err


#: what takes long to load, and a crawl without a login and without failures has no use for
UNWANTED = frozenset(
    {"pydantic", "sqlite_utils", "numpy", "pandas", "rich", "asyncio", "cryptography", "selectolax", "itemadapter"}
    | {"tenacity", "tornado"}
    | {"crawler.output.export", "crawler.pages.forms", "crawler.testing"}
)


def _imported(words: list[str], folder: Path) -> set[str]:
    program = f"""
import sys
from crawler.cli import main
try:
    main({words!r})
except SystemExit as ended:
    assert not ended.code, ended.code
print("\\n".join(sys.modules), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [["--help"], ["list"], ["new", "x"], ["settings", "orders"]], ids=" ".join)
def test_commands_that_only_look_load_no_engine_and_no_store(orders: Path, words: list[str]) -> None:
    loaded = _imported(words, orders)

    assert "crawler.cli.command_tree" in loaded
    assert not {name for name in loaded if name.startswith(("crawler.engine", "crawler.stores", "sqlite"))}


@pytest.mark.parametrize("words", [["runs"], ["status"], ["sessions", "list"]], ids=" ".join)
def test_commands_that_only_look_into_the_database_load_no_engine(orders: Path, words: list[str]) -> None:
    open_project_store(load()).close()

    loaded = _imported(words, orders)

    assert "crawler.stores.sqlite" in loaded
    assert not {name for name in loaded if name.startswith(("crawler.engine", "crawler.fetching"))}


def test_a_crawl_loads_nothing_that_only_other_commands_or_other_sites_need(
    orders: Path, practice_site: PracticeSite
) -> None:
    (orders / "spiders" / "plain.py").write_text(
        f"""from crawler import Spider


class Plain(Spider):
    name = "plain"
    start_urls = ["{practice_site.url}/"]

    def parse(self, response):
        yield {{"title": response.css("title::text").get()}}
"""
    )

    loaded = _imported(["run", "plain", "--quiet", "--processes", "1", "-s", "workers=4"], orders)

    assert "crawler.stores.sqlite" in loaded
    assert sorted(loaded & UNWANTED) == []
    assert not {name for name in loaded if name.startswith("crawler.cli.")} & {
        "crawler.cli.schedule",
        "crawler.cli.sessions",
    }


@pytest.mark.parametrize("command", ["runs", "status", "audit"])
def test_a_spider_that_has_never_run_is_one_line(orders: Path, crawl: Crawl, command: str) -> None:
    open_project_store(load()).close()

    done = crawl(command, "orders")

    assert (done.code, done.out) == (2, "")
    assert done.err == "crawl: orders has never run on data/crawl.db; nothing has run yet\n"


def test_help_needs_less_than_a_quarter_of_a_second_of_processor_time(project: Path) -> None:
    """Or, on a slow machine, less than four times what Python needs to import typer: 2.4 times is usual."""
    program = (
        "import resource, subprocess, sys\n"
        "def used():\n"
        "    times = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "    return times.ru_utime + times.ru_stime\n"
        "def least(*words):\n"
        "    best = 9.0\n"
        "    for _ in range(5):\n"
        "        before = used()\n"
        "        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)\n"
        "        best = min(best, used() - before)\n"
        "    return best\n"
        "print(least('-m', 'crawler.cli', '--help'), least('-c', 'import typer'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    help_s, typer_s = map(float, done.stdout.split())
    assert help_s < max(0.25, 4 * typer_s)


def test_a_program_ends_at_once_with_its_code_and_all_that_it_has_printed(orders: Path) -> None:
    def ended(*words: str) -> subprocess.CompletedProcess[str]:
        code = "import atexit, sys; atexit.register(print, 'left in order'); from crawler.cli import command; command()"
        return subprocess.run(
            [sys.executable, "-c", code, *words], cwd=orders, capture_output=True, text=True, timeout=30, check=False
        )

    shown, wrong = ended("list"), ended("run", "nobody")

    assert (shown.returncode, wrong.returncode) == (0, 2)
    assert "orders" in shown.stdout
    assert shown.stdout.endswith("left in order\n")
    assert "nobody" in wrong.stderr
