"""Files keep to the rules of the crawl; processes and spiders share a folder; odd places fail by their cause."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import File, Request, Response
from crawler.errors import SpiderError
from crawler.pages.kinds import Size, image_size, sniffed, type_of, why_not
from crawler.plain_values import packed, unpacked
from tests.engine.shop import credentials
from tests.files.portal import Doc, Portal, Supplier, assert_whole, blobs, crawl, held, pdf, rows
from tests.files.test_files_once import Keyed, Portal49, night


def test_two_processes_fetch_each_invoice_once(
    make_site_process: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_site_process(books=1, invoices=240, invoice_bytes=8_000)
    credentials(monkeypatch, default=site.accounts[0])

    summary = night(site, tmp_path, processes=2)

    assert (summary.ending, summary.items, summary.files) == ("finished", {"files": 240}, {"new": 240})
    assert summary.processes == 2
    assert site.record.files == {"sent": 240}
    assert len(list((tmp_path / "data" / "invoices").iterdir())) == 240
    assert_whole(tmp_path)


def test_two_spiders_at_once_share_the_bytes_and_not_the_names(portal: Portal, tmp_path: Path) -> None:
    names = [f"{number}.pdf" for number in range(25)]
    portal.list_files(*names)
    for name in names:
        portal.add(name, pdf(name, 30_000))
    crawl(portal, tmp_path, min_items=0, max_pages=1)  # the database is there, so that neither waits for the other

    with ThreadPoolExecutor(2) as both:
        ended = list(both.map(lambda spider: crawl(portal, tmp_path, spider, fresh=True), (Supplier, Keyed)))

    assert [(each.ending, each.errors) for each in ended] == [("finished", {})] * 2
    assert len(blobs(tmp_path)) == 25
    for spider in ("supplier", "keyed"):
        assert sorted(path.name for path in (tmp_path / "data" / spider).iterdir()) == sorted(names)
    assert_whole(tmp_path)


class Begins(Supplier):
    """Begins with a file."""

    name = "begins"

    def start(self) -> Iterator[Request]:
        yield File(f"{self.arguments['site']}/files/a.pdf", total=Decimal("9.90"), day=date(2026, 11, 29), raw=b"\0x")


def test_a_crawl_may_begin_with_files_and_their_fields_keep_their_types(portal: Portal, tmp_path: Path) -> None:
    portal.add("a.pdf")

    assert crawl(portal, tmp_path, Begins).items == {"files": 1}

    (row,) = rows(tmp_path)
    assert (row["total"], row["day"], row["raw"]) == ("9.90", "2026-11-29", b"\0x")


class Odd(Supplier):
    """Fields that are no values, beside good ones."""

    name = "odd"

    def parse(self, response: Response) -> Iterator[Any]:
        yield response.file("/files/a.pdf", number=response.css("a"))
        yield response.file("/files/a.pdf", number=(each for each in "ab"))
        yield response.file("/files/a.pdf", number="7")


def test_a_file_with_an_invalid_field_is_kept_aside_and_the_others_are_fetched(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf")

    summary = crawl(portal, tmp_path, Odd)

    assert (summary.items, summary.rejected) == ({"files": 1}, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hash": "x"}, "filled in by the crawl"),
        ({"type": "pdf"}, "media type"),
        ({"max_size": 0}, "max_size"),
        ({"max_size": "10MB"}, "max_size"),
        ({"name": 7}, "name is a text"),
        ({"key": ("7", None)}, "none may be missing"),
        ({"key": ""}, "none may be missing"),
        ({"key": []}, "key is empty"),
        ({"key": {"a": 1}}, "none may be missing"),
    ],
    ids=str,
)
def test_an_invalid_file_is_reported_where_it_is_made(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(SpiderError, match=message):
        File("https://shop.example/a.pdf", **arguments)


# --- the rules of the crawl -------------------------------------------------------------------------------------------


def test_files_keep_the_delay_of_their_host(portal: Portal, tmp_path: Path) -> None:
    import time

    portal.list_files("a.pdf", "b.pdf", "c.pdf")
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        portal.add(name)
    began = time.monotonic()

    crawl(portal, tmp_path, delay=0.25)

    assert time.monotonic() - began >= 3 * 0.25


def test_files_that_are_held_by_their_key_take_no_turn_of_their_host(portal: Portal, tmp_path: Path) -> None:
    import time

    names = [f"{number}.pdf" for number in range(12)]
    portal.list_files(*names)
    for name in names:
        portal.add(name)
    crawl(portal, tmp_path, Keyed)
    portal.docs["/"].etag = '"list"'
    began = time.monotonic()

    second = crawl(portal, tmp_path, Keyed, delay=1.0)

    assert second.files == {"held": 12}
    assert time.monotonic() - began < 6


def test_files_obey_robots_and_the_logout_guard(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_practice_site(books=1, invoices=2)
    credentials(monkeypatch, default=site.options.accounts[0])

    class Forbidden(Portal49):
        name = "forbidden"

        def parse(self, response: Response) -> Iterator[Any]:
            yield from super().parse(response)
            yield response.file("/private/1")
            yield response.file("/logout")

    summary = night(site, tmp_path, Forbidden)

    assert summary.items == {"files": 2}
    assert summary.skipped_by == {"robots": 1, "guard: logout": 1} or sum(summary.skipped_by.values()) == 2
    assert not [entry for entry in site.log if entry.url.endswith(("/private/1", "/logout"))]


def test_a_file_redirected_to_another_host_is_not_kept(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.docs["/files/a.pdf"] = Doc(b"", status=302, headers={"Location": "http://127.0.0.2:9/x.pdf"}, etag=None)

    summary = crawl(portal, tmp_path, min_items=0, retries=0)

    assert summary.items == {}
    assert held(tmp_path) == []


def test_two_accounts_hold_their_own_file_of_one_address(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = make_practice_site(books=1, invoices=2)
    alice, bob, *_ = site.options.accounts
    credentials(monkeypatch, alice=alice, bob=bob)

    class Both(Portal49):
        name = "both"
        sessions = ("alice", "bob")

    first, second = night(site, tmp_path, Both), night(site, tmp_path, Both)

    assert (first.files, second.files) == ({"new": 4}, {"held": 4})
    assert len(blobs(tmp_path)) == 4
    assert len(list((tmp_path / "data" / "both").iterdir())) == 4


# --- places -----------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_fails_by_its_cause(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "files").write_text("a file")

    summary = crawl(portal, tmp_path, retries=0)

    assert (summary.ending, summary.errors) == ("failures", {"NotKept": 1})
    assert "/files/a.pdf" in str(summary.causes)


def test_a_folder_of_names_that_is_a_link_is_not_written_through(portal: Portal, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "supplier").symlink_to(elsewhere)
    portal.list_files("a.pdf")
    portal.add("a.pdf")

    summary = crawl(portal, tmp_path, retries=0)

    assert summary.items == {"files": 1}
    assert [row["link"] for row in rows(tmp_path)] == [""]
    assert any("no readable name" in message for message in summary.messages)
    assert list(elsewhere.iterdir()) == []
    assert_whole(tmp_path)


def test_the_setting_names_another_folder(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf")

    crawl(portal, tmp_path, files=str(tmp_path / "big" / "blobs"))

    (row,) = rows(tmp_path)
    assert row["path"].startswith(str(tmp_path / "big" / "blobs" / row["hash"][:2]))
    assert row["link"] == str(tmp_path / "big" / "supplier" / "a.pdf")


@pytest.mark.parametrize(
    ("proposed", "kept"),
    [
        ('attachment; filename="../../../etc/passwd"', "passwd"),
        ('attachment; filename="a/b\\\\c.pdf"', "c.pdf"),
        ("attachment; filename=con.pdf", "_con.pdf"),
        ("attachment; filename*=UTF-8''%E2%82%AC.pdf; filename=euro.pdf", "€.pdf"),
        ("attachment; filename=", "a.pdf"),
        ('attachment; filename=".hidden"', "hidden"),
    ],
)
def test_a_name_that_the_server_proposes_is_only_a_name(
    portal: Portal, tmp_path: Path, proposed: str, kept: str
) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", headers={"Content-Disposition": proposed})

    crawl(portal, tmp_path)

    assert os.listdir(tmp_path / "data" / "supplier") == [kept]


# --- pure parts -------------------------------------------------------------------------------------------------------


MAGIC = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF0000WEBP", b"BM", b"II*\0", b"MM\0*"]


@given(st.binary(max_size=400), st.sampled_from(MAGIC))
def test_no_bytes_break_the_reader_of_images(body: bytes, magic: bytes) -> None:
    found = image_size(magic + body)
    assert found is None or found.pixels >= 0
    assert isinstance(sniffed(magic + body), str)
    assert isinstance(why_not("image/png", magic + body, ""), str)
    assert type_of(magic + body, "", "")


@given(st.integers(1, 65_535), st.integers(1, 65_535))
def test_the_size_of_an_image_is_what_its_head_says(width: int, height: int) -> None:
    segments = (
        b"\xff\xe0" + struct.pack(">H", 400) + bytes(398) + b"\xff\xff\xc2" + struct.pack(">HBHH", 17, 8, height, width)
    )
    heads = [
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height),
        b"GIF89a" + struct.pack("<HH", width, height),
        b"\xff\xd8" + segments,
        b"BM" + bytes(12) + struct.pack("<Iii", 40, width, -height),
        b"II*\0\x08\0\0\0\x02\0" + struct.pack("<HHIHHHHIHH", 256, 3, 1, width, 0, 257, 3, 1, height, 0),
        b"MM\0*\0\0\0\x08\0\x02" + struct.pack(">HHIIHHII", 256, 4, 1, width, 257, 4, 1, height),
        b"\0\0\0\x18ftypavif" + bytes(8) + b"ispe" + bytes(4) + struct.pack(">II", width, height),
    ]
    for head in heads:
        assert image_size(head) == Size(width, height), head[:8]


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes()
    | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("~"), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_values_of_fields_come_back_as_they_were(value: Any) -> None:
    import json

    assert unpacked(json.loads(json.dumps(packed(value)))) == value
