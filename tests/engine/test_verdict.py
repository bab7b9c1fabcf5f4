"""The verdict of a run: one that returned nothing is never "finished", and the first line says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request, Response, SitemapSpider, Spider
from crawler.cli.exits import TABLE
from crawler.cli.summary import one_line, summary_lines
from crawler.events import Summary
from crawler.output.comparison import Expected
from crawler.output.figures import Figures
from crawler.runs.verdict import CODES, Facts, Yield, verdict_of_run
from crawler.stores.told import Sample
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Net, quick_net

__all__ = ["quick_net"]

URL = "http://shop.test/a"


def of(text: str, count: int = 1) -> Sample:
    return Sample(text.partition(" http")[0], count, URL, text)


def figures(items: int) -> Figures:
    return Figures(items + 10, {"items": items}, {"items": items}, {"items": {"row": items}})


BEFORE = [figures(100)]
ONE = {"parse": Yield(pages=3, items=1, requests=2)}
NONE = {"parse": Yield(pages=3)}
FACTS: dict[str, tuple[Facts, str, str, str]] = {
    "all is well": (Facts(pages=3, items=1, callbacks=ONE), "finished", "", ""),
    "no items wanted": (Facts(pages=3, wanted=Expected(min_items=0), callbacks=NONE), "finished", "", ""),
    "resumed, nothing left": (Facts(pages=3, items=9), "finished", "", ""),
    "fewer than wanted": (
        Facts(pages=3, items=2, wanted=Expected(min_items=5)), "no items", "too-few-items", "2 items stored"
    ),
    "no items": (Facts(pages=3, callbacks={"parse": Yield(3, 0, 9)}), "no items", "no-items", "3 pages: see parse"),
    "no items, no links": (Facts(pages=1, callbacks=NONE), "no items", "no-items-no-links", "no item and no link"),
    "asks to log in": (
        Facts(pages=4, items=4, walled=Sample("it asks", 2, URL, "it asks, write one"), callbacks=ONE),
        "failures",
        "asks-to-log-in",
        f"2 of 4 pages ask to log in, write one ({URL})",
    ),
    "some ask to log in": (Facts(pages=5, items=5, walled=of("it asks", 2), callbacks=ONE), "finished", "", ""),
    "as many may ask": (
        Facts(pages=2, items=2, walled=of("it asks", 2), wanted=Expected(max_error_rate=1), callbacks=ONE),
        "finished",
        "",
        "",
    ),
    "empty sitemap": (Facts(pages=1, callbacks={"parse_sitemap": Yield(1)}), "no items", "empty-sitemap", "sitemap"),
    "start gave nothing": (Facts(), "nothing", "no-requests", "gave no request"),
    "off-site": (Facts(skipped=[of("off-site", 2)], domains=["x.test"]), "nothing", "off-site", "is x.test"),
    "led off-site": (
        Facts(skipped=[of("off-site: redirected to https://other.test/")]),
        "nothing",
        "redirected off-site",
        "leads to https://other.test/",
    ),
    "robots": (Facts(skipped=[of("robots", 9)]), "nothing", "robots", "all 9 requests were forbidden by robots.txt"),
    "guard": (Facts(skipped=[of("guard: logout")]), "nothing", "guarded", "logout guard"),
    "traps": (Facts(skipped=[of("trap: repeated path segments")]), "nothing", "traps", "endless"),
    "some rule": (Facts(skipped=[of("odd")]), "nothing", "all-skipped", "left out: odd"),
    "a rule in braces": (Facts(skipped=[of("odd {0.x} {y}")]), "nothing", "all-skipped", "left out: odd {0.x} {y}"),
    "two rules": (Facts(skipped=[of("robots", 2), of("depth")]), "nothing", "robots", "2 of 3 requests"),
    "another session": (Facts(parked=4), "nothing", "all-parked", "all 4 requests"),
    "missing": (Facts(failed=[of(f"StatusError: 404 from {URL}", 2)]), "failures", "all-missing", "got 404"),
    "refused": (Facts(failed=[of(f"StatusError: 403 from {URL}", 2)]), "failures", "all-refused", "refused with 403"),
    "broken": (Facts(failed=[of(f"StatusError: 503 from {URL}")]), "failures", "all-broken", "got 503"),
    "logged out": (Facts(failed=[of("LoggedOutPage: the sign")]), "failures", "all-logged-out", "logged out"),
    "dead": (Facts(failed=[of(f"Unreachable: refused ({URL})")]), "failures", "not-reached", f"refused ({URL})"),
    "spider's fault": (Facts(failed=[of("KeyError: 'id'\ntrace")]), "failures", "all-failed", "KeyError: 'id'"),
    "spider's fault, with its line": (
        Facts(failed=[of('KeyError: \'id\'\n  File "/srv/shop/spiders/shop.py", line 7, in parse\n')]),
        "failures", "all-failed", "KeyError: 'id' at spiders/shop.py, line 7, in parse",
    ),
    "mixture": (
        Facts(failed=[of(f"StatusError: 404 from {URL}", 2), of("KeyError: 'id'")]), "failures", "all-failed", "404"
    ),
    "some failed": (Facts(pages=5, items=1, failed=[of("KeyError: 'id'")]), "failures", "some-failed", "1 request"),
    "few enough failed": (
        Facts(pages=99, items=1, failed=[of("KeyError: 'id'")], wanted=Expected(max_error_rate=0.01)),
        "finished",
        "",
        "",
    ),
    "too many failed": (
        Facts(pages=98, items=1, failed=[of("KeyError: 'id'", 2)], wanted=Expected(max_error_rate=0.01)),
        "failures", "some-failed", "2 requests",
    ),
    "a host of several is dead": (
        Facts(pages=5, items=1, failed=[of(f"Unreachable: refused ({URL})", 3)], silent={"dead.test": 3}),
        "failures", "host-never-answered", "dead.test never answered, 3 requests failed because of it: refused",
    ),
    "one host is silent, and another answers 404": (
        Facts(
            pages=5,
            items=1,
            failed=[of(f"StatusError: 404 from {URL}", 4), of("Unreachable: refused (http://gone.test/)", 3)],
            silent={"dead.test": 3},
        ),
        "failures",
        "host-never-answered",
        f"dead.test never answered, 3 requests failed because of it: refused; 4 other requests failed: 404 from {URL}",
    ),
    "the example of a silent host is of another host": (
        Facts(
            pages=5,
            items=1,
            failed=[of(f"Unreachable: refused ({URL})", 4), of("LoggedOutPage: x", 1)],
            silent={"dead.test": 3, "gone.test": 1},
        ),
        "failures",
        "host-never-answered",
        "dead.test never answered (and 1 further host), 3 requests failed because of it: refused; 1 other request"
        f" failed: LoggedOutPage: x ({URL})",
    ),
    "no good robots.txt": (
        Facts(failed=[of("RobotsUnreachable: http://shop.test/robots.txt answers 503; nothing may be fetched", 4)]),
        "failures", "robots-not-read", "4 requests not sent, since http://shop.test/robots.txt answers 503",
    ),
    "half": (
        Facts(pages=60, items=50, figures=figures(50), before=BEFORE), "less than before", "fewer-items", "50 items"
    ),
    "half, and one page failed": (
        Facts(pages=60, items=50, figures=figures(50), before=BEFORE, failed=[of("KeyError: 'id'")]),
        "less than before", "fewer-items", "50 items",
    ),
    "half, since half of the pages failed": (
        Facts(pages=60, items=50, figures=figures(50), before=BEFORE, failed=[of(f"StatusError: 500 from {URL}", 50)]),
        "failures", "some-failed", "50 requests failed",
    ),
    "none, and there were some": (
        Facts(pages=110, figures=figures(0), before=BEFORE, callbacks={"parse": Yield(110, 0, 109)}),
        "no items", "no-items", "no item came from 110 pages: see parse; the last complete crawl had 100",
    ),
    "none, and that is accepted": (
        Facts(pages=110, before=BEFORE, wanted=Expected(accepted=True)), "finished", "", ""
    ),
    "none, as it was accepted before": (Facts(pages=110, before=[Figures(110)]), "finished", "", ""),
    "none though a spider wants none": (
        Facts(pages=110, figures=figures(0), before=BEFORE, wanted=Expected(min_items=0)),
        "less than before", "fewer-items", "0 items",
    ),
    "stopped half way": (
        Facts(waiting=9, stopped_by="limit: max_pages 3", figures=figures(1), before=BEFORE), "limit", "limit", ""
    ),
    "limit": (Facts(pages=3, waiting=2, stopped_by="limit: max_pages 3"), "limit", "limit", ""),
    "the last page is on the limit": (Facts(pages=3, items=3, stopped_by="limit: max_pages 3"), "finished", "", ""),
    "the same, and it failed": (
        Facts(pages=2, failed=[of("KeyError: 'id'")], stopped_by="limit: max_time 3 s"), "failures", "some-failed", "1 "
    ),
    "the same, no item": (Facts(pages=3, stopped_by="limit: max_pages 3"), "no items", "no-items", "no item"),
    "a process was killed": (Facts(pages=3, items=3, waiting=1), "failures", "left-waiting", "1 request is still"),
    "the same, and some failed": (
        Facts(pages=3, items=3, waiting=2, failed=[of("KeyError: 'id'")]), "failures", "left-waiting", "2 requests"
    ),
    "the same, and the login failed": (Facts(waiting=2, login="login failed"), "login failed", "login-failed", ""),
    "the same, interrupted": (Facts(pages=3, waiting=2, interrupted_by=2), "interrupted", "interrupted", ""),
    "login failed": (Facts(parked=1, login="login failed"), "login failed", "login-failed", ""),
    "the login lacks an extra": (Facts(parked=1, login="usage"), "usage", "usage", ""),
    "the login reached no site": (Facts(parked=1, login="failures"), "failures", "not-reached", "could not be reached"),
    "needs human": (Facts(parked=1, login="needs human"), "needs human", "needs-human", ""),
    "Ctrl-C": (Facts(interrupted_by=2), "interrupted", "interrupted", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", FACTS)
def test_each_way_to_end_has_its_code_its_reason_and_its_sentence(case: str) -> None:
    facts, ending, reason, words = FACTS[case]

    found = verdict_of_run(facts)

    assert (found.ending, found.exit_code, found.reason) == (ending, CODES[ending], reason), found
    assert words in found.sentence
    assert bool(found.sentence) == bool(words)
    assert found.ending != "finished" or facts.pages


def test_SIGTERM_has_a_code_of_its_own() -> None:
    assert verdict_of_run(Facts(interrupted_by=15)).exit_code == 143


def test_every_code_is_in_the_table_of_exit_codes() -> None:
    assert set(CODES.values()) <= {code for code, *_ in TABLE}
    assert {name for name in CODES if name not in {name for _, name, *_ in TABLE}} == set()


# --- through the front door ----------------------------------------------------------------------------------------


class Shop(Spider):
    """One item for each page with a row."""

    name = "shop"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]

    def parse(self, response: Response) -> Any:
        yield from ({"row": row} for row in response.css("p.row::text").getall())
        yield from response.follow_all(css="a")


def crawl(spider: type[Spider], site: str, folder: Path, **settings: Any) -> Summary:
    return crawler.run(spider, arguments={"site": site}, settings={"store": str(folder / "crawl.db"), **settings})


PAGE = Answer(body=b"<p class=row>1</p><p>a page</p>")
SITES: dict[str, tuple[Any, int, str, str]] = {
    "robots.txt forbids everything": (
        {"/robots.txt": Answer(body=b"User-agent: *\nDisallow: /", content_type="text/plain"), "*": PAGE},
        8, "robots", "forbidden by robots.txt",
    ),
    "the start page leads to a private host": (
        {"/": Answer.redirect("http://127.0.0.9:9/")}, 1, "not-reached", "private address 127.0.0.9"
    ),
    "every page is missing": ({"*": Answer(404, b"no")}, 1, "all-missing", "the only request got 404"),
    "every page is refused": ({"*": Answer(403, b"no")}, 1, "all-refused", "refused with 403"),
    "the rows have another class": ({"*": Answer(body=b"<p class=line>1</p>")}, 9, "no-items-no-links", "see parse"),
    "links, but no rows": ({"*": Answer(body=b"<a href=/b>b</a>")}, 9, "no-items", "no item came from 2 pages"),
    "an empty answer": ({"*": Answer(body=b"")}, 9, "no-items-no-links", "no item and no link came from 1 page"),
}  # fmt: skip


@pytest.mark.parametrize("case", SITES)
def test_a_crawl_that_brought_nothing_says_so_in_its_first_line(case: str, quick_net: Net, tmp_path: Path) -> None:
    routes, code, reason, words = SITES[case]
    own = quick_net.host({"/robots.txt": Answer(404), **routes})

    summary = crawl(Shop, own.url, tmp_path)

    assert (summary.exit_code, summary.reason) == (code, reason), summary
    assert summary.ending != "finished"
    assert words in summary_lines(summary)[0]
    assert words in one_line(summary), "with --quiet, too"
    assert summary.next_command


def test_a_start_page_that_leads_to_another_site_is_reported_with_its_target(quick_net: Net, tmp_path: Path) -> None:
    other = quick_net.host(address="127.0.0.9")
    own = quick_net.host({"/": Answer.redirect(other.url + "/home")})

    summary = crawl(Shop, own.url, tmp_path, allow_private=True)

    assert (summary.exit_code, summary.reason) == (8, "redirected off-site")
    assert f"{own.url}/ leads to {other.url}/home" in summary_lines(summary)[0]


def test_a_spider_that_yields_no_items_says_so_and_is_finished(quick_net: Net, tmp_path: Path) -> None:
    class Saver(Shop):
        name = "saver"
        custom_settings = {"min_items": 0}

        def parse(self, response: Response) -> Any:
            (tmp_path / "saved.html").write_bytes(response.body)

    summary = crawl(Saver, quick_net.host({"*": PAGE}).url, tmp_path)

    assert (summary.ending, summary.exit_code, summary.notes) == ("finished", 0, [])


def test_a_spider_may_want_more_than_one_item(quick_net: Net, tmp_path: Path) -> None:
    summary = crawl(Shop, quick_net.host({"*": PAGE}).url, tmp_path, min_items=2)

    assert (summary.ending, summary.exit_code) == ("no items", 9)
    assert "1 item stored, at least 2 are wanted" in summary_lines(summary)[0]


def test_a_sitemap_without_entries_is_reported(quick_net: Net, tmp_path: Path) -> None:
    class Mapped(SitemapSpider):
        name = "mapped"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.sitemap_urls = [arguments["site"] + "/sitemap.xml"]

        def parse(self, response: Response) -> Any: ...

    empty = Answer(body=b"<urlset></urlset>", content_type="application/xml")
    summary = crawl(Mapped, quick_net.host({"/sitemap.xml": empty}).url, tmp_path)

    assert (summary.exit_code, summary.reason) == (9, "empty-sitemap")


def test_a_start_that_gives_no_request_is_reported(tmp_path: Path) -> None:
    class Empty(Shop):
        name = "empty"

        def start(self) -> Any:
            return []

    summary = crawl(Empty, "http://127.0.0.1", tmp_path)

    assert (summary.exit_code, summary.reason) == (8, "no-requests")


def test_items_of_another_callback_are_no_proof(quick_net: Net, tmp_path: Path) -> None:
    class Details(Shop):
        name = "details"

        def parse(self, response: Response) -> Any:
            yield {"list": 1}
            yield Request(response.urljoin("/b"), self.parse_detail)

        def parse_detail(self, response: Response) -> Any:
            yield from ({"row": row} for row in response.css("p.nothing::text").getall())

    summary = crawl(Details, quick_net.host({"*": PAGE}).url, tmp_path)

    assert summary.ending == "finished"
    assert summary.notes == ["parse_detail yielded nothing from 1 page"]
    assert any("parse_detail yielded nothing" in line for line in summary_lines(summary))


def test_a_resumed_crawl_counts_what_its_earlier_runs_brought(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/": Answer(body=b"<p class=row>1</p><a href=/b>b</a>"), "*": Answer(body=b"<p>end</p>")})
    first = crawl(Shop, own.url, tmp_path, max_pages=1)
    second = crawl(Shop, own.url, tmp_path)

    assert (first.ending, first.pages) == ("limit", 1)
    assert (second.ending, second.pages, second.item_count) == ("finished", 1, 0)


def test_a_last_page_exactly_on_the_limit_is_a_finished_crawl(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/": Answer(body=b"<p class=row>1</p><a href=/b>b</a>"), "*": Answer(body=b"<p>end</p>")})

    run = crawl(Shop, own.url, tmp_path, max_pages=2)

    assert (run.ending, run.exit_code, run.pages, run.waiting, run.stopped_by) == ("finished", 0, 2, 0, "")


def test_what_was_left_out_is_named_by_rule_with_an_example(quick_net: Net, tmp_path: Path) -> None:
    def pages(call: WireRequest) -> Answer:
        return Answer(body=b"<p class=row>1</p><a href=http://other.test/x>x</a><a href=/private>p</a>")

    robots = Answer(body=b"User-agent: *\nDisallow: /private", content_type="text/plain")
    own = quick_net.host({"/robots.txt": robots, "*": pages})

    summary = crawl(Shop, own.url, tmp_path)

    lines = [line.strip() for line in summary_lines(summary)]
    assert any(line.endswith("1 x off-site, such as http://other.test/x") for line in lines), lines
    assert any(line.endswith(f"1 x robots, such as {own.url}/private") for line in lines), lines
