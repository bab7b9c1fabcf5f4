"""A token that only the page of the app can renew (`PageRefresh`): one login by a browser, and then as many renewals as
there are ends, whoever meets them; pages are crawled over plain HTTP.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from tests.cli.conftest import Crawl
from tests.logins import single_sign_on
from tests.logins.__main__ import command as program
from tests.logins.framing import STEPS as FRAME_STEPS
from tests.logins.framing import FramedPortal
from tests.logins.pages import ORDERS as FEW_ORDERS
from tests.logins.pages import PASSWORD, USER
from tests.logins.play import STEPS, found_in, items
from tests.logins.renewing import ORDERS, RenewingPortal
from tests.long_form import LONG_FORM
from tests.sessions_e2e.test_browser_login import why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")]

SPIDER = """
from crawler import BearerAuth, Identity, PageRefresh, Spider

APP = "{url}"


class Orders(Spider):
    name = "orders"
    start_urls = [f"{{APP}}/api/orders?page=1"]
    login_url = f"{{APP}}/app"
    probe_url = f"{{APP}}/api/me"
    custom_settings = {settings}
    sessions = [Identity("default", auth=BearerAuth.from_storage(APP, {at}, refresh=PageRefresh(f"{{APP}}/app")))]
{steps}
    def parse(self, response):
        found = response.json()
        for order in found["orders"]:
            yield {{"order": order}}
        if "pages" in found and response.url.endswith("page=1"):
            for page in range(2, found["pages"] + 1):
                yield response.follow(f"/api/orders?page={{page}}")
        if found.get("next"):
            yield response.follow(f"/api/orders?page={{found['next']}}")
"""
DRIVES = """
    def login_browser(self, page, session):
        user, password = session.account.username, session.account.password
{lines}
        page.wait_for_selector("#ready")
