"""From a found request to a row: what is the same, what is refused, and by which rule."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from lxml import html

from crawler import Request
from crawler.frontier.admission import Admission, AdmissionRules, domains_of, slot_of
from crawler.frontier.traps import TrapGuard
from crawler.response import SPREAD
from crawler.urls import canonical, fingerprint

SITE = "http://shop.test"


def admission(**options: Any) -> Admission:
    return Admission(AdmissionRules(**{"domains": ["shop.test"], "default_session": "default", **options}))


def test_a_row_has_all_that_its_request_needs_later() -> None:
    request = Request(f"{SITE}:8080/a", "parse_item", priority=5, meta={"n": 1})

    row = admission().admit(request, depth=3)

    assert row is not None
    assert (row.url, row.slot, row.session) == (f"{SITE}:8080/a", "shop.test:8080", "default")
    assert (row.callback, row.priority, row.depth, row.skipped) == ("parse_item", 5, 3, "")
    assert '"n":1' in row.extras
    assert len(row.fingerprint) == 16


SAME = [("/a?x=1&y=2", "/a?y=2&x=1"), ("/a#top", "/a"), ("/%7Ea", "/~a"), ("/a;jsessionid=1", "/a"), ("/a?", "/a")]


@pytest.mark.parametrize(("first", "second"), SAME)
def test_different_spellings_of_one_page_are_one_row(first: str, second: str) -> None:
    rows = admission().admit_all([Request(SITE + first), Request(SITE + second)], depth=0)

    assert len(rows) == 1


DIFFERENT: list[dict[str, Any]] = [
    {"session": "other"},
    {"method": "POST", "body": b"x"},
    {"data": {"a": "1"}},
    {"dont_filter": True},
]


@pytest.mark.parametrize("change", DIFFERENT, ids=str)
def test_another_session_method_or_body_is_another_row(change: dict[str, Any]) -> None:
    rows = admission().admit_all([Request(f"{SITE}/a"), Request(f"{SITE}/a", **change)], depth=0)

    assert len(rows) == 2


def test_the_session_is_inherited_unless_the_request_names_one() -> None:
    asked = admission()

    def session_of(request: Request, inherited: str | None) -> str:
        row = asked.admit(request, depth=1, session=inherited)
        assert row is not None
        return row.session

    assert session_of(Request(f"{SITE}/a"), None) == "default"
    assert session_of(Request(f"{SITE}/a"), "buyer") == "buyer"
    assert session_of(Request(f"{SITE}/a", session="auditor"), "buyer") == "auditor"


def test_what_is_already_committed_needs_no_row() -> None:
    asked = admission()
    row = asked.admit(Request(f"{SITE}/a"), depth=1)
    assert row is not None

    asked.remember([row])

    assert asked.admit(Request(f"{SITE}/a"), depth=1) is None
    assert asked.admit(Request(f"{SITE}/b"), depth=1) is not None


def test_dont_filter_asks_again_once_for_each_page_that_wants_it() -> None:
    asked = admission()
    again = Request(f"{SITE}/a", dont_filter=True)
    marks = [asked.admit(again, depth=1, parent=page) for page in (7, 7, 8)]

    assert marks[0] is not None
    assert marks[1] is not None
    assert marks[2] is not None
    assert marks[0].fingerprint == marks[1].fingerprint != marks[2].fingerprint


def test_a_mark_of_dont_filter_that_an_older_version_has_stored_is_the_one_of_today() -> None:
    row = admission().admit(Request(f"{SITE}/a", callback="parse", dont_filter=True), depth=1, parent=7)

    assert row is not None
    assert row.fingerprint == fingerprint("GET", canonical(f"{SITE}/a"), b"\x00again 7", "default")


def test_the_order_of_names_makes_no_other_request_of_one_with_dont_filter() -> None:
    values = [{"x": 1, "y": 2}, {"y": 2, "x": 1}, {"x": 2, "y": 1}]
    rows = admission().admit_all([Request(f"{SITE}/a", dont_filter=True, meta=each) for each in values], depth=1)

    assert len(rows) == 2


REFUSED = [
    ("http://other.test/", {}, "off-site"),
    ("http://myshop.test/", {}, "off-site"),
    ("http://shop.test.evil.test/", {}, "off-site"),
    (f"{SITE}/a", {"max_depth": 2}, "depth: deeper than 2"),
    (f"{SITE}/logout", {"guard": lambda url, text, rel: "logout" if "logout" in url else None}, "guard: logout"),
    (f"{SITE}/cal", {"traps": lambda url, depth, now: "calendar" if "cal" in url else None}, "trap: calendar"),
]


@pytest.mark.parametrize(("url", "options", "rule"), REFUSED, ids=[rule for *_, rule in REFUSED])
def test_what_is_refused_is_a_row_with_its_rule(url: str, options: dict[str, Any], rule: str) -> None:
    row = admission(**options).admit(Request(url), depth=3)

    assert row is not None
    assert row.skipped == rule


@pytest.mark.parametrize("url", [f"{SITE}/", "https://shop.test/", "http://www.shop.test/", "http://shop.test:81/"])
def test_a_domain_covers_its_subdomains_schemes_and_ports(url: str) -> None:
    row = admission().admit(Request(url), depth=1)

    assert row is not None
    assert row.skipped == ""


def test_the_guard_is_asked_for_logged_in_sessions_and_for_those_that_are_not_chosen_yet() -> None:
    asked = admission(guard=lambda url, text, rel: "logout", guarded=lambda name: name == "member")

    def rule(session: str) -> str:
        row = asked.admit(Request(f"{SITE}/x", session=session), depth=1)
        assert row is not None
        return row.skipped

    assert rule("member") == rule(SPREAD) == "guard: logout"
    assert rule("guest") == ""


def test_text_and_rel_of_a_link_reach_the_guard() -> None:
    seen: list[tuple[str, str, str]] = []

    def guard(url: str, text: str, rel: str) -> None:
        seen.append((url, text, rel))

    request = Request(f"{SITE}/x")
    request.link = ("Log out", "nofollow")
    admission(guard=guard).admit(request, depth=1)

    assert seen == [(f"{SITE}/x", "Log out", "nofollow")]


def test_a_start_request_that_must_not_be_filtered_passes_every_rule() -> None:
    row = admission().admit(Request("http://other.test/", dont_filter=True), depth=0)

    assert row is not None
    assert row.skipped == ""


def test_a_spider_without_domains_belongs_to_the_hosts_of_its_start_requests() -> None:
    asked = admission(domains=[])
    asked.belongs("a.test")

    assert asked.allows_host("a.test")
    assert asked.allows_host("www.a.test")
    assert not asked.allows_host("b.test")
    assert domains_of([], ["http://b.test/x", "http://a.test/y", "http://a.test/z"]) == ["a.test", "b.test"]
    assert domains_of(["c.test"], ["http://a.test/"]) == ["c.test"]


def test_a_spider_that_names_domains_keeps_to_them() -> None:
    asked = admission()
    asked.belongs("elsewhere.test")

    assert not asked.allows_host("elsewhere.test")


def test_pages_of_a_host_are_counted_once_each() -> None:
    asked = admission(host_full=lambda host, mark, pages: "more than 2 pages of one host" if len(pages) >= 2 else None)

    rules = [asked.admit(Request(f"{SITE}/{path}"), depth=1) for path in ("a", "a", "b", "c", "a")]

    assert [row.skipped if row else None for row in rules] == ["", "", "", "trap: more than 2 pages of one host", ""]


@pytest.mark.parametrize(
    ("url", "slot"),
    [
        ("http://shop.test/a", "shop.test"),
        ("http://shop.test:8080/a", "shop.test:8080"),
        ("https://shop.test?x", "shop.test"),
        ("http://user:pw@shop.test/", "shop.test"),
        ("http://[::1]:81/", "[::1]:81"),
    ],
)
def test_politeness_counts_by_host_and_port_without_user_names(url: str, slot: str) -> None:
    assert slot_of(url) == slot


def test_the_memory_of_known_rows_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.frontier.known._MOST", 100)
    asked = admission()

    for number in range(500):
        asked.remember(asked.admit_all([Request(f"{SITE}/{number}")], depth=1))

    assert len(asked.known.fingerprints) <= 101
    assert len(asked.known.urls("default")) <= 101


def test_links_to_other_sites_do_not_push_pages_out_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.frontier.known._MOST_REFUSED", 50)
    asked = admission()
    asked.remember(asked.admit_all([Request(f"{SITE}/page")], depth=1))

    for number in range(500):
        asked.remember(asked.admit_all([Request(f"https://share.test/?u={number}")], depth=1))

    assert asked.admit(Request(f"{SITE}/page"), depth=1) is None
    assert asked.admit(Request("https://share.test/?u=499"), depth=1) is None
    assert len(asked.known.fingerprints) <= 52
    assert len(asked.known.urls("default")) <= 52


def test_links_as_they_are_written_are_remembered_by_session_and_place_and_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crawler.frontier.known._MOST", 100)
    known = admission().known

    known.settle("a", "folder", ["x", "y"])

    assert known.written("a", "folder") == {"x", "y"}
    assert known.written("b", "folder") == known.written("a", "other") == set()
    for number in range(60):
        known.settle("a", f"folder {number}", [f"x{number}", f"y{number}"])
    assert sum(len(known.written("a", f"folder {number}")) for number in range(60)) <= 102


def test_threads_may_ask_at_once() -> None:
    asked = admission()
    rows: list[Any] = []

    def work() -> None:
        rows.append([asked.admit(Request(f"{SITE}/{number}"), depth=1) for number in range(200)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(rows) == 8
    assert all([row.fingerprint for row in found] == [row.fingerprint for row in rows[0]] for found in rows)


LINKS = [
    "/a",
    "/a?y=2&x=1",
    "/a?x=1&y=2",
    "/caf%C3%A9?u=%2Fitem&t=1",
    "/%7Ea",
    "/~a",
    "/a;jsessionid=1",
    "/logout",
    "/1/1/1/1/1/1/1/1/1",
    "/many/" + "x" * 5_000,
    "/calendar/2150/07/?week=1",
]
RULES: list[dict[str, Any]] = [
    {},
    {"max_depth": 1},
    {"own_slots": frozenset({"default"})},
    {"upgraded": {"shop.test"}},
    {"host_full": lambda host, mark, pages: "full" if len(pages) >= 3 else None},
    {"guard": lambda url, text, rel: "logout" if "out" in url + text + rel else None},
    {"guard": lambda url, text, rel: "logout", "guarded": lambda session: False},
]


@pytest.mark.parametrize("rules", RULES, ids=[",".join(each) or "plain" for each in RULES])
def test_links_in_one_piece_give_the_rows_that_they_give_one_by_one(rules: dict[str, Any]) -> None:
    hosts = (
        SITE,
        f"{SITE}:8080",
        "https://shop.test",
        "http://sub.shop.test",
        "http://other.test",
        "http://u:p@shop.test",
    )
    element = html.fromstring("<a rel='nofollow'>log out</a>")
    links = [
        (host + path, element if number % 3 else ("text", "")) for number, path in enumerate(LINKS) for host in hosts
    ]
    traps = [TrapGuard().refuses, TrapGuard().refuses]
    one_by_one, in_one = (admission(**rules, traps=each) for each in traps)
    for each in (one_by_one, in_one):
        each.remember(each.admit_all([Request(f"{SITE}/~a")], depth=1))

    wanted = {}
    for url, link in links:
        row = one_by_one.admit(Request.of_link(url, "page", None, link), depth=2, parent=7)
        if row is not None:
            wanted[url] = row

    assert dict(in_one.admit_links(links, "page", "default", depth=2, parent=7)) == wanted
    assert len(wanted) > len(hosts)
    assert in_one.known.urls("default") == one_by_one.known.urls("default")
