"""Workers that are started for you on this machine: kept, told to leave, and none is left behind."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from threading import Thread

import pytest

from crawler.launching import children
from crawler.launching.children import MOST_STARTS, Children
from tests.fleet.conftest import Fleet
from tests.fleet.test_crawls import until
from tests.fleet.test_members import worker


def pulses(fleet: Fleet) -> dict[str, int]:
    """Name to process, by the files that the workers touch."""
    found = [json.loads(path.read_text() or "{}") for path in fleet.folder.glob("crawl-*/*.json")]
    return {each["name"]: each["process"]["number"] for each in found if each}


def lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_killed_worker_is_started_again_and_all_leave_when_their_starter_is_killed(fleet: Fleet) -> None:
    fleet.run(max_pages=1)
    environment = {"CRAWL_KEY": fleet.key, "TMPDIR": str(fleet.folder)}
    words = worker(fleet, "--wait", "--processes", "2", "--name", "w")
    with fleet.machine("two").start(words, environment=environment) as starter:
        until(lambda: sorted(pulses(fleet)) == ["w-1", "w-2"])
        before = pulses(fleet)
        os.kill(before["w-1"], signal.SIGKILL)
        until(lambda: pulses(fleet)["w-1"] != before["w-1"] and pulses(fleet)["w-2"] == before["w-2"])
        now = pulses(fleet)
        starter.send(signal.SIGKILL)
        until(lambda: not any(map(lives, now.values())))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The words are a program of Python."""
    monkeypatch.setattr(children, "command", lambda words: [sys.executable, "-c", words[0]])
    monkeypatch.setattr(children, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(children, "_LOOK_S", 0.01)


@pytest.mark.parametrize(
    ("ends", "code", "starts"),
    [("0", 0, 1), ("2", 2, 1), ("6", 6, MOST_STARTS)],
    ids=["good", "what another start would not change", "the database was away"],
)
def test_a_worker_that_ends_is_started_again_if_that_may_help(
    stand_in: None, ends: str, code: int, starts: int
) -> None:
    said: list[str] = []
    kept = Children({"a": [f"raise SystemExit({ends})"]}, tell=said.append)

    assert kept.run() == code
    assert len(said) == starts - 1


def test_workers_that_were_told_to_leave_are_not_started_again(stand_in: None) -> None:
    kept = Children({name: ["import time; time.sleep(60)"] for name in "ab"}, tell=print)
    codes: list[int] = []
    thread = Thread(target=lambda: codes.append(kept.run()))
    thread.start()
    until(lambda: all(each.pid for each in kept._kept))

    kept.leave()
    thread.join(20)

    assert codes == [0]
