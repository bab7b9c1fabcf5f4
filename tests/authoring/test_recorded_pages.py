"""Pages as test cases: recorded as the spider gets them, replayed without a request, and safe to keep with the code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.authoring.recorded import RecordedPage, Yielded, read, write
from crawler.outcome import KeptPage
from crawler.replay.kept_pages import Difference, compare_items
from crawler.stores.rows import read_back
from crawler.stores.told_pages import StoredItem
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl, _clean, crawl, forget_spiders, project

__all__ = ["_clean", "crawl", "project"]
pytest_plugins = ["pytester"]

SPIDER = """
from crawler import Request, Spider


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/orders/?page=1"]

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"username": session.account.username, "password": session.account.password}})

    def is_logged_out(self, response):
        return "/book/" in response.url

    def parse(self, response):
        for row in response.css("tr.order"):
            yield {{"order": row.css("td.id ::text").get(), "total": row.css("td.total::text").get()}}
        yield from response.follow_all(css="a.next")

    def posts(self, response, word="none", **more):
        yield response.form().fill({{"username": word}}).request()
        secret = {{"headers": {{"X-Api-Key": "k" * 20}}, "cookies": {{"a": "b" * 20}}}}
        yield Request("{url}/echo", self.posts, meta={{"n": 1}}, **secret)
        yield {{"word": word, "n": response.meta.get("n")}}

    def breaks(self, response):
        return response.css("b.nothing").get().strip()
"""


@pytest.fixture
def site(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PracticeSite]:
    """The shop, a spider for it, and the first customer's credentials."""
    with PracticeSite(books=10) as shop:
        (project / "spiders").mkdir()
        (project / "spiders" / "orders.py").write_text(SPIDER.format(url=shop.url))
        first = shop.accounts[0]
        monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", first.username)
        monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", first.password)
        yield shop


def change(project: Path, old: str, new: str) -> None:
    """Another version of the spider, as the next command finds it."""
    file = project / "spiders" / "orders.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    forget_spiders()


def test_a_page_behind_the_login_is_recorded_and_replayed_offline_and_changes_are_reported(
    site: PracticeSite, project: Path, crawl: Crawl
) -> None:
    recorded = crawl("record", "orders", f"{site.url}/orders/?page=1")
    asked = site.record.requests.total()

    assert recorded.out == "recorded tests/pages/orders/orders-page-1.page.json: parse gives 10 items, 1 request\n"
    assert crawl("check", "orders").out.splitlines()[0] == (
        "as before  tests/pages/orders/orders-page-1.page.json: 10 items, 1 request"
    )
    change(project, "td.total::text", "td.date::text")
    change(project, "a.next", "a.last")
    differs = crawl("check", "orders")
    assert differs.code == 1
    assert "~ items: total: " in differs.out
    assert f"- link {site.url}/orders/?page=2" in differs.out
    assert "and 5 more changed values" in differs.out
    assert crawl("check", "--accept").code == 0
    assert crawl("check").code == 0
    assert site.record.requests.total() == asked


def test_neither_password_nor_cookie_nor_token_is_in_the_files(site: PracticeSite, project: Path, crawl: Crawl) -> None:
    crawl("record", "orders", f"{site.url}/login", "--callback", "posts")
    crawl("record", "orders", f"{site.url}/echo")

    texts = [path.read_text() for path in (project / "tests").rglob("*.*") if path.is_file()]
    cookies = [pair.partition("=")[2] for pair in site_cookies(site) if pair]
    secrets = [site.accounts[0].password, *cookies, "k" * 20, "b" * 20]
    assert len(texts) == 4
    assert len(cookies) > 0
    assert any('"cookie"' in text.lower() for text in texts), "the page shows what it was sent"
    assert not [secret for secret in secrets for text in texts if secret in text]
    assert not [text for text in texts if "set-cookie" in text.lower()]


def site_cookies(site: PracticeSite) -> list[str]:
    """Every cookie that was sent to the site."""
    return [pair.strip() for one in site.log for pair in one.headers.get("cookie", "").split(";")]


def test_a_form_that_a_callback_posts_and_its_input_are_part_of_the_case(
    site: PracticeSite, project: Path, crawl: Crawl
) -> None:
    (project / "spiders" / "orders.py").write_text(
        SPIDER.format(url=site.url).replace("def login", "def no_login").replace("def is_logged_out", "def no_sign")
    )
    words = ["--callback", "posts", "--cb-kwargs", '{"word": "ann"}', "--meta", '{"n": 7}']

    done = crawl("record", "orders", f"{site.url}/login", *words)

    case = json.loads((project / "tests/pages/orders/login.page.json").read_text())
    assert done.out.endswith("posts gives 1 item, 2 requests\n")
    assert (case["callback"], case["cb_kwargs"], case["meta"]) == ("posts", {"word": "ann"}, {"n": 7})
    assert case["gives"]["items"] == [{"kind": "items", "fields": {"word": "ann", "n": 7}}]
    form, plain = case["gives"]["requests"]
    assert (form["method"], "username=ann" in form["body"]) == ("POST", True)
    assert (plain["headers"]["X-Api-Key"], plain["cookies"], plain["meta"]) == ("***", {"a": "***"}, {"n": 1})
    assert crawl("check", "orders").code == 0
    change(project, '"username": word', '"username": "otto"')
    assert crawl("check", "orders").code == 1


