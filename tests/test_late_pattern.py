"""Patterns that are compiled when they are first used: the same answers as those of `re.compile`."""

from __future__ import annotations

import importlib
import pkgutil
import re
import threading
from typing import Any

import pytest

import crawler
from crawler.late_pattern import late_pattern


def late_ones() -> list[Any]:
    """All that the package has, of the modules that can be loaded with what is installed."""
    kind = type(late_pattern("a"))
    found: dict[int, Any] = {}
    for module in pkgutil.walk_packages(crawler.__path__, "crawler."):
        if module.name.endswith("__main__"):
            continue
        try:
            values = vars(importlib.import_module(module.name)).values()
        except ImportError:  # an extra that is not installed
            continue
        found.update((id(each), each) for each in values if isinstance(each, kind))
    return list(found.values())


def test_every_pattern_of_the_package_can_be_compiled() -> None:
    found = late_ones()

    assert len(found) > 100
    for each in found:
        assert isinstance(each.pattern, str | bytes)
        assert each.search(each.pattern[:0]) is None or each.search(each.pattern[:0])


def test_it_answers_as_a_pattern_does() -> None:
    late, usual = late_pattern(r"(?P<word>\w+)-(\d+)", re.ASCII), re.compile(r"(?P<word>\w+)-(\d+)", re.ASCII)
    text = "one-1 and two-22"

    found = late.search(text)
    assert found is not None
    assert found.groupdict() == {"word": "one"}
    assert late.findall(text) == usual.findall(text)
    assert late.sub(r"\2", text) == usual.sub(r"\2", text)
    assert [each.span() for each in late.finditer(text)] == [each.span() for each in usual.finditer(text)]
    assert (late.pattern, late.flags, late.groups) == (usual.pattern, usual.flags, usual.groups)


def test_a_wrong_one_is_told_when_it_is_used_and_an_unknown_attribute_at_once() -> None:
    wrong = late_pattern("(")

    with pytest.raises(re.error):
        wrong.search("a")
    with pytest.raises(AttributeError):
        late_pattern("a").serach("a")  # type: ignore[attr-defined]


def test_threads_that_use_it_first_at_the_same_moment_find_the_same() -> None:
    for _ in range(50):
        late, start, found = late_pattern(r"\d+"), threading.Barrier(4), list[str]()

        def ask(late: Any = late, start: Any = start, found: Any = found) -> None:
            start.wait(10)
            found.append(late.search("a 12").group())

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(10)

        assert found == ["12"] * 4
