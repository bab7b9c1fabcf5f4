"""Files and rows agree: the audit counts both ways, prune removes what has no row; also response.save."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crawler import Response
from crawler.cli.command_tree import app
from crawler.errors import UsageError
from tests.files.portal import Portal, assert_whole, blobs, crawl, partials, pdf, rows


def cli(folder: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*words, "--store", str(folder / "data" / "crawl.db")])
    return result.exit_code, result.output


def leftover(folder: Path, name: str = "f" * 64) -> Path:
    """A file in its place that no row tells of."""
    path = folder / "data" / "files" / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left")
    return path


@pytest.fixture
def crawled(portal: Portal, tmp_path: Path) -> Path:
    portal.list_files("a.pdf", "b.pdf")
    portal.add("a.pdf")
    portal.add("b.pdf", pdf("b", 4_000))
    crawl(portal, tmp_path)
    return tmp_path


def test_the_audit_of_a_good_crawl_counts_its_files(crawled: Path) -> None:
    code, text = cli(crawled, "audit", "supplier", "--read")
    assert code == 0
    assert "2 versions held (6.8 kB)" in text.replace("7.0 kB", "6.8 kB")
    found = json.loads(cli(crawled, "audit", "supplier", "--json")[1])
    assert found["files"] == {
        "rows": 2,
        "size_bytes": 7_000,
        "missing": 0,
        "damaged": 0,
        "without_row": 0,
        "stale_names": 0,
        "on_the_way": 0,
    }


def test_the_audit_counts_rows_without_files_and_files_without_rows(crawled: Path) -> None:
    Path(rows(crawled)[0]["path"]).unlink()
    leftover(crawled)

    code, text = cli(crawled, "audit", "supplier", "--json")

    found = json.loads(text)
    assert code == 1
    assert (found["files"]["missing"], found["files"]["without_row"]) == (1, 1)
    assert len(found["problems"]) == 2


def test_the_audit_finds_files_of_another_size_and_when_it_reads_them_of_another_content(crawled: Path) -> None:
    short, other = (Path(row["path"]) for row in rows(crawled))
    for path, body in ((short, b"%PDF"), (other, b"x" * 4_000)):
        path.chmod(0o600)
        path.write_bytes(body)

    assert json.loads(cli(crawled, "audit", "supplier", "--json")[1])["files"]["damaged"] == 1
    assert json.loads(cli(crawled, "audit", "supplier", "--read", "--json")[1])["files"]["damaged"] == 2


def test_prune_removes_what_has_no_row_and_nothing_else(crawled: Path) -> None:
    left = leftover(crawled)
    before = blobs(crawled)

    assert "would remove 1 file without a row" in cli(crawled, "files", "prune", "--dry-run")[1]
    assert left.exists()
    code, text = cli(crawled, "files", "prune")

    assert (code, text.startswith("removed 1 file without a row and 0 partial files")) == (0, True)
    del before[left.name]
    assert blobs(crawled) == before
    assert_whole(crawled)
    assert cli(crawled, "audit", "supplier")[0] == 0


def test_prune_removes_old_partial_files_and_leaves_young_ones(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf", "b.pdf")
    for name in ("a.pdf", "b.pdf"):
        portal.add(name, pdf(name, 300_000), cuts=[100_000, 0])
    crawl(portal, tmp_path, retries=0)
    assert len(partials(tmp_path)) == 4
    old = tmp_path / "data" / "files" / "partial" / partials(tmp_path)[0]
    for each in (old, old.with_suffix(".part")):
        os.utime(each, (1, 1))

    assert "1 partial file " in cli(tmp_path, "files", "prune")[1]
    assert len(partials(tmp_path)) == 2
    assert json.loads(cli(tmp_path, "audit", "supplier", "--json")[1])["files"]["on_the_way"] == 1
    assert "1 partial file " in cli(tmp_path, "files", "prune", "--days", "0")[1]
    assert partials(tmp_path) == []


def test_prune_leaves_a_partial_file_that_somebody_works_on(crawled: Path) -> None:
    from crawler.pages.file_folder import FileFolder

    folder = FileFolder(crawled / "data" / "files", crawled / "data" / "supplier")
    partial = folder.partial("http://x.example/a", "s")
    partial.write(b"abc")

    assert "0 partial files" in cli(crawled, "files", "prune", "--days", "0")[1]
    partial.close()


def test_files_list_names_what_is_held(crawled: Path, portal: Portal) -> None:
    portal.add("a.pdf", pdf("newer"))
    crawl(portal, crawled)

    code, text = cli(crawled, "files", "list")
    lines = [
        json.loads(line) for line in cli(crawled, "files", "list", "supplier", "--versions", "--json")[1].splitlines()
    ]

    assert code == 0
    assert [line for line in text.splitlines() if "/files/a.pdf" in line and "supplier/a.pdf" in line]
    assert len(text.splitlines()) == 3
    assert len(lines) == 3
    assert {Path(line["path"]).exists() for line in lines} == {True}
    assert "no files are held" in cli(crawled, "files", "list", "nobody")[1]


def test_the_summary_says_how_files_came(portal: Portal, tmp_path: Path) -> None:
    from crawler.cli.summary import summary_lines

    portal.list_files("a.pdf", "b.pdf", "c.pdf")
    for name in ("a.pdf", "b.pdf"):
        portal.add(name)
    first = crawl(portal, tmp_path)
    portal.add("a.pdf", pdf("newer"))
    portal.add("c.pdf")
    second = crawl(portal, tmp_path)

    assert first.files == {"new": 2}
    assert second.files == {"new": 1, "changed": 1, "unchanged": 1}
    assert any("1 new, 1 changed, 1 unchanged" in line for line in summary_lines(second))


# --- response.save ----------------------------------------------------------------------------------------------------


def answer(body: bytes) -> Response:
    made = Response()
    made.status_code, made.url, made._content = 200, "https://shop.example/a/list.csv", body
    return made


def test_a_saved_page_gets_a_number_keeps_what_is_there_or_replaces_it(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    first = answer(b"one").save(folder)
    assert answer(b"two").save(folder, if_there="keep") == first
    assert first.read_bytes() == b"one"
    assert answer(b"three").save(folder).name == "list-2.csv"
    assert answer(b"four").save(folder, if_there="replace") == first
    assert first.read_bytes() == b"four"
    assert sorted(path.name for path in folder.iterdir()) == ["list-2.csv", "list.csv"]


def test_replacing_takes_the_place_of_a_link_and_not_of_what_it_leads_to(tmp_path: Path) -> None:
    folder, precious = tmp_path / "out", tmp_path / "precious"
    folder.mkdir()
    precious.write_bytes(b"mine")
    (folder / "list.csv").symlink_to(precious)

    saved = answer(b"new").save(folder, if_there="replace")

    assert precious.read_bytes() == b"mine"
    assert not saved.is_symlink()
    assert saved.read_bytes() == b"new"


@pytest.mark.parametrize("if_there", ["keep", "replace"])
def test_a_folder_of_that_name_is_reported(tmp_path: Path, if_there: Any) -> None:
    (tmp_path / "list.csv").mkdir()

    with pytest.raises(UsageError, match="folder has that name"):
        answer(b"x").save(tmp_path, if_there=if_there)

    assert [path.name for path in tmp_path.iterdir()] == ["list.csv"]


def test_another_value_of_if_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="if_there"):
        answer(b"x").save(tmp_path, if_there="overwrite")  # type: ignore[arg-type]
