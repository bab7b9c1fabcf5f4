"""All that a run sends as one HAR file, by `crawl run --har`: whole after each entry, and after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from crawler.errors import TimedOut, UsageError
from crawler.response import Response
from crawler.sessions.formats.har_file import HarFile
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.long_form import LONG_FORM
from tests.rendering.needs_browser import needs_browser
from tests.sessions_e2e.conftest import MakeSite, write_spider

GONE = """
from crawler import Spider


class Gone(Spider):
    name = "gone"
    start_urls = ["http://127.0.0.1:9/"]

    def parse(self, response):
        yield {"url": response.url}
"""


def entries(path: Path) -> list[Any]:
    found: list[Any] = json.loads(path.read_text())["log"]["entries"]
    return found


def answer(body: bytes = b"<p>hi</p>", url: str = "http://shop.example/") -> Response:
    made = Response()
    made.status_code, made.reason, made.url, made._content = 200, "OK", url, body
    made.headers["Content-Type"] = "text/html; charset=utf-8"
    made.request = requests.Request("GET", url).prepare()
    return made


def har(path: Path, most_bytes: int = 1_000_000) -> HarFile:
    return HarFile(path, most_bytes=most_bytes, secrets=False)


def test_all_that_a_run_has_sent_is_in_one_file_without_a_secret(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    done = command("run", "orders", "--har", "run.har", "-s", "processes=2")

    assert done.code == 0, done.err
    found, text = entries(project / "run.har"), (project / "run.har").read_text()
    sent = Counter(each["request"]["url"] for each in found)
    assert sent == Counter(shop.record.hits)
    assert {each["_session"] for each in found} == {"default", "robots"}
    assert {each["request"]["method"] for each in found} == {"GET", "POST"}
    assert (project / "run.har").stat().st_mode & 0o777 == 0o600
    assert "crawl: run.har, without cookies, secrets masked" in done.err
    assert shop.accounts[0].password not in text
    assert not any(each["request"]["cookies"] or each["response"]["cookies"] for each in found)


def test_what_brought_no_answer_is_there_with_its_reason_and_a_second_run_goes_on_with_the_file(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    (project / "spiders" / "gone.py").write_text(GONE)
    command("run", "orders", "--har", "run.har")
    before = len(entries(project / "run.har"))

    command("run", "gone", "--har", "run.har", "-s", "retries=0", "-s", "robots=false")

    found = entries(project / "run.har")
    assert len(found) == before + 1
    assert found[-1]["response"]["status"] == 0
    assert found[-1]["response"]["_error"].startswith("Unreachable: ")


def test_unmasked_it_logs_in_another_store(shop: PracticeSite, project: Path, command: Crawl) -> None:
    command("run", "orders", "--har", "run.har", "--unmasked")

    moved = command("sessions", "import", "orders", "run.har", "--store", "other.db", "--url", shop.url)
    told = command("run", "orders", "--store", "other.db", "--json")

    assert (moved.code, json.loads(told.out)["logins"]) == (0, 0), moved.err
    refused = command("run", "orders", "--unmasked")
    assert (refused.code, "--unmasked goes with --har" in refused.err) == (2, True)


def test_a_file_of_somebody_else_is_refused_before_anything_is_sent(
    shop: PracticeSite, project: Path, command: Crawl
) -> None:
    (project / "notes.txt").write_text("mine")

    refused = command("run", "orders", "--har", "notes.txt")
    nowhere = command("run", "orders", "--har", "no/such/folder.har")

    assert (refused.code, nowhere.code) == (2, 2)
    assert "notes.txt already exists and is not a recording" in refused.err
    assert "folder.har cannot be written: No such file or directory" in nowhere.err
    assert (project / "notes.txt").read_text() == "mine"
    assert not shop.record.hits


def test_wherever_a_write_was_cut_the_next_one_makes_the_file_whole_again(tmp_path: Path) -> None:
    path = tmp_path / "run.har"
    har(path).answered(answer(url="http://shop.example/1"), "default")
    one = path.read_bytes()
    har(path).answered(answer(url="http://shop.example/2"), "default")
    two = path.read_bytes()
    begins = next(place for place in range(len(one)) if one[place] != two[place])

    for cut in range(begins, len(two)):  # bytes are written one after the other; behind them stands what was there
        path.write_bytes(two[:cut] + one[cut:])
        har(path).answered(answer(url="http://shop.example/3"), "default")
        urls = [each["request"]["url"][-1] for each in entries(path)]
        assert urls in (["1", "3"], ["1", "2", "3"]), cut
    for cut in range(begins):  # a first write
        path.write_bytes(one[:cut])
        har(path).answered(answer(url="http://shop.example/3"), "default")
        assert entries(path)[-1]["request"]["url"].endswith("3"), cut


def test_several_writers_lose_no_entry_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "run.har"

    def write(name: str) -> None:
        own = har(path)  # as another process has it
        for number in range(50):
            own.answered(answer(url=f"http://shop.example/{name}/{number}"), name)
        own.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len({each["request"]["url"] for each in entries(path)}) == 200


def test_a_full_recording_ends_and_what_is_not_in_it_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "run.har"
    recording = har(path, most_bytes=3_000)

    for _ in range(10):
        recording.answered(answer(b"x" * 500), "default")
    recording.failed(answer().request, TimedOut("http://shop.example/", "late"), 1.0, "default")
    recording.close()

    kept = len(entries(path))
    assert path.stat().st_size <= 3_000
    assert 0 < kept < 10
    assert f"{11 - kept} requests were not recorded" in caplog.text
    assert caplog.text.count("the recording ends here") == 1


def test_a_large_body_is_cut_and_says_so(tmp_path: Path) -> None:
    har(tmp_path / "run.har", 3_000_000).answered(answer(b"\xc3\xa4" * 1_000_000), "default")

    content = entries(tmp_path / "run.har")[0]["response"]["content"]
    assert (content["size"], len(content["text"])) == (2_000_000, 1024 * 1024 // 2)
    assert content["comment"] == "the first 1,048,576 of 2,000,000 bytes"


def test_what_cannot_be_written_down_is_left_out_and_its_page_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = answer()
    odd.request.body = object()  # type: ignore[assignment]
    odd.request.headers = {"X": object()}  # type: ignore[assignment]
    odd.elapsed = None  # type: ignore[assignment]
    recording = har(tmp_path / "run.har")

    with pytest.raises(UsageError):
        HarFile.check(tmp_path)
    recording.answered(odd, "default")
    recording.close()

    assert "1 requests were not recorded" in caplog.text


@LONG_FORM
def test_a_recording_of_a_killed_run_is_whole_and_the_next_run_goes_on_with_it(
    member_site: MakeSite, project: Path, command: Crawl
) -> None:
    site = member_site(books=60, latency_s=0.02)
    write_spider(project, site)
    path = project / "run.har"
    for _ in range(5):
        crawl = subprocess.Popen([sys.executable, "-m", "crawler.cli", "run", "orders", "--fresh", "--har", "run.har"])
        ends, before = time.monotonic() + 30, len(entries(path)) if path.exists() else 0
        while time.monotonic() < ends and (not path.exists() or path.read_bytes().count(b"\n") < before + 5):
            time.sleep(0.005)
        os.kill(crawl.pid, signal.SIGKILL)
        crawl.wait()
        assert len(entries(path)) >= before

    assert command("run", "orders", "--har", "run.har").code == 0
    lost = sum(site.record.hits.values()) - len(entries(path))
    assert 0 <= lost <= 5 * 8, "at most what was under way at each kill"


@LONG_FORM
@needs_browser
def test_the_network_panel_of_chromium_reads_it(shop: PracticeSite, project: Path, command: Crawl) -> None:
    from playwright.sync_api import sync_playwright

    from crawler.sessions.browser_program import find_browser

    command("run", "orders", "--har", "run.har")
    read = """async har => {
      const panel = await import('./models/har/har.js');
      const log = new panel.HARFormat.HARRoot(har).log;
      return panel.Importer.Importer.requestsFromHARLog(log).map(each => [each.url(), each.statusCode, each.finished]);
    }"""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser()[1], args=["--no-sandbox"])
        page = browser.new_page()
        page.goto("devtools://devtools/bundled/devtools_app.html", wait_until="commit")
        shown = page.evaluate(read, json.loads((project / "run.har").read_text()))
        browser.close()

    found = entries(project / "run.har")
    assert shown == [[each["request"]["url"], each["response"]["status"], True] for each in found]
