"""An answer in place of a file is never stored as the file; a refusal is reported with its cause."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import QuotaSpent, Response, Session
from tests.engine.shop import credentials
from tests.files.portal import Doc, Portal, Supplier, assert_whole, blobs, crawl, held, partials, pdf, rows
from tests.files.test_files_once import Portal49, night

PAGE = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><p>Something else.</p></body></html>"


@pytest.mark.parametrize("style", ["redirect", "soft200", "status401"])
def test_a_login_page_in_place_of_invoices_is_not_an_invoice(
    style: str, make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_practice_site(books=1, invoices=30, login=style, revoke_at=(9, 20))
    credentials(monkeypatch, default=site.options.accounts[0])

    summary = night(site, tmp_path)

    assert (summary.ending, summary.items) == ("finished", {"files": 30})
    assert summary.logins == 3
    assert all(body.startswith(b"%PDF") for body in blobs(tmp_path).values())
    assert len(blobs(tmp_path)) == 30
    assert_whole(tmp_path)


class Named(Supplier):
    """Expects what the links' attribute says."""

    name = "named"
    wanted: str | None = "application/pdf"

    def parse(self, response: Response) -> Iterator[Any]:
        for link in response.css("a.file"):
            yield response.file(link, type=self.wanted, number=link.css("::text").get())


