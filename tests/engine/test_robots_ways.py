"""robots.txt is asked for by the way that the pages go: proxy, certificates, user agent; and without credentials."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from requests.adapters import HTTPAdapter

import crawler
from crawler.events import Summary
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import opened
from tests.hosts import Certificates, Host, Net, certificates, quick_net

__all__ = ["certificates", "quick_net"]

AT = "http://shop.test"  # nobody but a proxy knows this host
OPEN = Answer(body=b"User-agent: *\nDisallow: /forbidden\n", content_type="text/plain")
PAGE = Answer(body=b"<p>a page</p>")


def spider(starts: Sequence[str], *sessions: crawler.Identity, **attributes: Any) -> type[crawler.Spider]:
    """A spider that begins at *starts* in each of *sessions*."""

    def parse(self: crawler.Spider, response: crawler.Response) -> Any:
        yield {"url": response.url, "session": response.session_name}

    body = {"name": "ways", "start_urls": list(starts), "sessions": list(sessions), "parse": parse}
    return type("Ways", (crawler.Spider,), body | attributes)


def run(made: type[crawler.Spider], folder: Path, **settings: Any) -> Summary:
    return crawler.run(made, settings={"store": str(folder / "crawl.db"), "backoff": 0.05, **settings})


def proxy(net: Net, robots: Answer = OPEN) -> Host:
    """A host that answers for all hosts, as a proxy does."""
    return net.host({"*": lambda call: robots if call.path.endswith("/robots.txt") else PAGE})


def paths(host: Host) -> list[str]:
    return [call.path.removeprefix(AT) for call in host.calls]


def test_robots_txt_is_asked_for_by_way_of_the_proxy_of_an_identity(quick_net: Net, tmp_path: Path) -> None:
    way = proxy(quick_net)

    summary = run(spider([f"{AT}/one", f"{AT}/forbidden"], crawler.Identity("ann", proxy=way.url)), tmp_path)

    assert (summary.pages, summary.skipped_by) == (1, {"robots": 1})
    assert paths(way) == ["/robots.txt", "/one"]


def test_each_route_to_a_host_has_its_own_robots_txt(quick_net: Net, tmp_path: Path) -> None:
    shut = Answer(body=b"User-agent: *\nDisallow: /\n", content_type="text/plain")
    here, there = proxy(quick_net), proxy(quick_net, shut)
    sessions = [crawler.Identity("ann", proxy=here.url), crawler.Identity("bob", proxy=there.url)]

    summary = run(spider([f"{AT}/one", f"{AT}/two"], *sessions), tmp_path)

    assert (summary.pages, summary.skipped_by) == (2, {"robots": 2})
    assert sorted(paths(here)) == ["/one", "/robots.txt", "/two"]
    assert paths(there) == ["/robots.txt"]


def test_a_broken_route_fails_only_its_own_pages(quick_net: Net, tmp_path: Path) -> None:
    way = proxy(quick_net)
    sessions = [crawler.Identity("ann", proxy=way.url), crawler.Identity("bob", proxy="http://127.0.0.1:9")]

    summary = run(spider([f"{AT}/one"], *sessions), tmp_path)

    assert (summary.pages, summary.failed) == (1, 1)
    with opened(tmp_path) as database:
        (error,) = database.execute("SELECT error FROM crawl_requests WHERE error <> ''").fetchone()
    assert "the proxy 127.0.0.1:9" in error


def test_identities_with_the_same_route_ask_once(quick_net: Net, tmp_path: Path) -> None:
    way = proxy(quick_net)
    sessions = [crawler.Identity(f"s{number}", proxy=way.url) for number in range(5)]

    summary = run(spider([f"{AT}/one"], *sessions), tmp_path)

    assert (summary.pages, paths(way).count("/robots.txt")) == (5, 1)


def test_a_proxy_that_the_login_step_sets_is_the_way_of_robots_txt_too(quick_net: Net, tmp_path: Path) -> None:
    way = proxy(quick_net)

    def login(self: Any, session: Any) -> None:
        session.proxies = {"http": way.url}

    summary = run(spider([f"{AT}/one"], crawler.Identity("ann"), login=login, probe_url=f"{AT}/me"), tmp_path)

    assert summary.pages == 1
    assert "/robots.txt" in paths(way)


def test_an_adapter_that_the_login_step_mounts_asks_for_robots_txt_too(quick_net: Net, tmp_path: Path) -> None:
    host = quick_net.host({"/robots.txt": OPEN, "*": PAGE})
    sent: list[str] = []

    class Mine(HTTPAdapter):
        def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
            url = str(request.url).replace(":80/", "/")
            sent.append(url.replace("shop.test", f"127.0.0.1:{host.port}"))
            request.url = sent[-1]
            return super().send(request, *args, **kwargs)

    def login(self: Any, session: Any) -> None:
        session.mount("http://shop.test", Mine())

    run(spider([f"{AT}/one"], crawler.Identity("ann"), login=login), tmp_path)

    assert f"{host.url}/robots.txt" in sent
    assert f"{host.url}/one" in sent


def test_robots_txt_is_asked_for_with_the_authority_that_the_identity_trusts(
    quick_net: Net, tmp_path: Path, certificates: Certificates
) -> None:
    host = quick_net.host({"/robots.txt": OPEN, "*": PAGE}, tls=certificates.context("127.0.0.1"))

    summary = run(spider([f"{host.url}/one"], crawler.Identity("ann", verify=certificates.file)), tmp_path)

    assert summary.pages == 1
    assert [call.path for call in host.calls] == ["/robots.txt", "/one"]


@pytest.fixture
def mutual(tmp_path: Path) -> tuple[ssl.SSLContext, str, str]:
    """A server that asks for a client certificate, the authority's file, and the file of a client."""
    authority, asks = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(asks)
    authority.configure_trust(asks)
    asks.verify_mode = ssl.CERT_REQUIRED
    trusted, client = tmp_path / "ca.pem", tmp_path / "client.pem"
    authority.cert_pem.write_to_path(str(trusted))
    authority.issue_cert("ann@client.test").private_key_and_cert_chain_pem.write_to_path(str(client))
    return asks, str(trusted), str(client)


