"""What is no session is refused without showing it; what is written can be read by its owner only."""

import json
import os
import stat
from pathlib import Path

import pytest

from crawler.errors import UsageError
from crawler.sessions.formats.exchange import READABLE, WRITABLE, read, write, write_private
from tests.sessions.exchanged import NOW

REFUSED = {
    "nothing": ("", "not in a format"),
    "prose": ("my cookies are: s3cret", "not in a format"),
    "cut-json": ('{"cookies": [{"name": "s3cret"', "not valid JSON"),
    "deep-json": ("[" * 100_000, "not valid JSON"),
    "other-json": ('{"sid": 1}', "holds no cookies"),
    "columns": ("# Netscape HTTP Cookie File\nshop.example\tTRUE\ts3cret", "line 2 .* 3 columns"),
    "expires": ("# Netscape HTTP Cookie File\nshop.example\tTRUE\t/\tTRUE\ts3cret\ta\tb", "line 2 .* number"),
    "damaged": ('# Netscape HTTP Cookie File\n# crawl-cookie: {"s3cret', "line 2 .* damaged"),
}


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_read_is_refused_without_showing_it(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        read(text, now=NOW)
    assert "s3cret" not in str(caught.value)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match="json, storage-state"):
        read("x", now=NOW, form="yaml")
    with pytest.raises(UsageError, match=r"curl, cookies\.txt"):
        write([], "har")
    assert set(WRITABLE) < set(READABLE)


def test_X14_an_imported_cookie_with_control_characters_is_left_out() -> None:
    state = {"cookies": [{"name": "a", "value": "s3cret\r\nX: y", "domain": "shop.example"}]}
    found = read(json.dumps(state), now=NOW)

    assert found.cookies == []
    assert found.left_out == ("cookie 'a': control characters cannot be sent",)
    assert "s3cret" not in repr(found)


# --- files ------------------------------------------------------------------------------------------------------------


def test_X11_an_export_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    before = stat.S_IMODE(tmp_path.stat().st_mode)
    file = tmp_path / "cookies.txt"
    file.write_text("old")
    file.chmod(0o666)
    mask = os.umask(0)
    try:
        write_private(file, "new ☃\udce9\r\n")
    finally:
        os.umask(mask)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() == b"new \xe2\x98\x83\xe9\r\n"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == before
    assert os.listdir(tmp_path) == ["cookies.txt"]


def test_X6_an_export_does_not_follow_a_link(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "cookies.txt"
    victim.write_text("mine")
    link.symlink_to(victim)
    write_private(link, "new")

    assert (victim.read_text(), link.read_text(), link.is_symlink()) == ("mine", "new", False)


def test_a_failed_export_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "folder", "new")
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "file", "\ud800")

    assert os.listdir(tmp_path) == ["folder"]
