"""Where credentials may go: exact origins, named domains, and nothing that only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import InvalidURL
from crawler.sessions.from_spider import known_urls, origins_of, probe_url_of, session_key
from crawler.sessions.origins import Origins
from crawler.spider import Identity, SitemapSpider, Spider


class Shop(Spider):
    name = "shop"
    start_urls = ("https://www.shop.test/orders",)
    login_url = "https://login.shop.test:8443/in"


COVERED = [
    ("http://shop.test/", "http://shop.test/any?x#y", True),
    ("http://shop.test/", "http://shop.test:80/", True),
    ("http://shop.test/", "https://shop.test/", True),
    ("http://shop.test/", "https://shop.test:8443/", False),
    ("http://shop.test/", "http://shop.test:8080/", False),
    ("http://shop.test:8080/", "https://shop.test/", False),
    ("https://shop.test/", "http://shop.test/", False),
    ("https://shop.test/", "https://www.shop.test/", False),
    ("https://shop.test/", "https://shop.test.evil.test/", False),
    ("https://shop.test/", "https://user@shop.test/", True),
    ("https://shop.test/", "https://shop.test@evil.test/", False),
    ("https://shop.test/", "https://evil.test/https://shop.test/", False),
    ("https://shop.test/", "https://evil.test\\@shop.test/", False),
    ("https://shop.test/", "https://SHOP.test./", False),
    ("https://shop.test/", "file:///shop.test", False),
    ("https://shop.test/", "", False),
    ("http://[::1]:81/", "http://[::1]:81/x", True),
]


@pytest.mark.parametrize(("own", "asked", "covered"), COVERED, ids=[f"{own}~{asked}" for own, asked, _ in COVERED])
def test_B5_an_origin_is_scheme_host_and_port(own: str, asked: str, covered: bool) -> None:
    assert Origins([own]).covers(asked) is covered


DOMAINS = [
    ("https://shop.test/", True),
    ("https://www.shop.test/", True),
    ("https://a.b.shop.test/", True),
    ("https://notshop.test/", False),
    ("https://shop.test.evil.test/", False),
    ("http://shop.test/", False),
    ("https://shop.test:8443/", False),
]


@pytest.mark.parametrize(("asked", "covered"), DOMAINS)
def test_B3_a_domain_covers_its_subdomains_over_https_on_the_usual_port(asked: str, covered: bool) -> None:
    assert Origins(domains=[".Shop.test"]).covers(asked) is covered


def test_B5_a_domain_is_never_covered_over_http_whatever_the_start_urls_use() -> None:
    assert Origins(["http://www.shop.test/"], ["shop.test"]).covers("https://m.shop.test/")
    assert not Origins(["http://www.shop.test/"], ["shop.test"]).covers("http://m.shop.test/")


NAMED = {
    "a subdomain of a start host": ("https://evil.www.shop.test/", False),
    "a sibling": ("https://evil.shop.test/", False),
    "the parent": ("https://shop.test/", False),
    "the start host over http": ("http://www.shop.test/", False),
    "the start host on another port": ("https://www.shop.test:8443/", False),
    "an allowed host": ("https://api.shop.test/v1", True),
    "an allowed host over http": ("http://api.shop.test/v1", False),
    "an allowed host on another port": ("https://api.shop.test:8443/v1", False),
    "a subdomain of an allowed host": ("https://evil.api.shop.test/", False),
    "a domain of the identity": ("https://cdn.test/", True),
    "a subdomain of it": ("https://a.b.cdn.test/", True),
    "that domain over http": ("http://cdn.test/", False),
    "an origin of the identity": ("http://old.test/x", True),
    "its upgrade": ("https://old.test/", True),
    "its subdomain": ("http://a.old.test/", False),
}


@pytest.mark.parametrize(("asked", "covered"), NAMED.values(), ids=NAMED)
def test_B3_credentials_go_to_exact_origins_and_to_what_is_named(asked: str, covered: bool) -> None:
    class Named(Shop):
        name = "named"
        allowed_domains = ("api.shop.test",)

    origins = origins_of(Named(), Identity("default", origins=("cdn.test", "http://old.test/")))

    assert origins.covers(asked) is covered


def test_no_origin_covers_nothing() -> None:
    assert not Origins()
    assert not Origins().covers("https://shop.test/")
    assert Origins().first is None


def test_an_origin_added_later_counts_from_then_on() -> None:
    origins = Origins(["https://shop.test/"])
    assert not origins.covers("https://sso.test/")

    origins.add("https://sso.test/login")

    assert origins.covers("https://sso.test/")
    assert origins.first == "https://shop.test:443"


def test_an_invalid_url_is_not_an_origin() -> None:
    with pytest.raises(InvalidURL):
        Origins(["shop.test"])


@given(st.text(max_size=60))
def test_no_text_is_covered_by_chance(text: str) -> None:
    assert not Origins(["https://only.shop.test/"], ["login.shop.test"]).covers(text)


def test_the_sites_of_a_spider_are_those_that_it_names() -> None:
    origins = origins_of(Shop(), Identity("default", origins=("https://api.shop.test/v1", "cdn.test")))

    for covered in (
        "https://www.shop.test/",
        "https://login.shop.test:8443/",
        "https://api.shop.test/",
        "https://cdn.test/",
    ):
        assert origins.covers(covered), covered
    for foreign in (
        "https://other.shop.test/",
        "https://login.shop.test:8444/",
        "https://evil.test/",
        "http://cdn.test/",
    ):
        assert not origins.covers(foreign), foreign


def test_sitemaps_and_start_requests_belong_to_a_spider_too() -> None:
    class Mapped(SitemapSpider):
        name = "mapped"
        sitemap_urls = ("https://maps.shop.test/sitemap.xml",)

    assert known_urls(Mapped()) == ["https://maps.shop.test/sitemap.xml"]
    origins = origins_of(Mapped(), Identity("default"), ["https://began.test:443"])
    assert origins.covers("https://maps.shop.test/")
    assert origins.covers("https://began.test/")


def test_spiders_share_a_session_when_they_use_one_account_on_one_site() -> None:
    class Other(Shop):
        name = "other"
        start_urls = ("https://m.shop.test/",)

    class Elsewhere(Shop):
        name = "elsewhere"
        start_urls = ("https://elsewhere.test/",)
        login_url = None

    buyer = Identity("buyer")
    assert session_key(Shop(), buyer, "alice") == session_key(Other(), Identity("x"), "alice")
    assert session_key(Shop(), buyer, "alice") != session_key(Shop(), buyer, "bob")
    assert session_key(Shop(), buyer, "alice") != session_key(Elsewhere(), buyer, "alice")
    assert session_key(Shop(), buyer, None) != session_key(Shop(), Identity("other"), None)


def test_the_probe_is_the_page_that_is_named_or_the_first_one() -> None:
    class Probed(Shop):
        name = "probed"
        probe_url = "https://www.shop.test/account"

    assert probe_url_of(Probed()) == "https://www.shop.test/account"
    assert probe_url_of(Shop()) == "https://www.shop.test/orders"
