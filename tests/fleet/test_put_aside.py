"""A session that another process could not use: whoever ends the run names the cause, even without having tried it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from crawler import run
from crawler.engine.application import Joining, work
from crawler.engine.leasing import Leasing
from crawler.events import Summary
from tests.crash.project import Ended
from tests.fleet.conftest import Fleet
from tests.fleet.test_crawls import logins
from tests.fleet.unlucky import Unlucky

SPIDER = Path(__file__).with_name("unlucky.py")
_WITHIN_S = 40.0
_REFUSED = "WrongPassword: session 'default': the site refused it"


class Place:
    """Where a crawl is kept, and who works on it besides the process of the test, which begins it and ends it."""

    def __init__(self, fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch, *, machines: bool) -> None:
        self._fleet, self.machines, self._monkeypatch = fleet, machines, monkeypatch
        self.store = fleet.address if machines else str(folder / "crawl.db")
        self._pages = 1 if machines else 200  # so many that a further process is worth it
        account = fleet.site.accounts[0]
        for name, value in (("KEY", fleet.key), ("DEFAULT_USERNAME", account.username)):
            monkeypatch.setenv(f"CRAWL_{name}", value)
        self.password("wrong")

    def password(self, password: str) -> None:
        """That of all processes from now on."""
        self._fleet.environment = {"CRAWL_DEFAULT_PASSWORD": password}
        self._monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", password)

    def crawl(self, how: str, **settings: Any) -> Summary:
        """One run; of its requests the process of the test gets none before another one has put all aside."""
        self._monkeypatch.setattr(Leasing, "more", _after_others(Leasing.more))
        arguments = {"site": self._fleet.site.url, "how": how, "pages": str(self._pages)}
        chosen = {"store": self.store, "processes": 1 if self.machines else 2, "throttle": False, **settings}
        if not self.machines:
            return run(Unlucky, arguments=arguments, settings=chosen)
        typed = [part for name, value in arguments.items() for part in ("-a", f"{name}={value}")]
        options = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
        words = ["worker", "unlucky", *typed, "--store", self.store, "--wait", "--until-empty", *options]
        machine = self._fleet.machine(spider=SPIDER)
        with machine.start(words, environment={"CRAWL_KEY": self._fleet.key, **self._fleet.environment}) as other:
            summary = run(Unlucky, arguments=arguments, settings=chosen)
            other.end(_WITHIN_S)
        return summary

    def status(self) -> Ended:
        return self._fleet.run(["status", "unlucky", "--store", self.store])


def _after_others(more: Any) -> Any:
    """`Leasing.more` that in the process of the test leases nothing while anything waits that others put aside."""
    us, ends = os.getpid(), time.monotonic() + _WITHIN_S

    def later(leasing: Any, now: float, begun: int) -> None:
        counts = leasing._store.frontier.counts(leasing._run.frontier)
        if os.getpid() != us or counts.parked == counts.known or time.monotonic() > ends:
            more(leasing, now, begun)
        else:
            leasing._look.wait_until(now + 0.02)

    return later


@pytest.fixture(params=["machines", "processes"])
def place(request: Any, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(fleet, tmp_path, monkeypatch, machines=request.param == "machines")


@pytest.mark.parametrize(
    ("place", "how", "code", "ending", "said"),
    [
        ("machines", "refused", 3, "login failed", "session 'default': the site refused the user name or password"),
        ("machines", "person", 7, "needs human", "code from the mail"),
        ("processes", "refused", 3, "login failed", "session 'default': the site refused the user name or password"),
        ("processes", "locked", 3, "login failed", "the account has been locked"),
        ("processes", "person", 7, "needs human", "code from the mail"),
        ("processes", "unequipped", 2, "usage", "the login needs a browser"),
    ],
    indirect=["place"],
)
def test_the_cause_for_which_another_process_put_all_aside_names_the_end_of_the_run_and_what_to_do(
    place: Place, how: str, code: int, ending: str, said: str
) -> None:
    summary = place.crawl(how)

    assert (summary.ending, summary.exit_code, summary.pages) == (ending, code, 0), summary
    (line,) = summary.messages
    assert said in line
    assert summary.next_command == "crawl login unlucky --session default"
    assert line.endswith(f"; continue with: {summary.next_command}")
    status = place.status().out
    assert said in " ".join(status.split()), status
    assert "crawl login unlucky" in status, status


def test_a_refused_password_is_named_by_the_next_run_as_well_and_not_tried_again(place: Place, fleet: Fleet) -> None:
    place.crawl("refused")

    again = place.crawl("refused")

    assert (again.ending, again.exit_code, logins(fleet)) == ("login failed", 3, 1), again
    assert "the site refused these credentials on" in again.messages[0]
    assert again.next_command == "crawl login unlucky --session default --force"


def test_a_spent_budget_of_logins_is_named_though_another_process_met_it(place: Place, fleet: Fleet) -> None:
    place.password(fleet.site.accounts[0].password)
    place.crawl("spent", login_budget=1)

    again = place.crawl("spent", login_budget=1)

    assert (again.ending, again.exit_code) == ("login failed", 3), again
    assert "1 login of the last hour did not succeed, 1 allowed (login_budget)" in again.messages[0]


def test_a_worker_that_got_nothing_names_the_cause_that_another_process_met(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.site.change(latency_s=1.0)  # it has come before the login is refused
    place = Place(fleet, Path(), monkeypatch, machines=True)
    arguments = {"site": fleet.site.url, "how": "refused"}
    machine = fleet.machine(spider=SPIDER)
    typed = [part for name, value in arguments.items() for part in ("-a", f"{name}={value}")]
    environment = {"CRAWL_KEY": fleet.key, **fleet.environment}
    with machine.start(["run", "unlucky", *typed, "--store", place.store], environment=environment) as first:
        monkeypatch.setattr(Leasing, "more", _after_others(Leasing.more))
        ours = work(Unlucky, arguments=arguments, settings={"store": place.store}, joining=Joining(wait=True))
        ended = first.end(_WITHIN_S)

    assert (ours.ending, ours.exit_code, ended.code) == ("login failed", 3, 3), ours
    assert "the site refused the user name or password" in ours.messages[0]
    assert logins(fleet) == 1


def test_a_worker_that_got_nothing_of_what_an_earlier_run_had_left_names_the_cause_as_well(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(fleet, Path(), monkeypatch, machines=True)
    arguments = {"site": fleet.site.url, "how": "refused", "pages": "4"}
    typed = [part for name, value in arguments.items() for part in ("-a", f"{name}={value}")]
    words = ["run", "unlucky", *typed, "--store", place.store]
    place.password(fleet.site.accounts[0].password)
    environment = {"CRAWL_KEY": fleet.key}
    machine = fleet.machine(spider=SPIDER)
    with machine.start([*words, "--limit-pages", "2"], environment={**environment, **fleet.environment}) as earlier:
        assert earlier.end(_WITHIN_S).code == 5
    assert fleet.run(["sessions", "clear", "--all", "--store", place.store]).code == 0
    fleet.site.change(latency_s=1.0)  # it has come before the login is refused
    place.password("wrong")
    with machine.start(words, environment={**environment, **fleet.environment}) as first:
        monkeypatch.setattr(Leasing, "more", _after_parking(Leasing.more))
        ours = work(Unlucky, arguments=arguments, settings={"store": place.store}, joining=Joining(wait=True))
        ended = first.end(_WITHIN_S)

    assert (ours.pages, ours.ending, ours.exit_code, ended.code) == (0, "login failed", 3, 3), ours
    assert "the site refused the user name or password" in ours.messages[0]
    assert logins(fleet) == 2, "one that was good, and one wrong password"


def _after_parking(more: Any) -> Any:
    """`Leasing.more` that leases nothing while anything waits or is under way."""
    ends = time.monotonic() + _WITHIN_S

    def later(leasing: Any, now: float, begun: int) -> None:
        counts = leasing._store.frontier.counts(leasing._run.frontier)
        if not counts.waiting + counts.leased or time.monotonic() > ends:
            more(leasing, now, begun)
        else:
            leasing._look.wait_until(now + 0.02)

    return later


def test_what_a_process_put_aside_and_left_goes_on_with_a_session_that_is_good_here(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password of one machine was wrong, and it was killed before it saw that another one had logged in."""
    more, aside = Leasing.more, list[int]()

    def others_put_aside(leasing: Any, now: float, begun: int) -> None:
        frontier = leasing._run.frontier
        if not aside and leasing._store.frontier.counts(frontier).done:
            aside.append(leasing._store.frontier.park(frontier, session="default", why=_REFUSED))
        more(leasing, now, begun)

    monkeypatch.setattr(Leasing, "more", others_put_aside)
    account = fleet.site.accounts[0]
    for name, value in (("KEY", fleet.key), ("DEFAULT_USERNAME", account.username)):
        monkeypatch.setenv(f"CRAWL_{name}", value)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", account.password)
    arguments = {"site": fleet.site.url, "how": "well", "pages": "40"}

    summary = run(Unlucky, arguments=arguments, settings={"store": fleet.address, "workers": 1, "throttle": False})

    assert aside[0] > 0
    assert (summary.ending, summary.exit_code, summary.parked, summary.messages) == ("finished", 0, 0, []), summary
    assert fleet.count("items") == 40
