"""Hosts, origins and sites of URLs, and which addresses are private."""

from __future__ import annotations

import pytest
from hypothesis import given

from crawler import urls
from crawler.errors import InvalidURL
from tests.addresses import addresses


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        pytest.param("https://A.example/x", "a.example", "https://a.example:443", id="default-port"),
        pytest.param("http://a.example", "a.example", "http://a.example:80", id="no-path"),
        pytest.param("http://u:p@a.example:8080/", "a.example", "http://a.example:8080", id="user-and-port"),
        pytest.param("http://[2001:DB8::1]:8080/", "2001:db8::1", "http://[2001:db8::1]:8080", id="ipv6"),
        pytest.param("http://bücher.example/", "xn--bcher-kva.example", "http://xn--bcher-kva.example:80", id="idn"),
        pytest.param("http://0x7f.1/", "127.0.0.1", "http://127.0.0.1:80", id="odd-loopback"),
        pytest.param("http://a.example?x", "a.example", "http://a.example:80", id="query-without-path"),
        pytest.param("http://good.example\\@evil.example/", "good.example", "http://good.example:80", id="backslash"),
        pytest.param("http://a.example:65536", None, None, id="bad-port"),
    ],
)
def test_host_and_origin_are_those_that_a_browser_sees(url: str, host: str | None, origin: str | None) -> None:
    if host is None:
        with pytest.raises(InvalidURL):
            urls.host_of(url)
        return
    assert (urls.host_of(url), urls.origin_of(url)) == (host, origin)


@given(addresses)
def test_the_quick_way_to_an_origin_agrees_with_the_full_way(url: str) -> None:
    try:
        wanted = urls.origin_of(urls.absolute("", url))
    except InvalidURL:
        with pytest.raises(InvalidURL):
            urls.origin_of(url)
        return
    assert urls.origin_of(url) == wanted


@pytest.mark.parametrize(
    ("a", "b", "same", "upgrade"),
    [
        pytest.param("https://a.example/x", "https://a.example:443/y", True, False, id="B5-same"),
        pytest.param("http://a.example/", "https://a.example/", False, True, id="B5-the-one-upgrade"),
        pytest.param("https://a.example/", "http://a.example/", False, False, id="B5-downgrade"),
        pytest.param("http://a.example/", "http://a.example:8080/", False, False, id="B5-other-port"),
        pytest.param("http://a.example:8080/", "https://a.example/", False, False, id="B5-upgrade-from-other-port"),
        pytest.param("http://a.example/", "https://www.a.example/", False, False, id="B5-other-host"),
    ],
)
def test_an_origin_is_scheme_host_and_port(a: str, b: str, same: bool, upgrade: bool) -> None:
    assert (urls.same_origin(a, b), urls.is_upgrade(a, b)) == (same, upgrade)


@pytest.mark.parametrize(
    ("host", "site", "registrable"),
    [
        pytest.param("www.shop.co.uk", "shop.co.uk", "shop.co.uk", id="B2-suffix-of-two-labels"),
        pytest.param("WWW.Shop.Example.", "shop.example", "shop.example", id="case-and-dot"),
        pytest.param("me.github.io", "me.github.io", "me.github.io", id="B2-private-suffix"),
        pytest.param("github.io", "github.io", None, id="B2-suffix-itself"),
        pytest.param("co.uk", "co.uk", None, id="B2-co.uk"),
        pytest.param("localhost", "localhost", None, id="one-label"),
        pytest.param("127.0.0.1", "127.0.0.1", None, id="B2-ipv4"),
        pytest.param("[::1]", "::1", None, id="B2-ipv6"),
        pytest.param("", "", None, id="empty"),
        pytest.param("a..b.example", "a..b.example", None, id="empty-label"),
    ],
)
def test_a_site_is_the_registrable_domain_or_the_host(host: str, site: str, registrable: str | None) -> None:
    assert (urls.site_of(host), urls.registrable(host)) == (site, registrable)


# --- private addresses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::1",
        "[::1]",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:a9fe:a9fe",
        "::127.0.0.1",
        "::8.8.8.8",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:53aa:64c::1",
        "100::1",
        "2606:4700::5efe:7f00:1",
        "4000::1",
        "",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0",
        "1.2.3",
    ],
)
def test_X8_what_is_not_public_for_sure_is_private(address: str) -> None:
    assert urls.is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
        "2606:4700:4700::1111",
        "[2606:4700:4700::1111]",
        "2606:4700::5efe:808:808",
    ],
)
def test_X8_public_addresses_are_public_also_inside_others(address: str) -> None:
    assert not urls.is_private(address)


@given(addresses)
def test_the_quick_way_to_a_host_agrees_with_the_full_way(url: str) -> None:
    try:
        wanted = urls._origin(url)[1].strip("[]")
    except InvalidURL:
        with pytest.raises(InvalidURL):
            urls.host_of(url)
        return
    assert urls.host_of(url) == wanted
