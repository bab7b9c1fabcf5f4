"""Markup that costs more than its bytes is counted before it is parsed; it ties up no worker and no memory."""

from __future__ import annotations

import gc
import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lxml import etree

import crawler
from crawler import LinkExtractor, link_text
from crawler.errors import BadAnswer
from crawler.pages.page_limits import MAX_ATTRIBUTES, MAX_LINKS, Trees, check_markup, elements_of
from crawler.sessions.login.page_marks import asks_to_log_in
from crawler.testing.wire import Answer
from tests.engine.shop import crawl, opened, stored
from tests.hosts import Net

from .test_content import Reader, page

MANY = b"b=1 " * 40_000
ATTRIBUTES = {
    "in-one-tag": b"<a " + MANY + b">",
    "in-a-script-tag": b"<script " + MANY + b"></script>",
    "behind-a-script": b"<script>if (a<b) { '<a b c>' }</script><a " + MANY + b">",
    "behind-an-empty-comment": b"<!--><a " + MANY + b">",
    "behind-a-comment-with-an-odd-end": b"<!-- x --!><a " + MANY + b">",
    "behind-an-end-with-quotation-marks": b'</a x="> <!-- "><a ' + MANY + b">",
    "with-slashes": b"<a" + b"/b" * 40_000 + b">",
    "without-blanks": b"<a" + b' b="1"' * 40_000 + b">",
    "with-ends-in-quotation-marks": b"<a " + b"x='>' " * 40_000 + b">",
    "with-brackets-for-names": b"<a " + b"<b " * 40_000 + b">",
    "on-lines": b"<a\n" + b"b\n" * 40_000 + b">",
    "behind-a-title": b"<title><a b></title><a " + MANY + b">",
    "never-closed": b"<a " + MANY,
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_too_many_attributes_in_a_tag_are_found_before_parsing(name: str) -> None:
    started = time.process_time()

    with pytest.raises(BadAnswer, match="more than 256 attributes in one tag"):
        page(ATTRIBUTES[name] + b"x" * 70_000).css("a")
    assert time.process_time() - started < 2


INNOCENT = {
    "words-in-a-script": b"<script>" + b"if (a <b c d e f) " * 10_000 + b"</script>",
    "words-in-a-style": b"<style>" + b"a <b c d " * 10_000 + b"</style>",
    "words-in-a-text-field": b"<textarea>" + b"a <b c d " * 10_000 + b"</textarea>",
    "words-in-a-title": b"<title>" + b"a <b c d " * 10_000 + b"</title>",
    "words-in-a-comment": b"<!-- " + b"a <b c d " * 10_000 + b"-->",
    "words-in-a-value": b"<a title='" + b"<b c d " * 10_000 + b"'>",
    "words": b"a < b c d " * 10_000,
    "as-many-as-allowed": (b"<a" + b" b" * MAX_ATTRIBUTES + b">") * 200,
    "a-tag-that-ends-with-the-page": b"x" * 70_000 + b"<a b='",
}


@pytest.mark.parametrize("name", INNOCENT)
def test_a_page_that_only_looks_like_it_is_read(name: str) -> None:
    response = page(INNOCENT[name] + b"<p>x</p>" if "ends" not in name else b"<p>x</p>" + INNOCENT[name])

    assert response.css("p::text").get() == "x"


@pytest.mark.parametrize(
    "piece",
    [
        b"<",
        b"<!",
        b"<!--",
        b"</",
        b"</a ",
        b"<script>",
        b"<a x='",
        b"<a x=\"<b y='",
        b"<a>",
        b"<title",
        b"-",
        b"<?",
        b"=",
    ],
)
def test_counting_takes_each_byte_once(piece: bytes) -> None:
    def cost_s(length: int) -> float:
        body = b"<a " + piece * (length // len(piece))
        best = 9.0
        for _ in range(3):
            started = time.thread_time()
            try:
                check_markup(body, "http://shop.test/")
            except BadAnswer:
                pass
            best = min(best, time.thread_time() - started)
        return best

    assert cost_s(800_000) < 6 * cost_s(200_000) + 0.05


@pytest.mark.parametrize(
    "piece", [b"<p>", b"</p>", b"<br>", b"<a href=x>y</a>", b"<!---->", b"<b></b>", b"<tr><td>", b"</br>", b"<?x>"]
)
def test_elements_are_never_counted_too_low(piece: bytes) -> None:
    body = b"<p>" + piece * 2_000

    tree = etree.fromstring(body, parser=etree.HTMLParser(recover=True, huge_tree=True))

    assert sum(1 for _ in tree.iter()) - 3 <= elements_of(body)


PROGRAM = """
import gzip, pathlib, resource, sys
sys.path.insert(0, {root!r})
from crawler.sessions.login.page_marks import asks_to_log_in
from crawler.testing.wire import Answer
from tests.content.test_content import Reader
from tests.engine.shop import crawl
from tests.hosts import Net

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
net = Net("curl")
bomb = Answer(body={body}, headers=[("Content-Encoding", "gzip")])
own = net.host({{"/": Answer(body=b"<p>x</p>" + b"".join(b"<a href=/%d>x</a>" % n for n in range(6))),
    **{{f"/{{n}}": bomb for n in range(6)}}}})
summary = crawl(Reader, own.url, pathlib.Path({folder!r}))
print(summary.pages, summary.failed, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000)
"""


def measured(tmp_path: Path, body: str) -> list[int]:
    """Pages, failures and MB of memory of a crawl of six such pages at once, in a process of its own."""
    root = str(Path(__file__).parents[2])
    program = PROGRAM.format(root=root, body=body, folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, cwd=root)
    assert done.returncode == 0, done.stderr[-2_000:]
    return [int(word) for word in done.stdout.split()[-3:]]


def test_three_million_elements_fail_by_name_and_take_no_memory(tmp_path: Path) -> None:
    pages, failed, megabytes = measured(tmp_path, "gzip.compress(b'<p>' * 3_000_000)")

    assert (pages, failed) == (1, 6)
    assert megabytes < 200  # six bodies of 9 MB; each tree was 380 MB
    with opened(tmp_path) as database:
        errors = {row[0] for row in database.execute("SELECT error FROM crawl_requests WHERE state = 3")}
    assert all("more than 1,000,000 elements" in error for error in errors)


def test_large_pages_take_turns(tmp_path: Path) -> None:
    pages, failed, megabytes = measured(tmp_path, "gzip.compress(b'<b class=a>x</b>' * 600_000)")

    assert (pages, failed) == (7, 0)
    assert megabytes < 900  # each tree takes 200 MB: two at once, where six were 1,400


def test_a_tree_has_its_room_until_its_response_is_gone() -> None:
    class Owner:
        pass

    large = b"<p>" * 400_000
    trees = Trees(most_bytes=100 << 20, patience_s=20)
    first, second = Owner(), Owner()
    trees.take(large, first)
    entered = threading.Event()

    def other() -> None:
        trees.take(large, second)
        entered.set()

    thread = threading.Thread(target=other)
    thread.start()
    assert not entered.wait(0.1)
    del first
    gc.collect()
    assert entered.wait(10)
    thread.join()


def test_a_thread_that_holds_a_large_page_does_not_wait_for_itself() -> None:
    large, trees = b"<p>" * 400_000, Trees(most_bytes=1, patience_s=60)
    owners = [threading.Event(), threading.Event()]
    started = time.monotonic()

    for owner in owners:
        trees.take(large, owner)

    assert time.monotonic() - started < 5


def test_a_thread_that_waits_too_long_goes_on() -> None:
    large, trees = b"<p>" * 400_000, Trees(most_bytes=1, patience_s=0.05)
    first, second = threading.Event(), threading.Event()
    trees.take(large, first)

    thread = threading.Thread(target=trees.take, args=(large, second))
    thread.start()
    thread.join(10)

    assert not thread.is_alive()


# --- links, fields, JSON, XML -----------------------------------------------------------------------------------------


def test_the_first_hundred_thousand_links_of_a_page_are_followed_and_the_others_counted() -> None:
    body = b"".join(b"<a href=/p%d>x</a>" % number for number in range(MAX_LINKS + 50_000))
    response = page(body)

    assert sum(1 for _ in response.follow_all(css="a")) == MAX_LINKS
    assert len(LinkExtractor().extract_links(response)) == MAX_LINKS
    assert response.warnings == ["50,000 links were left out: more than 100,000 on the page"] * 2


def test_one_link_many_times_is_one_request(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/": Answer(body=b"<p>1</p>" + b"<a href=/x>x" * 200_000)})
    started = time.process_time()

    crawl(Reader, own.url, tmp_path)

    assert time.process_time() - started < 20
    assert [call.path for call in own.calls] == ["/", "/x"]


def test_a_link_around_the_whole_page_has_a_short_text() -> None:
    body = b"<a href=/x>" + b"<b>word </b>" * 100_000 + b"</a>"
    response = page(body)
    started = time.process_time()

    (link,) = LinkExtractor().extract_links(response)
    (request,) = response.follow_all(css="a")

    assert time.process_time() - started < 2
    assert len(link.text) <= 200
    assert link.text.startswith("word word word")
    assert len(request.link[0] if isinstance(request.link, tuple) else "") <= 256


@pytest.mark.parametrize(
    ("anchor", "text"),
    [
        (b"<a href=/x>\n" + b" " * 300 + b"<span>Log out</span></a>", "Log out"),
        (b"<a href=/x><svg></svg>\n\n" + b" " * 300 + b"Log out</a>", "Log out"),
        (b"<a href=/x><b>Log</b> <i>out</i></a>", "Log out"),
        (b"<a href=/x><b>Log</b><i>out</i></a>", "Logout"),
        (b"<a href=/x>Log\n out</a>", "Log out"),
        (b"<a href=/x><!-- not --><b>Log</b><!-- yet --> out</a>", "Log out"),
        (b"<a href=/x><b>Log</b> out<a name=top>to the top</a>", "Log out"),
    ],
    ids=["span-after-blanks", "picture-before", "two-elements", "glued", "on-two-lines", "comments", "never-closed"],
)
def test_the_text_of_a_link_is_what_a_person_reads(anchor: bytes, text: str) -> None:
    (link,) = LinkExtractor().extract_links(page(anchor))

    assert link.text == text


@pytest.mark.parametrize(
    "piece",
    [
        b"<button>",
        b"<fieldset><button>",
        b"<table></form> log out <button>",
        b"<span><a href=/x><button>",
    ],
    ids=str,
)
@pytest.mark.parametrize("inside", [b"", b"<br>"], ids=["empty", "elements"])
def test_twice_as_many_unclosed_buttons_or_links_take_twice_as_many_steps(
    piece: bytes, inside: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 0

    def counted(*args: Any, **options: Any) -> Iterator[Any]:
        nonlocal steps
        for step in etree.iterwalk(*args, **options):
            steps += 1
            yield step

    monkeypatch.setattr(link_text, "etree", SimpleNamespace(iterwalk=counted))
    taken: list[int] = []
    for times in (250, 500):
        steps = 0
        form = b"<form action=/x><input type=password name=p>" + piece * times + inside * 4 * times
        asks_to_log_in(page(form))
        LinkExtractor().extract_links(page(form))
        taken.append(steps)

    assert taken[0] < taken[1] <= 2.2 * taken[0], taken
    assert taken[1] <= 12 * 500 + 10_000


def test_json_that_is_nested_too_deep_or_too_rich_fails_by_name() -> None:
    with pytest.raises(BadAnswer, match="nested too deep"):
        page(b"[" * 200_000, "application/json").selector  # noqa: B018
    with pytest.raises(BadAnswer, match="more than 2,000,000 lists and objects"):
        page(b"[" + b"[]," * 2_000_001 + b"0]", "application/json").selector  # noqa: B018


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        (b"<a>" * 5_000, "tree cut"),
        (b"<a/><b/><c/>", "Extra content"),
        (b"<a><b></a>", "mismatch"),
        (b"<a b=c d>x</a>", "AttValue"),
        (b"<a>x</a>", ""),
    ],
)
def test_broken_or_truncated_xml_gives_a_warning(body: bytes, warning: str) -> None:
    response = page(body, "application/xml")

    response.css("a")

    assert [warning in each for each in response.warnings] == ([True] if warning else [])


HEAVY = {
    "password-fields-below-many-elements": b"<div>" * 1_800 + b"<input type=password name=a>" * 100_000,
    "forms": b"<form action=/x><input name=a></form>" * 100_000,
    "open-links": b"<a href=/x>" * 300_000,
    "ways-to-log-out": b"<a href=/logout_x>logout x</a>" * 100_000,
}


@pytest.mark.parametrize("name", HEAVY)
def test_a_logged_in_worker_is_not_lost_to_a_heavy_page(quick_net: Net, tmp_path: Path, name: str) -> None:
    class Member(Reader):
        name = "member"  # no mark of its own: the page is looked through for what it says of the user

        def login(self, session: crawler.Session) -> None:
            session.get(f"{self.arguments['site']}/login")

    body = gzip.compress(b"<p>you are in</p>" + HEAVY[name], 1)
    own = quick_net.host({"/": Answer(body=body, headers=[("Content-Encoding", "gzip")])})
    started = time.process_time()

    summary = crawl(Member, own.url, tmp_path, max_pages=1)

    assert time.process_time() - started < 30
    assert summary.pages == 1
    assert stored(tmp_path, "text")[0]["text"] == "you are in"
