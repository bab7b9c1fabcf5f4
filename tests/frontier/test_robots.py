"""robots.txt: rules, the meaning of answers, and a cache that asks once."""

from __future__ import annotations

import json
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from crawler.errors import ConnectFailed, InvalidURL, RedirectError
from crawler.frontier.robots import MAX_BYTES, Robots, RobotsCache, RobotsRecord, _prepared, robots_decision

SITE = "https://a.example"
PRIVATE = "User-agent: *\nDisallow: /private/\nCrawl-delay: 2\nSitemap: https://a.example/s.xml\n"


# --- rules ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "agent", "path", "allowed"),
    [
        pytest.param(PRIVATE, "bot", "/private/x", False, id="disallowed"),
        pytest.param(PRIVATE, "bot", "/public", True, id="not-named"),
        pytest.param("", "bot", "/x", True, id="empty-file"),
        pytest.param(PRIVATE, "bot", "/robots.txt", True, id="robots-itself"),
        pytest.param("User-agent: bot\nDisallow: /\nAllow: /a/\n", "bot", "/a/b", True, id="longest-rule-wins"),
        pytest.param("User-agent: *\nDisallow: /\nUser-agent: bot\nAllow: /\n", "bot", "/x", True, id="own-group"),
        pytest.param("User-agent: FOO BAR\nDisallow: /\n", "foo", "/x", False, id="agent-line-with-a-space"),
        pytest.param("User-agent: Foo/1.2\nDisallow: /\n", "foo", "/x", False, id="agent-line-with-a-version"),
        pytest.param(
            "User-agent: Mozilla/5.0 (compatible; BadBot)\nDisallow: /\n",
            "Mozilla/5.0 (compatible; crawl/1)",
            "/x",
            True,
            id="a-rule-for-another-browser-like-agent",
        ),
        pytest.param("\ufeffUser-agent: bot\nDisallow: /\n", "bot", "/x", False, id="byte-order-mark"),
        pytest.param(
            "User-agent: bot\nUnknown: line\nUser-agent: *\nDisallow: /\n", "bot", "/x", False, id="unknown-line"
        ),
        pytest.param("User-agent: bot\rDisallow: /\r", "bot", "/x", False, id="old-line-ends"),
        pytest.param("User-agent: bot\nDisallow: /\u00e9\n", "bot", "/%C3%A9", False, id="unescaped-rule"),
        pytest.param("User-agent: bot\nDisallow: /*.pdf$\n", "bot", "/a.pdf", False, id="wildcard"),
        pytest.param("User-agent: bot\nDisallow: /*.pdf$\n", "bot", "/a.pdf?x", True, id="end-anchor"),
        pytest.param("<html><body>Not found</body></html>", "bot", "/x", True, id="a-web-page-instead"),
    ],
)
def test_rules_are_read_as_rfc_9309_has_them(text: str, agent: str, path: str, allowed: bool) -> None:
    assert Robots(text).allows(agent, SITE + path) is allowed


