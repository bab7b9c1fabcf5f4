"""What runs know from earlier ones: kept by name, forgotten with a warning when it cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler.errors import SpiderError
from crawler.frontier.admission import Admission, AdmissionRules
from crawler.frontier.guard import LogoutGuard
from crawler.frontier.guard_learned import guard_name
from crawler.frontier.robots import RobotsCache
from crawler.request import Request
from crawler.runs.knowledge import Knowledge, Waiting, seed, seed_added
from crawler.sessions.login.lives import KnownLives
from tests.stores.support import Home, start


class Rooms:
    """A store with one run, and two lives of a process on it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.store: Any = self.home.open()
        self.run = start(self.store)

    def knowledge(
        self, guard: LogoutGuard | None = None, robots: RobotsCache | None = None, waiting: Waiting | None = None
    ) -> Knowledge:
        return Knowledge(self.store, self.run, guard=guard or LogoutGuard(), robots=robots, waiting=waiting)


@pytest.fixture
def rooms(tmp_path: Path) -> Iterator[Rooms]:
    made = Rooms(tmp_path)
    yield made
    made.home.close()


def test_links_that_were_learned_to_log_out_are_known_to_the_next_run(rooms: Rooms) -> None:
    first, second = LogoutGuard(), LogoutGuard()
    first.learned.ban("http://a.test/bye", "it ended the session", 1.0)
    rooms.knowledge(first).keep_guard()

    rooms.knowledge(second).load()

    assert second.refuses("http://a.test/bye", "", "")


def test_what_another_process_has_learned_meanwhile_is_not_overwritten(rooms: Rooms) -> None:
    first, second, later = LogoutGuard(), LogoutGuard(), LogoutGuard()
    first.learned.ban("http://a.test/one", "it ended the session", 1.0)
    second.learned.ban("http://a.test/two", "it ended the session", 2.0)
    rooms.knowledge(first).keep_guard()
    rooms.knowledge(second).keep_guard()

    rooms.knowledge(later).load()

    assert later.refuses("http://a.test/one", "", "")
    assert later.refuses("http://a.test/two", "", "")


def test_what_cannot_be_read_is_forgotten_with_a_warning(rooms: Rooms, caplog: pytest.LogCaptureFixture) -> None:
    rooms.store.values.set(guard_name("orders"), "{not json")

    rooms.knowledge().load()

    assert "cannot be read and is forgotten" in caplog.text


def test_how_long_sessions_lived_is_known_to_the_next_run(rooms: Rooms) -> None:
    ann = KnownLives((40, 60), True, epoch=3, answered=12)
    rooms.knowledge().keep({"a.test/ann": ann, "a.test/bob": KnownLives()})

    assert rooms.knowledge().lives("a.test/ann") == ann
    assert rooms.knowledge().lives("a.test/bob") == KnownLives()
    rooms.knowledge().keep({"a.test/ann": KnownLives()})
    assert rooms.knowledge().lives("a.test/ann") == KnownLives(), "a page was found to end them"


@pytest.mark.parametrize(
    ("stored", "known"),
    [
        ([40, 60], KnownLives((40, 60), True)),
        ([], KnownLives()),
        ({"not": "a list"}, KnownLives()),
        ({"requests": [4, "x"], "plain": 1, "epoch": "y", "answered": None}, KnownLives((4,))),
        (7, KnownLives()),
    ],
    ids=["a list of before", "an empty one", "something else", "values of other types", "a number"],
)
def test_lives_are_read_as_older_versions_wrote_them_and_nonsense_is_forgotten(
    stored: Any, known: KnownLives, rooms: Rooms
) -> None:
    rooms.store.values.set("requests of sessions:a.test/bob", stored)
    assert rooms.knowledge().lives("a.test/bob") == known


def test_what_pages_are_blamed_for_by_any_process_is_known_to_each(rooms: Rooms) -> None:
    one, two = rooms.knowledge(), rooms.knowledge()

    assert one.share_blames({"a": ["default:1"]}) == {"a": ["default:1"]}
    assert two.share_blames({"a": ["default:2"], "b": ["default:2"]})["a"] == ["default:1", "default:2"]
    assert one.share_blames({}) == {"a": ["default:1", "default:2"], "b": ["default:2"]}


def test_among_many_blamed_pages_those_blamed_twice_are_kept_longest(rooms: Rooms) -> None:
    knowledge = rooms.knowledge()
    knowledge.share_blames({"suspect": ["default:1", "default:2"]})
    for number in range(3, 13):
        knowledge.share_blames({f"{number} {each}": [f"default:{number}"] for each in range(100)})

    told = knowledge.share_blames({})
    assert len(told) == 500
    assert "suspect" in told
    assert "12 99" in told
    assert "3 0" not in told


