"""Secrets of a login are nowhere to be seen afterwards: outputs, errors, tables, raw files (rows X9 to X11)."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Identity, Request, Response, Session, errors
from crawler.cli import logs
from crawler.cli.reference import command_lines
from crawler.engine.application import open_project_store
from crawler.events import Event
from crawler.sessions.secrets import SecretFilter
from crawler.settings import load
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import Members, crawl, credentials, opened
from tests.exports import exported
from tests.hosts import Net, cookie_page

PASSWORD = "pw-Tr0ub4dor"
SECRETS = {
    "password": PASSWORD,
    "cookie": "ck-5e55ion",
    "rotated cookie": "ck-r0tated",
    "api key": "ak-h34der",
    "url token": "ut-qu3ry",
    "csrf": "cs-f1eld",
    "userinfo": "ui-p4ss",
    "basic auth": "ba-p4ss",
    "request body": "rb-s3cret",
    "request header": "rh-s3cret",
    "error text": "et-s3cret",
    "bearer": "br-t0kenvalue",
}
FORM = f"""<form method=post action=/login><input name=user><input type=password name=password>
<input type=hidden name=csrf_token value={SECRETS["csrf"]}></form>""".encode()


def site(call: WireRequest) -> Answer:
    """A login, and behind it pages that fail in every way that has a text."""
    if call.path == "/login":
        if call.method == "GET":
            return Answer(body=FORM)
        assert PASSWORD in call.body.decode()
        return cookie_page(f"sid={SECRETS['cookie']}; HttpOnly", location="/in")
    if "sid=ck-" not in call.headers.get("cookie", ""):
        return Answer.redirect("/login?next=" + call.path)
    if call.path == "/in":
        answer = cookie_page(f"sid={SECRETS['rotated cookie']}")
        answer.body = b"<a href=/logout>log out</a><p>hello</p>"
        return answer
    token = f"?access_token={SECRETS['url token']}"
    faults: dict[str, Answer] = {
        "/busy": Answer(503, b"no"),
        "/missing": Answer(404, b"no"),
        "/reset": Answer(reset_after=0),
        "/cut": Answer(body=b"x" * 5000, reset_after=400),
        "/loop": Answer.redirect("/loop" + token),
        "/broken": Answer(302, headers=[("Location", f"http://[::bad/{token}")]),
        "/scheme": Answer(302, headers=[("Location", f"file:///etc/passwd{token}")]),
        "/elsewhere": Answer.redirect(f"http://user:{SECRETS['userinfo']}@127.0.0.1:1/{token}"),
        "/off": Answer.redirect(f"http://other.test/{token}"),
        "/logout-hop": Answer.redirect("/logout" + token),
    }
    return faults.get(call.path, Answer(body=b"<a href=/logout>log out</a><p>fine</p>"))


PATHS = (
    "busy",
    "missing",
    "reset",
    "cut",
    "loop",
    "broken",
    "scheme",
    "elsewhere",
    "off",
    "logout-hop",
    "raises",
    "raises-cookie",
    "fine",
)


class Leaky(crawler.Spider):
    """Puts secrets wherever a spider may put them."""

    name = "leaky"
    custom_settings = {"robots": False, "keep_pages": False}
    sessions = (Identity("default", headers={"X-Api-Key": SECRETS["api key"]}, auth=("alice", SECRETS["basic auth"])),)

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/in"]

    def login(self, session: Session) -> None:
        base = self.arguments["site"]
        self.logger.debug("logging in with %s", session.account.password)
        session.note["refresh_token"] = SECRETS["bearer"]
        page = session.get(f"{base}/login")
        session.submit(page.form(), {"user": session.account.username, "password": session.account.password})
        self.logger.debug("cookies now: %s %r", session.cookies, session)

    def parse(self, response: Response) -> Iterator[Any]:
        for path in PATHS:
            yield Request(
                response.urljoin(f"/{path}?access_token={SECRETS['url token']}"),
                callback=self.parse_page,
                method="POST" if path == "fine" else "GET",
                body=f"secret={SECRETS['request body']}" if path == "fine" else None,
                headers={"X-Secret": SECRETS["request header"]},
                meta={"token": SECRETS["bearer"]},
            )

    def parse_page(self, response: Response) -> Iterator[Any]:
        self.logger.info("at %s with %s", response.url, response.request.headers)
        if "/raises-cookie" in response.url:  # with nothing before it that would tell what it is
            raise ValueError(f"odd {SECRETS['rotated cookie']!r} and {SECRETS['cookie']} here")
        if "/raises" in response.url:
            raise ValueError(f"could not read {{'password': '{SECRETS['error text']}'}} from {response.url}")
        yield {"id": 1, "fine": True}


@pytest.fixture
def leaked(quick_net: Net, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[str, Path, Any]:
    """All that a run shows at DEBUG, the folder of its store, and its summary."""
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "alice")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)
    own = quick_net.host({"*": site})
    shown = io.StringIO()
    handler = logging.StreamHandler(shown)
    handler.setFormatter(logging.Formatter(logs.FORMAT))
    handler.addFilter(SecretFilter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    events: list[Event] = []
    try:
        summary = crawl(Leaky, own.url, tmp_path, observers=[events.append], retries=1, backoff=0.01, log_level="DEBUG")
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    text = shown.getvalue() + "\n".join(map(repr, events)) + repr(summary) + json.dumps(summary.as_dict())
    return text, tmp_path, summary


def found(text: str) -> list[str]:
    return [
        f"{name}: ...{text[max(at - 90, 0) : at + 30]}..."
        for name, value in SECRETS.items()
        if (at := text.find(value)) >= 0
    ]


def test_X9_no_log_line_event_or_summary_of_a_failing_run_shows_a_secret(leaked: tuple[str, Path, Any]) -> None:
    text, _, summary = leaked

    assert summary.failed >= 6, summary
    assert "logging in with ***" in text
    assert "StatusError" in text
    assert found(text) == []


def test_X9_no_error_rule_or_page_record_of_the_store_shows_a_secret(leaked: tuple[str, Path, Any]) -> None:
    _, folder, _ = leaked
    texts = []
    with opened(folder) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
            for column in columns:
                if column in ("url", "final_url", "_url") and not table.startswith("crawl_sess"):
                    continue  # an address that has to be asked again is kept as it is
                texts += [
                    f"{table}.{column}: {value}" for (value,) in database.execute(f'SELECT "{column}" FROM "{table}"')
                ]
        errors = database.execute("SELECT count(*) FROM crawl_requests WHERE error <> ''").fetchone()[0]

    assert errors >= 6
    assert found("\n".join(texts)) == []


def test_X9_an_export_shows_no_secret_of_an_address(leaked: tuple[str, Path, Any]) -> None:
    _, folder, summary = leaked
    store = open_project_store(load(command_line={"store": str(folder / "crawl.db")}))
    try:
        rows = exported(store, folder, summary.spider, origin=True).decode()
    finally:
        store.close()

    assert "access_token=***" in rows
    assert found(rows) == []


def test_X11_no_secret_except_those_in_addresses_is_in_the_raw_files(leaked: tuple[str, Path, Any]) -> None:
    _, folder, _ = leaked
    raw = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())

    assert b"crawl_requests" in raw
    for name, value in SECRETS.items():
        assert value.encode() not in raw or name == "url token", name


def test_X11_files_and_folder_are_for_their_owner_only_whatever_the_umask(
    make_practice_site: Any, tmp_path: Path
) -> None:
    site = make_practice_site(books=3)
    (tmp_path / "spiders").mkdir()
    (tmp_path / "spiders" / "s.py").write_text(
        "from tests.engine.shop import Members\nclass S(Members):\n    name = 's'\n"
    )
    environ = {
        **os.environ,
        "CRAWL_DEFAULT_USERNAME": site.accounts[0].username,
        "CRAWL_DEFAULT_PASSWORD": site.accounts[0].password,
        "XDG_CONFIG_HOME": str(tmp_path / "configuration"),
        "PYTHONPATH": str(Path(crawler.__file__).parents[1]),
    }
    script = "import os, sys; os.umask(0o022); from crawler.cli import main; sys.argv = sys.argv[1:]; main()"
    words = [sys.executable, "-c", script, "crawl"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*words, *more], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done

    run("run", "s", "-a", f"site={site.url}", "-s", "keep_pages=true")
    run("sessions", "export", "default", "-o", "cookies.json")

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").rglob("*") if path.is_file()}
    modes["cookies.json"] = stat.S_IMODE((tmp_path / "cookies.json").stat().st_mode)
    assert "crawl.db" in modes
    assert set(modes.values()) == {0o600}, modes
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    keys = [path for path in (tmp_path / "configuration").rglob("*") if path.is_file()]
    assert keys
    assert {stat.S_IMODE(path.stat().st_mode) for path in keys} == {0o600}


def test_X10_neither_arguments_nor_variables_of_the_process_name_gain_a_secret(
    monkeypatch: pytest.MonkeyPatch, quick_net: Net
) -> None:
    session = quick_net.session("http://shop.test/", proxy=f"http://user:{SECRETS['userinfo']}@127.0.0.1:3128")
    session.auth = ("alice", SECRETS["basic auth"])
    session.headers["X-Api-Key"] = SECRETS["api key"]
    session.cookies.receive("http://shop.test/", [f"sid={SECRETS['cookie']}"])
    session.note["token"] = SECRETS["bearer"]
    request = Request("http://shop.test/", headers={"X": SECRETS["request header"]}, body=SECRETS["request body"])

    shown = "".join(
        map(repr, (session, session.cookies, list(session.cookies), session.account, request, session.origins))
    )

    assert found(shown) == []
    assert PASSWORD not in Path("/proc/self/cmdline").read_text()


def test_X10_no_command_takes_a_password_on_its_command_line() -> None:
    """It would stand in the list of processes for all to see."""
    options = {word for line in command_lines() for word in re.findall(r"--[a-z-]+", line)}

    assert "--store" in options
    assert [
        each for each in options if any(part in each for part in ("pass", "token", "secret", "cookie", "key"))
    ] == []


def test_X11_cleared_cookies_are_gone_from_the_raw_file(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not even their cipher text stays."""
    site = make_practice_site(books=3)
    credentials(monkeypatch, default=site.accounts[0])
    crawl(Members, site.url, tmp_path)
    with closing(sqlite3.connect(tmp_path / "crawl.db")) as database:
        (key, secret) = database.execute("SELECT key, secret FROM crawl_sessions").fetchone()
    store = open_project_store(load(command_line={"store": str(tmp_path / "crawl.db")}))
    try:
        store.sessions.clear(key)
    finally:
        store.close()

    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert bytes(secret)[:24] not in raw
    assert len(bytes(secret)) > 100


LEAKY_URL = f"http://user:{SECRETS['userinfo']}@shop.test/?access_token={SECRETS['url token']}"


@pytest.mark.parametrize(
    "error",
    [
        errors.FetchError(LEAKY_URL, f"ConnectionError: {LEAKY_URL} broke"),
        errors.ConnectFailed(LEAKY_URL, "reset"),
        errors.StatusError(LEAKY_URL, 503),
        errors.InvalidURL(LEAKY_URL),
        errors.RedirectError(LEAKY_URL, f"redirect to {LEAKY_URL}"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_X9_an_error_shows_no_secret_of_its_address_and_can_still_be_rebuilt(error: errors.CrawlError) -> None:
    twin = type(error)(*error.args)

    assert found(str(error)) == []
    assert "shop.test" in str(error)
    assert str(twin) == str(error)
