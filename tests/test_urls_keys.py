"""Keys and fingerprints: which spellings are one URL, and which requests are one request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler import urls
from crawler.errors import InvalidURL
from tests.addresses import addresses

HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


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
        pytest.param("http://a.example/(lit3py55t21z5v55vlm25s55)/x", "http://a.example/x", id="ASP.NET-1.1"),
        pytest.param("http://a.example/x;JSESSIONID=1A!-12!99/y", "http://a.example/x/y", id="WebLogic"),
        pytest.param("http://a.example/x;a=1;jsessionid=1A.n1;b=2", "http://a.example/x;a=1;b=2", id="matrix"),
        pytest.param("http://a.example/x%3Bjsessionid%3D1A", "http://a.example/x", id="escaped-semicolon"),
        pytest.param("http://a.example/x;phpsessid=77a1", "http://a.example/x", id="PHP-behind-a-semicolon"),
        pytest.param(f"http://a.example/x;sid={HEX}", "http://a.example/x", id="sid-behind-a-semicolon"),
        pytest.param("http://a.example/PHPSESSID=77a1/x", "http://a.example/x", id="PHP-in-a-folder"),
        pytest.param("http://a.example/s/PHPSESSID,77a1/x", "http://a.example/s/x", id="PHP-in-a-folder-with-comma"),
        pytest.param(f"http://a.example/s/phpsessid/{HEX}/x", "http://a.example/s/x", id="PHP-in-two-folders"),
        pytest.param(f"http://a.example/s/sid/{HEX}", "http://a.example/s", id="sid-in-two-folders"),
        pytest.param(f"http://a.example/sid/{HEX}", "http://a.example/", id="nothing-else-in-the-path"),
        pytest.param("http://a.example/i.cfm/CFID/81/CFTOKEN/9b-7f/x/1", "http://a.example/i.cfm/x/1", id="ColdFusion"),
        pytest.param("http://a.example/i.cfm?CFID=81&CFTOKEN=9b-7f&x=1", "http://a.example/i.cfm?x=1", id="CF-query"),
        pytest.param(f"http://a.example/viewtopic.php?sid={HEX}&t=7", "http://a.example/viewtopic.php?t=7", id="phpBB"),
        pytest.param(f"http://a.example/showthread.php?s={HEX}&t=7", "http://a.example/showthread.php?t=7", id="vB"),
        pytest.param("http://a.example/p.php?osCsid=77a1&id=7", "http://a.example/p.php?id=7", id="osCommerce"),
        pytest.param("http://a.example/p.php?zenid=77a1&id=7", "http://a.example/p.php?id=7", id="Zen-Cart"),
        pytest.param(
            "http://a.example/x?BV_SessionID=@@1&BV_EngineID=c&i=7", "http://a.example/x?i=7", id="BroadVision"
        ),
        pytest.param("http://a.example/x?%73ess%69d=77a1&i=7", "http://a.example/x?i=7", id="escaped-name"),
        pytest.param(
            "http://a.example/o/f?p=100:7:1503468754::NO", "http://a.example/o/f?p=100%3A7%3A%3A%3ANO", id="APEX"
        ),
        pytest.param("http://a.example/o/f?p=100:7", "http://a.example/o/f?p=100%3A7", id="APEX-without-a-session"),
        pytest.param(f"http://a.example/F/{'X6V1K5' * 8}-01234?func=item", "http://a.example/F?func=item", id="Aleph"),
        pytest.param(
            "http://a.example/wiki/jsessionid/explained",
            "http://a.example/wiki/jsessionid/explained",
            id="a-page-about-it",
        ),
        pytest.param("http://a.example/x?s=search+words", "http://a.example/x?s=search+words", id="s-may-be-a-search"),
        pytest.param(
            f"http://a.example/x?s={HEX}", f"http://a.example/x?s={HEX}", id="s-is-all-that-tells-pages-apart"
        ),
        pytest.param(f"http://a.example/x?id={HEX}", f"http://a.example/x?id={HEX}", id="id-is-no-session"),
        pytest.param(
            f"http://a.example/x?session={HEX}", f"http://a.example/x?session={HEX}", id="a-session-of-a-course"
        ),
        pytest.param("http://a.example/F/short-01234", "http://a.example/F/short-01234", id="a-folder-called-F"),
        pytest.param("http://a.example/g?p=1:2:3", "http://a.example/g?p=1%3A2%3A3", id="p-of-another-program"),
        pytest.param("http://a.example/(lit3py55)/x", "http://a.example/(lit3py55)/x", id="a-shorter-name-in-brackets"),
        pytest.param(f"http://a.example/sid;cfid=1/{HEX}/x", "http://a.example/x", id="one-id-hides-another"),
        pytest.param(f"http://a.example/sid/x/..;cfid=1/{HEX}/y", "http://a.example/y", id="dots-hide-another"),
        pytest.param("http://a.example/x?sid=7", "http://a.example/x?sid=7", id="sid-may-be-an-article"),
        pytest.param("http://A.example:80/./b/../c", "http://a.example/c", id="host-port-dots"),
    ],
)
def test_a_key_has_one_spelling(url: str, key: str) -> None:
    assert urls.canonical(url) == key
    assert urls.canonical(key) == key


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


@given(st.text("a0:1é/"), st.text(max_size=3))
def test_the_quick_way_to_the_fingerprint_of_a_link_agrees_with_the_full_way(url: str, session: str) -> None:
    assert urls.fingerprint_of_gets(session)(url) == urls.fingerprint("GET", url, b"", session)


def test_a_fingerprint_is_the_same_in_every_process_and_version() -> None:
    mark = urls.fingerprint("get", "https://a.example/", b"", "buyer")
    assert mark.hex() == "09d124ffe5879634ebf02f91beec5ddc"
