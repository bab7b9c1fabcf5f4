"""Redirects decided: methods, bodies and headers, for every status and every pair of origins."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from crawler.errors import CrawlError, RedirectError, Refused
from crawler.sessions.origins import SURVIVES_ORIGIN
from crawler.sessions.redirects import REDIRECTS, Hop, location_of, next_hop, surviving_headers
from crawler.urls import same_origin

HERE = "https://shop.test/dir/page?a=1"

METHODS = [
    (301, "POST", "GET"),
    (302, "POST", "GET"),
    (303, "POST", "GET"),
    (303, "PUT", "GET"),
    (303, "HEAD", "HEAD"),
    (301, "PUT", "PUT"),
    (302, "DELETE", "DELETE"),
    (307, "POST", "POST"),
    (308, "POST", "POST"),
    (301, "HEAD", "HEAD"),
    (302, "GET", "GET"),
]


@pytest.mark.parametrize(("status", "method", "expected"), METHODS)
def test_B15_methods_change_as_the_standard_and_tradition_require(status: int, method: str, expected: str) -> None:
    hop = next_hop(HERE, method, method in ("POST", "PUT"), status, "/there")

    assert (hop.method, hop.url) == (expected, "https://shop.test/there")
    assert hop.keeps_headers
    assert hop.keeps_body == (method in ("POST", "PUT") and expected == method)


LOCATIONS = [
    ("/x", "https://shop.test/x"),
    ("x", "https://shop.test/dir/x"),
    ("?b=2", "https://shop.test/dir/page?b=2"),
    ("#top", "https://shop.test/dir/page?a=1"),
    ("//other.test/x#y", "https://other.test/x"),
    ("  /spaced  ", "https://shop.test/spaced"),
    ("/a\tb\nc", "https://shop.test/abc"),
    ("/\u00c3\u00bc", "https://shop.test/%C3%BC"),
    ("/\u00fc", "https://shop.test/%C3%BC"),
    ("\\\\other.test\\x", "https://other.test/x"),
    ("HTTP://Other.Test:80/", "http://other.test/"),
]


@pytest.mark.parametrize(("location", "url"), LOCATIONS, ids=[repr(location) for location, _ in LOCATIONS])
def test_a_location_is_resolved_as_browsers_do(location: str, url: str) -> None:
    assert next_hop(HERE, "GET", False, 302, location).url == url


@pytest.mark.parametrize("location", ["http://[::bad/", "https://", "http://a b/", "http://x:99999/", "http://%00/"])
def test_U2_what_is_no_url_is_an_error_of_ours_that_shows_it(location: str) -> None:
    with pytest.raises(RedirectError, match="which is not a URL"):
        next_hop(HERE, "GET", False, 302, location)


@pytest.mark.parametrize("location", ["file:///etc/hosts", "ftp://x/", "data:,x", "javascript:alert(1)", "ws://x/"])
def test_U3_other_schemes_are_refused(location: str) -> None:
    with pytest.raises(Refused, match="only http and https"):
        next_hop(HERE, "GET", False, 302, location)


def test_X9_a_refusal_shows_no_secret_of_the_target() -> None:
    for location in ("ftp://u:pw@x/?token=abcdef", "http://[bad?token=abcdef"):
        with pytest.raises(CrawlError) as caught:
            next_hop(HERE, "GET", False, 302, location)
        assert "abcdef" not in str(caught.value)
        assert "pw@" not in str(caught.value)


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 400])
def test_only_redirects_redirect(status: int) -> None:
    answer = requests.Response()
    answer.status_code, answer.headers["Location"] = status, "/x"

    assert location_of(answer) is None
    assert status not in REDIRECTS


origins = st.sampled_from(
    ["http://shop.test/", "https://shop.test/", "http://shop.test:81/", "https://a.shop.test/", "http://other.test/"]
)
headers = st.dictionaries(
    st.sampled_from(
        [
            "Authorization",
            "Cookie",
            "X-Api-Key",
            "Accept",
            "User-Agent",
            "Content-Type",
            "Content-Length",
            "Host",
            "Range",
            "Proxy-Authorization",
            "Referer",
            "Origin",
            "Transfer-Encoding",
            "X-CSRF-Token",
        ]
    ),
    st.just("value"),
)


@given(
    origins,
    origins,
    st.sampled_from(sorted(REDIRECTS)),
    st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
    st.booleans(),
    headers,
)
def test_B13_whatever_redirects_nothing_private_reaches_another_origin(
    here: str, there: str, status: int, method: str, has_body: bool, given_headers: dict[str, str]
) -> None:
    has_body = has_body and method in ("POST", "PUT")
    try:
        hop = next_hop(here, method, has_body, status, there)
    except RedirectError:
        assert has_body
        assert not same_origin(here, there)
        return
    kept = surviving_headers(CaseInsensitiveDict(given_headers), hop)

    assert "Cookie" not in kept
    assert "Host" not in kept
    assert hop.keeps_body <= same_origin(here, there)
    if not hop.keeps_body:
        assert not [name for name in kept if name.lower().startswith(("content-", "transfer-"))]
    if not same_origin(here, there) and (here, there) != ("http://shop.test/", "https://shop.test/"):
        assert {name.lower() for name in kept} <= SURVIVES_ORIGIN


@given(st.binary(max_size=80), st.sampled_from(sorted(REDIRECTS)))
def test_no_bytes_of_a_location_raise_anything_but_our_errors(location: bytes, status: int) -> None:
    try:
        hop = next_hop(HERE, "POST", True, status, location.decode("latin-1"))
    except CrawlError:
        return
    assert isinstance(hop, Hop)
    assert hop.url.startswith(("http://", "https://"))