def test_delay_and_sitemaps_are_reported() -> None:
    robots = Robots(PRIVATE)
    assert (robots.delay("bot"), robots.sitemaps) == (2.0, ["https://a.example/s.xml"])
    assert Robots("User-agent: x\nDisallow: /").delay("bot") is None


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"user-agent:a{n}\n" for n in range(16_000)) + "".join(f"allow:/{n}\n" for n in range(24_000)),
        ("".join(f"user-agent:{n}\n" for n in range(900)) + "crawl-delay:1\n" * 900) * 10,
        (" " * 16_000 + "\n") * 30,
        "user-agent: *\ndisallow: /" + "*a" * 250_000,
        "user-agent: *\n" + "disallow: /*b*c*d$\n" * 25_000,
        "sitemap: \x0buser-agent:a\x0b" * 20_000,
        "user-agent: *\n" + "\x85disallow: /" * 40_000,
    ],
    ids=["agents-times-rules", "delays", "spaces", "long-wildcard", "many-wildcards", "odd-line-ends", "odd-rules"],
)
def test_a_hostile_file_costs_little(text: str) -> None:
    costs = []
    while len(costs) < 3 and min(costs, default=2.0) >= 2:  # a busy machine makes it dearer, never cheaper
        started = time.thread_time()
        Robots(text).allows("bot", SITE + "/" + "a" * 2_000)
        costs.append(time.thread_time() - started)
    assert min(costs) < 2


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "allowed", "unreachable"),
    [
        pytest.param(404, None, True, False, id="missing"),
        pytest.param(401, None, True, False, id="login-wanted"),
        pytest.param(403, None, True, False, id="forbidden"),
        pytest.param(302, None, True, False, id="redirect-without-target"),
        pytest.param(None, RedirectError(SITE, "more than 5 redirects"), True, False, id="too-many-redirects"),
        pytest.param(429, None, False, True, id="asked-to-be-quiet"),
        pytest.param(500, None, False, True, id="server-error"),
        pytest.param(503, None, False, True, id="unavailable"),
        pytest.param(None, ConnectFailed(SITE, "no answer"), False, True, id="no-answer"),
        pytest.param(None, None, False, True, id="nothing-known"),
    ],
)
def test_an_answer_without_a_file_allows_or_refuses_everything(
    status: int | None, error: Exception | None, allowed: bool, unreachable: bool
) -> None:
    robots = robots_decision(status, b"User-agent: *\nDisallow: /", error)

    assert robots.allows("bot", SITE + "/x") is allowed
    assert robots.unreachable is unreachable
    assert (robots.delay("bot"), robots.sitemaps) == (None, [])


def test_a_file_is_decoded_with_its_mark_and_bad_bytes() -> None:
    robots = robots_decision(200, b"\xef\xbb\xbfUser-agent: *\nDisallow: /\xff\nDisallow: /b\n")
    assert not robots.allows("bot", SITE + "/b")


def test_half_a_line_at_the_size_limit_is_not_a_rule() -> None:
    head = b"User-agent: *\n"
    filler = b"#" * (MAX_BYTES - len(head) - len(b"\nDisallow: /")) + b"\nDisallow: /"
    assert len(head + filler) == MAX_BYTES

    assert robots_decision(200, head + filler + b"private/\n").allows("bot", SITE + "/public")


# --- cache ------------------------------------------------------------------------------------------------------------


class Server:
    """Answers like a fetch function, and counts."""

    def __init__(self, *answers: tuple[int, bytes] | Exception) -> None:
        self.answers, self.asked = list(answers), []

    def __call__(self, url: str) -> tuple[int, bytes]:
        self.asked.append(url)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_one_fetch_an_origin_and_day() -> None:
    server, clock = Server((200, PRIVATE.encode())), Clock()
    cache = RobotsCache(server, clock=clock)

    assert not cache.allows("bot", SITE + "/private/1")
    assert cache.allows("bot", SITE + ":443/other")
    clock.now += 24 * 3600 - 1
    cache.get(SITE)
    assert server.asked == ["https://a.example:443/robots.txt"]

    clock.now += 1
    cache.get(SITE)
    cache.get("http://a.example/")
    assert server.asked[1:] == ["https://a.example:443/robots.txt", "http://a.example:80/robots.txt"]


