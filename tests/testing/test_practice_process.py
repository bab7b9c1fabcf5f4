"""The practice site in a process of its own, and in a terminal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from crawler.testing import PracticeSite, SiteProcess
from crawler.testing.site import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _started_as_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    """With Python's own start, as whoever installs the crawler has it."""
    monkeypatch.setattr(SiteProcess, "_start_process", subprocess.Popen)


def public_names(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "crawler.testing.site", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    )


def ended(pid: int, seconds: float = 10.0) -> bool:
    """Whether a process that is not our child has ended."""
    until = time.monotonic() + seconds
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z" or time.monotonic() >= until:
            return state == "Z"
        time.sleep(0.02)


def test_both_kinds_of_site_have_the_same_methods() -> None:
    assert public_names(PracticeSite) == public_names(SiteProcess)


def test_a_site_in_another_process_is_counted_and_controlled_from_here(make_site_process, visit) -> None:
    site = make_site_process(books=30, one_time_code="mail")
    visitor = visit(site)
    page = visitor.log_in("bob")
    fields = visitor.fields(page, "code") | {"code": site.mail_code("bob")}
    visitor.submit(page, fields, "code")

    assert site.pid != os.getpid()
    assert site.record.logins == {"bob": 1}
    assert site.live_sessions("bob") == 1
    assert site.live_sessions("alice") == 0
    assert site.log[-1].account == "bob"
    assert site.wait_for_answers(1)
    assert not site.wait_for_answers(10_000, 0.01)
    assert len(site.gaps()) == len(site.log) - 1
    assert site.revoke("bob") == 1
    assert "/login" in visitor.get(site.truth.member_urls[0], timeout=10).url
    assert site.expire_now() == site.revoke_all() == 0
    site.change(robots_status=404)
    assert visitor.see("/robots.txt").status_code == 404
    site.reset_record()
    assert site.record.hits == {}
    with pytest.raises(ValueError, match="books"):
        site.change(books=1)


def test_the_truth_is_the_same_in_both_processes(make_site_process, visit, text) -> None:
    site = make_site_process(books=12, seed=99)
    visitor = visit(site)

    titles = [text(visitor.get(url, timeout=10), "title") for url in site.truth.book_urls]

    assert titles == [item["title"] for item in site.truth.catalogue_items()]


def test_control_leaves_no_trace_in_the_record(make_site_process) -> None:
    site = make_site_process()
    for _ in range(3):
        record = site.record

    assert record.connections == record.requests == record.hits == {}
    assert requests.get(f"{site.url}/_site/record", timeout=10).status_code == 404  # not on the site's own port


def test_the_control_interface_says_what_it_does_not_know(make_site_process) -> None:
    site = make_site_process()

    assert requests.get(f"{site.control_url}/_site/nonsense", timeout=10).status_code == 404
    assert requests.post(f"{site.control_url}/_site/change", data="[]", timeout=10).status_code == 400
    assert requests.post(f"{site.control_url}/_site/change", data="{", timeout=10).status_code == 400


def test_control_is_off_unless_asked_for(practice_site) -> None:
    assert practice_site.control_url is None


def test_closing_ends_the_process() -> None:
    site = SiteProcess(books=1)
    site.close()
    site.close()

    assert ended(site.pid, 0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_the_site_ends_with_the_process_that_started_it_even_when_that_is_killed() -> None:
    code = "import time; from crawler.testing import SiteProcess; s = SiteProcess(); print(s.pid, flush=True)"
    code += "; time.sleep(60)"
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert not ended(pid, 0)

    starter.kill()
    starter.wait(10)
    starter.stdout.close()

    assert ended(pid)


def test_a_site_that_cannot_start_says_why(practice_site) -> None:
    port = int(practice_site.url.rpartition(":")[2])

    with pytest.raises(RuntimeError, match=f"cannot listen on port {port}"):
        SiteProcess(port=port)


def test_the_terminal_prints_the_address_and_the_accounts_and_ends_on_a_signal() -> None:
    with start("--port", "0", "--books", "7", "--accounts", "2") as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().decode() for _ in range(4)]
        url = lines[0].split(" at ")[1].split("/ ")[0]
        status = requests.get(f"{url}/book/7", timeout=10).status_code
        process.send_signal(signal.SIGTERM)
        out, complaints = process.communicate(timeout=10)

    assert "7 books" in lines[0]
    assert lines[2].split()[0] == "alice"
    assert lines[3].split()[0] == "bob"
    assert status == 200
    assert (process.returncode, out, complaints) == (0, b"", b"")


def test_a_ready_file_appears_whole(tmp_path) -> None:
    ready = tmp_path / "site.json"
    with start("--port", "0", "--ready-file", str(ready), "--set", "latency_s=0", "--control") as process:
        until = time.monotonic() + 20
        while not ready.exists() and time.monotonic() < until:
            time.sleep(0.02)
        facts = json.loads(ready.read_text())
        status = requests.get(f"{facts['url']}/", timeout=10).status_code
        record = requests.get(f"{facts['control_url']}/_site/record", timeout=10).json()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)

    assert facts["pid"] == process.pid
    assert status == 200
    assert record["requests"] == {"127.0.0.1": 1}
    assert process.returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--set", "nonsense=1"], id="unknown-option"),
        pytest.param(["--set", "books"], id="no-value"),
        pytest.param(["--books", "0"], id="no-books"),
        pytest.param(["--login", "magic"], id="unknown-style"),
    ],
)
def test_wrong_options_end_with_2_and_a_line_that_names_them(arguments, capsys) -> None:
    with pytest.raises(SystemExit) as ending:
        main(arguments)

    assert ending.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("python -m crawler.testing.site: error:")


def test_a_site_in_its_own_process_serves_at_least_1500_pages_a_second(make_site_process) -> None:
    site = make_site_process(books=50)
    host, port = site.url.removeprefix("http://").split(":")
    head = b"Host: x\r\nUser-Agent: measuring/1.0\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n"
    pages_each, rates = 400, []

    def ask() -> None:
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            file = connection.makefile("rb")
            for number in range(pages_each):
                connection.sendall(b"GET /book/%d HTTP/1.1\r\n%b" % (number % 50 + 1, head))
                length = 0
                while (line := file.readline()) != b"\r\n":
                    if line.startswith(b"Content-Length:"):
                        length = int(line[15:])
                file.read(length)
            file.close()

    for _ in range(3):  # other work on the machine must not decide: the best of three
        threads = [threading.Thread(target=ask) for _ in range(4)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rates.append(4 * pages_each / (time.monotonic() - started))
        if rates[-1] >= 1500:
            break

    assert max(rates) >= 1500
