"""The table of faults counts right, and no row of the catalogue is without words."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.catalogue import ROOT, Row, as_markdown, as_text, cases_of, filed, ids_in, rows, summary

REPORT = """<testsuites><testsuite>
<testcase classname="tests.a" name="test_B13_a_sentence[curl]"/>
<testcase classname="tests.a" name="test_B13_a_sentence[urllib3]"><failure message="x"/></testcase>
<testcase classname="tests.a" name="test_X14_B24_two_rows"/>
<testcase classname="tests.a" name="test_something_else[L15-case]"><skipped/></testcase>
<testcase classname="tests.testing.test_x" name="test_U1_the_practice_site_itself"/>
<testcase classname="tests.a" name="test_no_row_at_all"/>
</testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("test_B1_x", ["B1"]),
        ("test_B13_x[curl]", ["B13"]),
        ("test_X14_B24_x", ["X14", "B24"]),
        ("test_x[L15-tab]", ["L15"]),
        ("test_U5_x[/%D0%B8]", ["U5"]),
        ("test_x[S6_A]", ["S6"]),
        ("test_a_503_of_B", []),
        ("test_TB12_x", []),
        ("test_Z6_a_line_above_8_kib", ["Z6"]),
    ],
)
def test_ids_are_read_from_names(name: str, ids: list[str]) -> None:
    assert ids_in(name) == ids


def test_results_are_filed_under_their_rows(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    found = {name: Row(name, "words") for name in ("B13", "B24", "L15", "U1")}

    filed(found, cases_of(report))

    assert {name: row.result for name, row in found.items()} == {
        "B13": "failed",
        "B24": "passed",
        "L15": "skipped",
        "U1": "no test",
    }
    assert found["B13"].cases == 2
    assert summary(found) == "4 rows: 1 passed, 1 failed, 1 skipped, 1 no test; 4 test cases"
    assert "`test_X14_B24_two_rows`" in as_markdown(found)
    assert "test_B13_a_sentence" in as_text(found)


def test_every_row_of_the_catalogue_has_words_of_its_own() -> None:
    found = rows()

    assert len(found) >= 116
    assert [row.id for row in found.values() if row.words.startswith("(")] == []
    assert len({row.words for row in found.values()}) == len(found)


def test_every_row_of_the_catalogue_has_a_test_that_is_named_after_it() -> None:
    """Read from the source, so that it is quick; ``python -m tests.faults`` runs them."""
    found = rows()
    names = [
        (
            str(path.relative_to(ROOT).with_suffix("")).replace("/", "."),
            line.strip().removeprefix("def ").partition("(")[0],
        )
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        for line in path.read_text().splitlines()
        if line.strip().startswith("def test_")
    ]

    filed(found, [(module, name, "passed") for module, name in names])

    assert [row.id for row in found.values() if not row.results] == []


GUARANTEE = (
    "A request is marked done in the same transaction as its items, the links found on it and the cookies it changed."
    " After the process dies for any reason, running the same command again loses nothing that was committed, fetches"
    " again only what was in flight, writes no row twice, and starts with the cookies of the last commit."
)


def test_the_guarantee_is_word_for_word_in_the_docs() -> None:
    page = (ROOT / "docs" / "explanation" / "reliability.md").read_text()

    assert GUARANTEE in " ".join(page.replace("\n> ", " ").split())
