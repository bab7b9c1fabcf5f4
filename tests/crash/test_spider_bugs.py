"""P3, P4, P6: what a spider's callback or a small system does to a crawl stays with the page, or makes it slower."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import IO

import pytest

from crawler.testing import SiteProcess
from tests.crash.faulty import GOOD
from tests.crash.project import Ended, Project
from tests.crash.proof import DONE, FAILED, LEASED, audit_problems, copied
from tests.crash.warm import Warm

pytestmark = pytest.mark.crash
HERE = Path(__file__).parent
MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
BOOKS = 10


@pytest.fixture
def faulty(shop: SiteProcess, tmp_path: Path) -> Project:
    return Project(tmp_path, shop.url, spider=HERE / "faulty.py", settings={"workers": 2})


def run(project: Project, warm: Warm, how: str) -> Ended:
    with project.start_warm(warm, [*project.words(), "-a", f"how={how}"]) as running:
        return running.end()


def errors(project: Project) -> list[str]:
    with copied(project.database) as store:
        return [error for (error,) in store.execute("SELECT error FROM crawl_requests WHERE state = 3")]


def states(project: Project) -> dict[int, int]:
    with copied(project.database) as store:
        return dict(store.execute("SELECT state, count(*) FROM crawl_requests GROUP BY state"))


def ids(project: Project) -> list[int]:
    with copied(project.database) as store:
        return sorted(number for (number,) in store.execute("SELECT id FROM items"))


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("memory", "MemoryError"),
        ("exit", "SystemExit"),
        ("interrupt", "KeyboardInterrupt"),
        ("recursion", "RecursionError"),
        ("error", "ValueError: no price on book"),
        ("halfway", "KeyError"),
        ("text", "SpiderError"),
        ("number", "SpiderError"),
    ],
)
def test_P3_P4_a_callback_that_breaks_fails_its_page_with_a_traceback_and_no_worker_is_lost(
    how: str, error: str, faulty: Project, warm: Warm
) -> None:
    ended = run(faulty, warm, how)

    assert ended.code == 1, ended
    assert ids(faulty) == list(range(1, GOOD + 1))
    assert states(faulty)[FAILED] == BOOKS - GOOD  # more than there are workers: each of them outlived its page
    for text in errors(faulty):
        assert text.startswith(error)
        assert how == "recursion" or "break_" in text or error == "SpiderError"
        assert len(text) < 6_000
    assert audit_problems(faulty) == []


def test_P4_a_callback_that_returns_none_is_a_page_without_items(faulty: Project, warm: Warm) -> None:
    ended = run(faulty, warm, "none")

    assert ended.code == 0, ended.err
    assert states(faulty) == {DONE: BOOKS + 2}
    assert ids(faulty) == list(range(1, GOOD + 1))


def test_P4_a_page_with_a_great_many_links_takes_little_memory(shop: SiteProcess, tmp_path: Path) -> None:
    project = Project(tmp_path, shop.url, spider=HERE / "faulty.py", settings={"workers": 1, "max_pages": 1})
    few = peak_bytes(project, "-a", "how=none")
    project.database.unlink()

    many = peak_bytes(project, "-a", "how=links", "-a", "links=100000")

    assert states(project)[DONE] == 1
    assert sum(states(project).values()) > 100_000
    assert many - few < 60_000_000  # held whole, they would take about 100 MB


def peak_bytes(project: Project, *words: str) -> int:
    """The most memory that a run, stopped by its limit, has taken."""
    with project.start([*project.words(), *words], prefix=[sys.executable, "-c", MEASURE]) as running:
        ended = running.end()
    assert ended.code == 5, ended
    return int(ended.err.splitlines()[-1]) * 1024


def test_P4_a_callback_that_does_not_end_is_reported_and_does_not_delay_a_stop(
    faulty: Project, shop: SiteProcess
) -> None:
    with faulty.start([*faulty.words(callback_time=0.5, grace=1), "-a", "how=endless"]) as running:
        assert running.process.stderr is not None
        wait_for_line(running.process.stderr, b"a callback has been running")
        running.send(signal.SIGTERM)
        ended = running.end(20)

    assert ended.code == 143
    assert set(ids(faulty)) <= set(range(1, GOOD + 1))
    assert FAILED not in states(faulty)
    assert LEASED not in states(faulty)


def wait_for_line(stream: IO[bytes], word: bytes) -> None:
    for line in stream:
        if word in line:
            return
    raise AssertionError(f"it said nothing of {word!r}")


@pytest.mark.parametrize("transport", ["curl", "urllib3"])
def test_P6_many_hosts_and_threads_with_few_descriptors_are_only_slower(transport: str, tmp_path: Path) -> None:
    hosts = tuple(f"127.0.0.{number}" for number in range(2, 26))
    with SiteProcess(books=20, per_page=10, hosts=hosts) as site:
        project = Project(tmp_path, " ".join(site.urls.values()), spider=HERE / "many_hosts.py")
        words = project.words(workers=32, transport=transport)
        words[words.index(f"site={project.site}")] = f"sites={project.site}"
        with project.start(words, prefix=["sh", "-c", 'ulimit -n 64; exec "$@"', "sh"]) as running:
            ended = running.end()
        record = site.record

    assert ended.code == 0, ended
    assert "too many open files" not in (ended.out + ended.err).lower()
    assert len(ids(project)) == 20 * len(hosts)
    assert sum(record.statuses.values()) == record.statuses[200]
    assert audit_problems(project) == []
