"""`crawl guard`: lists the pages that end a session, takes a ban back, confirms it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from crawler.frontier.guard_learned import LearnedBans, guard_name
from crawler.stores import open_store
from tests.stores.support import ReversingCipher

SPIDER = """
from crawler import Spider

class Shop(Spider):
    name = "shop"
    start_urls = ["https://shop.example/"]

    def parse(self, response):
        yield {}
"""
BYE = "https://shop.example/bye"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    (tmp_path / "spiders").mkdir()
    (tmp_path / "spiders" / "shop.py").write_text(SPIDER)
    monkeypatch.chdir(tmp_path)
    bans = LearnedBans()
    bans.ban(BYE, "tried alone", 1_700_000_000.0)
    bans.ban("https://shop.example/leave?token=1", "tried alone", 1_700_000_100.0)
    (tmp_path / "data").mkdir(mode=0o700)
    with closing(open_store("data/crawl.db", cipher=ReversingCipher())) as store:
        store.values.set(guard_name("shop"), bans.dumps())

    def run(*words: str) -> tuple[int, str, str]:
        from crawler.cli import main

        with pytest.raises(SystemExit) as left:
            main(["guard", "shop", *words])
        code = left.value.code
        said = capsys.readouterr()
        return (code if isinstance(code, int) else 0), said.out, said.err

    return run


def test_it_lists_pages_with_when_and_how_each_was_discovered(run: Run) -> None:
    code, out, _ = run()
    assert code == 0
    assert BYE in out
    assert "https://shop.example/leave?token=*" in out
    assert "tried alone" in out


def test_the_list_has_one_line_of_json_per_page(run: Run) -> None:
    lines = [json.loads(line) for line in run("--json")[1].splitlines()]
    assert (len(lines), lines[0]["key"], lines[0]["confirmed"]) == (2, BYE, False)


def test_a_page_is_forgotten_by_any_url_of_its_kind_and_the_others_stay(run: Run) -> None:
    assert "forgotten" in run("--forget", "https://shop.example/leave?token=555")[1]
    assert [json.loads(line)["key"] for line in run("--json")[1].splitlines()] == [BYE]


def test_a_confirmed_page_stays_and_is_marked(run: Run) -> None:
    assert "confirmed" in run("--confirm", BYE)[1]
    assert [json.loads(line)["confirmed"] for line in run("--json")[1].splitlines()] == [True, False]


def test_all_are_forgotten_at_once(run: Run) -> None:
    assert run("--forget-all")[0] == 0
    code, out, said = run()
    assert (code, out) == (0, "")
    assert "no page is known to end the session of shop" in said


def test_a_page_that_is_not_on_the_list_is_a_mistake_that_names_the_list(run: Run) -> None:
    code, _, said = run("--forget", "https://shop.example/other")
    assert code == 2
    assert "`crawl guard shop` lists them" in said
