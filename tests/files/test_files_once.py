"""A file that a spider yields is fetched once, kept with its row, and not asked for again without need."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crawler import File, Request, Response, Spider
from crawler.testing import PracticeSite
from tests.engine.shop import Members, credentials
from tests.files.portal import Portal, Supplier, assert_whole, blobs, crawl, held, partials, pdf, rows

TRANSPORTS = ["curl", "urllib3"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_file_and_its_row_are_there_after_the_run(portal: Portal, tmp_path: Path, transport: str) -> None:
    portal.list_files("a.pdf", "b.pdf")
    portal.add("a.pdf", headers={"Content-Disposition": "attachment; filename*=UTF-8''Rechnung%20%C3%84.pdf"})
    portal.add("b.pdf", size := pdf("b", 400_000))

    summary = crawl(portal, tmp_path, transport=transport)

    assert (summary.ending, summary.items, summary.errors) == ("finished", {"files": 2}, {})
    first, second = rows(tmp_path)
    assert (first["number"], first["name"], first["type"]) == ("a.pdf", "Rechnung Ä.pdf", "application/pdf")
    assert Path(first["link"]) == tmp_path / "data" / "supplier" / "Rechnung Ä.pdf"
    assert second["hash"] == hashlib.sha256(size).hexdigest()
    assert Path(second["path"]) == tmp_path / "data" / "files" / second["hash"][:2] / second["hash"]
    assert Path(second["path"]).read_bytes() == Path(second["link"]).read_bytes() == size
    assert os.path.samefile(second["path"], second["link"])
    assert second["size"] == 400_000
    assert Path(second["path"]).stat().st_mode & 0o777 == 0o400
    assert partials(tmp_path) == []
    assert_whole(tmp_path)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_second_night_downloads_nothing_that_has_not_changed(
    portal: Portal, tmp_path: Path, transport: str
) -> None:
    portal.list_files("a.pdf", "b.pdf", "c.pdf")
    portal.add("a.pdf")
    portal.add("b.pdf", etag=None, modified="Thu, 01 Jan 2026 00:00:00 GMT")
    portal.add("c.pdf", etag='W/"7"')
    first = crawl(portal, tmp_path, transport=transport)
    portal.asked.clear()

    second = crawl(portal, tmp_path, transport=transport)

    assert portal.statuses() == {304: 3}
    assert (second.ending, second.items) == ("finished", {"files": 3})
    paths = [[(row["url"], row["path"], row["link"]) for row in rows(tmp_path, each.run)] for each in (first, second)]
    assert paths[0] == paths[1]
    assert len(held(tmp_path)) == 3
    assert_whole(tmp_path)


def test_a_file_that_changed_in_place_is_fetched_and_keeps_its_readable_name(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf", "b.pdf")
    portal.add("a.pdf", pdf("first"))
    portal.add("b.pdf")
    crawl(portal, tmp_path)
    portal.add("a.pdf", newer := pdf("second", 5_000))
    portal.asked.clear()

    second = crawl(portal, tmp_path)

    assert portal.statuses() == {200: 1, 304: 1}
    row = rows(tmp_path, second.run)[0]
    assert Path(row["link"]).name == "a.pdf"
    assert Path(row["link"]).read_bytes() == newer
    assert sorted(path.name for path in (tmp_path / "data" / "supplier").iterdir()) == ["a.pdf", "b.pdf"]
    older = rows(tmp_path)[0]
    assert Path(older["path"]).read_bytes() == pdf("first")
    assert_whole(tmp_path)


def test_a_file_of_the_user_is_never_replaced(portal: Portal, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "supplier"
    folder.mkdir(parents=True)
    (folder / "a.pdf").write_bytes(b"mine")
    portal.list_files("a.pdf")
    portal.add("a.pdf", pdf("first"))
    crawl(portal, tmp_path)
    (folder / "a-2.pdf").unlink()
    (folder / "a-2.pdf").write_bytes(b"mine, too")
    portal.add("a.pdf", pdf("second"))

    crawl(portal, tmp_path)

    assert (folder / "a.pdf").read_bytes() == b"mine"
    assert (folder / "a-2.pdf").read_bytes() == b"mine, too"
    assert (folder / "a-3.pdf").read_bytes() == pdf("second")


def test_a_server_without_validators_is_asked_for_all_of_it_and_nothing_is_stored_twice(
    portal: Portal, tmp_path: Path
) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", etag=None)
    crawl(portal, tmp_path)

    crawl(portal, tmp_path)

    assert portal.statuses() == {200: 2}
    assert len(held(tmp_path)) == 1
    assert len(blobs(tmp_path)) == 1
    assert [path.name for path in (tmp_path / "data" / "supplier").iterdir()] == ["a.pdf"]


class Keyed(Supplier):
    """Tells files by number and version, as the list shows them; their addresses differ each night."""

    name = "keyed"

    def parse(self, response: Response) -> Iterator[Any]:
        for link in response.css("a.file"):
            name = link.css("::text").get(default="")
            yield response.file(
                f"{link.attrib['href']}", name.partition("?")[0], key=(name.partition("?")[0], 1), n=name
            )


def test_a_file_whose_key_is_held_is_not_asked_for_at_all(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf?token=1", "b.pdf?token=1")
    portal.add("a.pdf?token=1", pdf("a"), etag=None)
    portal.add("b.pdf?token=1", pdf("b"), etag=None)
    crawl(portal, tmp_path, Keyed)
    portal.list_files("a.pdf?token=2", "b.pdf?token=2", "c.pdf?token=2")
    for name in "abc":
        portal.add(f"{name}.pdf?token=2", pdf(name), etag=None)
    portal.asked.clear()

    second = crawl(portal, tmp_path, Keyed)

    assert [each.path for each in portal.asked if each.path != "/"] == ["/files/c.pdf?token=2"]
    assert second.items == {"files": 3}
    assert [row["name"] for row in rows(tmp_path, second.run)] == ["a.pdf", "b.pdf", "c.pdf"]
    assert next(row["n"] for row in rows(tmp_path, second.run)) == "a.pdf?token=2"
    assert_whole(tmp_path)


def test_a_held_file_that_somebody_has_removed_is_fetched_again(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf?token=1", "b.pdf?token=1")
    portal.add("a.pdf?token=1", pdf("a"))
    portal.add("b.pdf?token=1", pdf("b"))
    crawl(portal, tmp_path, Keyed)
    gone = Path(rows(tmp_path)[0]["path"])
    gone.unlink()
    portal.asked.clear()

    crawl(portal, tmp_path, Keyed)

    assert portal.statuses() == {200: 1}
    assert gone.read_bytes() == pdf("a")
    assert_whole(tmp_path)


def test_a_held_file_that_was_cut_short_on_the_disk_is_fetched_again(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf")
    crawl(portal, tmp_path)
    short = Path(rows(tmp_path)[0]["path"])
    short.chmod(0o600)
    short.write_bytes(b"%PDF-")
    portal.asked.clear()

    crawl(portal, tmp_path)

    assert portal.statuses() == {200: 1}
    assert short.read_bytes() == pdf("a.pdf")
    assert_whole(tmp_path)


class Elsewhere(Supplier):
    """Takes a file from another place where its page is not there."""

    name = "elsewhere"

    def start(self) -> Iterator[Any]:
        yield Request(f"{self.arguments['site']}/nowhere", callback="parse", errback="lost")

    def lost(self, error: Exception) -> Iterator[Any]:
        yield File(f"{self.arguments['site']}/files/a.pdf", key="a", number="a.pdf")


def test_a_file_with_a_key_that_an_errback_yields_is_fetched(portal: Portal, tmp_path: Path) -> None:
    portal.add("a.pdf")

    crawl(portal, tmp_path, Elsewhere)

    assert [row["number"] for row in rows(tmp_path)] == ["a.pdf"]
    assert portal.statuses() == {200: 1}
    assert_whole(tmp_path)


class Twice(Supplier):
    """Each link stands on the page with two sets of fields."""

    name = "twice"

    def parse(self, response: Response) -> Iterator[Any]:
        for link in response.css("a.file"):
            for order in (1, 2):
                yield response.file(link, order=order, total=Decimal("1.50"), tags=["x", {"y": None}])


def test_a_file_that_two_items_want_is_fetched_once_and_is_in_both(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("terms.pdf")
    portal.add("terms.pdf")

    summary = crawl(portal, tmp_path, Twice)

    assert portal.statuses() == {200: 1}
    assert summary.items == {"files": 2}
    assert sorted((row["order"], row["total"], row["tags"]) for row in rows(tmp_path)) == [
        (1, "1.50", '["x",{"y":null}]'),
        (2, "1.50", '["x",{"y":null}]'),
    ]
    assert len({row["path"] for row in rows(tmp_path)}) == 1
    assert_whole(tmp_path)


def test_equal_files_at_two_addresses_are_on_the_disk_once_under_two_names(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf", "b.pdf")
    portal.add("a.pdf", pdf("same"))
    portal.add("b.pdf", pdf("same"))

    crawl(portal, tmp_path)

    assert len(blobs(tmp_path)) == 1
    assert sorted(path.name for path in (tmp_path / "data" / "supplier").iterdir()) == ["a.pdf", "b.pdf"]
    assert_whole(tmp_path)


class Invoice(File):
    """A kind of file with a table of its own."""


class Typed(Supplier):
    """Yields files of a class of its own."""

    name = "typed"

    def parse(self, response: Response) -> Iterator[Any]:
        for link in response.css("a.file"):
            yield Invoice(response.urljoin(link.attrib["href"]), "rechnung.pdf", fields={"priority": "high"})


def test_a_class_of_files_has_a_table_of_its_own_and_fields_of_any_name(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf", "b.pdf")
    portal.add("a.pdf")
    portal.add("b.pdf")

    summary = crawl(portal, tmp_path, Typed)

    assert summary.items == {"Invoice": 2}
    assert {row["priority"] for row in rows(tmp_path, table="Invoice")} == {"high"}
    names = sorted(Path(row["link"]).name for row in rows(tmp_path, table="Invoice"))
    assert names == ["rechnung-2.pdf", "rechnung.pdf"]


# --- the practice site: 49 invoices behind the login ------------------------------------------------------------------


class Portal49(Members):
    """All invoices of the practice site, told by number and version."""

    name = "invoices"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/invoices/"]

    def parse(self, response: Response) -> Iterator[Any]:
        for row in response.css("tr.invoice"):
            number, version = row.css("td.number::text").get(), row.css("td.version::text").get()
            yield response.file(
                row.css("a.pdf")[0], key=(number, version), type="application/pdf", number=int(number or 0)
            )


def night(site: PracticeSite, folder: Path, spider: type[Spider] = Portal49, **settings: Any) -> Any:
    """One night with default settings, but for waits."""
    from crawler import run

    return run(spider, arguments={"site": site.url}, settings={"store": str(folder / "data" / "crawl.db"), **settings})


def test_49_invoices_and_a_second_night_with_3_new_and_1_changed_are_4_downloads(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_practice_site(books=1, invoices=49)
    credentials(monkeypatch, default=site.options.accounts[0])
    first = night(site, tmp_path)
    assert (first.ending, first.items, site.record.files) == ("finished", {"files": 49}, {"sent": 49})
    site.reset_record()
    site.change(invoices=52, invoices_revised=(7,))

    second = night(site, tmp_path)

    assert (second.ending, second.items) == ("finished", {"files": 52})
    asked = [entry for entry in site.log if entry.url.endswith(".pdf")]
    assert sorted(entry.url.rpartition("/")[2] for entry in asked) == ["50.pdf", "51.pdf", "52.pdf", "7.pdf"]
    assert site.record.files == {"sent": 4}
    assert len(blobs(tmp_path)) == 53
    assert len(list((tmp_path / "data" / "invoices").iterdir())) == 52
    assert_whole(tmp_path)
