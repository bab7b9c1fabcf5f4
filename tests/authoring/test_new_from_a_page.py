"""`crawl new NAME URL`: a few polite requests, and a spider that runs as it is."""

from __future__ import annotations

import json
import os
from contextlib import closing
from pathlib import Path

import pytest

from crawler.testing import PracticeSite
from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host
from tests.sessions_e2e.terminal import at_a_terminal

__all__ = ["_clean", "crawl", "project"]

IN_JSON = [("Content-Type", "application/json")]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)


def credentials(site: PracticeSite, monkeypatch: pytest.MonkeyPatch, password: str = "") -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", site.accounts[0].username)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", password or site.accounts[0].password)


NOT_IN = (
    "<title>Warning</title><div class=msg>You are not logged in<ul><li>You must login to view this page.</li><li>If you"
    " think this is wrong, ask your administrators for the permissions.</li></ul>"
    """<button type=button onclick="javascript: document.location = &quot;index.php?request=hosts.php&quot;;">Login"""
    "</button></div>"
)


def test_a_button_that_opens_the_login_page_is_the_way_to_it(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that one is not logged in, with status 200; nothing but a script leads to the form."""
    form = (
        "<form method=post action=/index.php><ul><li><input name=name></li><li><input type=password name=password"
        " autocomplete=new-password></li></ul><button name=enter value=1>Sign in</button></form>"
    )
    rows = "".join(f"<tr class=host><td class=name>host {number}</td></tr>" for number in range(8))

    def portal(call: WireRequest) -> Answer:
        if call.method == "POST":
            return Answer(302, headers=[("Location", "/hosts.php"), ("Set-Cookie", "sid=in")])
        if call.path == "/index.php":
            return Answer(body=form.encode())
        return Answer(
            body=f"<table>{rows}</table>".encode() if "sid=in" in call.headers.get("cookie", "") else NOT_IN.encode()
        )

    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "of-ann")
    with closing(
        Host({"/robots.txt": Answer(404), "/sitemap.xml": Answer(404), "*": portal}, "127.0.0.1", None)
    ) as host:
        made = crawl("new", "hosts", f"{host.url}/hosts.php")
        run = crawl("run", "hosts", "--json")

    assert (made.code, run.code) == (0, 0), made.err + run.err
    assert "/index.php" in (project / "spiders" / "hosts.py").read_text()
    assert json.loads(run.out)["items"] == {"items": 8}


@pytest.mark.parametrize("login", ["redirect", "soft200", "status401"])
def test_with_credentials_the_list_behind_the_login_is_found_and_the_spider_runs_without_another_login(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    with PracticeSite(books=10, login=login) as site:
        credentials(site, monkeypatch)

        made = crawl("new", "orders", f"{site.url}/orders/?page=1")
        asked = site.record.requests.total()
        run = crawl("run", "orders", "--json")

        assert (made.code, run.code) == (0, 0), made.err + run.err
        assert asked <= 10
        assert site.record.logins.total() == 1
    summary = json.loads(run.out)
    assert (summary["items"], summary["logins"]) == ({"items": site.accounts[0].orders}, 0)
    source = (project / "spiders" / "orders.py").read_text()
    assert site.accounts[0].password not in source + made.out + made.err
    assert 'session.submit(page.form(), {"username": session.account.username' in source


def test_nobody_is_asked_for_unusable_credentials_when_scripts_make_the_login_page(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "clerk")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "of-the-clerk")
    pages = {
        "/robots.txt": Answer(404),
        "/login/": Answer(body=b"<title>Boards</title><div id=app></div><script src=/app.js></script>"),
        "*": Answer(302, headers=[("Location", "/login/?next=/boards")]),
    }
    with closing(Host(pages, "127.0.0.1", None)) as host:
        made = crawl("new", "boards", f"{host.url}/boards")

    assert "its scripts make it; `crawl new boards --from-har FILE` takes the login" in made.out
    assert "behind the login and was not looked at: there is no login step yet" in made.out
    assert "user name" not in made.out + made.err
    assert "CRAWL_DEFAULT" not in made.err


def test_a_table_heading_that_is_not_a_word_gives_no_name(project: Path, crawl: Crawl) -> None:
    """As that of Redmine's issues, "#", does."""
    rows = "".join(f"<tr><td class=id><a href=/{n}>{n}</a></td><td class=subject>No. {n}</td></tr>" for n in range(9))
    page = Answer(body=f"<table><tr><th>#</th><th>Subject</th></tr>{rows}</table>".encode())
    with closing(Host({"/robots.txt": Answer(404), "*": page}, "127.0.0.1", None)) as host:
        made = crawl("new", "issues", f"{host.url}/issues")

    assert "with id, subject, url" in made.out


def test_without_credentials_the_login_is_written_and_the_unseen_page_is_reported(project: Path, crawl: Crawl) -> None:
    with PracticeSite(books=10) as site:
        made = crawl("new", "orders", f"{site.url}/orders/?page=1")

    assert made.code == 0
    assert f"login form: {site.url}/login with username, password" in made.out
    assert "behind the login and was not looked at: no user name or no password was found" in made.out
    assert not (project / "data").exists()


def test_a_refused_password_is_tried_once_and_the_spider_is_written_anyway(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PracticeSite(books=10) as site:
        credentials(site, monkeypatch, "a-wrong-password")

        made = crawl("new", "orders", f"{site.url}/orders/?page=1")
        runs = [crawl("run", "orders", "--quiet").code for _ in range(2)]

        assert (made.code, *runs, site.record.failed_logins.total()) == (3, 3, 3, 1)
        file = project / "spiders" / "orders.py"
        file.write_text(file.read_text() + "# a person looked at it\n")
        assert (crawl("run", "orders", "--quiet").code, site.record.failed_logins.total()) == (3, 2)
    assert "was not looked at: session 'default': the site refused the user name or password" in made.err
    assert "`crawl login orders` tries them once" in made.err
    assert "NAME" not in made.err


DENIED = """<html><title>birds [Notes]</title><h1><a href=/>Notes</a></h1><div class=page><h2>Permission denied</h2>
<div><p>Sorry, you don't have enough rights.</p></div><div><p>You are currently not logged in!</p></div>
<form method=post action="/doku.php?id=birds"><input type=hidden name=do value=login><input name=u>
<input name=p type=password><button>Log In</button></form></div></html>"""


@pytest.mark.parametrize("password", ["right", "wrong", ""])
def test_a_page_that_refuses_guests_beside_a_form_is_behind_the_login(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    posts: list[str] = []

    def wiki(call: WireRequest) -> Answer:
        if call.method == "POST":
            posts.append(call.body.decode())
            if "p=right" in posts[-1]:
                return Answer(302, headers=[("Location", call.path), ("Set-Cookie", "DW=in")])
        if "DW=in" not in call.headers.get("cookie", ""):
            said = "<p>Sorry, username or password was wrong.</p>" if call.method == "POST" else ""
            return Answer(body=DENIED.replace("<form", f"{said}<form").encode())
        return Answer(
            body=b"<a href=/?do=logout>Log Out</a><ul><li><a href=/1>a</a></li><li><a href=/2>b</a></li></ul>"
        )

    if password:
        monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
        monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", password)
    with closing(Host({"/robots.txt": Answer(404), "/sitemap.xml": Answer(404), "*": wiki}, "127.0.0.1", None)) as host:
        made = crawl("new", "birds", f"{host.url}/doku.php?id=birds")

    source = (project / "spiders" / "birds.py").read_text()
    assert 'session.submit(page.form(), {"u": session.account.username, "p": session.account.password})' in source
    assert ("for row in" in source, len(posts)) == (password == "right", int(bool(password)))
    assert ("behind the login and was not looked at" in made.out + made.err) == (password != "right")


APP = b"""<!doctype html><html><head><title>Orders</title><script src=/app.js></script></head>
<body><noscript>You need to enable JavaScript to run this app, and that in many words, so that there is
text here: please do so now.</noscript><div id=root>Loading ...</div>
<script>window.config = {"api": "/api", "many": "words that nobody reads"}</script>
</body></html>"""


def test_a_page_made_by_scripts_is_reported_and_the_spider_can_be_made_again(project: Path, crawl: Crawl) -> None:
    rows = b"<ul>" + b"".join(b"<li><a href=/%d>order %d</a></li>" % (each, each) for each in range(5)) + b"</ul>"
    routes = {"/robots.txt": Answer(404), "/sitemap.xml": Answer(404), "/app": Answer(body=APP)}
    with closing(Host({**routes, "/rows": Answer(body=rows)}, "127.0.0.1", None)) as host:
        made = crawl("new", "orders", f"{host.url}/app")
        first = (project / "spiders" / "orders.py").read_text()
        refused = crawl("new", "orders", f"{host.url}/rows")
        again = crawl("new", "orders", f"{host.url}/rows", "--replace")
        plain = crawl("new", "plain", f"{host.url}/rows")

    assert (made.code, again.code) == (0, 0), made.err + again.err
    assert "its scripts make this page" in made.out
    assert "`crawl new orders --from-har FILE --replace`" in made.out
    assert "`render = True`" in made.out
    assert (refused.code, "--replace overwrites it" in refused.err) == (2, True)
    assert "for row in" in (project / "spiders" / "orders.py").read_text()
    assert (project / "spiders" / "orders.py.before").read_text() == first
    assert "scripts" not in plain.out
    assert crawl("list").out.split() == ["orders", "plain"]


def test_a_page_for_everybody_gets_no_login_step(project: Path, crawl: Crawl) -> None:
    with PracticeSite(books=30) as site:
        made = crawl("new", "books", f"{site.url}/catalogue/?page=1")
        run = crawl("run", "books", "--json")

    assert (made.code, json.loads(run.out)["items"]) == (0, {"items": 30})
    assert "# def login(self, session):" in (project / "spiders" / "books.py").read_text()


def test_a_page_of_a_site_with_a_sitemap_and_without_a_list_begins_with_the_sitemap(
    project: Path, crawl: Crawl
) -> None:
    with closing(Host({"*": Answer(body=b"<title>One</title><p>text")}, "127.0.0.1", None)) as host:
        host.routes["/robots.txt"] = Answer(body=f"Sitemap: {host.url}/map.xml".encode())
        entries = "".join(f"<url><loc>{host.url}/p/{number}</loc></url>" for number in range(3))
        sitemap = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
        host.routes["/map.xml"] = Answer(body=sitemap.encode())

        made = crawl("new", "pages", f"{host.url}/")
        run = crawl("run", "pages", "--json")

    assert f"sitemap: {host.url}/map.xml names 3 addresses" in made.out
    assert json.loads(run.out)["items"] == {"items": 3}


@pytest.mark.parametrize(
    ("pages", "code", "said"),
    [
        pytest.param(
            {"/robots.txt": Answer(body=b"User-agent: *\nDisallow: /")}, 1, "robots.txt forbids it", id="robots"
        ),
        pytest.param({"/robots.txt": Answer(404), "*": Answer(404)}, 1, "404 from", id="404"),
        pytest.param(
            {"/robots.txt": Answer(404), "*": Answer(404, b"<form><input name=u><input type=password name=p></form>")},
            1,
            "no spider was made; with --blank one is made anyway",
            id="404-with-a-login-form",
        ),
        pytest.param(
            {
                "/robots.txt": Answer(404),
                "*": Answer(401, b'{"msg": "no token"}', headers=[("Content-Type", "application/json")]),
            },
            1,
            "no spider was made; `--from-har FILE` takes its login as a browser has recorded it; with --blank one",
            id="401-of-an-api",
        ),
        pytest.param({"/robots.txt": Answer(503), "*": Answer()}, 1, "its robots.txt answers 503", id="robots-503"),
    ],
)
def test_a_page_that_cannot_be_fetched_is_one_line_and_no_file(
    project: Path, crawl: Crawl, pages: dict[str, Answer], code: int, said: str
) -> None:
    with closing(Host(pages, "127.0.0.1", None)) as host:
        made = crawl("new", "x", f"{host.url}/")

    assert (made.code, made.out, len(made.err.splitlines())) == (code, "", 1)
    assert said in made.err
    assert not (project / "spiders").exists()


def test_at_a_terminal_a_person_is_asked_for_the_credentials(project: Path) -> None:
    with PracticeSite(books=10) as site:
        first, place = site.accounts[0], site.url.removeprefix("http://")
        environ = {**os.environ, "PYTHONWARNINGS": ""}
        with at_a_terminal("new", "orders", f"{site.url}/orders/?page=1", folder=project, environ=environ) as terminal:
            terminal.read_until(f"username for session default at {place}: ")
            terminal.type(first.username)
            terminal.read_until(f"password for session default at {place}: ")
            terminal.type(first.password)
            assert terminal.ended() == 0

    assert '10 x response.css("tr.order")' in terminal.shown
    assert first.password not in terminal.shown


@pytest.mark.parametrize(
    ("challenge", "written"),
    [
        ('Basic realm="wiki"', "session.auth = (session.account.username, session.account.password)"),
        (
            'Basic realm="a, digest b", Digest realm="x", nonce="n", qop="auth"',
            "session.auth = HTTPDigestAuth(session.account.username, session.account.password)",
        ),
    ],
    ids=["basic", "digest"],
)
def test_a_page_that_asks_for_credentials_by_http_gets_a_login_step(
    project: Path, crawl: Crawl, challenge: str, written: str
) -> None:
    refusal = Answer(401, b"who are you?", headers=[("WWW-Authenticate", challenge)])
    with closing(Host({"/robots.txt": Answer(404), "*": refusal}, "127.0.0.1", None)) as host:
        made = crawl("new", "wiki", f"{host.url}/tiddlers.json")

    assert made.code == 0, made.err
    assert "the server asks for credentials by HTTP" in made.out
    assert written in (project / "spiders" / "wiki.py").read_text()


def test_with_credentials_the_page_behind_basic_auth_is_found(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(request: WireRequest) -> Answer:
        if request.headers.get("authorization") != "Basic YW5uOnMzY3JldCBwdw==":
            return Answer(401, headers=[("WWW-Authenticate", "Basic realm=wiki")])
        return Answer.json([{"title": f"Note {n}", "revision": n} for n in range(5)])

    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "s3cret pw")
    with closing(Host({"/robots.txt": Answer(404), "*": answer}, "127.0.0.1", None)) as host:
        made = crawl("new", "wiki", f"{host.url}/tiddlers.json")
        run = crawl("run", "wiki", "--json")

    assert "5 objects in data with title, revision" in made.out, made.out + made.err
    assert json.loads(run.out)["items"] == {"items": 5}