def test_a_page_in_place_of_a_pdf_fails_by_its_cause_and_nothing_is_stored(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf", "b.pdf")
    portal.add("a.pdf")
    portal.add("b.pdf", PAGE, type="text/html")

    summary = crawl(portal, tmp_path)

    assert (summary.ending, summary.items, summary.errors) == ("failures", {"files": 1}, {"WrongFile": 1})
    assert "/files/b.pdf" in str(summary.causes)
    assert len(blobs(tmp_path)) == 1
    assert partials(tmp_path) == []
    assert_whole(tmp_path)


class Patient(Named):
    """Knows the page that says that no more files may be fetched today."""

    name = "patient"
    raised = 0
    portal: Portal

    def on_response(self, response: Response) -> Response:
        if response.css("title::text").get() == "Sorry":
            type(self).raised += 1
            self.portal.add("b.pdf")  # tomorrow
            raise QuotaSpent("the limit of today is reached", wait_s=0.5)
        return response


def test_on_response_sees_a_page_in_place_of_a_file_and_may_say_that_a_quota_is_spent(
    portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Patient, "portal", portal, raising=False)
    monkeypatch.setattr(Patient, "raised", 0)
    portal.list_files("a.pdf", "b.pdf")
    portal.add("a.pdf")
    portal.add("b.pdf", PAGE, type="text/html")

    summary = crawl(portal, tmp_path, Patient)

    assert (summary.ending, summary.items, summary.errors) == ("finished", {"files": 2}, {})
    assert Patient.raised == 1
    assert_whole(tmp_path)


class Careless(Named):
    name = "careless"

    def on_response(self, response: Response) -> Response:
        assert response.css("a.file")
        return response


def test_another_error_of_on_response_on_such_a_page_counts_for_nothing(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("b.pdf")
    portal.add("b.pdf", PAGE, type="text/html")

    assert crawl(portal, tmp_path, Careless).errors == {"WrongFile": 1}


@pytest.mark.parametrize(
    ("name", "body", "declared"),
    [
        pytest.param("a.pdf", PAGE, "application/pdf", id="page-that-says-pdf"),
        pytest.param("a.pdf", b"\n\n  <html><body>no</body></html>", "application/octet-stream", id="page-octets"),
        pytest.param("a.pdf", b"", "application/pdf", id="empty"),
        pytest.param("a.pdf", b"PK\3\4" + bytes(100), "application/pdf", id="zip-that-says-pdf"),
        pytest.param("a.pdf", b"%!PS" + bytes(100), "application/pdf", id="postscript"),
        pytest.param("get?id=7", b"{}", "application/json", id="json"),
        pytest.param("get?id=7", PAGE, "text/html", id="page-without-ending"),
    ],
)
@pytest.mark.parametrize("transport", ["curl", "urllib3"])
def test_another_type_than_the_wanted_one_is_refused(
    portal: Portal, tmp_path: Path, name: str, body: bytes, declared: str, transport: str
) -> None:
    portal.list_files(name)
    portal.add(name, body, type=declared)

    summary = crawl(portal, tmp_path, Named, transport=transport)

    assert (summary.items, summary.errors) == ({}, {"WrongFile": 1})
    assert blobs(tmp_path) == {}
    assert held(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "body", "declared", "kind"),
    [
        pytest.param("a.pdf", pdf("a"), "application/octet-stream", "application/pdf", id="octets"),
        pytest.param("a", pdf("a"), "application/x-download", "application/pdf", id="no-ending"),
        pytest.param("a.html", PAGE, "text/html; charset=utf-8", "text/html", id="page-that-is-wanted"),
        pytest.param("report", PAGE, "text/html", "text/html", id="page-without-ending"),
        pytest.param("a.csv", b"a;b\n1;2\n", "text/plain", "text/plain", id="csv"),
        pytest.param("a.xlsx", b"PK\3\4" + bytes(60), "application/zip", "application/vnd.openxml", id="xlsx"),
        pytest.param("a.svg", b"<!-- made --><svg xmlns='x'/>", "image/svg+xml", "image/svg+xml", id="svg"),
        pytest.param("a.json", b'{"login": false}', "application/json", "application/json", id="json"),
        pytest.param("empty.csv", b"", "text/csv", None, id="empty-csv"),
    ],
)
def test_the_type_is_found_from_the_bytes_else_from_the_server_else_from_the_name(
    portal: Portal, tmp_path: Path, name: str, body: bytes, declared: str, kind: str | None
) -> None:
    portal.list_files(name)
    portal.add(name, body, type=declared)

    crawl(portal, tmp_path)

    found = rows(tmp_path)
    assert [row["type"].startswith(kind) for row in found] == [True] if kind else found == []


class OwnSign(Supplier):
    """Knows by a link to log out whether a page was fetched logged in."""

    name = "ownsign"

    def login(self, session: Session) -> None:
        session.get(f"{self.arguments['site']}/login")

    def is_logged_out(self, response: Response) -> bool:
        return not response.css("a.logout")


def test_a_check_that_looks_for_elements_says_nothing_about_the_bytes_of_a_file(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf", "b.pdf")
    page = portal.docs["/"]
    page.body = page.body.replace(b"<body>", b"<body><a class=logout href=/out>Log out</a>")
    portal.docs["/login"] = Doc(page.body, "text/html", etag=None)
    portal.add("a.pdf")
    portal.add("b.pdf")

    summary = crawl(portal, tmp_path, OwnSign)

    assert (summary.ending, summary.items, summary.logins) == ("finished", {"files": 2}, 1)


def test_a_page_of_an_unknown_kind_in_a_session_is_asked_for_again_and_fails_in_the_end(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_practice_site(books=1, invoices=3)
    credentials(monkeypatch, default=site.options.accounts[0])

    class Wrong(Portal49):
        name = "wrong"

        def parse(self, response: Response) -> Iterator[Any]:
            yield from super().parse(response)
            yield response.file("/account/", "account.pdf")

    summary = night(site, tmp_path, Wrong, backoff=0.02)

    assert (summary.ending, summary.items, summary.failed) == ("failures", {"files": 3}, 1)
    assert summary.logins == 1
    assert len(blobs(tmp_path)) == 3
    assert "web page came instead of application/pdf" in str(summary.causes) + str(summary.errors)


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["curl", "urllib3"])
@pytest.mark.parametrize("length", [True, False], ids=["said", "unsaid"])
def test_a_file_beyond_the_limit_is_refused_by_its_cause_and_leaves_nothing(
    portal: Portal, tmp_path: Path, transport: str, length: bool
) -> None:
    portal.list_files("a.pdf", "b.pdf")
    portal.add("a.pdf", pdf("a", 60_000), length=length)
    portal.add("b.pdf", pdf("b", 50_000))

    summary = crawl(portal, tmp_path, transport=transport, max_file_size=50_000)

    assert (summary.items, summary.errors) == ({"files": 1}, {"TooLarge": 1})
    assert "max_file_size" in str(summary.causes)
    assert len(portal.of("a.pdf")) == 1
    assert partials(tmp_path) == []


def test_the_limit_of_pages_is_not_that_of_files(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", pdf("a", 200_000))

    assert crawl(portal, tmp_path, max_size=10_000).items == {"files": 1}


def test_a_missing_file_is_named_with_its_status(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("gone.pdf", "a.pdf")
    portal.add("a.pdf")

    summary = crawl(portal, tmp_path)

    assert (summary.ending, summary.items, summary.errors) == ("failures", {"files": 1}, {"404": 1})
    assert "/files/gone.pdf" in str(summary.causes)


def test_a_file_on_a_host_that_does_not_belong_to_the_crawl_is_not_fetched(portal: Portal, tmp_path: Path) -> None:
    with Portal() as other:
        other.add("a.pdf")
        portal.docs["/"] = Doc(b'<a class="file" href="http://127.0.0.2:1/files/a.pdf">x</a>', "text/html", etag=None)

        summary = crawl(portal, tmp_path, min_items=0)
        other.shutdown()

    assert summary.skipped_by == {"off-site": 1}


# --- images -----------------------------------------------------------------------------------------------------------


def png(width: int, height: int) -> bytes:
    """A PNG whose head says so; the picture itself is short."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)) + bytes(30)


def test_an_image_has_its_size_in_the_row_and_a_bomb_is_refused(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.png", "bomb.png")
    portal.add("a.png", png(640, 480), type="image/png")
    portal.add("bomb.png", png(60_000, 60_000), type="image/png")

    summary = crawl(portal, tmp_path)

    assert (summary.items, summary.errors) == ({"files": 1}, {"WrongFile": 1})
    assert "60000 x 60000" in str(summary.causes)
    assert [(row["width"], row["height"], row["type"]) for row in rows(tmp_path)] == [(640, 480, "image/png")]
    assert partials(tmp_path) == []
