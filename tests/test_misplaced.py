"""Attributes and sessions of a spider class that would be ignored, or fail on every page, and the words about them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crawler import Identity, Spider
from crawler.cli.exits import line_for
from crawler.errors import SpiderError
from crawler.loading import find_spider
from crawler.sessions.secrets import hide
from tests.cli.conftest import Crawl, _clean, crawl, project

__all__ = ["_clean", "crawl", "project"]

HEAD = """from crawler import BearerAuth, CrawlSpider, Identity, Render, Rule, SitemapSpider, Spider


class Shop(Spider):
    name = "shop"
    start_urls = ["http://shop.test/"]
"""


def made(tmp_path: Path, body: str, head: str = HEAD) -> type[Spider]:
    """The spider of a file."""
    folder = tmp_path / "spiders"
    folder.mkdir(exist_ok=True)
    (folder / "shop.py").write_text(head + "".join(f"    {line}\n" for line in body.split("\n")))
    return find_spider("shop", folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("sesions = ['buyer']", "did you mean 'sessions'?"),
        ("session = 'buyer'", "did you mean 'sessions'?"),
        ("session = Identity('buyer')", "did you mean 'sessions'?"),
        ("kye = 'id'", "did you mean 'key'?"),
        ("Key = 'id'", "did you mean 'key'?"),
        ("probe_ulr = 'http://shop.test/me'", "did you mean 'probe_url'?"),
        ("login_ulr = 'http://shop.test/login'", "did you mean 'login_url'?"),
        ("loginUrl = 'http://shop.test/login'", "did you mean 'login_url'?"),
        ("logged_in_cs = 'a.out'", "did you mean 'logged_in_css'?"),
        ("loged_out_text = 'Sign in'", "did you mean 'logged_out_text'?"),
        ("handle_httpstatus_lists = [404]", "did you mean 'handle_httpstatus_list'?"),
        ("rendr = True", "did you mean 'render'?"),
        ("rendr = Render()", "did you mean 'render'?"),
        ("plugin = [object]", "did you mean 'plugins'?"),
        ("sitemap_rule = [('', 'parse')]", "did you mean 'sitemap_rules'?"),
        ("settings = {'delay': 1}", "did you mean 'custom_settings'?"),
        ("delay = 2", "'delay' is a setting: write it into custom_settings = {'delay': ...}"),
        ("robots = False", "'robots' is a setting"),
        ("download_delay = 2", "'delay' is a setting"),
        ("USER_AGENT = 'x'", "'user_agent' is a setting"),
        ("headers = {'X-Api-Key': 'of-the-clerk-5'}", "'headers' is a setting"),
        ("auth = ('clerk', 'of-the-clerk-5')", "'auth' is a field of an Identity, as in `sessions`"),
        ("http_pass = 'of-the-clerk-5'", "'auth' is a field of an Identity, as in `sessions`"),
        ("quota = '100/hour'", "'quota' is a field of an Identity, as in `sessions`"),
    ],
)
def test_an_attribute_that_would_be_ignored_is_refused_with_what_to_write(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(SpiderError) as refused:
        made(tmp_path, line)

    name = line.partition(" ")[0]
    assert f"shop.py, line 4: Shop.{name} has no effect here; {said}" in str(refused.value)
    assert "of-the-clerk" not in str(refused.value)
    assert hide(str(refused.value)) == str(refused.value), "nothing in it is taken for a secret"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("logout_url = 'x'\nbase_url = 'x'\nsearch_url = 'x'\npage_url = 'x'\nurl = 'x'", id="urls"),
        pytest.param("names = ['a']\nkeyword = 'a'\nkey2 = 'b'\nkeyed = {}\ntender = 'road'\nrule = 'all'", id="words"),
        pytest.param("session = 2024\nkye = 5", id="values that do not fit"),
        pytest.param("session = '2024/25'\ndef parse(self, response):\n    yield {'s': self.session}", id="read"),
        pytest.param("delay = 5\ndef parse(self, response):\n    yield {'d': getattr(self, 'delay')}", id="by getattr"),
        pytest.param("sessions = ['a']\nsession = 'b'\nkey = 'id'\nkeyz = 'b'", id="the right one is there"),
        pytest.param("_delay = 5\ndef headers(self):\n    return {}\nclass auth: ...", id="methods, classes"),
        pytest.param("arguments = {}\nactive_plugins = ()\nkeys = {'items': 'id'}", id="known"),
    ],
)
def test_a_users_own_attribute_is_left_alone(tmp_path: Path, body: str) -> None:
    assert made(tmp_path, body).name == "shop"


def test_an_attribute_that_a_class_above_has_or_reads_is_left_alone(tmp_path: Path) -> None:
    head = """from crawler import Spider