def test_many_threads_that_ask_at_once_cause_one_fetch() -> None:
    entered, go = threading.Event(), threading.Event()
    asked: list[str] = []

    def fetch(url: str) -> tuple[int, bytes]:
        asked.append(url)
        entered.set()
        assert go.wait(10)
        return 200, PRIVATE.encode()

    cache = RobotsCache(fetch)
    answers: list[bool] = []
    threads = [
        threading.Thread(target=lambda: answers.append(cache.allows("bot", SITE + "/private/"))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    assert cache.dump() == []  # the lock is free while the fetch is under way
    go.set()
    for thread in threads:
        thread.join(10)

    assert answers == [False] * 20
    assert len(asked) == 1


def test_a_waiter_does_not_wait_for_ever() -> None:
    entered, go = threading.Event(), threading.Event()

    def fetch(url: str) -> tuple[int, bytes]:
        entered.set()
        go.wait(10)
        return 404, b""

    cache = RobotsCache(fetch, wait_s=0.01)
    first = threading.Thread(target=lambda: cache.get(SITE))
    first.start()
    assert entered.wait(10)
    assert cache.get(SITE).unreachable
    go.set()
    first.join(10)
    assert not cache.get(SITE).unreachable


def test_an_unreachable_file_refuses_for_minutes_and_is_asked_for_again() -> None:
    server, clock = Server(ConnectFailed(SITE, "no answer"), (503, b""), (404, b"")), Clock()
    cache = RobotsCache(server, clock=clock, unreachable_s=300)

    for _ in range(2):
        assert cache.get(SITE).unreachable
        assert cache.get(SITE).unreachable
        clock.now += 300
    assert cache.allows("bot", SITE + "/x")
    assert len(server.asked) == 3


def test_known_rules_outlive_an_outage() -> None:
    server, clock = Server((200, PRIVATE.encode()), (500, b"")), Clock()
    cache = RobotsCache(server, clock=clock)
    cache.get(SITE)
    clock.now += 25 * 3600

    robots = cache.get(SITE)

    assert not robots.unreachable
    assert not robots.allows("bot", SITE + "/private/x")
    assert robots.allows("bot", SITE + "/x")
    assert cache.dump()[0].status == 200
    assert len(server.asked) == 2


def test_a_fault_in_the_fetch_function_is_raised_and_blocks_nobody() -> None:
    server = Server(ZeroDivisionError(), (404, b""))
    cache = RobotsCache(server)

    with pytest.raises(ZeroDivisionError):
        cache.get(SITE)
    assert cache.allows("bot", SITE + "/x")


def test_the_cache_stays_small() -> None:
    server = Server((404, b""))
    cache = RobotsCache(server, max_origins=3)
    for number in range(10):
        cache.get(f"https://h{number}.example/")
    assert [record.origin for record in cache.dump()] == [f"https://h{number}.example:443" for number in (7, 8, 9)]


def test_what_was_learned_survives_a_restart() -> None:
    clock = Clock()
    server = Server((200, PRIVATE.encode()), RedirectError(SITE, "loop"), ConnectFailed(SITE, "no"))
    first = RobotsCache(server, clock=clock)
    for host in ("a", "b", "c"):
        first.get(f"https://{host}.example/")
    told = first.dump()
    rows = json.loads(json.dumps([record.to_dict() for record in first.dump()]))

    nobody = Server(AssertionError("asked again"))
    second = RobotsCache(nobody, clock=clock)
    second.load(map(RobotsRecord.from_dict, rows))

    assert not second.allows("bot", "https://a.example/private/x")
    assert second.allows("bot", "https://b.example/x")
    assert second.get("https://c.example/").unreachable
    assert second.dump() == told


def test_older_knowledge_does_not_replace_newer() -> None:
    clock = Clock()
    cache = RobotsCache(Server((200, b"User-agent: *\nDisallow: /")), clock=clock)
    cache.get(SITE)
    cache.load([RobotsRecord("https://a.example:443", clock.now - 1, 404, "")])
    assert not cache.allows("bot", SITE + "/x")


def test_a_broken_row_and_a_broken_url_are_reported() -> None:
    with pytest.raises(KeyError):
        RobotsRecord.from_dict({"origin": "x"})
    with pytest.raises(InvalidURL):
        RobotsCache(Server((404, b""))).get("http://[::bad/")


_rule_lines = st.tuples(
    st.sampled_from(["Disallow", "disallow", "Allow", "dissallow", "Disalow", "User-agent", "Crawl-delay", "diff"]),
    st.sampled_from([":", ": ", " : ", " "]),
    st.text(alphabet="/abP%2F*$.?=& -ä#\t", max_size=10),
).map("".join)


@given(
    lines=st.lists(_rule_lines, max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    path=st.text(alphabet="/abP%2F.?=&-ä;", max_size=12),
    agent=st.sampled_from(["bot", "a", "Mozilla/5.0 (compatible; bot/1.0)"]),
)
def test_the_quick_look_at_the_beginnings_of_paths_never_changes_the_answer(
    lines: list[str], end: str, path: str, agent: str
) -> None:
    text = end.join(["User-agent: *", *lines])
    url = f"https://a.example/{path}"

    asked_in_full = Protego.parse(_prepared(text)).can_fetch(url, agent)

    assert Robots(text).allows(agent, url) == bool(asked_in_full)


# --- records that are no rules, and other bytes -----------------------------------------------------------------------

TWO_AGENTS = "User-agent: one\n{}\nUser-agent: two\nDisallow: /x\n"


@pytest.mark.parametrize(
    "between",
    ["Crawl-delay: 5", "crawl delay: 5", "Request-rate: 1/5", "Visit-time: 0600-0845", "", "Sitemap: https://a.example/s",
     "Host: a.example", "Clean-param: x", "Crawl-delay: 5\n\nRequest-rate: 1/5"],
)  # fmt: skip
def test_a_record_that_is_not_a_rule_does_not_end_the_list_of_agents(between: str) -> None:
    robots = Robots(TWO_AGENTS.format(between))

    assert [robots.allows(agent, f"{SITE}/x") for agent in ("one", "two", "three")] == [False, False, True]
    assert robots.delay("one") == (5.0 if "rawl" in between else None)
    assert robots.delay("two") is None


@pytest.mark.parametrize(
    "end", ["", "\n", "\n\nEOF\n", "\nCrawl-delay: 5\n", "\nUser-agent: three\n", "\nSitemap: https://a.example/s"]
)
def test_a_group_without_a_rule_at_the_end_may_fetch_everything(end: str) -> None:
    """Source: RFC 9309 section 5.1, its quxbot."""
    robots = Robots(f"User-agent: *\nDisallow: /x\n\nUser-agent: two{end}")

    assert [robots.allows(agent, f"{SITE}/x") for agent in ("one", "two")] == [False, True]


def test_a_delay_behind_the_rules_belongs_to_the_whole_group() -> None:
    robots = Robots("User-agent: one\nUser-agent: two\nDisallow: /x\nCrawl-delay: 5\nUser-agent: three\nDisallow: /")

    assert [robots.delay(agent) for agent in ("one", "two", "three")] == [5.0, 5.0, None]
    assert robots.allows("one", f"{SITE}/y")


def test_delays_between_a_great_many_agents_are_read_quickly() -> None:
    text = "".join(f"User-agent: a{number}\nCrawl-delay: {number}\n" for number in range(15_000)) + "Disallow: /x\n"
    started = time.process_time()

    robots = Robots(text)

    assert time.process_time() - started < 5
    assert robots.delay("a7") == 7.0


@pytest.mark.parametrize(
    "body",
    [
        PRIVATE.encode("utf-16"),
        b"\xfe\xff" + PRIVATE.encode("utf-16-be"),
        PRIVATE.encode("utf-16-le"),
        PRIVATE.encode("utf-16-be"),
        b"\xef\xbb\xbf" + PRIVATE.encode(),
        PRIVATE.encode("utf-16") + "# filling\n".encode("utf-16-le") * 40_000,
    ],
    ids=["utf-16", "big-end-first", "without-a-mark", "big-end-first-without", "utf-8-mark", "cut"],
)
def test_robots_txt_in_utf_16_is_read(body: bytes) -> None:
    robots = robots_decision(200, body)

    assert not robots.allows("bot", f"{SITE}/private/x")
    assert robots.allows("bot", f"{SITE}/public")