def test_a_page_on_which_the_callback_fails_is_red_until_it_gives_something(
    site: PracticeSite, project: Path, crawl: Crawl
) -> None:
    done = crawl("record", "orders", f"{site.url}/orders/?page=1", "--callback", "breaks")

    assert "'NoneType' object has no attribute 'strip'" in done.out
    assert crawl("check", "orders", "--accept").code == 1
    change(project, 'response.css("b.nothing").get().strip()', "[]")
    assert "no item and no request" in crawl("check", "orders").out
    change(project, "return []", 'return [{"a": 1}]')
    assert crawl("check", "orders").out.startswith("mended")


def test_kept_pages_are_recorded_with_the_callback_that_they_had(
    site: PracticeSite, project: Path, crawl: Crawl
) -> None:
    change(project, 'css="a.next")', 'css="a.next", callback=self.parse_rest, cb_kwargs={"n": 2})')
    change(
        project, "    def breaks", "    def parse_rest(self, response, n):\n        yield {'n': n}\n\n    def breaks"
    )
    crawl("run", "orders", "-s", "keep_pages=true")
    asked = site.record.requests.total()

    done = crawl("record", "orders", f"{site.url}/orders/?page=2", "--kept")

    case = json.loads((project / "tests/pages/orders/orders-page-2.page.json").read_text())
    assert (done.code, site.record.requests.total()) == (0, asked)
    assert (case["callback"], case["cb_kwargs"]) == ("parse_rest", {"n": 2})
    missing = crawl("record", "orders", f"{site.url}/orders/?page=77", "--kept")
    assert (missing.code, "is not kept by crawl 1 of orders" in missing.err) == (2, True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["record", "orders"], 2, "give the URL of a page, or --failure N", id="no-url"),
        pytest.param(["record", "orders", "ftp://a/"], 2, "ftp://a/", id="no-web-url"),
        pytest.param(["record", "orders", "{url}/nothing"], 1, "404 from {url}/nothing", id="404"),
        pytest.param(["record", "orders", "{url}/book/1"], 3, "was not recorded: logged out there", id="logged-out"),
        pytest.param(["record", "orders", "{url}/", "--callback", "pars"], 2, "no method 'pars'", id="callback"),
        pytest.param(["record", "orders", "{url}/", "--meta", "[1]"], 2, "write it as JSON", id="json"),
        pytest.param(["record", "orders", "--failure", "3"], 2, "nothing is stored yet", id="no-failure"),
        pytest.param(["check", "orders"], 2, "`crawl record orders URL` records one", id="nothing-recorded"),
        pytest.param(["check", "ordres"], 2, "did you mean 'orders'?", id="no-spider"),
    ],
)
def test_a_users_mistake_is_one_line(site: PracticeSite, crawl: Crawl, words: list[str], code: int, said: str) -> None:
    done = crawl(*(word.format(url=site.url) for word in words))

    assert (done.code, done.out) == (code, "")
    assert said.format(url=site.url) in done.err
    assert len(done.err.splitlines()) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"spider": "orders"}', '{"answer": 1}', "\x00"])
def test_a_file_that_is_not_a_recorded_page_is_named(
    site: PracticeSite, project: Path, crawl: Crawl, text: str
) -> None:
    folder = project / "tests" / "pages" / "orders"
    folder.mkdir(parents=True)
    (folder / "odd.page.json").write_text(text)

    done = crawl("check", "orders")

    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert "odd.page.json is not a recorded page" in done.err


def test_pytest_runs_recorded_pages_without_code_and_says_what_differs(
    site: PracticeSite, project: Path, crawl: Crawl, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    crawl("record", "orders", f"{site.url}/orders/?page=1")
    change(project, "td.total::text", "td.sum::text")

    ended = pytester.runpytest_inprocess(f"--rootdir={project}", project)

    assert ended.parseoutcomes() == {"failed": 1}
    ended.stdout.fnmatch_lines(["*orders-page-1*", "*~ items: total: * -> null*", "*crawl check orders --accept*"])


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary()
    | st.just(Decimal("1.50"))
    | st.just(date(2026, 2, 3))
    | st.just(datetime(2026, 2, 3, 4, 5)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=8,
)


@settings(max_examples=25)
@given(fields=st.dictionaries(st.from_regex(r"[a-z~]{1,5}", fullmatch=True), values, min_size=1), body=st.binary())
def test_what_is_written_reads_back_the_same(fields: dict[str, object], body: bytes) -> None:
    items = [StoredItem("items", {name: read_back(value) for name, value in fields.items()}, "k")]
    page = KeptPage(body, [("Content-Type", "text/html")], "http://shop.test/b", 200)
    case = RecordedPage("s", "http://shop.test/a", page, Yielded(items, [{"url": "http://x/"}], ["items: odd"]))

    with TemporaryDirectory() as folder:
        written = write(case, Path(folder))
        assert written.file is not None
        again = read(written.file)

    difference = Difference("")
    assert isinstance(again.expected, Yielded)
    compare_items(items, again.expected.items, difference)
    assert (bool(difference), again.page) == (False, page)


def test_two_pages_of_one_name_are_two_files_and_one_recorded_again_is_one(tmp_path: Path) -> None:
    page = KeptPage(b"", [], "", 200)
    one, two = (RecordedPage("s", f"http://{host}/a?b", page, Yielded()) for host in ("x.test", "y.test"))

    for case in (one, two, one):
        write(case, tmp_path)

    assert len(list((tmp_path / "s").glob("*.page.json"))) == 2
