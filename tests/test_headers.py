"""Headers made quickly are those that requests would have made."""

from __future__ import annotations

from requests.structures import CaseInsensitiveDict

from crawler.headers import copy_of, fields_of, headers_of


def test_headers_of_ready_fields_are_found_in_any_spelling_and_keep_their_own() -> None:
    made = headers_of({"content-type": ("Content-Type", "text/html"), "etag": ("ETag", '"1"')})

    assert made == CaseInsensitiveDict({"Content-Type": "text/html", "ETag": '"1"'})
    assert made["CONTENT-TYPE"] == "text/html"
    assert list(made) == ["Content-Type", "ETag"]


def test_a_copy_is_a_mapping_of_its_own() -> None:
    first = CaseInsensitiveDict({"Accept": "text/html"})
    second = copy_of(first)

    second["accept"] = "*/*"
    del second["Accept"]

    assert first["Accept"] == "text/html"
    assert "Accept" not in second


def test_another_kind_of_mapping_has_no_fields_to_take() -> None:
    assert fields_of({"Accept": "text/html"}) is None
