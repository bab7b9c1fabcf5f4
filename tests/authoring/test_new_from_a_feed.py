"""`crawl new NAME URL` where the URL is an XML feed: Atom, RSS, or XML of no known kind."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.authoring.test_first_spider import items_of, page
from tests.authoring.test_new_from_a_page import _no_pause
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "_no_pause", "crawl", "project"]

ATOM = "application/atom+xml"
OPDS = """<?xml version="1.0"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/terms/"><title>Books</title>
<entry><title>One</title><id>urn:1</id><updated>2026</updated><author><name>Ann</name><uri>/ann</uri></author>
<dc:language>en</dc:language><link rel="http://opds-spec.org/image" href="/1.jpg"/><link href="/1"/></entry>
<entry><title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Two <b>b</b></div></title><id>urn:2</id>
<updated>2027</updated><author><name>Ben</name></author><dc:language>de</dc:language><link href="/2"/></entry></feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">
<channel><title>News</title></channel>
<item rdf:about="/1"><title>One</title><link>http://shop.test/1</link></item>
<item rdf:about="/2"><title>Two</title><link>http://shop.test/2</link></item></rdf:RDF>"""
RSS = """<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<title>News</title><atom:link rel="next" href="/rss?2"/>
<item><title>One</title><link>/1</link><dc:creator>Ann</dc:creator><pubDate>Mon</pubDate></item>
<item><title>Two</title><link>/2</link><dc:creator>Ben</dc:creator><pubDate>Tue</pubDate></item></channel></rss>"""
OTHER = "<shop><about><name>S</name></about><book><name>A</name></book><book><name>B</name></book></shop>"


def atom(number: int) -> bytes:
    following = f'<link rel="next" href="/atom?page={number + 1}"/>' if number < 3 else ""
    entries = "".join(
        f'<entry><title>Book {number}-{n}</title><id>urn:{number}-{n}</id><link href="/b/{number}-{n}"/></entry>'
        for n in range(20)
    )
    feed = f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Books</title>{following}{entries}</feed>'
    return f'<?xml version="1.0"?>{feed}'.encode()


def answer(request: WireRequest) -> Answer:
    return Answer(body=atom(int(request.query_text.partition("=")[2] or 1)), content_type=ATOM)


def test_the_spider_made_from_an_atom_feed_reads_all_its_entries_on_all_its_pages(project: Path, crawl: Crawl) -> None:
    routes = {"/robots.txt": Answer(404), "/sitemap.xml": Answer(404), "/atom": answer}
    with closing(Host(routes, "127.0.0.1", None)) as host:
        made = crawl("new", "atom", f"{host.url}/atom")
        run = crawl("run", "atom", "--json", "-s", "delay=0")

    assert made.code == run.code == 0, made.err + run.err
    assert 'XML: 20 x response.xpath("//atom:entry") with title, id, url' in made.out
    assert "next page: xpath=\"//atom:feed/atom:link[@rel='next']/@href\"" in made.out
    assert json.loads(run.out)["items"] == {"items": 60}
    items = [json.loads(line) for line in crawl("export", "atom", "-o", "-").out.splitlines()]
    assert items[0] | {"title": "Book 1-0", "id": "urn:1-0", "url": f"{host.url}/b/1-0"} == items[0]


