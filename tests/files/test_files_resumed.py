"""A file that is cut goes on where it ended, as long as it is surely the same version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.files.portal import Portal, assert_whole, blobs, crawl, partials, pdf, rows

BIG = 300_000
TRANSPORTS = ["curl", "urllib3"]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "validators",
    [
        pytest.param({}, id="etag"),
        pytest.param({"etag": None, "modified": "Thu, 01 Jan 2026 00:00:00 GMT"}, id="date"),
    ],
)
def test_a_download_that_breaks_goes_on_where_it_ended(
    portal: Portal, tmp_path: Path, transport: str, validators: dict[str, Any]
) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", body := pdf("a", BIG), cuts=[100_000, 90_000], **validators)

    summary = crawl(portal, tmp_path, transport=transport)

    assert (summary.ending, summary.items) == ("finished", {"files": 1})
    asked = portal.of("a.pdf")
    assert [each.status for each in asked] == [200, 206, 206]
    starts = [int(each.headers["range"].removeprefix("bytes=").rstrip("-")) for each in asked[1:]]
    assert 0 < starts[0] <= 100_000 < starts[1] <= 190_000
    assert {each.headers["if-range"] for each in asked[1:]} == {
        portal.docs["/files/a.pdf"].tag or validators["modified"]
    }
    assert list(blobs(tmp_path).values()) == [body]
    assert partials(tmp_path) == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_many_cuts_that_each_bring_something_do_not_use_up_the_tries(
    portal: Portal, tmp_path: Path, transport: str
) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", body := pdf("a", 1_000_000), cuts=[100_000] * 9)

    summary = crawl(portal, tmp_path, transport=transport, retries=1)

    assert summary.ending == "finished"
    assert list(blobs(tmp_path).values()) == [body]


def test_a_cut_without_validators_starts_again(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", body := pdf("a", BIG), cuts=[100_000], etag=None)

    crawl(portal, tmp_path)

    assert [each.headers.get("range") for each in portal.of("a.pdf")] == [None, None]
    assert list(blobs(tmp_path).values()) == [body]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_version_that_changed_after_the_cut_is_fetched_whole(portal: Portal, tmp_path: Path, transport: str) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", pdf("a", BIG), cuts=[100_000, 0])
    first = crawl(portal, tmp_path, transport=transport, retries=0)
    assert (first.failed, first.errors) == (1, {"Incomplete": 1})
    portal.add("a.pdf", body := pdf("another", BIG))

    crawl(portal, tmp_path, transport=transport, fresh=True)

    assert [each.status for each in portal.of("a.pdf")][-1] == 200
    assert list(blobs(tmp_path).values()) == [body]
    assert_whole(tmp_path)


def test_a_run_that_failed_leaves_what_the_next_one_goes_on_with(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", body := pdf("a", BIG), cuts=[120_000, 0])
    crawl(portal, tmp_path, retries=0)
    assert len(partials(tmp_path)) == 2
    portal.asked.clear()

    second = crawl(portal, tmp_path, fresh=True)

    assert [each.status for each in portal.of("a.pdf")] == [206]
    assert second.items == {"files": 1}
    assert list(blobs(tmp_path).values()) == [body]
    assert partials(tmp_path) == []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    ("case", "answer"),
    [
        pytest.param("another start", {"Content-Range": "bytes 0-199999/300000"}, id="another-start"),
        pytest.param("another length", {"Content-Range": "bytes 100000-299999/400000"}, id="another-total"),
        pytest.param("no range", {}, id="none"),
        pytest.param("nonsense", {"Content-Range": "bytes x-y/z"}, id="nonsense"),
        pytest.param("lines", {"Content-Range": "lines 1-2/3"}, id="another-unit"),
    ],
)
def test_a_part_that_does_not_fit_is_not_believed(
    portal: Portal, tmp_path: Path, transport: str, case: str, answer: dict[str, str]
) -> None:
    portal.list_files("a.pdf")
    doc = portal.add("a.pdf", body := pdf("a", BIG), cuts=[100_000])
    doc.wrong_part = answer

    summary = crawl(portal, tmp_path, transport=transport)

    assert summary.ending == "finished", case
    assert list(blobs(tmp_path).values()) == [body]
    assert [each.status for each in portal.of("a.pdf")] == [200, 206, 200]


def test_a_server_that_ignores_ranges_sends_it_whole(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", body := pdf("a", BIG), cuts=[100_000], ranges=False)

    crawl(portal, tmp_path)

    assert [each.status for each in portal.of("a.pdf")] == [200, 200]
    assert list(blobs(tmp_path).values()) == [body]


def test_a_part_beyond_the_end_is_asked_for_as_a_whole(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    doc = portal.add("a.pdf", pdf("a", BIG), cuts=[200_000], etag='"same"')
    doc.shrinks = short = pdf("a", 50_000)  # a liar: the same tag for a shorter file

    crawl(portal, tmp_path)

    assert [each.status for each in portal.of("a.pdf")] == [200, 416, 200]
    assert list(blobs(tmp_path).values()) == [short]


def test_notes_of_another_start_of_the_machine_are_not_relied_on(portal: Portal, tmp_path: Path) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", body := pdf("a", BIG), cuts=[120_000, 0])
    crawl(portal, tmp_path, retries=0)
    notes = next((tmp_path / "data" / "files" / "partial").glob("*.json"))
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    notes.write_text(notes.read_text().replace(boot, "another"))
    portal.asked.clear()

    crawl(portal, tmp_path, fresh=True)

    assert [each.status for each in portal.of("a.pdf")] == [200]
    assert list(blobs(tmp_path).values()) == [body]


@pytest.mark.parametrize("notes", ["", "[]", "{}", '{"url": 7}', "\0" * 50, '{"url": "x", "size_bytes": "y"}'])
def test_damaged_notes_of_a_partial_file_do_no_harm(portal: Portal, tmp_path: Path, notes: str) -> None:
    portal.list_files("a.pdf")
    portal.add("a.pdf", body := pdf("a", BIG), cuts=[120_000, 0])
    crawl(portal, tmp_path, retries=0)
    next((tmp_path / "data" / "files" / "partial").glob("*.json")).write_text(notes)

    crawl(portal, tmp_path, fresh=True)

    assert list(blobs(tmp_path).values()) == [body]
    assert_whole(tmp_path)


def test_an_encoded_file_is_stored_decoded_and_starts_again_after_a_cut(portal: Portal, tmp_path: Path) -> None:
    import gzip

    portal.list_files("a.csv")
    plain = b"number;total\n" + b"".join(b"%d;%d\n" % (each, each * 7) for each in range(60_000))
    portal.add("a.csv", packed := gzip.compress(plain), type="text/csv", headers={"Content-Encoding": "gzip"})
    portal.docs["/files/a.csv"].cuts = [len(packed) // 2]

    crawl(portal, tmp_path)

    assert [each.headers.get("range") for each in portal.of("a.csv")] == [None, None]
    assert portal.of("a.csv")[0].headers["accept-encoding"] == "identity"
    assert rows(tmp_path)[0]["size"] == len(plain)
    assert list(blobs(tmp_path).values()) == [plain]