class Base(Spider):
    timeout = 3

    def parse(self, response):
        yield {"headers": self.headers, "timeout": self.timeout}


class Shop(Base):
    name = "shop"
"""
    assert made(tmp_path, "headers = {}\ntimeout = 5", head).name == "shop"


@pytest.mark.parametrize("line", ["from steps_of_shop import Priced", "import steps_of_shop"])
def test_an_attribute_that_a_helper_reads_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    (tmp_path / "steps_of_shop.py").write_text(
        "class Priced:\n    def on_item(self, item, spider):\n        return {**item, 'params': spider.params}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "steps_of_shop", raising=False)
    head = HEAD.replace("\n\n\n", f"\n{line}\n\n\n", 1)

    assert made(tmp_path, "params = {'currency': 'EUR'}", head).name == "shop"
    with pytest.raises(SpiderError, match="'auth' is a field of an Identity"):
        made(tmp_path, "auth = ('clerk', 'x')", head)


def test_a_class_without_a_file_is_judged_by_its_methods() -> None:
    read = "name = 'shop'\n    delay = 1\n    def parse(self, response):\n        yield {'d': self.delay}"

    exec(f"class Shop(Spider):\n    {read}", {"Spider": Spider, "__name__": "nowhere"})  # noqa: S102
    with pytest.raises(SpiderError, match="'delay' is a setting"):
        exec("class Shop(Spider):\n    name = 'shop'\n    delay = 1", {"Spider": Spider, "__name__": "nowhere"})  # noqa: S102


@pytest.mark.parametrize("given", ["'buyer'", "Identity('buyer')", "['buyer']", "(Identity('buyer'),)"])
def test_one_session_needs_no_list(tmp_path: Path, given: str) -> None:
    spider = made(tmp_path, f"sessions = {given}")()

    assert [each.name for each in spider.identities()] == ["buyer"]
    assert [each.session for each in spider.start()] == ["buyer"]


def test_one_session_may_be_given_to_an_object_too() -> None:
    spider = Spider()
    spider.sessions = Identity("buyer")

    assert [each.name for each in spider.identities()] == ["buyer"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{'buyer': {'password': 'of-the-clerk-5'}}", "is a dict; write a list of names or Identity objects: [Ident"),
        ("5", "is of type int; write a list"),
        ("None", "is of type NoneType; write a list"),
        ("[('clerk', 'of-the-clerk-5')]", "has something of type tuple in it; write a list"),
        ("[Identity]", "has the class Identity itself in it"),
        ("[Identity(5)]", "the name of a session is a text, not of type int"),
        ("Identity('a', origins='https://api.shop.test')", "origins of session 'a' is a text; write a list"),
        ("Identity('a', keeps='device')", "keeps of session 'a' is a text; write a list"),
        ("Identity('a', auth='clerk:of-the-clerk-5')", "auth of session 'a' is a text; write two texts in round"),
        ("Identity('a', auth=['clerk', 'of-the-clerk-5'])", "auth of session 'a' is of type list; write two texts"),
        ("Identity('a', auth={'clerk': 'of-the-clerk-5'})", "auth of session 'a' is of type dict; write two texts"),
        ("Identity('a', auth=('clerk', 'of-the-clerk-5', ''))", "auth of session 'a' is of type tuple; write two"),
        ("Identity('a', auth=BearerAuth)", "auth of session 'a' is the class BearerAuth itself; write two texts"),
    ],
)
def test_sessions_that_are_none_are_refused_before_anything_is_sent_and_no_value_is_shown(
    project: Path, crawl: Crawl, given: str, said: str
) -> None:
    with pytest.raises(SpiderError) as refused:
        made(project, f"sessions = {given}")

    done = crawl("run", "shop")

    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert said in done.err
    assert said in line_for(refused.value)
    assert "of-the-clerk" not in done.err


@pytest.mark.parametrize("auth", ["None", "('clerk', 'x')", "BearerAuth('x')", "lambda request: request"])
def test_what_requests_takes_as_auth_is_taken(tmp_path: Path, auth: str) -> None:
    assert len(made(tmp_path, f"sessions = Identity('a', auth={auth})")().identities()) == 1
