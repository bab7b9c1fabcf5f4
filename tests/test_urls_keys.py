"""Keys and fingerprints: which spellings are one URL, and which requests are one request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import urls
from crawler.errors import InvalidURL
from tests.addresses import addresses


@pytest.mark.parametrize(
    ("url", "key"),
    [
        pytest.param("http://a.example", "http://a.example/", id="no-path"),
        pytest.param("http://a.example/x#y", "http://a.example/x", id="fragment"),
        pytest.param("http://a.example/?b=2&a=1", "http://a.example/?a=1&b=2", id="sorted-by-name"),
        pytest.param("http://a.example/?a=2&a=1&a-b=0", "http://a.example/?a=1&a=2&a-b=0", id="then-by-value"),
        pytest.param("http://a.example/?a&b=", "http://a.example/?a=&b=", id="empty-values-stay"),
        pytest.param("http://a.example/?&a=1&&", "http://a.example/?a=1", id="empty-arguments-go"),
        pytest.param("http://a.example/?", "http://a.example/", id="empty-query"),
        pytest.param("http://a.example/?q=a%20b+c", "http://a.example/?q=a+b+c", id="spaces"),
        pytest.param("http://a.example/%7ea%2fb%c3%a9", "http://a.example/~a%2Fb%C3%A9", id="escapes"),
        pytest.param("http://a.example/100%", "http://a.example/100%25", id="percent-that-escapes-nothing"),
        pytest.param("http://a.example/%%32f", "http://a.example/%252f", id="escape-that-only-looks-like-one"),
        pytest.param("http://a.example/x;jsessionid=1A?b=2", "http://a.example/x?b=2", id="U4-session-in-path"),
        pytest.param("http://a.example/x/.;jsessionid=1", "http://a.example/x/", id="U4-session-behind-a-dot"),
        pytest.param("http://a.example/x/%2e.;cfid=1/y", "http://a.example/y", id="U4-session-behind-two-dots"),
        pytest.param("http://a.example/x?PHPSESSID=ab&b=2", "http://a.example/x?b=2", id="U4-session-in-query"),
        pytest.param("http://a.example/(S(lit3py55))/x", "http://a.example/x", id="session-in-folder"),
        pytest.param("http://a.example/app/(X(1)F(a-b_c)S(q1))/", "http://a.example/app/", id="session-in-folders"),
        pytest.param("http://a.example/(s(1))/x", "http://a.example/(s(1))/x", id="a-folder-of-another-case"),
        pytest.param("http://a.example/f(S(1))/x", "http://a.example/f(S(1))/x", id="a-part-of-a-folder"),
        pytest.param("http://a.example/x/(S(1))", "http://a.example/x/(S(1))", id="a-name-at-the-end"),
        pytest.param("http://a.example/x?sid=7", "http://a.example/x?sid=7", id="sid-may-be-an-article"),
        pytest.param("http://A.example:80/./b/../c", "http://a.example/c", id="host-port-dots"),
    ],
)
def test_a_key_has_one_spelling(url: str, key: str) -> None:
    assert urls.canonical(url) == key


@pytest.mark.parametrize("url", ["a?b=1", "/x", "sftp://a.example/", "about:blank", ""], ids=repr)
def test_only_a_url_that_can_be_fetched_has_a_key(url: str) -> None:
    with pytest.raises(InvalidURL):
        urls.canonical(url)


@given(addresses)
def test_the_quick_way_to_a_key_agrees_with_the_full_way(url: str) -> None:
    try:
        wanted = urls._canonical_slowly(url)
    except InvalidURL:
        with pytest.raises(InvalidURL):
            urls.canonical(url)
        return
    assert urls.canonical(url) == wanted


@given(addresses)
def test_the_key_of_a_key_is_the_key_and_both_spellings_share_it(url: str) -> None:
    try:
        joined = urls.absolute("", url)
    except InvalidURL:
        return
    key = urls.canonical(url)
    assert key == urls.canonical(joined) == urls.canonical(key)


# --- fingerprint ------------------------------------------------------------------------------------------------------


parts = st.tuples(
    st.text("GETPOS0:1", max_size=4), st.text("a0:1", max_size=4), st.binary(max_size=3), st.text(max_size=3)
)


@given(parts, parts)
def test_different_requests_have_different_fingerprints(a: tuple, b: tuple) -> None:  # type: ignore[type-arg]
    assert (urls.fingerprint(*a) == urls.fingerprint(*b)) == ((a[0].upper(), *a[1:]) == (b[0].upper(), *b[1:]))


def test_a_fingerprint_is_the_same_in_every_process_and_version() -> None:
    mark = urls.fingerprint("get", "https://a.example/", b"", "buyer")
    assert mark.hex() == "09d124ffe5879634ebf02f91beec5ddc"
