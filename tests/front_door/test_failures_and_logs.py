"""What went wrong, by cause, and tried again by cause; log files that are put aside, and lines of JSON."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.cli.logs import LogFile, set_up_logging
from crawler.output.reasons import failed_for
from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SPIDER = """
from crawler import Spider


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/start"]
    custom_settings = {{"retries": 0}}

    def parse(self, response):
        yield {{"title": response.css("b::text").get()}}
        yield from response.follow_all(css="a", callback=self.parse_one)

    def parse_one(self, response):
        if response.url.endswith("broken"):
            raise KeyError("price")
        yield {{"title": "one"}}
"""
PATHS = ("gone-1", "gone-2", "gone-3", "busy-1", "busy-2", "broken", "good")


class Site:
    """A start page with links: three are missing, two are busy, one breaks the callback."""

    def __init__(self) -> None:
        self.mended: tuple[str, ...] = ()
        self.host = Host({"*": self.page}, "127.0.0.1", None)

    def page(self, call: WireRequest) -> Answer:
        name = call.path[1:]
        if name == "start":
            links = "".join(f"<a href=/{path}>x</a>" for path in PATHS)
            return Answer(body=f"<html><b>t</b>{links}</html>".encode())
        if name.startswith(self.mended or "-"):
            return Answer(body=b"<html>fine</html>")
        if name == "robots.txt" or name.startswith("gone"):
            return Answer(404, b"no")
        return Answer(503 if name.startswith("busy") else 200, b"<html>a page</html>")

    def asked(self) -> set[str]:
        """The paths that were asked for, and forget them."""
        found = {call.path[1:] for call in self.host.calls} - {"robots.txt"}
        self.host.calls.clear()
        return found


@pytest.fixture
def site(project: Path) -> Iterator[Site]:
    site = Site()
    (project / "spiders").mkdir()
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=site.host.url))
    yield site
    site.host.close()


def test_failures_are_listed_by_cause_and_each_cause_can_be_tried_again_alone(site: Site, crawl: Crawl) -> None:
    assert crawl("run", "shop", "-a", "part=1").code == 1
    listed = crawl("failures", "shop")

    rows = [line.split(None, 1) for line in listed.out.partition("\n\n")[0].splitlines()[1:]]
    assert [(count, text.split(" http")[0].split(" at ")[0].rstrip()) for count, text in rows] == [
        ("3", "StatusError: 404"),
        ("2", "StatusError: 503"),
        ("1", "KeyError: 'price'"),
    ]
    assert "crawl retry shop --cause 404 -a part=1 tries those" in listed.err
    site.asked()

    site.mended = ("gone", "busy")
    again = crawl("retry", "shop", "--cause", "503", "-a", "part=1")

    assert site.asked() == {"busy-1", "busy-2"}
    assert again.code == 1
    first = crawl("failures", "shop", "--json").out.splitlines()[0]
    assert json.loads(first)["cause"] == "StatusError: 404"
    crawl("retry", "shop", "--cause", "KeyError", "--cause", "404", "-a", "part=1")
    assert site.asked() == {"gone-1", "gone-2", "gone-3", "broken"}
    nothing = crawl("retry", "shop", "--cause", "TimedOut", "-a", "part=1")
    assert nothing.code == 2
    assert "nothing failed because of that; there is: KeyError: 'price'" in nothing.err
    assert site.asked() == set()


def test_without_failures_the_list_says_so(site: Site, crawl: Crawl) -> None:
    site.mended = PATHS
    (Path("spiders") / "shop.py").write_text(SPIDER.format(url=site.host.url).replace('"broken"', '"never"'))
    crawl("run", "shop")

    assert crawl("failures", "shop").err == "crawl: nothing failed in the last crawl of shop\n"
    assert crawl("failures", "other").code == 2


@pytest.mark.parametrize(
    ("cause", "error", "named"),
    [
        ("404", "StatusError: 404 from http://a/404", True),
        ("404", "StatusError: 410 from http://a/404", False),
        ("40", "StatusError: 404 from http://a/", False),
        ("statuserror", "StatusError: 404 from http://a/", True),
        ("TimedOut", "TimedOut: no answer within 3 s (http://a/)", True),
        ("no answer", "TimedOut: no answer within 3 s (http://a/)", True),
        ("price", "KeyError: 'price'\nTraceback", True),
        ("Traceback", "KeyError: 'price'\nTraceback", False),
        ("", "KeyError: 'price'", False),
    ],
)
def test_a_cause_is_a_status_an_error_name_or_some_words(cause: str, error: str, named: bool) -> None:
    assert failed_for(cause, error) is named


def test_a_quiet_run_prints_one_line_and_its_log_file_has_all(site: Site, project: Path, crawl: Crawl) -> None:
    result = crawl("run", "shop", "--quiet", "--log-file", "crawl.log", "-s", "log_format=json")

    assert len([line for line in result.err.splitlines() if line]) == 1
    lines = [json.loads(line) for line in (project / "crawl.log").read_text().splitlines()]
    assert {"time", "level", "logger", "message"} == set(lines[0])
    assert lines[0]["message"] == "run 1 of shop"
    assert sum("failed: " in line["message"] for line in lines) == 6
    assert stat.S_IMODE((project / "crawl.log").stat().st_mode) == 0o600


def test_log_lines_on_standard_error_are_json_when_asked_for(site: Site, crawl: Crawl) -> None:
    told = crawl("run", "shop", "-s", "log_format=json", "--json")

    assert all(json.loads(line)["level"] for line in told.err.splitlines())
    assert json.loads(told.out)["exit_code"] == 1  # one line of JSON on standard output, and nothing else


def test_a_log_file_that_cannot_be_written_is_reported_before_anything_is_fetched(site: Site, crawl: Crawl) -> None:
    refused = crawl("run", "shop", "--log-file", "nowhere/crawl.log")

    assert (refused.code, site.asked()) == (2, set())
    assert "log file nowhere/crawl.log: No such file or directory; --log-file names another" in refused.err


def test_a_large_log_file_is_rotated_and_a_set_number_is_kept(project: Path) -> None:
    set_up_logging("INFO", file=LogFile(project / "a.log", size_bytes=400, keep=2))

    for number in range(40):
        logging.getLogger("crawler.run").info("line %d of a long night", number)

    assert sorted(path.name for path in project.glob("a.log*")) == ["a.log", "a.log.1", "a.log.2"]
    assert all(path.stat().st_size <= 400 for path in project.glob("a.log*"))
    assert "line 39 of" in (project / "a.log").read_text()


def test_a_forked_process_continues_in_the_new_file_and_rotates_none(project: Path) -> None:
    log = project / "a.log"
    set_up_logging("INFO", file=LogFile(log, size_bytes=300, keep=3))
    logger = logging.getLogger("crawler.run")
    logger.info("before the fork")
    go_on, begin = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(go_on, 1)  # until the file was put aside by its owner
        for _ in range(10):
            logger.info("of the member")
        os._exit(0)
    while not (project / "a.log.1").exists():
        logger.info("of the first process")
    os.write(begin, b"x")
    os.waitpid(child, 0)

    assert "of the member" in log.read_text()
    assert not (project / "a.log.2").exists()
    os.close(go_on)
    os.close(begin)


def test_no_secret_gets_into_a_log_file(project: Path) -> None:
    set_up_logging("INFO", log_format="json", file=LogFile(project / "a.log"))

    logging.getLogger("crawler.run").warning("at http://u:hunter2@a/?token=abcdef123")
    try:
        raise ValueError("http://u:hunter2@a/")
    except ValueError:
        logging.getLogger("crawler.run").exception("broken")

    text = (project / "a.log").read_text()
    assert "hunter2" not in text
    assert "abcdef123" not in text
    assert "ValueError" in json.loads(text.splitlines()[1])["trace"]
