"""Links that a spider means and that were not followed, through the command."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, project
from tests.cli.conftest import crawl as command
from tests.hosts import Host, Net

__all__ = ["_clean", "command", "project"]

BY_RULES = """from crawler import CrawlSpider, LinkExtractor, Rule


class Books(CrawlSpider):
    name = "books"
    start_urls = ["{url}/1"]
    rules = [Rule(LinkExtractor({where}), "page", follow=True)]

    def parse_start_url(self, response):
        return self.page(response)

    def page(self, response):
        yield {{"url": response.url}}
"""


@pytest.fixture
def net() -> Iterator[Net]:
    net = Net()
    yield net
    net.close()


def numbered(net: Net, pages: int) -> Host:
    """Pages that are linked by "next" one after the other."""
    answers = {
        f"/{number}": Answer(body=b"<p>x</p><a class=next href=/%d>on</a><a href=/other>o</a>" % (number + 1))
        for number in range(1, pages)
    }
    return net.host({"/robots.txt": Answer(404), **answers, "*": Answer(body=b"<p>the last</p>")})


@pytest.mark.parametrize("where", ["restrict_css='a.next'", "restrict_xpaths='//a[@class=\"next\"]'"])
def test_a_rule_that_is_restricted_to_the_links_themselves_follows_them(
    where: str, net: Net, project: Path, command: Crawl
) -> None:
    site = numbered(net, 5)
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "books.py").write_text(BY_RULES.format(url=site.url, where=where))

    done = command("run", "books", "--quiet")

    assert (done.code, done.err) == (0, "")
    assert [call.path for call in site.calls if call.path != "/robots.txt"] == ["/1", "/2", "/3", "/4", "/5"]


@pytest.mark.parametrize(
    "line", ["rules = (Rule({}))", "rules = Rule({})", "def __init__(self): self.rules = Rule({})"]
)
def test_one_rule_needs_no_comma(line: str, net: Net, project: Path, command: Crawl) -> None:
    site = numbered(net, 3)
    rule = "LinkExtractor(restrict_css='a.next'), 'page', follow=True"
    source = re.sub(r"rules = \[.*\]", line.format(rule), BY_RULES.format(url=site.url, where=""))
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "books.py").write_text(source)

    done = command("run", "books", "--quiet")

    assert (done.code, done.err) == (0, "")
    assert [call.path for call in site.calls if call.path != "/robots.txt"] == ["/1", "/2", "/3"]


READS_ALL = """from crawler import Request, Spider


class Cat(Spider):
    name = "cat"
    start_urls = ["{url}/"]
    custom_settings = {{"robots": False}}

    def parse(self, response):
        yield {{"page": response.url.rpartition("/")[2], "title": response.css("title::text").get()}}
        yield from response.follow_all(css="a")
