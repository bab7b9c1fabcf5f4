"""What is decided about records: keys, which pages prove that something is gone, and what a history comes to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, ClassVar

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import Spider
from crawler.errors import SpiderError
from crawler.items import to_row
from crawler.records import (
    ACCOUNT,
    Asked,
    BadKey,
    Step,
    class_key,
    conclusive,
    differing,
    is_missing,
    is_partial,
    key_fields,
    key_of,
    net,
)

# --- keys ---------------------------------------------------------------------------------------------------------


@dataclass
class Plain:
    sku: str = ""
    key = "sku"


@dataclass
class WithField:
    key: str = "sku"  # a field, and no name of one
    value: str = ""


@dataclass
class Both:
    key: str = ""
    __key__ = ("key", ACCOUNT)


class Model(pydantic.BaseModel):
    sku: str
    key: ClassVar[str] = "sku"


class ModelWithField(pydantic.BaseModel):
    key: str = "sku"


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Plain, ("sku",)),
        (WithField, ()),
        (Both, ("key", ACCOUNT)),
        (Model, ("sku",)),
        (ModelWithField, ()),
        (dict, ()),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else "",
)
def test_an_item_class_names_its_key_and_a_field_called_key_is_none(kind: type, names: tuple[str, ...]) -> None:
    assert class_key(kind) == names


def test_a_class_of_attrs_names_its_key_too() -> None:
    attrs = pytest.importorskip("attrs", reason="attrs is not installed")

    @attrs.define
    class Named:
        shop: str
        sku: str
        key: ClassVar[tuple[str, ...]] = ("shop", "sku")

    @attrs.define
    class WithAField:
        key: str = "sku"

    assert class_key(Named) == ("shop", "sku")
    assert class_key(WithAField) == ()
    assert to_row(Named("x", "1")).key == '{"shop":"x","sku":"1"}'


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"id": 7}, '{"id":"7"}'),
        ({"id": "7"}, '{"id":"7"}'),
        ({"id": Decimal("7.50")}, '{"id":"7.50"}'),
        ({"id": date(2026, 1, 2)}, '{"id":"2026-01-02"}'),
        ({"id": datetime(2026, 1, 2, tzinfo=UTC)}, '{"id":"2026-01-02T00:00:00+00:00"}'),
        ({"id": b"\x00\xff"}, '{"id":"00ff"}'),
        ({"id": "é\ud800"}, '{"id":"\\u00e9\\ud800"}'),
        ({"id": 0}, '{"id":"0"}'),
        ({"id": False}, '{"id":"False"}'),
    ],
    ids=str,
)
def test_equal_keys_are_equal_texts(fields: dict[str, Any], key: str) -> None:
    assert key_of(fields, ("id",), "ann") == key


@pytest.mark.parametrize(
    "value", [None, "", "  ", [], {}, (), float("nan"), "x" * 3_000, object()], ids=lambda each: repr(each)[:9]
)
def test_a_key_that_tells_nothing_apart_is_none(value: Any) -> None:
    with pytest.raises(BadKey, match="'id'"):
        key_of({"id": value}, ("id",), "ann")


def test_a_key_may_hold_the_session_and_several_fields() -> None:
    assert key_of({"b": 2, "a": 1}, ("a", "b", ACCOUNT), "ann") == '{"a":"1","b":"2","@account":"ann"}'


@pytest.mark.parametrize("given_key", ["", [], ("",), 7, None, ("a", 7), (ACCOUNT,), {"a"}], ids=repr)
def test_an_invalid_key_is_refused(given_key: Any) -> None:
    with pytest.raises(ValueError, match="name the field"):
        key_fields(given_key)


def test_keys_of_a_spider_are_looked_at_when_its_class_is_made() -> None:
    class Good(Spider):
        keys = {Plain: "sku", "items": ["shop", "sku"]}

    assert Good.keys == {"Plain": ("sku",), "items": ("shop", "sku")}
    for wrong in ("sku", {"items": 7}, {"items": ""}, ["sku"]):
        with pytest.raises(SpiderError, match="keys"):
            type("Bad", (Spider,), {"keys": wrong})


# --- gone ---------------------------------------------------------------------------------------------------------

READ, START, MISSING, UNLINKED, OPEN = "read", "start", "missing", "unlinked", "open"


def asked(kind: str, parent: int = 0) -> Asked:
    return Asked(parent, is_start=kind == START, is_known=kind in (MISSING, OPEN), is_missing=kind == MISSING)


@pytest.mark.parametrize(
    ("pages", "partial", "proves"),
    [
        ({}, (), True),
        ({}, (9,), False),
        ({9: asked(MISSING, 1)}, (), True),
        ({9: asked(OPEN, 1)}, (), False),
        ({9: asked(START)}, (), False),
        ({9: asked(UNLINKED, 1)}, (), True),
        ({9: asked(UNLINKED, 1)}, (1,), False),
        ({9: asked(UNLINKED, 1), 1: asked(OPEN, 2)}, (), False),
        ({9: asked(UNLINKED, 1), 1: asked(MISSING, 2)}, (), True),
        ({9: asked(UNLINKED, 1), 1: asked(START)}, (), False),
        ({9: asked(UNLINKED, 1), 1: Asked(0, True, True, True)}, (), False),
        ({9: Asked(0, True, True, True)}, (), True),
        ({9: asked(UNLINKED, 1), 1: asked(UNLINKED, 2), 2: asked(UNLINKED, 3)}, (), True),
        ({9: asked(UNLINKED, 1), 1: asked(UNLINKED, 2), 2: asked(OPEN, 3)}, (), False),
        ({9: asked(UNLINKED, 1), 1: asked(UNLINKED, 9)}, (), False),
        ({9: asked(UNLINKED, 0)}, (), False),
    ],
    ids=[
        "read",
        "read in part",
        "missing",
        "skipped or failed",
        "a start page that nobody asked for",
        "not linked by a page that was read",
        "not linked by a page that was read in part",
        "below a page that was skipped",
        "below a page that is missing",
        "below a start page that nobody asked for",
        "below a start page that is missing",
        "itself a start page that is missing",
        "below pages that are not linked, below one that was read",
        "below pages that are not linked, below one that was skipped",
        "pages that lead to one another",
        "nobody knows what led to it",
    ],
)
def test_which_pages_prove_that_what_they_listed_is_gone(
    pages: dict[int, Asked], partial: tuple[int, ...], proves: bool
) -> None:
    assert conclusive(pages, partial)(9) is proves


def test_only_the_word_of_the_server_makes_a_failed_page_a_missing_one() -> None:
    assert is_missing("StatusError: 404 from http://a.example/1")
    assert is_missing("StatusError: 410 from http://a.example/1")
    for error in ("StatusError: 403 from http://a/", "StatusError: 500 from http://a/", "TimedOut: http://a/404 ", ""):
        assert not is_missing(error)


def test_a_page_that_was_only_partly_read_is_known_by_its_warnings() -> None:
    assert is_partial(["tree cut: nested more than 2,048 levels deep; what is below was not read"])
    assert is_partial(["3 links were left out: more than 50,000 on the page"])
    assert not is_partial(["callback took 5.0 s", "1 item kept out: a str is no item"])


# --- histories ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "result"),
    [
        ([Step("new", {})], Step("new", {})),
        ([Step("new", {}), Step("changed", {"a": (1, 2)})], Step("new", {})),
        ([Step("new", {}), Step("gone", {})], None),
        ([Step("changed", {"a": (1, 2)})], Step("changed", {"a": (1, 2)})),
        ([Step("changed", {"a": (1, 2)}), Step("changed", {"a": (2, 3), "b": (4, 5)})],
         Step("changed", {"a": (1, 3), "b": (4, 5)})),
        ([Step("changed", {"a": (1, 2)}), Step("changed", {"a": (2, 1)})], None),
        ([Step("changed", {"a": (1, 2)}), Step("gone", {})], Step("gone", {})),
        ([Step("gone", {})], Step("gone", {})),
        ([Step("gone", {}), Step("back", {})], None),
        ([Step("gone", {}), Step("back", {"a": (1, 2)})], Step("changed", {"a": (1, 2)})),
        ([Step("back", {"a": (1, 2)})], Step("back", {"a": (1, 2)})),
        ([Step("back", {}), Step("changed", {"a": (1, 2)})], Step("back", {"a": (1, 2)})),
        ([Step("back", {}), Step("gone", {})], None),
    ],
    ids=lambda each: " ".join(step.kind for step in each) if isinstance(each, list) else "",
)  # fmt: skip
def test_several_steps_come_to_what_is_different_in_the_end(steps: list[Step], result: Step | None) -> None:
    assert net(steps) == result


_states = st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=3)


@given(st.lists(_states, min_size=2, max_size=6))
def test_the_net_of_changes_is_the_difference_of_the_ends(states: list[dict[str, int]]) -> None:
    steps = [Step("changed", differing(before, after)) for before, after in pairwise(states) if before != after]
    if not steps:
        return

    found = net(steps)

    assert (dict(found.fields) if found else {}) == differing(states[0], states[-1])
