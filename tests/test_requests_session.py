"""What the documentation of requests offers of a Session, set up in a login step: it holds in the crawl, and after it.

Headers, params, cookies and the auths that we know are stored. What cannot be stored (an adapter, a hook, an auth class
of one's own, verify, cert) is set up by a login of the next run instead: never is a session used without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests
from pytest_httpserver import HTTPServer
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth, HTTPDigestAuth
from werkzeug import Request as Asked
from werkzeug import Response as Answer

from crawler import Identity, Request, Response, Session, Spider, run
from crawler.events import Summary


class Signed(AuthBase):
    """An auth class as a user would write it."""

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers["X-Signed"] = "yes"
        return prepared


class Canned(HTTPAdapter):
    """An adapter as a user would write it: it answers by itself."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, str(request.url), request
        answer._content = b'{"canned": true}'
        return answer


Told = dict[str, dict[str, Any]]
LoginStep = Callable[[Any, Session], None]
Crawl = Callable[..., tuple[Summary, Told]]


class Shop(Spider):
    """Asks pages that tell what they were asked; each test gives it a login step."""

    name = "shop"
    custom_settings = {"min_items": 0}
    told: ClassVar[Told] = {}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.probe_url = f"{arguments['site']}/probe"

    def start(self) -> Iterator[Request]:
        for path in ("/page", "/canned/page"):
            yield Request(self.arguments["site"] + path)

    def is_logged_out(self, response: Response) -> bool:
        return False

    def parse(self, response: Response) -> None:
        self.told[response.request.url.partition("?")[0].removeprefix(self.arguments["site"])] = response.json()


@pytest.fixture
def site(httpserver: HTTPServer) -> str:
    """A server that answers each request with what it was; below /digest only to those who sign."""

    def told(asked: Asked) -> Answer:
        if asked.path == "/robots.txt":
            return Answer(status=404)
        if asked.path.startswith("/digest") and asked.authorization is None:
            return Answer(status=401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})
        return Answer(json.dumps({"query": asked.query_string.decode(), **{k.lower(): v for k, v in asked.headers}}))

    httpserver.expect_request(re.compile(".*")).respond_with_handler(told)
    return httpserver.url_for("").rstrip("/")


@pytest.fixture
def crawl(site: str, tmp_path: Path) -> Crawl:
    """Runs a spider with that login step; gives the summary, and by path what its pages told."""

    def once(step: LoginStep, base: type[Shop] = Shop) -> tuple[Summary, Told]:
        told: Told = {}
        spider = type("Shop", (base,), {"login": step, "told": told})
        summary = run(
            spider, arguments={"site": site}, settings={"store": str(tmp_path / "crawl.db"), "min_items": 0}, fresh=True
        )
        assert summary.ending == "finished", summary
        return summary, told

    return once


def test_values_of_a_session_hold_in_the_crawl_and_come_back_without_a_login(crawl: Crawl, site: str) -> None:
    def login(spider: Any, session: Session) -> None:
        session.headers["X-Token"] = "abc"
        session.params = {"lang": "de"}
        session.cookies.set("sid", "7", domain="localhost")
        session.auth = HTTPBasicAuth("anna", "pass")
        session.get(f"{site}/login")

    first, told = crawl(login)
    second, told_again = crawl(login)

    assert (first.logins, second.logins, second.restored) == (1, 0, 1)
    for page in (told["/page"], told_again["/page"]):
        assert (page["x-token"], page["query"], page["cookie"]) == ("abc", "lang=de", "sid=7")
        assert page["authorization"] == "Basic YW5uYTpwYXNz"


def test_a_digest_of_requests_comes_back_without_a_login(crawl: Crawl, site: str) -> None:
    def login(spider: Any, session: Session) -> None:
        session.auth = HTTPDigestAuth("anna", "pass")
        assert session.get(f"{site}/digest").status_code == 200

    assert crawl(login)[0].logins == 1
    summary, told = crawl(login)

    assert (summary.logins, summary.restored) == (0, 1)
    assert "/page" in told


class Signing(Shop):
    """Asks for a page whose server challenges each request."""

    def start(self) -> Iterator[Request]:
        yield Request(self.arguments["site"] + "/digest/page")


def test_a_digest_challenge_is_not_a_redirect_and_leaves_no_row(crawl: Crawl, site: str) -> None:
    def login(spider: Any, session: Session) -> None:
        session.auth = HTTPDigestAuth("anna", "pass")
        session.params = {"lang": "de"}

    summary, told = crawl(login, Signing)

    assert "/digest/page" in told
    assert (summary.pages, summary.known, summary.skipped) == (1, 1, 0)