def test_robots_txt_is_asked_for_with_the_client_certificate_where_the_pages_need_it(
    quick_net: Net, tmp_path: Path, mutual: tuple[ssl.SSLContext, str, str]
) -> None:
    asks, trusted, client = mutual
    host = quick_net.host({"/robots.txt": OPEN, "*": PAGE}, tls=asks)

    summary = run(spider([f"{host.url}/one"], crawler.Identity("ann", verify=trusted, cert=client)), tmp_path)

    assert summary.pages == 1
    assert [call.path for call in host.calls] == ["/robots.txt", "/one"]


def test_the_rules_are_those_for_the_user_agent_that_the_pages_are_asked_with(quick_net: Net, tmp_path: Path) -> None:
    rules = b"User-agent: shopbot\nDisallow: /two\n\nUser-agent: *\nDisallow: /one\n"
    host = quick_net.host({"/robots.txt": Answer(body=rules, content_type="text/plain"), "*": PAGE})
    made = spider([f"{host.url}/one", f"{host.url}/two"], crawler.Identity("ann", user_agent="shopbot/2.0 (us)"))

    summary = run(made, tmp_path)

    assert (summary.pages, summary.skipped_by) == (1, {"robots": 1})
    assert [call.path for call in host.calls] == ["/robots.txt", "/one"]
    assert set(host.header("user-agent")) == {"shopbot/2.0 (us)"}


def test_robots_txt_is_asked_for_without_credentials_and_with_the_languages_of_the_pages(
    quick_net: Net, tmp_path: Path
) -> None:
    host = quick_net.host({"/robots.txt": OPEN, "*": PAGE})
    ann = crawler.Identity(
        "ann",
        headers={"X-Key": "s3cret", "Authorization": "Bearer s3cret"},
        secret_headers=("X-Key",),
        auth=("ann", "s3cret"),
        params={"key": "s3cret"},
    )

    run(
        spider([f"{host.url}/one"], ann), tmp_path, headers={"X-Preview": "s3cret", "DNT": "1", "Accept-Language": "vi"}
    )

    (asked,) = host.seen("/robots.txt")
    assert (asked.headers["accept-language"], asked.headers["dnt"]) == ("vi", "1")
    assert "s3cret" not in f"{asked.headers}{asked.query()}"
    assert host.header("x-key", "/one") == ["s3cret"]


def test_a_sitemap_is_asked_for_by_the_way_of_its_session(quick_net: Net, tmp_path: Path) -> None:
    sitemap = f"<urlset><url><loc>{AT}/one</loc></url></urlset>".encode()

    def answer(call: WireRequest) -> Answer:
        path = call.path.removeprefix(AT)
        return {"/robots.txt": OPEN, "/sitemap.xml": Answer(body=sitemap, content_type="text/xml")}.get(path, PAGE)

    way = quick_net.host({"*": answer})

    class Mapped(crawler.SitemapSpider):
        name = "mapped"
        sitemap_urls = (f"{AT}/sitemap.xml",)
        sessions = (crawler.Identity("ann", proxy=way.url),)

        def parse(self, response: crawler.Response) -> Any:
            yield {"url": response.url}

    summary = run(Mapped, tmp_path)

    assert (summary.items, paths(way)) == ({"items": 1}, ["/robots.txt", "/sitemap.xml", "/one"])


def test_the_answer_by_one_route_is_not_kept_for_another_in_later_runs(quick_net: Net, tmp_path: Path) -> None:
    shut = Answer(body=b"User-agent: *\nDisallow: /\n", content_type="text/plain")
    first, second = proxy(quick_net, shut), proxy(quick_net)

    assert run(spider([f"{AT}/one"], crawler.Identity("ann", proxy=first.url)), tmp_path).pages == 0
    assert run(spider([f"{AT}/one"], crawler.Identity("ann", proxy=second.url)), tmp_path).pages == 1
