"""P1: the clock starts in 2030, is put back by a day, or jumps while a crawl runs."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crawler.testing import SiteProcess
from tests.crash.project import Project
from tests.crash.proof import remains, wrong_at_the_end
from tests.crash.waiting import wait_for_pages
from tests.crash.warm import Warm, WarmRunning

pytestmark = pytest.mark.crash
DAY_S = 86_400.0
YEARS_S = 4 * 365 * DAY_S
SOON_S = 25.0  #: for a crawl of two seconds on a busy machine; a frozen one would take a day

#: Python imports a module of this name first of all: everybody gets the false clock.
FALSE_CLOCK = """
import time
_true, _file = time.time, {file!r}

def _false():
    with open(_file) as file:
        return _true() + float(file.read() or 0)

time.time = _false
"""


class Clock:
    """The clock of the crawls that `start` starts: the true one and an offset. `close` ends what forks them."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "offset"
        (folder / "sitecustomize.py").write_text(FALSE_CLOCK.format(file=str(self._file)))
        self.set(0.0)
        self.warm = Warm(before=folder)

    def set(self, offset_s: float) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str(offset_s))
        new.replace(self._file)

    def start(self, project: Project, **options: float) -> WarmRunning:
        return project.start_warm(self.warm, project.words(**options))

    def close(self) -> None:
        self.warm.close()


@pytest.fixture(scope="module")
def _clock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clock]:
    with closing(Clock(tmp_path_factory.mktemp("clock"))) as clock:
        yield clock


@pytest.fixture
def clock(_clock: Clock) -> Clock:
    _clock.set(0.0)
    return _clock


def finished(running: WarmRunning) -> float:
    """Wait for a crawl that must end well, and soon. Returns the seconds it took from now on."""
    began = time.monotonic()
    ended = running.end(SOON_S)
    assert ended.code == 0, ended
    assert "Traceback" not in ended.err
    return time.monotonic() - began


def exact(project: Project, shop: SiteProcess) -> list[str]:
    return wrong_at_the_end(project, remains(project.database), shop.truth.member_items("alice"))


def test_P1_a_crawl_in_2030_is_like_any_other_and_the_next_one_today_needs_no_login(
    project: Project, shop: SiteProcess, clock: Clock
) -> None:
    clock.set(YEARS_S)
    with clock.start(project) as running:
        finished(running)
    assert exact(project, shop) == []

    clock.set(0.0)
    with clock.start(project) as running:
        finished(running)

    assert {shop.record.hits[url] for url in shop.truth.member_urls} == {2}
    assert shop.record.logins == {"alice": 1}


@pytest.mark.parametrize(
    ("step_s", "delay_s"),
    [(-DAY_S, 0.0), (-DAY_S, 0.1), (DAY_S, 0.0)],
    ids=["a day back", "a day back with a delay", "a day on"],
)
def test_P1_a_step_while_it_runs_freezes_nothing_and_repeats_nothing(
    delay_s: float, step_s: float, project: Project, shop: SiteProcess, clock: Clock
) -> None:
    shop.change(latency_s=0.1)
    with clock.start(project, delay=delay_s) as running:
        wait_for_pages(shop, 3)
        clock.set(step_s)
        finished(running)

    assert exact(project, shop) == []
    assert {shop.record.hits[url] for url in shop.truth.member_urls} == {1}
    assert shop.record.logins == {"alice": 1}
    pauses = shop.gaps()[8:]  # the login and robots.txt come first
    # Five in a row: the server notes a request when it gets a core. One pause left out would be twice the slack.
    assert min(sum(pauses[first : first + 5]) for first in range(len(pauses) - 4)) >= 5 * delay_s * 0.9


@pytest.mark.parametrize(
    ("end", "delay_s"),
    [(WarmRunning.kill, 0.1), (lambda running: running.send(signal.SIGTERM), 0.0)],
    ids=["killed with a delay", "stopped"],
)
def test_P1_a_clock_that_is_put_back_before_a_resume_freezes_nothing(
    end: Callable[[WarmRunning], None], delay_s: float, project: Project, shop: SiteProcess, clock: Clock
) -> None:
    shop.change(latency_s=0.1, rate_503=0.3)  # some wait for another try
    clock.set(DAY_S)
    with clock.start(project, delay=delay_s, retries=50, backoff=1) as running:
        wait_for_pages(shop, 6)
        end(running)
        running.ended_within(20)
    clock.set(0.0)
    shop.change(latency_s=0.0, rate_503=0.0)

    with clock.start(project, delay=delay_s, retries=50, backoff=1) as running:
        finished(running)

    assert exact(project, shop) == []
    assert shop.record.logins == {"alice": 1}


def test_P1_a_cookie_that_has_expired_does_not_come_back_with_the_clock(tmp_path: Path, clock: Clock) -> None:
    with SiteProcess(books=10, per_page=5, cookie_max_age_s=3600) as shop:
        project = Project(tmp_path, shop.url, shop.accounts[0], settings={"workers": 2, "login_budget": 100})
        with clock.start(project) as running:
            finished(running)
        clock.set(DAY_S)
        with clock.start(project) as running:
            finished(running)  # the cookie is over: a second login

        clock.set(0.0)
        shop.revoke()  # the site has forgotten the second session; had the first cookie come back, it would be sent now
        with clock.start(project) as running:
            finished(running)

        assert shop.record.logins == {"alice": 3}
        sessions = {session for (url, session), _ in shop.record.hits_by_session.items() if "/members/book/" in url}
        assert sessions == {"alice#1", "alice#2", "alice#3"}