def sign(spider: Any, session: Session) -> None:
    session.auth = Signed()


def mount(spider: Any, session: Session) -> None:
    session.mount(spider.arguments["site"] + "/canned", Canned())


def hook(spider: Any, session: Session) -> None:
    session.hooks["response"].append(lambda answer, **_: answer.headers.update({"X-Hooked": "yes"}))


def loosen(spider: Any, session: Session) -> None:
    session.verify = False


@pytest.mark.parametrize("fit", [sign, mount, hook, loosen], ids=["own auth class", "adapter", "hook", "verify"])
def test_what_cannot_be_stored_is_set_up_by_a_login_of_the_next_run(crawl: Crawl, site: str, fit: LoginStep) -> None:
    seen: list[tuple[bool, bool]] = []

    def login(spider: Any, session: Session) -> None:
        fit(spider, session)
        session.get(f"{site}/login")

    for _ in range(2):
        summary, told = crawl(login)
        assert summary.logins == 1
        seen.append(("x-signed" in told["/page"], told["/canned/page"] == {"canned": True}))

    assert seen == [(fit is sign, fit is mount)] * 2


def test_an_identity_brings_such_an_auth_along_without_a_login(crawl: Crawl, site: str) -> None:
    class Members(Shop):
        sessions = (Identity("default", auth=Signed()),)

    def login(spider: Any, session: Session) -> None:
        session.get(f"{site}/login")

    crawl(login, Members)
    summary, told = crawl(login, Members)

    assert (summary.logins, summary.restored) == (0, 1)
    assert told["/page"]["x-signed"] == "yes"


def test_a_spider_that_sets_nothing_of_that_kind_up_any_more_logs_in_once_more_only(crawl: Crawl, site: str) -> None:
    def plain(spider: Any, session: Session) -> None:
        session.get(f"{site}/login")

    logins = [crawl(step)[0].logins for step in (sign, plain, plain)]

    assert logins == [1, 1, 0]


@pytest.mark.parametrize(
    ("params", "query"),
    [
        pytest.param({"a": "1"}, "lang=de&a=1", id="dict"),
        pytest.param([("q", "1"), ("q", "2")], "lang=de&q=1&q=2", id="pairs"),
        pytest.param({"lang": "fr"}, "lang=fr", id="the request wins"),
        pytest.param({"lang": None, "a": "1"}, "a=1", id="None leaves out"),
        pytest.param({"a": ["1", "2"]}, "lang=de&a=1&a=2", id="list of values"),
        pytest.param("raw=1", "raw=1", id="text"),
        pytest.param(None, "lang=de", id="none"),
    ],
)
def test_params_of_a_request_join_those_of_its_session(crawl: Crawl, site: str, params: Any, query: str) -> None:
    found: list[str] = []

    def login(spider: Any, session: Session) -> None:
        session.params = {"lang": "de"}
        found.append(session.get(f"{site}/page", params=params).json()["query"])

    crawl(login)

    assert found == [query]


def test_the_calls_of_requests_do_in_a_login_step_what_they_do_in_requests(crawl: Crawl, site: str) -> None:
    found: dict[str, Any] = {}

    def login(spider: Any, session: Session) -> None:
        found["files"] = session.post(f"{site}/x", files={"f": ("a.txt", b"hello")}).json()["content-type"][:19]
        found["json"] = session.put(f"{site}/x", json={"a": 1}).json()["content-type"]
        found["form"] = session.patch(f"{site}/x", data={"a": "1"}).json()["content-type"]
        found["head"] = session.head(f"{site}/x").content
        found["auth"] = session.get(f"{site}/x", auth=("a", "b")).json()["authorization"]
        found["cookies"] = session.get(f"{site}/x", cookies={"one": "1"}).json()["cookie"]
        with session.get(f"{site}/x", stream=True) as streamed:
            found["stream"] = b"".join(streamed.iter_content(7)).startswith(b"{")
        prepared = session.prepare_request(requests.Request("GET", f"{site}/x", params={"p": "1"}))
        found["prepared"] = session.send(prepared, timeout=(3, 5)).json()["query"]

    crawl(login)

    assert found == {
        "files": "multipart/form-data",
        "json": "application/json",
        "form": "application/x-www-form-urlencoded",
        "head": b"",
        "auth": "Basic YTpi",
        "cookies": "one=1",
        "stream": True,
        "prepared": "p=1",
    }
