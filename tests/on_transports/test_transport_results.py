"""The table of transports counts right."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.on_transports.transport_results import as_table, cell, column_of, filed, merged


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("test_T2_x[curl]", "libcurl, HTTP/1.1"),
        ("test_T2_x[curl-io-gzip]", "libcurl, HTTP/1.1"),
        ("test_T2_x[gzip-curl-h2]", "libcurl, HTTP/2"),
        ("test_T2_x[chrome-h2-gzip]", "chrome"),
        ("test_T2_x[curling]", ""),
        ("test_T2_x", ""),
    ],
)
def test_the_transport_is_read_from_the_parameters(name: str, column: str) -> None:
    assert column_of(name) == column


def test_results_are_in_their_row_and_transport() -> None:
    by_name = filed(
        [("m", "test_T2_x[urllib3]", "passed"), ("m", "test_T2_x[chrome]", "failed"), ("m", "test_x", "failed")]
    )
    of_all = filed([("m", "test_x[T3-short]", "passed")], "safari")

    found = merged([by_name, of_all, filed([("m", "test_T2_y[urllib3]", "passed")])])

    assert found["T2"] == {"urllib3": Counter(passed=2), "chrome": Counter(failed=1)}
    assert "| T3 | short | - | - | - | - | - | right (1) |" in as_table(found, {"T2": "cut", "T3": "short"})
    assert [cell(each) for each in (None, Counter(skipped=2), Counter(passed=2, failed=1))] == [
        "-",
        "-",
        "**1 of 3 differ**",
    ]
