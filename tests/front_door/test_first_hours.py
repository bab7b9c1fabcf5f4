"""What a first hour with real applications has shown, on small servers that behave as those did."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Spider
from crawler.errors import SpiderError
from crawler.loading import find_spider
from crawler.sessions.login.login_addresses import login_page_of
from crawler.testing import Account
from crawler.testing.raw import CLOSE, RawServer
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, credentials, stored
from tests.hosts import Host

PAGES = 12
LOGIN = "/index.php?title=Special:UserLogin"


class Wiki:
    """One script is all pages, the login page among them: as MediaWiki, DokuWiki, phpBB and OpenCart have it."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.known: set[str] = set()
        self.posts = 0
        self.lose_after = 0
        self.soft = True
        pages = {f"/index.php/Page_{number}": self.page for number in range(1, PAGES + 1)}
        search = {"/index.php/Special:Search/Tea": self.search}
        self.host = Host({"/index.php": self.script, "*": self.page, **search, **pages}, "127.0.0.1", None)

    def page(self, call: WireRequest) -> Answer:
        if not self._knows(call):
            return self._turned_away(call)
        name = call.path.rpartition("/")[2]
        if self.lose_after and name == f"Page_{self.lose_after}":
            self.lose_after = 0
            self.known.clear()
        links = "".join(f"<a class=page href='/index.php/Page_{number}'>p</a>" for number in range(1, PAGES + 1))
        links += "<a class=page href='/index.php/Special:Search/Tea'>search</a>" if name == "Start" else ""
        return Answer(body=f"<html><title>{name}</title><h1><span>{name}</span></h1>{links}</html>".encode())

    def search(self, call: WireRequest) -> Answer:
        return Answer(302, headers=[("Location", "/index.php?title=Special:Search&search=Tea")])

    def script(self, call: WireRequest) -> Answer:
        title = call.query().get("title", "")
        if call.method == "POST":
            self.posts += 1
            if "wpPassword=right" not in call.body.decode():
                return self._form("Incorrect username or password entered.")
            self.known.add(name := f"s{next(self.numbers)}")
            headers = [("Location", "/index.php/Start"), ("Set-Cookie", f"sid={name}; Path=/")]
            return Answer(302, headers=headers)
        if title == "Special:UserLogin":
            return self._form("")
        return self.page(call)

    def _form(self, said: str) -> Answer:
        form = "<input type=hidden name=title value='Special:UserLogin'><input name=wpName><input name=wpPassword"
        body = f"<html><title>Log in - Wiki</title><p>{said}</p><form name=userlogin method=post action='/index.php'>"
        return Answer(body=f"{body}{form} type=password><button>Log in</button></form></html>".encode())

    def _turned_away(self, call: WireRequest) -> Answer:
        if not self.soft:
            return Answer(302, headers=[("Location", f"{LOGIN}&returnto={call.path}")])
        search = "<form action='/index.php' id=searchform><input type=search name=search></form>"
        link = f"<a href='{LOGIN}&amp;returnto=X'>log in</a>"
        text = f"<html><title>Login required - Wiki</title><h1>Login required</h1>Please {link} to view pages.{search}"
        return Answer(body=f"{text}<a href='/index.php/Page_1'>p</a></html>".encode())

    def _knows(self, call: WireRequest) -> bool:
        cookies = dict(part.strip().split("=", 1) for part in call.headers.get("cookie", "").split(";") if "=" in part)
        return cookies.get("sid") in self.known


class Recipes(Spider):
    name = "recipes"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/index.php/Start"]

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}{LOGIN}")
        session.submit(page.form(), {"wpName": session.account.username, "wpPassword": session.account.password})

    def parse(self, response: Any) -> Any:
        yield {"title": response.css("title::text").get()}
        yield from response.follow_all(css="a.page")


@pytest.fixture
def wiki(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiki]:
    credentials(monkeypatch, default=Account("ann", "right"))
    site = Wiki()
    yield site
    site.host.close()


@pytest.mark.parametrize("soft", [True, False], ids=["says login required", "sends to the login page"])
@pytest.mark.parametrize("lose_after", [0, 5], ids=["good to the end", "lost on the way"])
def test_other_pages_of_the_script_that_logs_in_are_not_login_pages(
    soft: bool, lose_after: int, wiki: Wiki, tmp_path: Path
) -> None:
    wiki.soft, wiki.lose_after = soft, lose_after

    summary = crawl(Recipes, wiki.host.url, tmp_path)

    assert (summary.ending, summary.failed, wiki.posts) == ("finished", 0, 2 if lose_after else 1)
    titles = {f"Page_{number}" for number in range(1, PAGES + 1)} | {"Start", "index.php"}
    assert {row["title"] for row in stored(tmp_path, "title")} == titles


