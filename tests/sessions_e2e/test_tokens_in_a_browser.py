"""A login whose result is a token in the browser's storage: the crawl goes on over plain HTTP with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.cli.conftest import Crawl

from .test_browser_login import why_not
from .token_app import PAGES, PASSWORD, PER_PAGE, TokenApp

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")

SPIDER = """
from crawler import BearerAuth, Identity, Spider, TokenRefresh


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/api/orders?page=1"]
    login_url = "{url}/app"
    probe_url = "{url}/api/me"
    sessions = [{identity}]

    def login_browser(self, page, session):
        page.fill("input[name=user]", session.account.username)
        page.fill("input[name=pass]", session.account.password)
        page.click("button")
        page.wait_for_selector("#ready")

    def parse(self, response):
        found = response.json()
        for order in found["orders"]:
            yield {{"order": order}}
        if found["next"]:
            yield response.follow(f"/api/orders?page={{found['next']}}")
"""

IDENTITIES = {
    "plain": 'Identity("default", auth=BearerAuth.from_storage("{url}", "token"))',
    "sessionStorage": 'Identity("default", auth=BearerAuth.from_storage("{url}", "auth", "access_token"))',
    "indexedDB": 'Identity("default", auth=BearerAuth.from_storage("{url}", "vault/keys", "held", "access_token"))',
    "renewed IndexedDB": 'Identity("default", auth=BearerAuth.from_storage("{url}", "vault/keys", "held", '
    '"access_token", refresh=TokenRefresh("{url}/token", "app", ("vault/keys", "held", "refresh_token"))))',
    "localStorage": 'Identity("default", auth=BearerAuth.from_storage("{url}", "auth", "access_token", refresh='
    'TokenRefresh("{url}/token", "app", ("auth", "refresh_token"))))',
}
ORDERS = [f"A-{number}" for number in range(1, PAGES * PER_PAGE + 1)]


@pytest.fixture
def portal(
    httpserver: HTTPServer, project: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> TokenApp:
    keep, uses = request.param
    app = TokenApp(httpserver, keep.replace("renewed IndexedDB", "indexedDB"), uses=uses)
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)
    (project / "spiders").mkdir()
    source = SPIDER.format(url=app.url, identity=IDENTITIES[keep].format(url=app.url))
    (project / "spiders" / "orders.py").write_text(source)
    return app


def exported(command: Crawl) -> list[str]:
    rows = command("export", "orders", "-o", "-").out.splitlines()
    return sorted((json.loads(row)["order"] for row in rows), key=lambda order: int(order[2:]))


@pytest.mark.parametrize("portal", [(keep, 10_000) for keep in IDENTITIES], indirect=True, ids=list(IDENTITIES))
def test_a_token_is_found_where_the_app_keeps_it_and_lasts_from_run_to_run(
    portal: TokenApp, project: Path, command: Crawl
) -> None:
    login = command("login", "orders", "--browser", "--headless")
    first = command("run", "orders")
    found = exported(command)
    second = command("run", "orders", "--fresh")

    assert login.code == 0, login.err
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert found == ORDERS
    assert "restored without one" in first.out
    assert (portal.logins, portal.refreshes) == (1, 0)
    said = "".join(each.out + each.err for each in (login, first, second))
    kept = b"".join(file.read_bytes() for file in (project / "data").iterdir())
    for secret in filter(None, portal.secrets):
        assert secret not in said
        assert secret.encode() not in kept


@pytest.mark.parametrize(
    "portal", [("localStorage", 5), ("renewed IndexedDB", 5)], indirect=True, ids=["local", "database"]
)
def test_a_token_that_ends_in_the_middle_is_renewed_once_for_all_and_the_new_one_is_kept(
    portal: TokenApp, command: Crawl
) -> None:
    command("login", "orders", "--browser", "--headless")

    first = command("run", "orders")
    renewed = portal.refreshes
    second = command("run", "orders", "--fresh")

    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert exported(command) == ORDERS
    assert portal.logins == 1
    assert 2 <= renewed <= PAGES  # 5 requests a token, probes among them
    assert portal.refreshes > renewed, "the second run went on with the refresh token that the first one was given last"


@pytest.mark.parametrize("portal", [("localStorage", 10_000)], indirect=True)
def test_tokens_that_are_revoked_in_the_middle_of_a_run_cost_one_more_login(portal: TokenApp, command: Crawl) -> None:
    portal.revoke_after = 5

    run = command("run", "orders", "--json")

    assert run.code == 0, run.err
    assert json.loads(run.out)["logins"] == 2
    assert exported(command) == ORDERS
    assert portal.logins == 2


@pytest.mark.parametrize("portal", [("plain", 10_000)], indirect=True)
def test_what_the_app_sends_is_offered_and_the_storage_goes_along(
    portal: TokenApp, project: Path, command: Crawl
) -> None:
    login = command("login", "orders", "--browser", "--headless")
    history = command("sessions", "history", "default")
    state = json.loads(command("sessions", "export", "default", "--format", "storage-state").out)
    command("sessions", "export", "default", "--format", "json", "-o", "session.json")
    moved = command("sessions", "import", "orders", "session.json", "--store", "elsewhere.db")
    elsewhere = command("run", "orders", "--store", "elsewhere.db")

    assert f"the app sends the header Authorization (Bearer) to {portal.url}" in login.err
    assert f"BearerAuth.from_storage('{portal.url}', 'token')" in login.err
    assert history.code == 0
    assert state["origins"][0]["localStorage"][0]["name"] == "token"
    assert (moved.code, elsewhere.code) == (0, 0), moved.err + elsewhere.err
    assert portal.logins == 1


@pytest.mark.parametrize("portal", [("plain", 10_000)], indirect=True)
def test_a_token_goes_to_no_other_origin(portal: TokenApp, project: Path, command: Crawl) -> None:
    with HTTPServer(host="127.0.0.1", threaded=True) as other:
        seen: list[str | None] = []

        def listen(request: object) -> object:
            from werkzeug import Response

            seen.append(request.headers.get("Authorization"))
            return Response('{"orders": ["A-0"], "next": null}', mimetype="application/json")

        other.expect_request("/robots.txt").respond_with_data("")
        other.expect_request("/").respond_with_handler(listen)  # type: ignore[arg-type]
        file = project / "spiders" / "orders.py"
        begins = f'start_urls = ["{portal.url}/api/orders?page=1"'
        assert begins in file.read_text()
        file.write_text(file.read_text().replace(begins, f'{begins}, "{other.url_for("/")}"'))
        command("login", "orders", "--browser", "--headless")

        run = command("run", "orders")

        assert run.code == 0, run.err
        assert seen == [None]
