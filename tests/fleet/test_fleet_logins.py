"""Failing logins of a whole fleet: refused, corrected on some machines or on all, unreachable."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import pytest

from tests.crash.project import Ended, Project
from tests.fleet.conftest import Fleet
from tests.fleet.test_crawls import logins, until
from tests.long_form import LONG_FORM


def refused(fleet: Fleet) -> int:
    return sum(fleet.site.record.failed_logins.values())


class Machines:
    """Machines whose credentials are in a file, as people correct them. A context manager."""

    def __init__(self, fleet: Fleet, names: Sequence[str]) -> None:
        self._fleet, self._open = fleet, ExitStack()
        self._projects = {name: fleet.machine(name) for name in names}
        for name in names:
            self.password(name, "wrong")

    def password(self, name: str, password: str) -> None:
        account = self._fleet.site.accounts[0]
        file = self._accounts(self._projects[name])
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_suffix(".new")
        new.write_text(f'[default]\nusername = "{account.username}"\npassword = "{password}"\n')
        new.chmod(0o600)
        new.replace(file)

    @staticmethod
    def _accounts(project: Project) -> Any:
        return project.folder / "home" / ".config" / "crawl" / "accounts.toml"

    def start(self, name: str, *more: str, run: bool = False) -> Any:
        project = self._projects[name]
        account, project.account = project.account, None  # no variables with credentials
        at = ["-a", f"site={self._fleet.site.url}", "-s", f"store={self._fleet.address}", "-s", "workers=2"]
        words = ["run" if run else "worker", "members", *at, "-s", "throttle=false", "-s", "backoff=0.05", *more]
        started = project.start(words, environment={"CRAWL_KEY": self._fleet.key})
        project.account = account
        return self._open.enter_context(started)

    def __enter__(self) -> Machines:
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()


@LONG_FORM
def test_twelve_workers_try_a_refused_password_once_and_go_on_when_it_is_corrected(fleet: Fleet) -> None:
    names = [f"m{number}" for number in range(12)]
    with Machines(fleet, names) as machines:
        stay = [machines.start(name, "--wait", "--name", name) for name in names[1:]]
        first: Ended = machines.start(names[0], "-s", "grace=0", run=True).end(150)
        assert (first.code, refused(fleet), logins(fleet)) == (3, 1, 1), first
        again: Ended = machines.start(names[0], "-s", "grace=0", run=True).end(150)
        assert (again.code, refused(fleet), logins(fleet)) == (3, 1, 1), again
        for name in names:
            machines.password(name, fleet.site.accounts[0].password)
        fleet.site.change(latency_s=0.2)  # so that all of them come to it
        done: Ended = machines.start(names[0], "-s", "per_host=12", run=True).end(150)
        assert all(each.code is None for each in stay), "they wait for the next run"

    assert done.code == 0, done
    assert (refused(fleet), logins(fleet)) == (1, 2), "the refused one and a good one"
    fleet.is_exact()


def test_where_the_password_of_one_machine_is_wrong_the_others_log_in_and_it_works_with_their_session(
    fleet: Fleet,
) -> None:
    fleet.site.change(latency_s=0.15)
    with Machines(fleet, ["right", "wrong"]) as machines:
        machines.password("right", fleet.site.accounts[0].password)
        first = machines.start("right", run=True)
        late = machines.start("wrong", "--wait", "--until-empty")
        until(lambda: fleet.rows("SELECT count(*) FROM crawl_workers WHERE left_at = 0")[0][0] == 2)
        for least in (4, 12, 20):  # the session ends three times
            until(lambda least=least: fleet.count("crawl_pages") >= least)
            fleet.site.revoke()
        ended, also = first.end(150), late.end(150)

    assert (ended.code, also.code) == (0, 0), (ended, also)
    assert refused(fleet) <= 1
    assert logins(fleet) - refused(fleet) == 4, "one, and one for each time that it ended"
    fleet.is_exact()


@pytest.mark.parametrize("rate", ["rate_503", "rate_reset"])
def test_a_login_that_cannot_be_reached_for_a_while_is_waited_for_by_all_and_made_once(fleet: Fleet, rate: str) -> None:
    paths = fleet.site.options.fault_paths
    fleet.site.change(**{rate: 1.0, "fault_paths": ("/login",)})
    try:
        with Machines(fleet, ["one", "two", "three"]) as machines:
            for name in ("one", "two", "three"):
                machines.password(name, fleet.site.accounts[0].password)
            first = machines.start("one", run=True)
            others = [machines.start(name, "--wait", "--until-empty") for name in ("two", "three")]
            until(lambda: len(fleet.site.log) >= 4)
            tried = len(fleet.site.log)
            fleet.site.change(**{rate: 0.0, "latency_s": 0.05})
            codes = [first.end(150), *(each.end(150) for each in others)]
    finally:
        fleet.site.change(**{rate: 0.0, "fault_paths": paths})

    assert [each.code for each in codes] == [0, 0, 0], codes
    assert tried < 20, "three members do not run at a login that is down"
    assert (logins(fleet), refused(fleet)) == (1, 0)
    fleet.is_exact()
