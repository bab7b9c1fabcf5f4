"""The user's crontab: our lines between our marks, every other byte as it was; and Debian's cron, which runs them."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.schedule import book, crontab
from crawler.schedule.plan import Entry
from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SHOP, OTHER = Path("/srv/shop"), Path("/srv/shop2")
LINES = ["0 3 * * * one", "0 4 * * * two"]

SPIDER = """
from crawler import Spider


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/"]

    def parse(self, response):
        yield {{"part": self.arguments.get("part", ""), "text": response.css("p::text").get()}}
"""


lines_of_others = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
)


@given(st.lists(lines_of_others, max_size=6), st.booleans())
def test_no_other_line_is_ever_touched(others: list[str], ends: bool) -> None:
    before = "\n".join(others) + ("\n" if ends and others else "")

    once = crontab.changed(before, SHOP, LINES)
    both = crontab.changed(once, OTHER, LINES[:1])
    fewer = crontab.changed(both, SHOP, LINES[1:])
    gone = crontab.changed(crontab.changed(fewer, SHOP, []), OTHER, [])

    assert once.startswith(before)
    assert crontab.changed(once, SHOP, LINES) == once
    assert fewer.count("one\n") == 1
    assert gone in (before, before + "\n")


@pytest.mark.parametrize("damage", ["begin alone", "end alone", "twice", "turned round"])
def test_damaged_marks_are_left_alone(damage: str) -> None:
    begin, *_, end = crontab.changed("", SHOP, LINES).splitlines()
    text = {
        "begin alone": [begin, "0 1 * * * mine"],
        "end alone": ["0 1 * * * mine", end],
        "twice": [begin, end, begin, end],
        "turned round": [end, begin],
    }[damage]

    with pytest.raises(UsageError, match="marks of /srv/shop in your crontab are damaged"):
        crontab.changed("\n".join(text), SHOP, LINES)


def test_a_line_has_all_that_cron_lacks_and_sets_nothing_for_the_lines_below_it() -> None:
    entries = [Entry("shop", "shop", "0 3 * * *", arguments={"part": "50% off"}, overlap="wait")]

    (line,) = crontab.block(SHOP, entries, {"XDG_CONFIG_HOME": "/srv/my config", "CRAWL_DEFAULT_PASSWORD": "hunter2"})

    assert line.startswith("0 3 * * * cd /srv/shop && env PATH=")
    assert "XDG_CONFIG_HOME='/srv/my config'" in line
    assert "--if-running wait -a 'part=50\\% off'" in line
    assert "hunter2" not in line


def test_a_zone_and_jitter_are_looked_after_by_one_line_that_looks_each_minute() -> None:
    entries = [
        Entry("a", "a", "0 3 * * *", tz="Europe/Dublin"),
        Entry("b", "b", "0 3 * * *", jitter_s=60),
        Entry("c", "c", "0 3 * * *"),
    ]

    lines = crontab.block(SHOP, entries, {})

    assert len(lines) == 2
    assert " run c " in lines[0]
    assert lines[1].startswith("* * * * * cd /srv/shop && ")
    assert lines[1].endswith(" schedule run-due --ours")


@pytest.mark.parametrize("arguments", [{"part": "x" * 900}, {"part": "a\nb"}], ids=["too long", "a line end"])
def test_what_a_crontab_cannot_hold_is_refused(arguments: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        crontab.block(SHOP, [Entry("shop", "shop", "0 3 * * *", arguments=arguments)], {})


# --- through the command ------------------------------------------------------------------------------------------


@pytest.fixture
def shop(project: Path) -> Iterator[Host]:
    host = Host({"*": Answer(body=b"<html><p>hello</p></html>"), "/robots.txt": Answer(404)}, "127.0.0.1", None)
    (project / "spiders").mkdir()
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=host.url))
    yield host
    host.close()


def test_a_schedule_is_added_listed_shown_and_removed(shop: Host, project: Path, crawl: Crawl) -> None:
    added = crawl("schedule", "add", "shop", "0 6 * * *", "--tz", "Europe/Dublin", "-a", "part=one")
    assert added.code == 0
    assert added.out.splitlines()[0] == "shop: 0 6 * * * (Europe/Dublin); next runs, in local time:"
    assert len(added.out.splitlines()) == 6
    assert crawl("schedule", "add", "shop", "@daily", "--jitter", "60").code == 0
    crawl("run", "shop", "-a", "part=one")  # by hand, with the arguments of the entry

    assert [line.split()[8:10] for line in crawl("schedule", "list").out.splitlines()[1:]] == [["never", "ran"]] * 2
    (project / "data" / "schedule.json").write_text('{"shop": 1700000000}')
    assert crawl("schedule", "run-due").code == 0
    rows = [line.split() for line in crawl("schedule", "list").out.splitlines()[1:]]
    (listed, _) = map(json.loads, crawl("schedule", "list", "--json").out.splitlines())
    assert (listed["run"], listed["verdict"]) == (2, "finished")
    assert [(row[0], row[6]) for row in rows] == [("shop", "Europe/Dublin"), ("shop-2", "local")]
    assert "finished" in rows[0]
    assert "never" in rows[1]
    assert "schedule run-due --ours" in crawl("schedule", "show", "shop").out
    assert "RandomizedDelaySec=60" in crawl("schedule", "show", "shop-2", "--systemd").out

    assert crawl("schedule", "remove", "shop").code == 0
    assert "shop" not in book.runs_made(project), "an entry of that name begins anew"
    assert crawl("schedule", "remove", "shop").err == "crawl: shop is not on the schedule; there is: shop-2\n"
    assert crawl("schedule", "add", "nobody", "@daily").code == 2
    assert crawl("schedule", "add", "shop", "0 0 30 2 *").code == 2
    assert crawl("schedule", "shop").out.startswith("0 3 * * * cd ")  # as before: the line alone


LOGS_IN = """
from crawler import Spider