"""


def reads_all(project: Path, site: Host, text: str = READS_ALL) -> None:
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "cat.py").write_text(text.format(url=site.url))


def sends_on(target: str, seconds: int = 0, rest: str = "<p>Please wait</p>") -> Answer:
    meta = f'<meta http-equiv="refresh" content="{seconds}; url={target}">'
    return Answer(body=f"<html><head>{meta}</head><body>{rest}</body></html>".encode())


def titles(command: Crawl, project: Path) -> dict[str, str | None]:
    done = command("export", "cat", "-o", "-")
    return {row["page"]: row["title"] for row in map(json.loads, done.out.splitlines())}


def paths(site: Host) -> list[str]:
    return sorted(call.path for call in site.calls)


def test_what_a_page_leads_to_by_meta_refresh_is_crawled_in_its_place_and_counted(
    net: Net, project: Path, command: Crawl
) -> None:
    last = Answer(body=b"<title>The last</title><a href=/away>a</a>")
    away = sends_on("http://other.test/")
    site = net.host(
        {
            "/": sends_on("/one", 0, "<script>" + "x;" * 500 + "</script>"),
            "/one": sends_on("two?a=1"),
            "/two": last,
            "/away": away,
            "*": Answer(404),
        }
    )
    reads_all(project, site)

    done = command("run", "cat")

    assert titles(command, project) == {"two?a=1": "The last"}
    assert re.search(r"3 .*sends a browser on by meta refresh", done.out)
    assert "off-site" in done.out


def test_pages_that_send_each_other_on_are_fetched_twice_each_and_then_fail(
    net: Net, project: Path, command: Crawl
) -> None:
    site = net.host({"/": sends_on("/one"), "/one": sends_on("/two"), "/two": sends_on("/one")})
    reads_all(project, site)

    done = command("run", "cat")

    assert (done.code, paths(site)) == (1, ["/", "/one", "/one", "/two", "/two"])
    assert "RedirectError: it sends a browser on by meta refresh, as 4 before it that led here" in done.out


def test_a_page_that_leads_to_itself_by_way_of_one_that_sets_a_cookie_is_read(
    net: Net, project: Path, command: Crawl
) -> None:
    def answer(call: WireRequest) -> Answer:
        return Answer(body=b"<title>in</title>") if "seen=1" in call.headers.get("cookie", "") else sends_on("/check")

    check = sends_on("/")
    site = net.host({"/check": replace(check, headers=[*check.headers, ("Set-Cookie", "seen=1; Path=/")]), "/": answer})
    reads_all(project, site)

    done = command("run", "cat", "--quiet")

    assert (done.code, titles(command, project)) == (0, {"": "in"})


def test_kept_pages_that_send_a_browser_on_give_the_same_when_they_are_read_again(
    net: Net, project: Path, command: Crawl
) -> None:
    site = net.host({"/": sends_on("/one"), "/one": sends_on("/two"), "/two": Answer(body=b"<title>t</title>")})
    reads_all(project, site)
    command("run", "cat", "--quiet", "-s", "keep_pages=true")

    again = command("parse", "cat")

    assert again.code == 0, again.out
    assert "not as stored" not in again.out


def test_a_page_that_a_callback_wants_to_see_as_it_is_is_not_left(net: Net, project: Path, command: Crawl) -> None:
    site = net.host({"/": sends_on("/next", 0, "<title>t</title>")})
    start = """    def start(self):
        yield Request("{url}/", meta={{"dont_redirect": True}})

    def parse("""
    reads_all(project, site, READS_ALL.replace("    def parse(", start))

    command("run", "cat", "--quiet")

    assert (titles(command, project), paths(site)) == ({"": "t"}, ["/"])


def test_a_page_that_waits_for_ever_under_new_addresses_ends(net: Net, project: Path, command: Crawl) -> None:
    def answer(call: WireRequest) -> Answer:
        return sends_on(f"/?n={int(call.query().get('n', 0)) + 1}")

    site = net.host({"/": answer})
    reads_all(project, site)

    done = command("run", "cat")

    assert (done.code, len(paths(site))) == (1, 21)
    assert "as 20 before it that led here" in done.out


def test_requests_for_one_page_that_are_told_apart_are_told_apart_behind_a_meta_refresh(
    net: Net, project: Path, command: Crawl
) -> None:
    site = net.host({"/": sends_on("/next"), "/next": Answer(body=b"<p>x</p>")})
    start = """    def start(self):
        for number in range(3):
            yield Request("{url}/", dont_filter=True, callback=self.found, cb_kwargs={{"number": number}})

    def found(self, response, number):
        yield {{"page": str(number), "title": "t"}}

    def parse("""
    reads_all(project, site, READS_ALL.replace("    def parse(", start))

    command("run", "cat", "--quiet")

    assert titles(command, project) == {"0": "t", "1": "t", "2": "t"}


@pytest.mark.parametrize(
    "answer",
    [
        sends_on("/next", 5, "<title>t</title>" + "<p>A text for a reader.</p>" * 30),
        sends_on("/next", 30, "<title>t</title>"),
    ],
    ids=["with a text of its own", "after half a minute"],
)
def test_a_page_that_can_be_read_before_it_sends_on_is_read_and_the_other_one_too(
    answer: Answer, net: Net, project: Path, command: Crawl
) -> None:
    site = net.host({"/": answer, "/next": Answer(body=b"<title>n</title>")})
    reads_all(project, site)

    command("run", "cat", "--quiet")

    assert titles(command, project) == {"": "t", "next": "n"}


@pytest.mark.parametrize("target", ["/", "", "/#top"])
def test_a_page_that_loads_itself_again_is_a_page(target: str, net: Net, project: Path, command: Crawl) -> None:
    site = net.host({"/": sends_on(target, 0, "<title>t</title>")})
    reads_all(project, site)

    command("run", "cat", "--quiet")

    assert (titles(command, project), paths(site)) == ({"": "t"}, ["/"])


def test_a_meta_refresh_for_browsers_without_scripts_is_none(net: Net, project: Path, command: Crawl) -> None:
    body = b"<title>t</title><noscript><meta http-equiv=refresh content='0;url=/no'></noscript>"
    site = net.host({"*": Answer(body=body)})
    reads_all(project, site)

    command("run", "cat", "--quiet")

    assert (titles(command, project), paths(site)) == ({"": "t"}, ["/"])


AS_ASKED = READS_ALL.replace(
    "    def parse(",
    """    def start(self):
        yield Request("{url}/", self.found, cb_kwargs={{"kind": "x"}}, meta={{"m": 1}}, data={{"q": "1"}})

    def found(self, response, kind):
        yield {{"page": response.asked.method, "title": kind + str(response.meta["m"])}}

    def parse(""",
)


def test_the_request_that_follows_has_the_callback_and_what_goes_with_it(
    net: Net, project: Path, command: Crawl
) -> None:
    site = net.host({"/": sends_on("/next"), "/next": Answer(body=b"<p>x</p>")})
    reads_all(project, site, AS_ASKED)

    command("run", "cat", "--quiet")

    assert titles(command, project) == {"GET": "x1"}
    assert [(call.method, call.body) for call in site.calls] == [("POST", b"q=1"), ("GET", b"")]


def test_the_next_crawl_follows_it_too_when_the_page_is_unchanged(net: Net, project: Path, command: Crawl) -> None:
    def first(call: WireRequest) -> Answer:
        tag = [("ETag", '"1"')]
        return (
            Answer(304, headers=tag)
            if "if-none-match" in call.headers
            else Answer(200, sends_on("/next").body, headers=tag)
        )

    site = net.host({"/": first, "/next": Answer(body=b"<title>n</title>")})
    reads_all(project, site)
    command("run", "cat", "--quiet")
    site.calls.clear()

    command("run", "cat", "--quiet", "--fresh")

    assert paths(site) == ["/", "/next"]
    assert titles(command, project) == {"next": "n"}


def test_headers_and_cookies_of_a_request_go_to_no_other_site(net: Net, project: Path, command: Crawl) -> None:
    other = net.host({"*": Answer(body=b"<title>o</title>")})
    site = net.host({"/": sends_on("/next"), "/next": sends_on(f"{other.url}/")})
    start = "    def start(self):\n        how = {{'headers': {{'X-Key': 'k'}}, 'cookies': {{'c': '1'}}}}\n"
    start += "        yield Request('{url}/', **how)\n\n    def parse("
    reads_all(
        project, site, READS_ALL.replace("    def parse(", start).replace("custom", "allowed_domains = []\n    custom")
    )

    command("run", "cat", "--quiet")

    assert [call.headers.get("x-key") for call in (*site.calls, *other.calls)] == ["k", "k", None]
    assert [call.headers.get("cookie") for call in (*site.calls, *other.calls)] == ["c=1", "c=1", None]


ONE_BY_ONE = READS_ALL.replace(
    "        yield from",
    """        for link in response.css("a"):
            yield {{"page": response.urljoin(link.attrib.get("href")), "title": ""}}
            yield response.follow(link)
        yield from""",
)


def test_a_link_that_cannot_be_fetched_ends_no_page(net: Net, project: Path, command: Crawl) -> None:
    links = b"<a href='javascript:void(0)'>a</a><a href='http://[::'>b</a><a href='mailto:a@b.test'>c</a><a>d</a>"
    site = net.host({"/": Answer(body=b"<title>t</title>" + links + b"<a href=/next>n</a>"), "*": Answer(body=b"<p>x")})
    reads_all(project, site, ONE_BY_ONE)

    done = command("run", "cat")

    assert (done.code, paths(site)) == (0, ["/", "/next"])
    assert "a link that cannot be fetched was passed over (javascript:)" in command("status", "cat").out
    pages = titles(command, project).keys()
    assert pages >= {"javascript:void(0)", "http://[::", "mailto:a@b.test", f"{site.url}/next"}
