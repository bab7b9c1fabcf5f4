"""A readable name leads to the newest version of its file, and there is one of it, whatever was fetched again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.engine.shop import credentials
from tests.files.invoices import Invoices
from tests.files.portal import Portal, assert_whole, crawl, held, pdf
from tests.files.test_files_cared_for import cli
from tests.files.test_files_once import night

NAMES = [f"invoice-{number:04}.pdf" for number in range(1, 61)]


def names(folder: Path, spider: str = "invoices") -> list[str]:
    return sorted(path.name for path in (folder / "data" / spider).iterdir())


def ended_once(make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    """A site whose session ends after many files, which are therefore not certain."""
    site = make_practice_site(books=1, invoices=60, login="redirect", revoke_at=(45,), **options)
    credentials(monkeypatch, default=site.options.accounts[0])
    return site


def test_files_that_are_fetched_again_after_a_login_keep_their_only_name(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = ended_once(make_practice_site, monkeypatch)

    first = night(site, tmp_path)

    assert (first.ending, first.items, first.logins) == ("finished", {"files": 60}, 2)
    assert first.rechecked > 0
    assert first.files == {"new": 60}
    assert names(tmp_path) == NAMES
    assert_whole(tmp_path)
    assert cli(tmp_path, "audit", "invoices", "--read")[0] == 0

    site.change(invoices_revised=tuple(range(1, 61)))
    second = night(site, tmp_path)

    assert (second.files, names(tmp_path)) == ({"changed": 60}, NAMES)
    assert all(b"version 2" in (tmp_path / "data" / "invoices" / name).read_bytes() for name in NAMES)
    assert cli(tmp_path, "audit", "invoices")[0] == 0


def test_files_and_pages_that_are_fetched_again_count_once(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = ended_once(make_practice_site, monkeypatch)
    night(site, tmp_path, Invoices)  # without keys: each file is asked for each night
    site.change(revoke_at=(45, sum(site.record.granted.values()) + 40), invoices_revised=(3, 4, 5))

    second = night(site, tmp_path, Invoices)

    assert second.rechecked > 0
    assert second.files == {"changed": 3, "unchanged": 57}
    assert second.unchanged <= second.pages


@pytest.fixture
def two_versions(portal: Portal, tmp_path: Path) -> Path:
    """A project that holds two versions of a.pdf and one of b.pdf."""
    portal.list_files("a.pdf", "b.pdf")
    portal.add("b.pdf")
    for version in ("first", "second"):
        portal.add("a.pdf", pdf(version))
        crawl(portal, tmp_path)
    return tmp_path


def problems(folder: Path) -> list[str]:
    return list(json.loads(cli(folder, "audit", "supplier", "--json")[1])["problems"])


@pytest.mark.parametrize("name", ["a.pdf", "a-2.pdf"], ids=["its-own-name", "a-second-name"])
def test_the_audit_sees_a_name_that_leads_to_an_older_version_and_prune_mends_it(two_versions: Path, name: str) -> None:
    folder = two_versions / "data" / "supplier"
    older = next(row for row in held(two_versions) if row["url"].endswith("a.pdf"))
    (folder / name).unlink(missing_ok=True)
    os.link(two_versions / "data" / "files" / older["hash"][:2] / older["hash"], folder / name)
    (folder / "mine.pdf").write_bytes(pdf("first"))

    (problem,) = problems(two_versions)
    assert problem.startswith(f"1 readable name does not lead to the newest version of a file (supplier/{name})")
    assert "would mend 1 readable name" in cli(two_versions, "files", "prune", "--dry-run")[1]
    assert problems(two_versions) == [problem]
    assert "mended 1 readable name" in cli(two_versions, "files", "prune")[1]

    assert names(two_versions, "supplier") == ["a.pdf", "b.pdf", "mine.pdf"]
    assert (folder / "a.pdf").read_bytes() == pdf("second")
    assert problems(two_versions) == []


def test_names_in_a_copy_of_the_project_lead_to_the_new_version(portal: Portal, two_versions: Path) -> None:
    copy = two_versions / "copy"
    shutil.copytree(two_versions / "data", copy / "data")  # makes two files of each name and its bytes
    portal.add("a.pdf", pdf("third"))
    (copy / "data" / "supplier" / "b.pdf").chmod(0o600)
    (copy / "data" / "supplier" / "b.pdf").write_bytes(b"mine")
    portal.add("b.pdf", pdf("b, second"))

    crawl(portal, copy)

    assert names(copy, "supplier") == ["a.pdf", "b-2.pdf", "b.pdf"]
    assert (copy / "data" / "supplier" / "a.pdf").read_bytes() == pdf("third")
    assert (copy / "data" / "supplier" / "b.pdf").read_bytes() == b"mine"


def test_a_name_leads_to_the_version_before_when_that_is_right_after_all(two_versions: Path) -> None:
    from crawler.pages.file_folder import FileFolder

    folder = FileFolder(two_versions / "data" / "files", two_versions / "data" / "supplier")
    older, newer = (row["hash"] for row in held(two_versions) if row["url"].endswith("a.pdf"))

    folder.point(f"supplier/a.pdf {newer}", "supplier/a.pdf", older)

    assert (folder.names / "a.pdf").read_bytes() == pdf("first")
    folder.point(f"supplier/a.pdf {newer}", "supplier/a.pdf", older)  # no name of that version any more: left alone
    folder.point(f"supplier/a.pdf {older}", "supplier/x.pdf", newer)  # the version before has a name of its own
    assert names(two_versions, "supplier") == ["b.pdf"]
