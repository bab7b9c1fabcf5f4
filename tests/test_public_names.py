"""Each public name is used: by a page of the documentation, whose blocks are run, or by a test."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import crawler
import crawler.events
import crawler.testing
from tests.engine.shop import Members, crawl, credentials

ROOT = Path(__file__).parents[1]
NAMES = sorted({*crawler.__all__, *crawler.events.__all__, *crawler.testing.__all__})
_BLOCK = re.compile(r"```python[^\n]*\n(.*?)```", re.DOTALL)


def used_in(source: str) -> set[str]:
    """Names that the code reads, be it from a module that it has imported."""
    tree = ast.parse(source)
    return {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    }


@cache
def used() -> frozenset[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        found |= used_in(path.read_text(encoding="utf-8"))
    for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for block in _BLOCK.findall(path.read_text(encoding="utf-8")):
            try:
                found |= used_in(block)
            except SyntaxError:
                continue  # a piece of a file
    return frozenset(found)


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_used_by_a_page_of_the_docs_or_a_test(name: str) -> None:
    assert name in used(), f"nothing uses {name}: give it an example or a test that runs it"


def test_an_observer_hears_of_a_run_from_its_begin_to_its_end_whose_summary_reads_the_results(
    practice_site: crawler.testing.PracticeSite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[crawler.events.Event] = []
    credentials(monkeypatch, default=practice_site.accounts[0])

    summary = crawl(Members, practice_site.url, tmp_path, observers=[heard.append])

    assert isinstance(heard[0], crawler.events.RunStarted)
    assert isinstance(heard[-1], crawler.events.RunEnded)
    assert heard[-1].summary is summary
    results: crawler.events.ReadsResults | None = summary.results
    assert results is not None
    assert len(list(results.rows())) == summary.item_count == len(list(summary.rows()))
