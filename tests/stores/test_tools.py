"""What is loaded late comes also when descriptors are short."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from types import ModuleType

import pytest

from crawler.stores import tools


def test_P6_a_result_table_is_made_although_every_descriptor_is_in_use_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    load, troubles = tools._sqlite_utils, iter([errno.EMFILE, errno.ENFILE])

    def short_of_descriptors(numbers: Iterator[int] = troubles) -> ModuleType:
        for number in numbers:
            raise OSError(number, "too many open files")
        return load()

    monkeypatch.setattr(tools, "_sqlite_utils", short_of_descriptors)
    monkeypatch.setattr(tools, "_AGAIN_S", 0.0)

    with closing(sqlite3.connect(":memory:")) as raw:
        tools.table_tools(raw, "books").create({"id": int})

        assert raw.execute("SELECT count(*) FROM books").fetchone() == (0,)
    assert next(troubles, None) is None


def test_another_fault_while_it_is_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> ModuleType:
        raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr(tools, "_sqlite_utils", broken)

    with closing(sqlite3.connect(":memory:")) as raw, pytest.raises(OSError, match="the disk is broken"):
        tools.table_tools(raw, "books")
