"""Exports: exact data as JSON, CSV that no spreadsheet runs, files that are whole or not there."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.output.export.formats import Look, format_of
from crawler.output.export.places import ForTerminal, whole_file
from crawler.output.export.text_formats import Csv
from crawler.output.export.values import cell, json_text, spreadsheet_safe
from crawler.output.export.what import ExportTable
from crawler.selection import Column, Portion
from tests.exports import columns_of, write_rows, written

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@given(rows=st.lists(st.dictionaries(st.text(), json_values, max_size=4), max_size=5))
def test_json_lines_hold_exactly_what_was_stored(rows: list[dict[str, Any]]) -> None:
    lines = written(rows, "jsonl").decode().split("\n")

    assert [json.loads(line) for line in lines[:-1]] == rows
    assert lines[-1] == ""


@given(rows=st.lists(st.dictionaries(st.text(), json_values, max_size=4), max_size=5))
def test_a_json_file_is_one_array_of_the_same_rows(rows: list[dict[str, Any]]) -> None:
    assert json.loads(written(rows, "json")) == rows


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(Decimal("1.10"), '"1.10"', id="decimal keeps its zeros"),
        pytest.param(date(2026, 11, 23), '"2026-11-23"', id="date"),
        pytest.param(b"\x00\xff", '"AP8="', id="bytes as base64"),
        pytest.param(float("nan"), '"nan"', id="nan"),
        pytest.param(float("-inf"), '"-inf"', id="infinity"),
        pytest.param([float("inf"), {"a": float("nan")}], '["inf", {"a": "nan"}]', id="infinity deep inside"),
        pytest.param("Käse\u2028", '"Käse\u2028"', id="readable text"),
        pytest.param("a\ud800", '"a\\ud800"', id="lone surrogate"),
        pytest.param(2**70, str(2**70), id="large integer"),
        pytest.param({1}, "[1]", id="set"),
    ],
)
def test_what_json_has_no_form_for_has_a_defined_one(value: object, text: str) -> None:
    assert json_text({"v": value}) == f'{{"v": {text}}}'


texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\x00"))


@given(rows=st.lists(st.dictionaries(st.sampled_from("abc"), texts, min_size=1), min_size=1, max_size=5))
def test_csv_has_the_union_of_all_columns_and_reads_back(rows: list[dict[str, str]]) -> None:
    found = list(csv.DictReader(io.StringIO(written(rows, "csv").decode(), newline="")))

    columns = columns_of(rows)
    assert found == [{column: row.get(column, "") for column in columns} for row in rows]


any_text = st.text()
typed_columns = st.one_of(
    st.tuples(st.just("text"), st.lists(st.none() | any_text, min_size=2, max_size=2)),
    st.tuples(st.just("integer"), st.lists(st.none() | st.integers(), min_size=2, max_size=2)),
    st.tuples(st.just("real"), st.lists(st.none() | st.floats(), min_size=2, max_size=2)),
    st.tuples(st.just(""), st.lists(st.none() | any_text | st.booleans() | st.integers(), min_size=2, max_size=2)),
)


@given(columns=st.lists(typed_columns, min_size=1, max_size=4), safe=st.booleans())
def test_csv_is_byte_for_byte_that_of_the_standard_library(columns: list[tuple[str, list[Any]]], safe: bool) -> None:
    names = tuple(f"f{number}" for number in range(len(columns)))
    file, plain = io.BytesIO(), io.StringIO(newline="")
    writer = Csv(file, [ExportTable("items", tuple(map(Column, names)))], Look(safe=safe))
    writer.write(Portion("items", names, [each for _, each in columns], tuple(kind for kind, _ in columns), 2))
    cells = [
        [spreadsheet_safe(cell(each)) if safe and kind not in ("integer", "real") else cell(each) for each in values]
        for kind, values in columns
    ]
    other = csv.writer(plain, quoting=csv.QUOTE_NONNUMERIC if safe else csv.QUOTE_MINIMAL)
    other.writerows([names, *zip(*cells, strict=True)])

    assert file.getvalue() == plain.getvalue().encode("utf-8", "backslashreplace")


def test_nested_values_are_json_inside_a_cell_and_missing_ones_are_empty() -> None:
    rows = [{"a": {"b": [1]}, "c": True}, {"a": None, "d": 2.5}]

    assert written(rows, "csv").decode() == 'a,c,d\r\n"{""b"": [1]}",true,\r\n,,2.5\r\n'


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        pytest.param('=HYPERLINK("http://evil")', '\'=HYPERLINK("http://evil")', id="equals"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-2+3", "'-2+3", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\t=1", "'\t=1", id="tab"),
        pytest.param("\r=1", "'\r=1", id="carriage return"),
        pytest.param("\uff1d1", "'\uff1d1", id="full-width equals"),
        pytest.param("-2.5", "-2.5", id="a negative number in a text"),
        pytest.param("-1,234", "-1,234", id="a negative number with a comma"),
        pytest.param(-2.5, -2.5, id="a number"),
        pytest.param("a=b", "a=b", id="plain text"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_X13_a_text_that_is_a_formula_gets_a_quote_and_a_number_stays_one(cell: object, shown: object) -> None:
    assert spreadsheet_safe(cell) == shown


@given(cells=st.lists(texts, min_size=1, max_size=4))
def test_X13_no_cell_of_a_safe_csv_begins_like_a_formula_and_none_loses_a_character(cells: list[str]) -> None:
    data = written([{f"column {place}": cell for place, cell in enumerate(cells)}], "csv", safe=True).decode()

    found = list(csv.reader(io.StringIO(data, newline="")))[1]
    assert not any(cell[:1] in {"=", "+", "@", "\t"} for cell in found)
    assert [cell if cell == was else cell.removeprefix("'") for cell, was in zip(found, cells, strict=True)] == cells


def test_X13_a_column_named_like_a_formula_is_defused_too_and_numbers_are_not_quoted() -> None:
    assert written([{"=1+1": -2.5}], "csv", safe=True) == b'"\'=1+1"\r\n-2.5\r\n'


@pytest.mark.parametrize(
    ("path", "chosen", "found"),
    [
        ("a.jsonl", None, "jsonl"),
        ("a.ndjson", None, "jsonl"),
        ("x/a.JSON", None, "json"),
        ("a.csv", None, "csv"),
        ("-", None, "jsonl"),
        ("-", "csv", "csv"),
        ("a.txt", "json", "json"),
    ],
)
def test_the_suffix_says_the_format_unless_one_is_chosen(path: str, chosen: str | None, found: str) -> None:
    assert format_of(path, chosen).name == found


@pytest.mark.parametrize(("path", "chosen"), [("a.txt", None), ("a", None), ("a.csv", "xml")])
def test_an_unknown_format_is_refused_with_the_known_ones(path: str, chosen: str | None) -> None:
    with pytest.raises(UsageError, match="jsonl"):
        format_of(path, chosen)


def test_X11_a_new_file_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with whole_file(tmp_path / "out.csv") as file:
            file.write(b"x")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "out.csv").stat().st_mode) == 0o600


def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old")
    target.chmod(0o644)

    with whole_file(target) as file:
        file.write(b"new")

    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644


def test_a_failed_export_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "out.jsonl"
    target.write_text("old")

    def rows() -> Iterator[dict[str, str]]:
        yield {"half": "a file"}
        raise RuntimeError("the store broke")

    with pytest.raises(RuntimeError), whole_file(target) as file:
        write_rows(file, rows(), "jsonl", columns=[])

    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"]


def test_X6_a_symbolic_link_at_the_target_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "out.jsonl").symlink_to(precious)

    with whole_file(tmp_path / "out.jsonl") as file:
        file.write(b"rows")

    assert precious.read_text() == "precious"
    assert (tmp_path / "out.jsonl").read_text() == "rows"


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    with whole_file(Path("/dev/null")) as file:
        file.write(b"rows")

    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize("name", ["missing/out.csv", "."], ids=["no folder", "a folder"])
def test_an_impossible_target_is_named_in_the_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=str(tmp_path / name)), whole_file(tmp_path / name):
        pass


HOSTILE = "a\x1b]0;title\x07b\x9b31mc\rd\x7f\u202egpj.exe\u2028\u200be\tf"


@pytest.mark.parametrize("form", ["jsonl", "json", "csv"])
def test_a_terminal_is_shown_what_a_page_wrote_and_does_not_obey_it(form: str) -> None:
    seen, exact = io.BytesIO(), io.BytesIO()
    rows = [{"text": HOSTILE, "\x1b[2J": "ü €"}, {"text": "line\nfeed", "\x1b[2J": "1"}]

    write_rows(ForTerminal(seen), rows, form, columns=["text", "\x1b[2J"])
    write_rows(exact, rows, form, columns=["text", "\x1b[2J"])

    shown = seen.getvalue().decode()
    assert [each for each in shown if not each.isprintable() and each not in "\t\n"] == []
    assert "\\u001b]0;title" in shown
    assert "\\u009b31m" in shown
    assert "\\u202egpj.exe" in shown
    assert "ü €" in shown
    if form != "csv":
        lines = [line.rstrip(",") for line in shown.splitlines() if line.startswith("{")]
        assert [json.loads(line) for line in lines] == rows  # what was made visible is JSON still
    else:
        assert HOSTILE.encode() in exact.getvalue()


def test_a_file_or_a_pipe_gets_the_data_as_it_is(tmp_path: Path) -> None:
    with whole_file(tmp_path / "out.csv") as file:
        write_rows(file, [{"text": HOSTILE}], "csv", columns=["text"])

    assert HOSTILE.encode() in (tmp_path / "out.csv").read_bytes()
