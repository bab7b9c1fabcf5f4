"""The supplier portal: 49 invoices behind a login; in the second night three are new, one has changed in place, and the
crawl is killed in the middle of a download. By the command, with default settings."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from crawler.testing.invoices import invoice
from tests.crash.project import Ended, Project

SPIDER = Path(__file__).with_name("invoices.py")
SIZE_BYTES = 100_000
pytestmark = pytest.mark.crash


def answered(site: Any) -> dict[str, Counter[int]]:
    """Invoice to how its requests were answered."""
    found: dict[str, Counter[int]] = {}
    for entry in site.log:
        if entry.url.endswith(".pdf"):
            found.setdefault(entry.url.rpartition("/")[2], Counter())[entry.status] += 1
    return found


def sizes_of(partial: Path) -> list[int]:
    """Bytes of each file that is under way: one that is complete goes away while it is looked at."""
    sizes = []
    for each in partial.glob("*.part"):
        with suppress(FileNotFoundError):
            sizes.append(each.stat().st_size)
    return sizes


def test_exactly_four_downloads_in_the_second_night_even_if_it_is_killed_in_the_middle_of_one(
    make_practice_site: Any, tmp_path: Path
) -> None:
    site = make_practice_site(books=1, invoices=49, invoice_bytes=SIZE_BYTES)
    project = Project(tmp_path, site.url, site.accounts[0], spider=SPIDER)

    def night() -> Ended:
        return project.run(["run", "invoices", "-a", f"site={site.url}"])

    first = night()
    assert (first.code, site.record.files) == (0, {"sent": 49}), first.err
    site.reset_record()
    site.change(invoices=52, invoices_revised=(7,), rate_cut=1.0, fault_paths=("/invoices/51.pdf",))
    with project.start(["run", "invoices", "-a", f"site={site.url}"]) as running:
        before, sizes, until = [0], [0], time.monotonic() + 60
        while "51.pdf" not in answered(site) or sizes != before or len(sizes) != 1 or not 0 < sizes[0] < SIZE_BYTES:
            assert running.code is None, running.end().err
            assert time.monotonic() < until, sizes
            time.sleep(0.01)
            before = sizes
            sizes = sizes_of(tmp_path / "data/files/partial")
        running.kill()
    site.change(rate_cut=0.0)

    again = night()

    assert again.code == 0, again.err
    asked = answered(site)
    assert {name for name, how in asked.items() if how[200] or how[206]} == {"7.pdf", "50.pdf", "51.pdf", "52.pdf"}
    assert {name: how[200] for name, how in asked.items() if how[200] > 1} == {}, "none was sent as a whole twice"
    assert asked["51.pdf"][206], "it went on where the kill had cut it"
    username = site.accounts[0].username
    with closing(sqlite3.connect(project.database)) as database:
        rows = database.execute("SELECT number, hash, link FROM latest_files ORDER BY number").fetchall()
        assert [number for number, _, _ in rows] == list(range(1, 53))
        for number, digest, link in rows:
            body = invoice(number, username, version=2 if number == 7 else 1, size_bytes=SIZE_BYTES)
            assert (tmp_path / link).read_bytes() == body
            assert hashlib.sha256(body).hexdigest() == digest
    names = {path.name for path in (tmp_path / "data" / "invoices").iterdir()}
    assert names == {f"invoice-{number:04}.pdf" for number in range(1, 53)}
    assert len(list((tmp_path / "data" / "files").glob("??/*"))) == 53, "the older version of 7 is kept"
    assert list((tmp_path / "data" / "files" / "partial").iterdir()) == []
    audited = project.run(["audit", "invoices", "--read", "--json"])
    assert (audited.code, json.loads(audited.out)["problems"]) == (0, []), audited.out
