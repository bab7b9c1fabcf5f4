"""Names from the network cannot choose a place on the disk (rows X5 to X7)."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import SpiderError, StatusError, TooLarge, UsageError
from crawler.fetching.limits import Limits
from crawler.loading import find_spider
from crawler.output.export.places import whole_file
from crawler.pages.downloads import clean_name, name_of, new_file
from crawler.testing.wire import Answer
from tests.hosts import Net

HOSTILE = [
    "../../../evil",
    "/etc/passwd",
    "..\\..\\evil.txt",
    "C:\\Windows\\evil",
    "con",
    "NUL.txt",
    "a\x00b",
    "..%2f..%2fevil",
    "..%252f..%252fevil",
    ".",
    "..",
    "",
    ".bashrc",
    "a/b/c.txt",
    "x" * 1000 + ".pdf",
    "\u202egpj.exe",
    "\uff0e\uff0e\uff0fevil",
    "name\r\nX: y",
    "\ud800",
    "CON .txt",
    "a" * 250 + "\u00e4" * 250,
]


PLACES = [
    pytest.param(where, name, id=f"{where}-{name[:30]!r}")
    for where in ("header", "extended", "address")
    for name in HOSTILE
    if where != "header" or (name.isprintable() and name.isascii())  # no server can send the others as they are
]


@pytest.mark.parametrize(("where", "name"), PLACES)
def test_X6_a_download_stays_in_its_folder_whatever_it_is_called(
    net: Net, tmp_path: Path, name: str, where: str
) -> None:
    escaped = quote(name, safe="", errors="surrogatepass")
    headers = {
        "header": [("Content-Disposition", f'attachment; filename="{name}"')],
        "extended": [("Content-Disposition", f"attachment; filename*=UTF-8''{escaped}")],
        "address": [],
    }[where]
    own = net.host({"*": Answer(body=b"content", headers=headers)})
    session = net.session(own.url)
    path = session.get(f"{own.url}/files/{escaped if where == 'address' else 'x'}").save(tmp_path / "out")

    files = [each for each in tmp_path.rglob("*") if not each.is_dir()]
    assert files == [path]
    assert path.parent == tmp_path / "out"
    assert path.read_bytes() == b"content"
    assert path.name.isprintable()
    assert not path.name.startswith(".")
    assert len(path.name.encode()) <= 210


@given(st.text())
def test_X6_any_text_becomes_a_name(text: str) -> None:
    name = clean_name(text)

    assert name == os.path.basename(name)
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\\x00\n\r<>:"|?*')
    assert len(name.encode()) <= 255
    assert clean_name(name_of("http://a.test/" + text, text)) not in (".", "..")


def test_X6_nothing_is_overwritten_and_no_link_is_followed(net: Net, tmp_path: Path) -> None:
    own = net.host({"*": Answer(body=b"new")})
    session = net.session(own.url)
    outside, out = tmp_path / "outside.txt", tmp_path / "out"
    outside.write_text("mine")
    out.mkdir()
    (out / "a.txt").symlink_to(outside)
    (out / "a-2.txt").write_text("older")

    path = session.get(f"{own.url}/a.txt").save(out)

    assert path.name == "a-3.txt"
    assert path.read_bytes() == b"new"
    assert outside.read_text() == "mine"
    assert (out / "a-2.txt").read_text() == "older"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_X6_a_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UsageError, match="link"), new_file(tmp_path / "out", "a.txt"):
        pass

    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_X6_a_download_goes_to_disk_in_constant_memory_and_follows_redirects(net: Net, tmp_path: Path) -> None:
    body = os.urandom(1024) * 3000
    own = net.host({"/go": Answer.redirect("/big.bin"), "/big.bin": Answer(body=body)})
    session = net.session(own.url)

    path = session.download(f"{own.url}/go", tmp_path / "out", "big.bin")

    assert path.read_bytes() == body


@pytest.mark.parametrize("fault", ["status", "large"])
def test_X6_a_download_that_fails_leaves_no_file(net: Net, tmp_path: Path, fault: str) -> None:
    answer = Answer(404, b"no") if fault == "status" else Answer(body=b"x" * 100_000)
    own = net.host({"*": answer})
    session = net.session(own.url)
    session.sending.limits = Limits(max_size_bytes=50_000)

    with pytest.raises(StatusError if fault == "status" else TooLarge):
        session.download(f"{own.url}/a.txt", tmp_path / "out")

    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["../../x", "a;touch x", "a\x00b", "x" * 300, "", ".", "a/b", "$(x)", "-rf"])
def test_X5_a_hostile_name_of_a_spider_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "spiders").mkdir()
    (tmp_path / "x.py").write_text("raise SystemExit('was imported')")

    with pytest.raises(SpiderError):
        find_spider(name, tmp_path / "spiders")


def test_X7_a_planted_file_of_the_name_of_ours_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for name in ("out.jsonl", ".out.jsonl.", ".out.jsonl.tmp", "out.jsonl.tmp", "out.jsonl.part"):
        (tmp_path / name).symlink_to(victim)

    with whole_file(tmp_path / "out.jsonl") as file:
        file.write(b"rows")

    assert (tmp_path / "out.jsonl").read_bytes() == b"rows"
    assert victim.read_text() == "mine"