@pytest.mark.parametrize(
    ("met", "known"),
    [
        ("http://w.test/index.php?title=Special:UserLogin&returnto=Main", "http://w.test/index.php?title=Special:UserLogin"),
        ("http://w.test/doku.php?id=start&do=login&sectok=a1", "http://w.test/doku.php?do=login"),
        ("http://w.test/index.php?route=account/login&language=en", "http://w.test/index.php?route=account/login"),
        ("http://w.test/ucp.php?mode=login&redirect=index.php&sid=77", "http://w.test/ucp.php?mode=login"),
        ("http://w.test/index.php?option=com_users&view=login&Itemid=101", "http://w.test/index.php?view=login"),
        ("http://w.test/index.php?module=Users&parent=Welcome", "http://w.test/index.php?module=Users&parent=Welcome"),
        ("http://w.test/login?next=/orders&kind=a", "http://w.test/login"),
        ("http://w.test/enter?return=/orders#top", "http://w.test/enter"),
        ("http://w.test/enter?csrf_token=1&returnUrl=%2F", "http://w.test/enter"),
        ("http://w.test/", "http://w.test/"),
    ],
)  # fmt: skip
def test_a_login_page_is_known_again_by_what_tells_it_from_other_pages(met: str, known: str) -> None:
    assert login_page_of(met) == known


class Forgetful(Recipes):
    """Its author does not know yet that a login is needed."""

    name = "forgetful"
    login = Spider.login


NO_LOGIN = "it asks to log in, and the spider has no `login` method"


@pytest.mark.parametrize("soft", [True, False], ids=["says login required", "sends to the login page"])
def test_a_spider_without_a_login_is_told_that_the_pages_ask_for_one(soft: bool, wiki: Wiki, tmp_path: Path) -> None:
    wiki.soft = soft

    summary = crawl(Forgetful, wiki.host.url, tmp_path)

    assert wiki.posts == 0
    assert any(NO_LOGIN in message and wiki.host.url in message for message in summary.messages), summary.messages


def test_a_spider_without_a_login_is_told_of_a_page_that_refuses_guests_beside_a_form(tmp_path: Path) -> None:
    form = "<form method=post><input name=u><input type=password name=p><button>Log In</button></form>"
    page = f"<title>birds [Notes]</title><h1>Notes</h1><h1>Permission Denied</h1><p>Sorry.</p><h1>Login</h1>{form}"
    host = Host({"*": Answer(body=f"<html>{page}</html>".encode())}, "127.0.0.1", None)

    summary = crawl(Forgetful, host.url, tmp_path)
    host.close()

    assert any(NO_LOGIN in message for message in summary.messages), summary.messages


NOT_IN = "<title>Warning</title><div>You are not logged in<p>You must login to view this page.</p>%s</div>"


@pytest.mark.parametrize(
    "way",
    ["<button onclick=\"location = 'index.php'\">Login</button>", "<a href=/enter>Log in</a>"],
    ids=["button", "link"],
)
def test_a_spider_without_a_login_is_told_of_a_page_that_says_little_more_than_that_nobody_is_logged_in(
    way: str, tmp_path: Path
) -> None:
    host = Host({"*": Answer(body=(NOT_IN % way).encode())}, "127.0.0.1", None)

    summary = crawl(Forgetful, host.url, tmp_path)
    host.close()

    assert any(NO_LOGIN in message for message in summary.messages), summary.messages


@pytest.mark.parametrize(
    "page",
    [
        NOT_IN % "<p>An article about a message.</p>",
        "<h1>Tea</h1><p>%s</p><p>You must log in to comment.</p><a href=/enter>Log in</a>" % ("Tea is a drink. " * 30),
    ],
    ids=["no way in", "an article"],
)
def test_a_page_that_has_more_to_say_or_leads_to_no_login_is_for_everybody(page: str, tmp_path: Path) -> None:
    host = Host({"*": Answer(body=page.encode())}, "127.0.0.1", None)

    summary = crawl(Forgetful, host.url, tmp_path)
    host.close()

    assert not any(NO_LOGIN in message for message in summary.messages), summary.messages


@pytest.mark.parametrize("heading", ["Webmail Login", "Log in to Webmail", "Sign in", "Anmeldung", "Webmail sign-in"])
def test_a_spider_without_a_login_is_told_of_a_page_that_is_only_about_logging_in(heading: str, tmp_path: Path) -> None:
    """As Roundcube shows guests, at the address of the page that was asked for, with status 200."""
    form = "<form method=post action='/?_task=login'><input name=_user><input type=password name=_pass></form>"
    page = f"<title>Webmail :: Welcome to Webmail</title><h1 class=voice>{heading}</h1>{form}<script>x()</script>"
    host = Host({"*": Answer(body=f"<html>{page}</html>".encode())}, "127.0.0.1", None)

    summary = crawl(Forgetful, host.url, tmp_path)
    host.close()

    assert any(NO_LOGIN in message for message in summary.messages), summary.messages