class Mine(Spider):
    name = "mine"
    start_urls = ["{url}/"]

    def login(self, session):
        session.get("{url}/login", headers={{"X-User": session.account.username}})

    def parse(self, response):
        yield {{"text": response.css("p::text").get()}}
"""


@pytest.mark.parametrize("way", ["the printed line", "the installed line"])
def test_the_line_finds_the_file_of_accounts_and_the_store_where_the_job_has_another_home(
    shop: Host, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    home = project.parent / "my home"
    accounts = home / ".config" / "crawl" / "accounts.toml"
    accounts.parent.mkdir(parents=True)
    accounts.touch(mode=0o600)
    accounts.write_text('[default]\nusername = "ann"\npassword = "pa55word"\n')
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("CRAWL_DELAY", "0.01")
    (project / "spiders" / "mine.py").write_text(LOGS_IN.format(url=shop.url))
    if way == "the printed line":
        told = crawl("schedule", "mine", "--cron", "0 3 * * *", "-s", "store=night.db")
        line = told.out.splitlines()[0]
    else:
        told = crawl("schedule", "add", "mine", "0 3 * * *", "-s", "store=night.db")
        (line,) = crontab.block(project, book.read(project), os.environ)
    command = line.removeprefix("0 3 * * * ").replace("\\%", "%")
    other = project.parent / "home of the job"
    other.mkdir()
    bare = ["env", "-i", f"HOME={other}", "PATH=/usr/bin:/bin", "/bin/sh", "-c", command]

    ran = subprocess.run(bare, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)

    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert [call.headers.get("x-user") for call in shop.seen("/login")] == ["ann"]
    assert list(other.iterdir()) == [], "no key of its own was made there"
    assert "does not get CRAWL_DELAY" in told.err
    listed = [json.loads(each) for each in crawl("schedule", "list", "--json").out.splitlines()]
    assert [each["verdict"] for each in listed] == ([] if way == "the printed line" else ["finished"])


def test_what_is_due_runs_once_with_its_arguments_and_a_missed_night_is_made_up_for(
    shop: Host, project: Path, crawl: Crawl
) -> None:
    crawl("schedule", "add", "shop", "@hourly", "-a", "part=one")
    assert crawl("schedule", "run-due").code == 0
    assert shop.seen("/") == []
    (project / "data" / "schedule.json").write_text('{"shop": 1700000000}')  # off for months

    assert crawl("schedule", "run-due").code == 0
    assert crawl("schedule", "run-due").code == 0

    assert len(shop.seen("/")) == 1
    assert '"part": "one"' in crawl("export", "shop", "-o", "-").out


def test_run_due_ends_with_the_worst_of_its_runs(shop: Host, project: Path, crawl: Crawl) -> None:
    crawl("schedule", "add", "shop", "@hourly", "-s", "min_items=5")
    crawl("schedule", "add", "shop", "@hourly", "-a", "part=two")
    (project / "data" / "schedule.json").write_text('{"shop": 1700000000, "shop-2": 1700000000}')

    ended = crawl("schedule", "run-due")

    assert ended.code == 9
    assert len(shop.seen("/")) == 2  # of one spider, at the same time: one waits for the other, and none is skipped


@pytest.fixture
def own_crontab() -> Iterator[None]:
    """Root's crontab, put back as it was."""
    if shutil.which("crontab") is None or os.geteuid() != 0:
        pytest.skip("needs cron and root")
    with open(Path(tempfile.gettempdir()) / "crawl-tests-crontab.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests of another process have the same one
        before = crontab.read_crontab()
        yield
        if before:
            crontab.write_crontab(before)
        else:
            subprocess.run(["crontab", "-r"], capture_output=True)


@pytest.mark.usefixtures("own_crontab")
def test_install_writes_between_our_marks_and_takes_them_away_again(shop: Host, project: Path, crawl: Crawl) -> None:
    mine = "# mine\nMAILTO=ann\n5 4 * * * /bin/true \\% \n"
    crontab.write_crontab(mine)
    crawl("schedule", "add", "shop", "0 3 * * *")

    assert crawl("schedule", "install", "--dry-run").out.startswith(mine)
    assert crontab.read_crontab() == mine
    assert crawl("schedule", "install").code == 0
    assert crawl("schedule", "install").code == 0

    text = crontab.read_crontab()
    assert text.startswith(mine)
    assert text.count(">>> crawl-sessions") == 1
    assert f"0 3 * * * cd {project} && env PATH={Path(sys.executable).parent}:" in text
    crawl("schedule", "remove", "shop")
    crawl("schedule", "install")
    assert crontab.read_crontab() == mine


@pytest.mark.slow
@pytest.mark.usefixtures("own_crontab")
def test_debians_cron_runs_the_line_that_was_installed(shop: Host, project: Path, crawl: Crawl) -> None:
    cron = shutil.which("cron", path=f"{os.environ['PATH']}:/usr/sbin")
    if cron is None:
        pytest.skip("needs Debian's cron")
    crawl("schedule", "add", "shop", "* * * * *", "-a", "part=50% off")
    assert crawl("schedule", "install").code == 0
    clock = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
    ahead = {"LD_PRELOAD": str(clock), "FAKETIME": "@2026-11-29 03:00:56"} if clock else {}  # seconds before a minute
    daemon = subprocess.Popen(
        [cron, "-f"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **ahead}
    )
    try:
        until = time.monotonic() + 90
        while not (stored := items(project)) and time.monotonic() < until and daemon.poll() is None:
            time.sleep(0.5)
    finally:
        daemon.terminate()
        daemon.wait(10)
    if daemon.returncode == 1 and not stored:
        pytest.skip("another cron runs on this machine")

    assert stored[0] == ("50% off", "hello")


def items(project: Path) -> list[tuple[str, str]]:
    """What the job has stored so far."""
    try:
        with closing(sqlite3.connect(f"file:{project}/data/crawl.db?mode=ro", uri=True)) as database:
            return database.execute("SELECT part, text FROM items").fetchall()
    except sqlite3.OperationalError:
        return []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_finds_no_fault_with_the_units_and_reads_the_schedule_as_we_do(
    shop: Host, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(project / "my config"))
    crawl("schedule", "add", "shop", "30 6 * * mon-fri", "--tz", "Europe/Dublin", "--jitter", "90", "-a", "part=50% $x")

    assert "2 units are in" in crawl("schedule", "install", "--systemd").err

    folder = project / "my config" / "systemd" / "user"
    assert sorted(path.name for path in folder.iterdir()) == ["crawl-shop.service", "crawl-shop.timer"]
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *map(str, sorted(folder.iterdir()))],
        capture_output=True, text=True, timeout=60, env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )  # fmt: skip
    ours = [line for line in checked.stderr.splitlines() if "crawl-" in line]
    assert (ours, "part=50%% $$x" in (folder / "crawl-shop.service").read_text()) == ([], True), checked.stderr
    calendar = next(line for line in (folder / "crawl-shop.timer").read_text().splitlines() if "OnCalendar" in line)
    said = subprocess.run(
        ["systemd-analyze", "calendar", calendar.partition("=")[2]], capture_output=True, text=True, timeout=60
    )
    assert "06:30:00" in said.stdout, said.stderr
    crawl("schedule", "remove", "shop")
    crawl("schedule", "install", "--systemd")
    assert list(folder.iterdir()) == []


def test_without_cron_the_error_says_what_else_there_is(
    shop: Host, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl("schedule", "add", "shop", "@daily")
    monkeypatch.setenv("PATH", str(project))

    refused = crawl("schedule", "install")

    assert refused.code == 2
    assert "`crawl schedule install --systemd`, or call `crawl schedule run-due` every few minutes" in refused.err