@pytest.mark.parametrize(
    ("xml", "kind", "items"),
    [
        pytest.param(
            OPDS,
            ATOM,
            [
                {"title": "One", "id": "urn:1", "updated": "2026", "author": "Ann", "language": "en", "url": "/1"},
                {"title": "Two b", "id": "urn:2", "updated": "2027", "author": "Ben", "language": "de", "url": "/2"},
            ],
            id="opds",
        ),
        pytest.param(
            RDF, "application/rdf+xml", [{"title": "One", "url": "/1"}, {"title": "Two", "url": "/2"}], id="rss-1"
        ),
        pytest.param(
            RSS,
            "application/rss+xml",
            [
                {"title": "One", "url": "/1", "creator": "Ann", "pub_date": "Mon"},
                {"title": "Two", "url": "/2", "creator": "Ben", "pub_date": "Tue"},
            ],
            id="rss-2",
        ),
        pytest.param(OTHER, "text/xml", [{"name": "A"}, {"name": "B"}], id="of-no-known-kind"),
    ],
)
def test_the_written_lines_give_what_each_entry_holds(xml: str, kind: str, items: list[dict[str, str]]) -> None:
    given = items_of(page(xml, kind, "http://shop.test/feed"))

    assert given == [
        {name: f"http://shop.test{text}" if name == "url" else text for name, text in each.items()} for each in items
    ]


def test_the_next_page_of_an_rss_feed_is_the_atom_link_in_it() -> None:
    from crawler.authoring.first_spider import reading_of

    assert "next page: xpath=\"//channel/atom:link[@rel='next']/@href\"" in reading_of(page(RSS, "text/xml")).found


def test_xml_in_which_nothing_repeats_is_said_to_be_xml() -> None:
    from crawler.authoring.first_spider import reading_of

    reading = reading_of(page("<ok><code>1</code></ok>", "text/xml"))

    assert reading.is_guess
    assert "XML in which nothing repeats" in reading.found[0]


def _portion(number: int) -> bytes:
    dc, oai = "http://purl.org/dc/elements/1.1/", "http://www.openarchives.org/OAI/2.0/"
    records = "".join(
        f"<record><header status='{'deleted' if row == 1 else ''}'><identifier>oai:{number}:{row}</identifier></header>"
        f"<metadata><d:dc xmlns:d='urn:d' xmlns:dc='{dc}'><dc:title>T {number}-{row}</dc:title>"
        "<dc:subject>a</dc:subject><dc:subject>b</dc:subject></d:dc></metadata></record>"
        for row in range(3)
    )
    more = f"<resumptionToken>{number + 1}+/=&amp;x</resumptionToken>" if number < 4 else "<resumptionToken/>"
    return f"<OAI-PMH xmlns='{oai}'><ListRecords>{records}{more}</ListRecords></OAI-PMH>".encode()


@pytest.mark.parametrize("loses", [False, True], ids=["all tokens are good", "a token is good no more"])
def test_the_spider_made_from_a_list_of_oai_pmh_asks_for_all_portions_and_fails_where_a_token_is_good_no_more(
    loses: bool, project: Path, crawl: Crawl
) -> None:
    def records(request: WireRequest) -> Answer:
        asked = parse_qs(request.query_text)
        number = int(asked.get("resumptionToken", ["1+/=&x"])[0].removesuffix("+/=&x"))
        if loses and number == 3:
            error = "<error code='badResumptionToken'>expired</error></OAI-PMH>"
            return Answer(200, f"<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'>{error}".encode(), "text/xml")
        return Answer(200, _portion(number), "text/xml")

    routes = {"/robots.txt": Answer(404), "/sitemap.xml": Answer(404), "/oai": records}
    with closing(Host(routes, "127.0.0.1", None)) as host:
        made = crawl("new", "oai", f"{host.url}/oai?verb=ListRecords&metadataPrefix=oai_dc")
        run = crawl("run", "oai", "--json", "-s", "delay=0")

    assert made.code == 0, made.err
    assert "next portion: by the resumptionToken (OAI-PMH)" in made.out
    assert run.code == (1 if loses else 0), run.err
    assert json.loads(run.out)["items"] == {"items": 6 if loses else 12}
    if loses:
        assert "expired (badResumptionToken): crawl run begins anew" in run.out
    items = [json.loads(line) for line in crawl("export", "oai", "-o", "-").out.splitlines()]
    found = {"identifier": "oai:1:1", "deleted": True, "title": ["T 1-1"], "subject": ["a", "b"]}
    assert found.items() <= next(each for each in items if each["identifier"] == "oai:1:1").items()