HTML = "<html><title>Forbidden</title><h1>Forbidden</h1><p>You may not see this.</p>%s</html>"
WAYS_IN = "write one, or give it a `login_url` and log in by hand with `crawl login forgetful --browser`"


@pytest.mark.parametrize(
    ("status", "headers", "body", "told"),
    [
        (403, {}, HTML % "<a href=/login>Log in</a>", f"{NO_LOGIN}: {WAYS_IN}"),
        (403, {}, HTML % "<form action=/login><input type=password></form>", f"{NO_LOGIN}: {WAYS_IN}"),
        (401, {}, HTML % "", f"{NO_LOGIN}: {WAYS_IN}"),
        (401, {"WWW-Authenticate": "Basic realm=x"}, "no", "it asks for Basic authentication, and the spider has no"),
        (401, {}, "{}", "it answers guests with 401, and the spider has no `login`"),
    ],
    ids=["403 with a link", "403 with a form", "401", "401 for a password", "401 of an API"],
)
def test_a_spider_without_a_login_that_is_refused_is_told_what_to_do(
    status: int, headers: dict[str, str], body: str, told: str, tmp_path: Path
) -> None:
    kind = "application/json" if body == "{}" else "text/html"
    answer = Answer(status, content_type=kind, headers=list(headers.items()), body=body.encode())
    host = Host({"*": answer}, "127.0.0.1", None)

    summary = crawl(Forgetful, host.url, tmp_path)
    host.close()

    assert summary.ending == "failures"
    assert [message for message in summary.messages if told in message and host.url in message], summary.messages


@pytest.mark.parametrize(
    ("status", "body"),
    [(403, HTML % ""), (404, HTML % "<a href=/login>Log in</a>"), (403, HTML % "<a href=/>Home</a>")],
    ids=["403", "404 with a link", "403 with another link"],
)
def test_a_refusal_that_leads_to_no_login_is_not_reported_to_need_one(status: int, body: str, tmp_path: Path) -> None:
    host = Host({"*": Answer(status, body=body.encode())}, "127.0.0.1", None)

    summary = crawl(Forgetful, host.url, tmp_path)
    host.close()

    assert not [message for message in summary.messages if "login" in message], summary.messages


@pytest.mark.parametrize(
    "page",
    [
        "<title>ssh</title><h1>Permission denied</h1><p>" + "words " * 300 + "<form action=/login><input name=u>"
        "<input type=password name=p></form>",
        "<title>Shop</title><form action=/login><input name=u><input type=password name=p></form><p>Welcome</p>",
        "<title>Shop</title><h1>Shop</h1><h2>Login</h2><form action=/login><input name=u><input type=password name=p>"
        "</form><p>Welcome</p>",
        "<title>Shop</title><h1>Books about the single sign-in of today</h1><form action=/login><input name=u>"
        "<input type=password name=p></form><p>Welcome</p>",
        "<title>How to log in when your account was moved to the new servers</title><p>" + "words " * 300,
        "<title>Shop</title><a href='/login'>Log in</a>",
        "<title>Please log in - Shop</title><a href='/logout'>Log out</a>",
        "<title>Shop</title><h1>Log your hours</h1>",
    ],
    ids=[
        "an article beside a form",
        "a form in its head",
        "a box with a heading",
        "another heading",
        "an article",
        "a link",
        "offers to log out",
        "another log",
    ],
)
def test_a_public_page_is_not_reported_to_ask_for_a_login(page: str, tmp_path: Path) -> None:
    host = Host({"*": Answer(body=f"<html>{page}</html>".encode())}, "127.0.0.1", None)

    summary = crawl(Forgetful, host.url, tmp_path)
    host.close()

    assert (summary.ending, summary.messages) == ("finished", [])


def test_a_page_without_a_password_field_is_reported_not_to_be_a_login_page(wiki: Wiki, tmp_path: Path) -> None:
    class Lost(Recipes):
        name = "lost"

        def login(self, session: Any) -> None:
            page = session.get(f"{self.arguments['site']}/index.php/login")
            session.submit(page.form(), {"wpName": session.account.username, "wpPassword": session.account.password})

    summary = crawl(Lost, wiki.host.url, tmp_path)

    assert (summary.ending, wiki.posts) == ("login failed", 0)
    assert "No form of this page has a password field: is it the login page?" in summary.messages[0]