def test_start_requests_are_stored_once_and_their_hosts_are_reported_each_time(rooms: Rooms) -> None:
    told: list[list[str]] = []
    asked: list[str] = []

    def requests() -> Iterator[Request]:
        for number in range(3):
            asked.append(f"http://a.test/{number}")
            yield Request(asked[-1])

    admission = Admission(AdmissionRules(domains=["a.test"], default_session="default"))
    for _ in range(2):
        seed(rooms.store, rooms.run, requests(), admission, rooms.knowledge(), lambda origins: told.append([*origins]))

    assert len(asked) == 3
    assert rooms.store.frontier.counts(rooms.run.frontier).waiting == 3
    assert told[0] == told[1]
    assert len(told[0]) == 1


def test_start_requests_with_which_a_crawl_did_not_begin_are_added_and_reported_once(rooms: Rooms) -> None:
    origins: list[list[str]] = []

    def resumed(*urls: str, put: Any = seed_added) -> tuple[str, ...]:
        requests = (Request(url, dont_filter=True, meta={"call": len(origins)}) for url in urls)
        admission = Admission(AdmissionRules(domains=[], default_session="default"))
        learn = lambda given: origins.append([*given])  # noqa: E731 - what is told is looked at below
        told: tuple[str, ...] = put(rooms.store, rooms.run, requests, admission, rooms.knowledge(), learn)
        return told

    resumed("http://a.test/1", put=seed)

    assert resumed("http://a.test/1") == ()
    assert "2 start requests were added" in resumed("http://a.test/1", "http://b.test/2", "http://b.test/3")[0]
    assert len(origins[-1]) == 2
    assert resumed("http://b.test/3") == ()
    assert rooms.store.frontier.counts(rooms.run.frontier).waiting == 3


def test_a_start_that_raises_midway_starts_again_in_the_next_run(rooms: Rooms) -> None:
    def broken() -> Iterator[Request]:
        yield Request("http://a.test/1")
        raise SpiderError("no more")

    admission = Admission(AdmissionRules(domains=["a.test"], default_session="default"))
    with pytest.raises(SpiderError):
        seed(rooms.store, rooms.run, broken(), admission, rooms.knowledge(), lambda origins: None)

    assert rooms.knowledge().seeded() is None


def test_when_two_processes_begin_at_once_one_stores_the_start_requests_and_the_other_waits(rooms: Rooms) -> None:
    asked: list[str] = []
    naps: list[str] = []
    admission = Admission(AdmissionRules(domains=["a.test"], default_session="default"))

    def begins(owner: str, meanwhile: Callable[[], None]) -> None:
        def requests() -> Iterator[Request]:
            asked.append(owner)
            meanwhile()
            yield Request("http://a.test/1")

        def nap() -> bool:
            naps.append(owner)
            return len(naps) == 3  # told to stop

        knowledge = rooms.knowledge(waiting=Waiting(owner, nap))
        seed(rooms.store, rooms.run, requests(), admission, knowledge, lambda origins: None)

    begins("a", lambda: begins("b", bool))
    begins("b", bool)

    assert (asked, naps) == (["a"], ["b", "b", "b"])
    assert len(rooms.knowledge().seeded() or ()) == 1


def test_start_requests_that_came_to_nothing_are_begun_by_the_next_process_at_once(rooms: Rooms) -> None:
    def broken() -> Iterator[Request]:
        yield Request("http://a.test/1")
        raise SpiderError("no more")

    admission = Admission(AdmissionRules(domains=["a.test"], default_session="default"))
    for owner in "ab":
        knowledge = rooms.knowledge(waiting=Waiting(owner, lambda: True))
        with pytest.raises(SpiderError):
            seed(rooms.store, rooms.run, broken(), admission, knowledge, lambda origins: None)


def test_bans_of_processes_that_learn_at_once_are_all_kept_and_heard_by_each(rooms: Rooms) -> None:
    guards = [LogoutGuard(), LogoutGuard(), LogoutGuard()]
    known = [rooms.knowledge(guard) for guard in guards]
    for guard, name in zip(guards, "ab", strict=False):
        guard.learned.ban(f"http://a.test/{name}", "it ended the session", 1.0)

    known[0].keep_guard()
    known[1].keep_guard()
    for each in known:
        each.hear_guard()

    for guard in guards:
        assert {ban.key for ban in guard.learned.entries()} == {"http://a.test/a", "http://a.test/b"}


def test_when_the_first_process_was_killed_one_of_the_others_tries_the_suspects(rooms: Rooms) -> None:
    one, other = rooms.knowledge(), rooms.knowledge()

    assert not one.takes_trials("one", first_is_gone=False)
    assert one.takes_trials("one", first_is_gone=True)
    assert not other.takes_trials("other", first_is_gone=True)
    assert one.takes_trials("one", first_is_gone=True)
