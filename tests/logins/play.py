"""A crawl behind each of the logins: its spider, and what comes of three runs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pytest_httpserver import HTTPServer

from tests.logins.pages import ORDERS, PASSWORD
from tests.logins.scripted import scripted_logins
from tests.logins.single_sign_on import single_sign_on
from tests.sessions_e2e.token_app import TokenApp

SPIDER = """
from crawler import BearerAuth, Identity, Spider, TokenRefresh

APP = "{url}"


class Orders(Spider):
    name = "orders"
    start_urls = [f"{{APP}}/api/orders?page=1"]
    login_url = f"{{APP}}/{begins}"
    probe_url = f"{{APP}}/{probe}"
    sessions = [{identity}]

    def login_browser(self, page, session):
        user, password = session.account.username, session.account.password
{steps}
        page.wait_for_selector("#ready")

    def parse(self, response):
        found = response.json()
        for order in found["orders"]:
            yield {{"order": order}}
        if found["next"]:
            yield response.follow(f"/api/orders?page={{found['next']}}")
"""

TYPES = """
page.fill("input[name=user]", user)
page.fill("input[name=pass]", password)
page.click("button")
"""
STEPS = {
    "localStorage": TYPES,
    "IndexedDB": TYPES,
    "OpenID Connect": """
page.click("#in")
page.fill("input[name=user]", user)
page.fill("input[name=password]", password)
page.click("button")
page.click("text=Allow")
""",
    "frame": """
door = page.frame_locator("iframe")
door.locator("input[name=user]").fill(user)
door.locator("input[name=pass]").fill(password)
door.locator("button").click()
""",
    "click": 'page.wait_for_load_state()\npage.click("canvas")\n' + TYPES,
    "second window": """
with page.expect_popup() as opened:
    page.click("#in")
window = opened.value
window.fill("input[name=user]", user)
window.fill("input[name=pass]", password)
window.click("button")
""",
}
HAR = ("--har", "run.har")
BEGINS = {"frame": "frame", "click": "click", "second window": "popup"}
AUTH = {
    "localStorage": 'BearerAuth.from_storage(APP, "auth", "access_token", '
    'refresh=TokenRefresh(f"{APP}/token", "app", ("auth", "refresh_token")))',
    "IndexedDB": 'BearerAuth.from_storage(APP, "vault/keys", "held", "access_token", '
    'refresh=TokenRefresh(f"{APP}/token", "app", ("vault/keys", "held", "refresh_token")))',
    "OpenID Connect": 'BearerAuth.from_storage(APP, "oidc.user:*", "access_token", '
    'refresh=TokenRefresh("IDENTITY/token", "web", ("oidc.user:*", "refresh_token")))',
}


class App(Protocol):
    """What is behind one of the logins."""

    url: str
    revoke_after: int

    @property
    def logins(self) -> int: ...

    @property
    def secrets(self) -> Any: ...


class Result(Protocol):
    code: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Played:
    """What came of three runs: the first; again; again, with all sessions ended on the server in the middle.

    Attributes:
        exact: Whether each run brought each item once.
        logins: Of each run, as it says.
        at_server: Logins that the server has seen in all.
        renewed: Tokens that were renewed.
        leaks: Where a secret was found.
    """

    exact: tuple[bool, ...]
    logins: tuple[int, ...]
    at_server: int
    renewed: int
    leaks: tuple[str, ...]


@contextmanager
def app_of(kind: str) -> Iterator[Any]:
    """The servers of one kind of login."""
    if kind == "OpenID Connect":
        with single_sign_on() as app:
            yield app
    elif kind in BEGINS:
        with scripted_logins() as scripted:
            yield scripted
    else:
        with HTTPServer(host="127.0.0.1", threaded=True) as server:
            yield TokenApp(server, {"IndexedDB": "indexedDB"}.get(kind, kind))


def spider_of(kind: str, app: Any) -> str:
    """Its source."""
    auth = AUTH.get(kind, "").replace("IDENTITY", getattr(app, "identity", ""))
    return SPIDER.format(
        url=app.url,
        begins=BEGINS.get(kind, "app"),
        probe="account" if kind in BEGINS else "api/me",
        identity=f'Identity("default", auth={auth})' if auth else '"default"',
        steps="".join(f"        {line}\n" for line in STEPS[kind].strip().splitlines()),
    )


def play(kind: str, app: Any, project: Path, command: Callable[..., Result], *, uses: int = 10_000) -> Played:
    """Three runs of *kind*'s spider in *project*, with the credentials in the environment.

    Args:
        uses: How many requests a token is good for in the first run.
    """
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(spider_of(kind, app))
    app.uses = uses
    exact, logins, said = [], [], []
    for revoke_after in (0, 0, 6):
        app.revoke_after = revoke_after
        run = command("run", "orders", "--fresh", "--json", "--log-file", "crawl.log", "-s", "log_level=DEBUG", *HAR)
        assert run.code == 0, run.err
        told = json.loads(run.out)
        exact.append(items(command) == ORDERS)
        logins.append(told["logins"])
        said += [run.out, run.err]
        app.uses = 10_000
    for words in (
        ("export", "orders", "-o", "orders.csv"),
        ("audit", "orders"),
        ("report", "orders", "-o", "report.html"),
        ("fetch", f"{app.url}/api/orders?page=1", "--spider", "orders", "--har", "page.har"),
        ("sessions", "list", "--json"),
        ("sessions", "history", "default"),
    ):
        done = command(*words)
        said += [done.out, done.err]
    before = sealed(project)
    leaks = [*found_in(project, {*app.secrets, PASSWORD}), *spoken(said, {*app.secrets, PASSWORD})]
    assert command("sessions", "clear", "default").code == 0
    leaks += [f"cleared, and still in {each}" for each in found_in(project, before)]
    renewed = getattr(app, "refreshes", 0) or getattr(app, "grants", {}).get("refresh_token", 0)
    return Played(tuple(exact), tuple(logins), app.logins, renewed, tuple(leaks))


def items(command: Callable[..., Result]) -> list[str]:
    """The orders of the last crawl, in order, each as often as it is there."""
    rows = command("export", "orders", "-o", "-", "--quiet").out.splitlines()
    return sorted((json.loads(row)["order"] for row in rows), key=lambda order: int(order[2:]))


def sealed(project: Path) -> set[bytes]:
    """Pieces of what is stored of sessions, encrypted: after a clear they are nowhere."""
    with sqlite3.connect(project / "data" / "crawl.db") as base:
        tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = set()
        for table in (each for each in tables if "session" in each):
            for row in base.execute(f'SELECT * FROM "{table}"'):
                found |= {bytes(each)[32:64] for each in row if isinstance(each, bytes) and len(each) > 64}
    base.close()
    return found


def found_in(project: Path, secrets: set[Any]) -> list[str]:
    """The files of a project in which one of the secrets stands."""
    wanted = [each if isinstance(each, bytes) else each.encode() for each in secrets if each]
    files = [file for file in project.rglob("*") if file.is_file() and file.suffix != ".py"]
    return sorted({file.name for file in files for each in wanted if each in file.read_bytes()})


def spoken(said: list[str], secrets: set[str]) -> list[str]:
    """The same for what commands have printed."""
    return ["what a command printed"] if any(each in text for text in said for each in secrets if each) else []