def test_a_status_is_not_reported_as_what_the_site_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Notes(Spider):
        name = "notes"

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/api"]

        def login(self, session: Any) -> None:
            page = session.get(f"{self.arguments['site']}/login")
            session.submit(page.form(), {"password": session.account.password})

        def parse(self, response: Any) -> Any:
            yield {"text": response.text}

    form = b"<html><form method=post><input type=hidden name=_xsrf value=1><input type=password name=password></form>"
    routes = {
        "/login": lambda call: Answer(401 if call.method == "POST" else 200, form),
        "/api": Answer(403, b'{"message": "Forbidden"}', "application/json"),
    }
    host = Host(routes, "127.0.0.1", None)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "wrong")

    summary = crawl(Notes, host.url, tmp_path)
    host.close()

    assert summary.messages[0].startswith(
        f"session 'default': the site refused the user name or password, with status 401 ({host.url}/login)"
    )
    assert [call.method for call in host.seen("/login")] == ["GET", "POST"]


def test_https_to_an_http_port_is_named_and_the_suggested_command_works(wiki: Wiki, tmp_path: Path) -> None:
    with RawServer([b"HTTP/1.0 400 Bad Request\r\n\r\n", CLOSE]) as plain:
        summary = crawl(Recipes, plain.url.replace("http://", "https://"), tmp_path)

    assert (summary.ending, summary.exit_code, summary.failed) == ("failures", 1, 0)
    assert "it does not speak TLS" in summary.messages[0]
    assert summary.next_command == "crawl run recipes"
    assert crawl(Recipes, wiki.host.url, tmp_path, fresh=True).ending == "finished"  # the address was mended


def test_a_misspelled_name_gets_a_suggestion_even_beside_a_spider_without_a_name(tmp_path: Path) -> None:
    folder = tmp_path / "spiders"
    folder.mkdir()
    (folder / "noname.py").write_text("from crawler import Spider\nclass Nameless(Spider):\n    start_urls = []\n")
    (folder / "orders.py").write_text("from crawler import Spider\nclass Orders(Spider):\n    name = 'orders'\n")

    with pytest.raises(SpiderError, match="did you mean 'orders'"):
        find_spider("order", folder)
    with pytest.raises(SpiderError, match=r"class Nameless in .*noname\.py has no name"):
        find_spider("noname", folder)


class Redirecting:
    """Members' pages of which some lead on to another address; the session ends after the last of them was asked."""

    LEADS = ("/old/1", "/old/2", "/old/3")

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.logins = 0
        self.asked: list[str] = []
        self.host = Host({"*": self.answer}, "127.0.0.1", None)

    def answer(self, call: WireRequest) -> Answer:
        sid = call.headers.get("cookie", "").partition("sid=")[2]
        if call.path == "/login":
            return self._login(call)
        if call.path in self.LEADS:
            return Answer(302, headers=[("Location", call.path.replace("old", "new"))])
        if sid not in self.known:
            return Answer(302, headers=[("Location", "/login")])
        self.asked.append(call.path)
        if call.path == "/last" and self.logins == 1:
            self.known.clear()
            return Answer(302, headers=[("Location", "/login")])
        links = "".join(f"<a href='{path}'>old</a>" for path in (*self.LEADS, "/last")) if call.path == "/start" else ""
        return Answer(body=f"<html><title>{call.path}</title>{links}</html>".encode())

    def _login(self, call: WireRequest) -> Answer:
        if call.method != "POST":
            return Answer(body=b"<html><form method=post><input name=u><input type=password name=p></form></html>")
        self.logins += 1
        self.known.add(f"s{self.logins}")
        return Answer(302, headers=[("Location", "/home"), ("Set-Cookie", f"sid=s{self.logins}; Path=/")])


class Moved(Spider):
    name = "moved"
    custom_settings = {"workers": 1, "per_host": 1}

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/start"]
        self.probe_url = f"{arguments['site']}/home"

    def login(self, session: Any) -> None:
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"u": session.account.username, "p": session.account.password})

    def parse(self, response: Any) -> Any:
        yield {"title": response.css("title::text").get()}
        yield from response.follow_all(css="a")


def test_a_page_that_leads_elsewhere_is_not_a_duplicate_of_itself_when_it_is_fetched_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    credentials(monkeypatch, default=Account("ann", "right"))
    site = Redirecting()

    summary = crawl(Moved, site.host.url, tmp_path)
    site.host.close()

    assert (summary.ending, summary.failed, summary.logins) == ("finished", 0, 2)
    assert site.asked.count("/new/3") == 2  # not certain when the session was lost; the two before had been proved
    titles = [row["title"] for row in stored(tmp_path, "title")]
    assert sorted(titles) == ["/last", "/new/1", "/new/2", "/new/3", "/start"]
