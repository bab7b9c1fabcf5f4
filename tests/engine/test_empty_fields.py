"""A field that is empty in every item of a run is reported by name: nobody checks a column that is always there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler.cli.summary import show_summary
from crawler.events import Summary
from crawler.output.figures import empty_fields, is_filled
from crawler.runs.verdict import Facts, verdict_of_run
from crawler.testing.wire import Answer
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]


@dataclass
class Book:
    title: str
    price: str | None


def run(net: Net, folder: Path, items: Any, **settings: Any) -> Summary:
    site = net.host({"/robots.txt": Answer(404), "*": Answer(body=b"<p>a page</p>")})

    class Books(crawler.Spider):
        name = "books"
        start_urls = tuple(f"{site.url}/{number}" for number in range(4))

        def parse(self, response: crawler.Response) -> Any:
            yield from items(int(response.url[-1]))

    return crawler.run(Books, settings={"store": str(folder / "crawl.db"), **settings})


def told(summary: Summary) -> str:
    return "\n".join(summary.notes)


def test_a_field_that_is_empty_in_every_item_is_named(quick_net: Net, tmp_path: Path) -> None:
    summary = run(quick_net, tmp_path, lambda n: [{"title": f"t{n}", "price": None, "stock": 0, "sold": False}])

    assert (summary.ending, summary.exit_code) == ("finished", 0)
    assert "field is empty in every item of this run: 'price' (" in told(summary)


@pytest.mark.parametrize(
    "empty", [None, "", "  \n", [], {}, [""], ["", None], {"a": None}, b"", ()], ids=lambda value: repr(value)
)
def test_every_form_of_an_empty_value_counts_as_empty(quick_net: Net, tmp_path: Path, empty: Any) -> None:
    assert "'price'" in told(run(quick_net, tmp_path, lambda n: [{"title": "t", "price": empty}]))
    assert not is_filled(empty)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", [0], {"a": False}, b"0"], ids=lambda value: repr(value))
def test_a_value_that_is_false_is_a_value(value: Any) -> None:
    assert is_filled(value)


def test_one_item_with_a_value_is_enough(quick_net: Net, tmp_path: Path) -> None:
    assert told(run(quick_net, tmp_path, lambda n: [{"title": "t", "price": "1" if n == 3 else None}])) == ""


def test_a_table_of_its_own_is_named_with_its_field(quick_net: Net, tmp_path: Path) -> None:
    assert "'Book.price'" in told(run(quick_net, tmp_path, lambda n: [Book("t", None), {"title": "x"}]))


def test_several_fields_are_reported_in_one_note(quick_net: Net, tmp_path: Path) -> None:
    summary = run(quick_net, tmp_path, lambda n: [{"title": "t"} | dict.fromkeys(map(str, range(20)))])

    assert "fields are empty in every item of this run: '0', '1'" in told(summary)
    assert "and 10 more" in told(summary)
    assert len(summary.notes) == 1


def test_one_item_alone_says_nothing(quick_net: Net, tmp_path: Path) -> None:
    assert told(run(quick_net, tmp_path, lambda n: [{"title": "t", "next": None}] if n == 0 else [])) == ""


@pytest.mark.parametrize("may", [["price"], ["*"]])
def test_the_setting_named_in_the_note_silences_it(quick_net: Net, tmp_path: Path, may: list[str]) -> None:
    summary = run(quick_net, tmp_path, lambda n: [{"title": "t", "price": None}], may_be_empty=may)

    assert told(summary) == ""


def test_quiet_prints_the_note_and_nothing_else(
    quick_net: Net, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = run(quick_net, tmp_path / "a", lambda n: [{"title": "t", "price": None}])
    good = run(quick_net, tmp_path / "b", lambda n: [{"title": "t", "price": "1"}])
    capsys.readouterr()

    show_summary(good, as_json=False, quiet=True)
    assert capsys.readouterr() == ("", "")
    show_summary(bad, as_json=False, quiet=True)
    out, error = capsys.readouterr()
    assert out == ""
    assert "'price'" in error


def test_a_field_that_another_process_has_filled_is_not_reported() -> None:
    from crawler.engine.processes import add_up

    first = Summary("books", seen={"items": 2}, filled={"items": {"a": 0, "b": 0}})
    add_up(first, [Summary("books", seen={"items": 2}, filled={"items": {"a": 2, "c": 0}})])
    found = empty_fields(first.seen, first.filled)

    assert found == ["b", "c"]
    assert verdict_of_run(Facts(pages=9, items=9, empty_fields=found)).notes[0].count("'") == 4


@pytest.mark.parametrize(
    ("items", "settings", "expected"),
    [
        pytest.param(lambda n: [{"a": None, "b": ""}], {}, (9, "all 4 items have no value in any field"), id="all"),
        pytest.param(lambda n: [{"a": None}][n:], {}, (9, "the only item has no value in any field ('a')"), id="one"),
        pytest.param(lambda n: [{"a": None, "b": 0}], {}, (0, ""), id="zero-is-a-value"),
        pytest.param(lambda n: [{"a": None, "b": "x" if n == 3 else ""}], {}, (0, ""), id="one-value-in-one-item"),
        pytest.param(lambda n: [Book("", None), {"a": 1}], {}, (9, "4 items of kind 'Book' have no"), id="a-kind"),
        pytest.param(lambda n: [{"a": 1}, *[Book("", None)][n:]], {}, (0, ""), id="one-of-a-kind"),
        pytest.param(lambda n: [{"a": None}], {"may_be_empty": ["a"]}, (0, ""), id="may-be-empty"),
        pytest.param(lambda n: [{"a": None}], {"may_be_empty": ["*"]}, (0, ""), id="all-may-be-empty"),
        pytest.param(lambda n: [{"a": None}], {"min_items": 0}, (0, ""), id="no-items-wanted"),
    ],
)
def test_items_without_a_single_value_are_no_good_end(
    quick_net: Net, tmp_path: Path, items: Any, settings: dict[str, Any], expected: tuple[int, str]
) -> None:
    summary = run(quick_net, tmp_path, items, **settings)

    assert (summary.exit_code, summary.ending) == (expected[0], "no items" if expected[0] else "finished")
    assert expected[1] in summary.why


def test_files_alone_and_files_without_a_size_in_pixels_are_good(quick_net: Net, tmp_path: Path) -> None:
    pdf = Answer(body=b"%PDF-1.7\nbill", content_type="application/pdf")
    site = quick_net.host({"/robots.txt": Answer(404), "/list": Answer(body=b"<p>a page</p>"), "*": pdf})

    class Bills(crawler.Spider):
        name = "bills"
        start_urls = (f"{site.url}/list",)

        def parse(self, response: crawler.Response) -> Any:
            for number in range(3):
                yield response.file(f"/{number}.pdf", number=number, day=None)

    summary = crawler.run(Bills, settings={"store": str(tmp_path / "crawl.db")})

    assert (summary.ending, summary.items) == ("finished", {"files": 3})
    assert told(summary) == (
        "field is empty in every item of this run: 'files.day' (`may_be_empty` in `custom_settings` accepts that)"
    )