"""
HELD = '"auth", "held", "access_token"'


def write(project: Path, url: str, *, steps: str = "", at: str = HELD, settings: str = "{}") -> None:
    """The spider; without *steps* it is one that a person logs in."""
    lines = "".join(f"        {line}\n" for line in steps.strip().splitlines())
    drives = DRIVES.format(lines=lines) if steps else ""
    (project / "spiders").mkdir(exist_ok=True)
    source = SPIDER.format(url=url, at=at, settings=settings, steps=drives)
    (project / "spiders" / "orders.py").write_text(source)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", USER)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", PASSWORD)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def portal(project: Path, command: Crawl, httpserver: HTTPServer) -> RenewingPortal:
    """A portal that somebody has logged in to, with a spider that has no login step."""
    made = RenewingPortal(httpserver)
    write(project, made.url, steps=STEPS["localStorage"])
    done = command("login", "orders", "--browser", "--headless")
    assert done.code == 0, done.err
    write(project, made.url)
    return made


def ran(command: Callable[..., Any], *words: str, code: int = 0) -> dict[str, Any]:
    """What a run told."""
    done = command("run", "orders", "--json", "--log-file", "crawl.log", "-s", "log_level=DEBUG", *words)
    assert done.code == code, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.parametrize("processes", [1, 2])
def test_a_token_that_ends_several_times_is_renewed_as_often_and_a_hundred_pages_are_exact(
    portal: RenewingPortal, project: Path, processes: int
) -> None:
    portal.end_tokens()
    portal.uses = 30

    told = ran(program, "--processes", str(processes))
    first, ended = portal.renewed, len(portal.ended)
    again = ran(program, "--fresh")

    assert items(program) == ORDERS
    assert (told["logins"], again["logins"], portal.logins) == (0, 0, 1)
    assert first == told["renewed"] == ended >= 4
    assert portal.renewed - first == again["renewed"] == len(portal.ended) - ended
    assert again["restored"] == 1
    assert found_in(project, {*portal.secrets, PASSWORD}) == []


@LONG_FORM
def test_a_token_that_says_when_it_ends_is_renewed_without_being_shown_once_too_often(
    portal: RenewingPortal, command: Crawl
) -> None:
    portal.end_tokens()
    began = time.monotonic()
    assert command("fetch", f"{portal.url}/api/me", "--spider", "orders").code == 0
    portal.life_s = max(4.0, 3 * (time.monotonic() - began))  # a busy machine takes longer to renew it, too
    portal.end_tokens()
    before, shown = portal.renewed, set(portal.ended)

    told = ran(command, "-s", f"delay={portal.life_s * 0.03:.2f}")
    portal.renewed -= before
    portal.ended -= shown

    assert items(command) == ORDERS
    assert portal.renewed == told["renewed"] >= 3
    assert len(portal.ended) == portal.renewed, "each was shown by the page that renewed it, and by nobody else"
    assert told["retried"] == told["rechecked"] == 0


@LONG_FORM
def test_a_quick_page_is_not_loaded_while_the_token_still_lets_it_in(portal: RenewingPortal, command: Crawl) -> None:
    portal.life_s = 40.0  # nothing is sent in its last four seconds, and a page of the app takes one
    portal.end_tokens()

    told = ran(command, "-s", "delay=0.5")

    assert items(command) == ORDERS
    assert portal.renewed == told["renewed"] >= 2


def test_where_the_page_asks_for_a_login_a_run_waits_for_a_person_with_the_command(
    portal: RenewingPortal, command: Crawl
) -> None:
    portal.revoke()

    done = command("run", "orders")

    assert done.code == 7, done.err
    assert "/app asks for a login" in done.err
    assert "crawl login orders --session default --browser" in done.err
    assert (portal.logins, portal.renewed) == (1, 0)


def test_where_the_page_asks_for_a_login_a_spider_that_can_logs_in(
    portal: RenewingPortal, project: Path, command: Crawl
) -> None:
    write(project, portal.url, steps=STEPS["localStorage"])
    portal.revoke()

    told = ran(command)

    assert items(command) == ORDERS
    assert (told["logins"], told["renewed"], portal.logins) == (1, 0, 2)


def test_a_server_in_trouble_is_asked_again_and_nobody_is_called(portal: RenewingPortal, command: Crawl) -> None:
    portal.end_tokens()
    portal.broken = 1

    told = ran(command)

    assert items(command) == ORDERS
    assert (told["renewed"], told["logins"], portal.renewed) == (1, 0, 1)
    log = Path("crawl.log").read_text()
    assert "session default is renewed by a page of the app: " in log
    assert "the renewal goes on in" in log
    assert "logs in" not in log, "a renewal is no login"
    assert "default: renewed by a page of the app, no login" in command("runs", "show", "1").out


def test_where_no_browser_is_a_run_says_so_and_waits_for_a_person(
    portal: RenewingPortal, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.end_tokens()
    monkeypatch.setenv("CRAWL_BROWSER", "nonesuch")

    done = command("run", "orders")

    assert done.code == 7, done.err
    assert "no browser is installed here that could load the page of the app" in done.err


def test_a_single_page_renews_it_too(portal: RenewingPortal, command: Crawl) -> None:
    portal.end_tokens()

    pages = [command("fetch", f"{portal.url}/api/orders?page={page}", "--spider", "orders") for page in (7, 8)]

    assert [each.code for each in pages] == [0, 0], pages[0].err
    assert [json.loads(each.out)["orders"] for each in pages] == [["A-7"], ["A-8"]]
    assert (portal.logins, portal.renewed) == (1, 1)


@pytest.fixture
def framed(project: Path, command: Crawl, httpserver: HTTPServer) -> Iterator[FramedPortal]:
    """A portal that somebody has logged in to at another host; a hidden frame there renews what it has."""
    options = {"settings": '{"render_hosts": ["127.0.0.2"], "allow_private": True}'}
    with HTTPServer(host="127.0.0.2", threaded=True) as identity:
        made = FramedPortal(httpserver, identity)
        write(project, made.url, steps=FRAME_STEPS, **options)
        done = command("login", "orders", "--browser", "--headless")
        assert done.code == 0, done.err
        write(project, made.url, **options)
        yield made


@pytest.mark.parametrize("processes", [1, 2])
def test_a_hidden_frame_at_another_host_renews_a_token_once_for_all(
    framed: FramedPortal, project: Path, processes: int
) -> None:
    framed.end_tokens()
    framed.uses = 50

    told = ran(program, "--processes", str(processes))
    first = framed.renewed

    assert items(program) == ORDERS
    assert (told["logins"], framed.logins, framed.in_vain) == (0, 1, 0)
    assert first == told["renewed"] == len(framed.ended) >= 3
    assert found_in(project, {*framed.secrets, PASSWORD}) == []


def test_where_the_frame_is_told_to_log_in_a_run_waits_for_a_person(framed: FramedPortal, command: Crawl) -> None:
    framed.revoke()

    done = command("run", "orders", "-s", "timeout=5")

    assert done.code == 7, done.err
    assert "/app has brought no new token to 'auth'" in done.err
    assert (framed.logins, framed.renewed, framed.in_vain) == (1, 0, 1)


@pytest.fixture
def signed_on(project: Path, command: Crawl) -> Iterator[single_sign_on.SingleSignOn]:
    """The same at a single sign-on, whose frame needs no refresh token."""
    with single_sign_on.single_sign_on(silent=True) as made:
        options = {
            "at": '"oidc.user:*", "access_token"',
            "settings": '{"render_hosts": ["127.0.0.1"], "allow_private": True}',
        }
        write(project, made.url, steps=STEPS["OpenID Connect"], **options)
        done = command("login", "orders", "--browser", "--headless")
        assert done.code == 0, done.err
        write(project, made.url, **options)
        yield made


@LONG_FORM
@pytest.mark.timeout(400)  # four starts of a browser, and a frame that is waited for
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.skipif(bool(single_sign_on.why_not()), reason=single_sign_on.why_not() or "-")
def test_a_hidden_frame_at_the_identity_server_renews_it_until_that_has_signed_everybody_out(
    signed_on: single_sign_on.SingleSignOn, command: Crawl, processes: int
) -> None:
    signed_on.end_all()
    signed_on.uses = 5

    told = ran(program, "--processes", str(processes))
    codes, ended, brought = signed_on.logins, len(signed_on.ended - {""}), items(command)
    signed_on.uses = 10_000
    again = ran(command, "--fresh")
    signed_on.end_sessions()
    signed_on.end_all()
    lost = command("run", "orders", "--fresh", "-s", "timeout=10")

    assert brought == FEW_ORDERS
    assert codes - 1 == told["renewed"] == ended >= 3
    assert (told["logins"], again["logins"]) == (0, 0)
    assert again["renewed"] <= 1, "what was left of the last token of the first run"
    assert lost.code == 7, lost.err
    assert signed_on.grants["refresh_token"] == 0
