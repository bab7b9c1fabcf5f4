"""`crawler.pages.file_folder`: equal bytes that several spiders put in their place at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crawler.pages.file_folder import FileFolder
from crawler.pages.partials import Partial, PartialState

_AT_ONCE = 4


def whole(folder: FileFolder, url: str, body: bytes) -> Partial:
    """A file that has come, and is not in its place."""
    partial = folder.partial(url, "default")
    partial.restart(PartialState(url))
    partial.write(body)
    partial.finish()
    return partial


def test_equal_bytes_that_several_spiders_place_at_the_same_moment_are_there_once_and_nobody_fails(
    tmp_path: Path,
) -> None:
    folders = [FileFolder(tmp_path / "files", tmp_path / f"spider{number}") for number in range(_AT_ONCE)]
    together = threading.Barrier(_AT_ONCE)

    def place(folder: FileFolder, partial: Partial) -> str:
        together.wait(10)
        folder.place(partial)
        name = folder.name(partial, "invoice.pdf", "")
        partial.drop()
        return name

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for number in range(200):
            body = b"invoice %d" % number
            partials = [whole(folder, f"http://a.test/{spot}/{number}", body) for spot, folder in enumerate(folders)]
            digest = partials[0].state.hash
            names = list(threads.map(place, folders, partials))
            assert all(names)
            assert folders[0].path(digest).read_bytes() == body
            assert {(tmp_path / name).stat().st_ino for name in names} == {folders[0].path(digest).stat().st_ino}


def test_what_has_another_size_is_replaced_at_once_by_the_right_bytes(tmp_path: Path) -> None:
    folder = FileFolder(tmp_path / "files", tmp_path / "orders")
    partial = whole(folder, "http://a.test/1", b"invoice")
    target = folder.path(partial.state.hash)
    target.parent.mkdir(parents=True)
    target.write_bytes(b"inv")

    folder.place(partial)
    partial.drop()

    assert target.read_bytes() == b"invoice"
    assert list((tmp_path / "files" / "partial").iterdir()) == []
