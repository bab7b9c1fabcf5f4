"""Ten nights of a shop whose books change, vanish and come back, under a clock that is put on by a day each.

Some nights go wrong: the session ends and cannot be had again, a third of the pages fail, the time is up. What
`crawl changes` says is compared with the shop's own truth each time: after a complete crawl it is exactly that, after
another one a part of it, and never anything gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawler import results
from crawler.testing.practice import PracticeSite
from tests.crash.project import Ended, Project
from tests.signals.test_clock import DAY_S, Clock

BOOKS, PER_PAGE = 30, 6
pytestmark = pytest.mark.crash

Told = dict[int, tuple[str, dict[str, tuple[Any, Any]]]]  #: book to kind and differing fields


class Nights:
    """The shop, the project, and what is known of the shop so far."""

    def __init__(self, site: PracticeSite, folder: Path) -> None:
        self.site, self.project = site, Project(folder, site.url, site.accounts[0], spider=SPIDER)
        self.project.settings.update(workers=4, retries=0)
        (folder / "clock").mkdir()
        self.clock = Clock(folder / "clock")
        self.known: dict[int, dict[str, Any]] = {}
        self.gone: set[int] = set()
        self.night = 0
        self._before = deepcopy((self.known, self.gone))

    def close(self) -> None:
        self.clock.close()

    def pass_one(
        self, edits: Mapping[int, Mapping[str, Any] | None] | None = None, *, password: str = "", **options: Any
    ) -> tuple[Ended, Told]:
        """A day passes, books change, and the crawl runs; what it says has changed."""
        self.night += 1
        right = self.site.accounts[0]
        self.project.account = replace(right, password=password) if password else right
        self.clock.set(self.night * DAY_S)
        self.site.edit(edits or {})
        with self.clock.start(self.project, **options) as running:
            ended = running.end()
        told = self.command("changes", "members", "--json")
        assert told.code == 0, told.err
        changes = [json.loads(line) for line in told.out.splitlines()]
        return ended, {
            int(each["key"]["id"]): (
                each["kind"],
                {name: (pair["old"], pair["new"]) for name, pair in each["fields"].items()},
            )
            for each in changes
        }

    def command(self, *words: str) -> Ended:
        with self.project.start_warm(self.clock.warm, [*words, "--store", str(self.project.database)]) as running:
            return running.end()

    def truth(self) -> dict[int, dict[str, Any]]:
        """The books for sale, as the spider reads them."""
        return {
            int(item["id"]): {"title": item["title"], "price": item["price"], "stock": int(item["stock"])}
            for item in self.site.truth.member_items(self.site.accounts[0].username)
        }

    def expected(self) -> Told:
        """What a complete crawl has to find now."""
        found: Told = {}
        now = self.truth()
        for number, fields in now.items():
            before = self.known.get(number)
            differ = {name: (before[name], value) for name, value in fields.items() if before and before[name] != value}
            if before is None:
                found[number] = ("new", {})
            elif number in self.gone:
                found[number] = ("back", differ)
            elif differ:
                found[number] = ("changed", differ)
        found |= {number: ("gone", {}) for number in self.known.keys() - now.keys() - self.gone}
        return found

    def learn(self, told: Told) -> None:
        """What the crawl has told is known from now on."""
        now = self.truth()
        for number, (kind, _) in told.items():
            if kind == "gone":
                self.gone.add(number)
            else:
                self.gone.discard(number)
                self.known[number] = now[number]

    def is_exact(self, told: Told) -> bool:
        expected = self.expected()
        self.learn(told)
        if told != expected:
            print(f"night {self.night}: told {told}, expected {expected}")
        return told == expected

    def is_exact_together(self, told: Told) -> bool:
        """The end of a crawl of several runs: as if the earlier ones had told nothing yet."""
        self.known, self.gone = self._before
        return self.is_exact(told)

    def is_part(self, told: Told) -> bool:
        """Nothing is gone, and all that is told is true."""
        expected = self.expected()
        self._before = deepcopy((self.known, self.gone))
        true = all(expected.get(number) == each for number, each in told.items())
        self.learn(told)
        return true and all(kind != "gone" for kind, _ in told.values())


SPIDER = Path(__file__).with_name("members.py")


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with PracticeSite(books=BOOKS, per_page=PER_PAGE, log_limit=0, page_validators=True) as site:
        site.edit({30: None})
        with closing(Nights(site, tmp_path)) as nights:
            yield nights


def test_changes_are_exact_after_each_complete_night_and_nothing_is_gone_after_any_other(nights: Nights) -> None:
    site = nights.site

    ended, told = nights.pass_one()
    assert ended.code == 0, ended.err
    assert nights.is_exact(told)
    assert len(told) == 29

    ended, told = nights.pass_one()
    assert (ended.code, told) == (0, {})
    assert unchanged(site) == BOOKS - 1 + BOOKS // PER_PAGE, "each book and each list was answered 304"

    ended, told = nights.pass_one({3: {"stock": 99}, 4: {"title": "Another"}, 7: None, 8: None})
    assert ended.code == 0
    assert nights.is_exact(told)
    assert sorted(kind for kind, _ in told.values()) == ["changed", "changed", "gone", "gone"]

    # 4: logged out halfway, and logged in again: as if nothing had been
    site.change(revoke_at=(served(site) + 14,))
    ended, told = nights.pass_one({7: {}, 9: None, 10: {"pence": 1234}})
    assert ended.code == 0, ended.err
    assert site.record.revocations == 1
    assert nights.is_exact(told)

    # 5: logged out halfway, and the password is refused: what was read is told, and nothing is gone
    site.change(revoke_at=(*site.options.revoke_at, served(site) + 14))
    ended, told = nights.pass_one({11: None, 12: {"stock": 77}, 20: {"stock": 76}, 29: None}, password="wrong")
    assert ended.code == 3, ended.err
    assert nights.is_part(told)

    # 6: the same crawl goes on with the right password: now all of it is known
    ended, told = nights.pass_one()
    assert ended.code == 0, ended.err
    assert nights.is_exact_together(told)
    assert {number for number, (kind, _) in told.items() if kind == "gone"} == {11, 29}

    # 7: a third of the pages of books fails
    site.change(rate_503=0.33, fault_paths=("/members/book/",))
    ended, told = nights.pass_one({11: {}, 13: None, 14: {"title": "Once more"}, 15: {"stock": 75}, 30: {}})
    assert ended.code == 1, ended.err
    assert nights.is_part(told)
    site.change(rate_503=0.0)

    # 8: all is well again
    ended, told = nights.pass_one()
    assert ended.code == 0, ended.err
    assert nights.is_exact(told)
    assert told[13] == ("gone", {})
    assert nights.gone == {8, 9, 13, 29}

    # 9: the time is up before the end
    site.change(latency_s=0.25, fault_paths=("/members/",))
    ended, told = nights.pass_one({1: {"stock": 74}, 16: None, 28: {"stock": 73}}, max_time=1.0)
    assert ended.code == 5, ended.err
    assert nights.is_part(told)
    site.change(latency_s=0.0)

    # 10: the rest of it
    ended, told = nights.pass_one()
    assert ended.code == 0, ended.err
    assert nights.is_exact_together(told)
    assert told[16] == ("gone", {})

    found = results("members", store=str(nights.project.database))
    assert {
        row["id"]: {name: row[name] for name in ("title", "price", "stock")} for row in found.rows()
    } == nights.truth()
    moments = {each.key["id"]: each.at for each in found.changes(since=1)}
    assert 2 * DAY_S < moments["16"] - moments["13"] < 2 * DAY_S + 60, "found by nights 8 and 10"
    assert nights.command("audit", "members").code == 0


def unchanged(site: PracticeSite) -> int:
    """Pages that were answered 304 so far."""
    return site.record.pages["unchanged"]


def served(site: PracticeSite) -> int:
    """Pages behind the login that were served so far."""
    return sum(site.record.granted.values())
