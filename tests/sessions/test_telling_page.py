"""Which page tells whether credentials that go with every request are good."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests

from crawler import Spider
from crawler.errors import StatusError
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.telling_page import TellingPage
from crawler.spider import Identity
from crawler.testing.adapter import Reply, ScriptedAdapter, reply
from tests.sessions.managers import SITE, Memory
from tests.sessions.test_always_sent import made_session

PAGE, NO = reply("<h1>page</h1>"), reply("no", status=401)
LED = reply(status=302, headers={"Location": "/login"})
FORM = reply("<title>Sign in</title><form method=post><input name=u><input type=password name=p></form>")
By = Callable[[str, bool], Reply]  # by path, and whether credentials came along


class Plain(Spider):
    """Without a login step."""

    name = "plain"


def found(answers: By, *, last_page: str = "", named: bool = False) -> tuple[str, list[str]]:
    """What `refused_at` says of a site after "/doubtful" has answered 401, and what it asked for."""
    asked: list[str] = []

    def answer(request: requests.PreparedRequest) -> Reply:
        ours = "Authorization" in request.headers
        asked.append(f"{request.path_url}{'' if ours else ' as a stranger'}")
        return answers(request.path_url, ours)

    class Office(Spider):
        name = "office"
        start_urls = [f"{SITE}/start"]
        probe_url = f"{SITE}/named" if named else None

    adapter = ScriptedAdapter(*[answer] * 9)
    session = made_session(adapter, identity=Identity("default", auth=("ann", "old")))
    telling = TellingPage(session, Office(), retry_after_s=lambda header: None)
    telling.last_page = f"{SITE}{last_page}" if last_page else ""
    return telling.refused_at(f"{SITE}/doubtful").removeprefix(SITE), asked


def test_a_start_page_that_refuses_them_tells_at_once() -> None:
    assert found(lambda path, ours: NO) == ("/start", ["/start"])


@pytest.mark.parametrize("stranger", [NO, reply("", status=403), reply("", status=404), FORM])
def test_a_start_page_that_a_stranger_does_not_get_shows_that_they_are_good(stranger: Reply) -> None:
    asked = ["/start", "/start as a stranger"]

    assert found(lambda path, ours: PAGE if ours else stranger) == ("", asked)


def test_a_stranger_who_is_led_to_a_login_page_does_not_get_it() -> None:
    asked = ["/start", "/start as a stranger", "/login as a stranger"]

    assert found(lambda path, ours: PAGE if ours else FORM if path == "/login" else LED) == ("", asked)


def test_a_probe_page_of_the_spider_is_believed_without_a_look_as_a_stranger() -> None:
    assert found(lambda path, ours: PAGE, named=True) == ("", ["/named"])
    assert found(lambda path, ours: NO, named=True) == ("/named", ["/named"])


def test_where_everybody_gets_the_start_page_the_last_page_that_came_in_tells() -> None:
    asked = ["/start", "/start as a stranger", "/last", "/last as a stranger"]

    assert found(lambda path, ours: PAGE if ours or path == "/start" else NO, last_page="/last") == ("", asked)


def test_where_everybody_gets_all_that_came_in_the_page_that_refused_them_is_asked_once_more() -> None:
    asked = ["/start", "/start as a stranger", "/last", "/last as a stranger", "/doubtful"]

    assert found(lambda path, ours: NO if path == "/doubtful" else PAGE, last_page="/last") == ("/doubtful", asked)
    assert found(lambda path, ours: PAGE, last_page="/last") == ("", asked), "it was a hiccup"


def test_a_page_that_is_missing_for_everybody_tells_nothing() -> None:
    answers = {"/start": reply("", status=404), "/doubtful": NO}

    assert found(lambda path, ours: answers[path]) == ("/doubtful", ["/start", "/doubtful"])


def test_a_site_in_trouble_tells_nothing() -> None:
    with pytest.raises(StatusError):
        found(lambda path, ours: reply("", status=503))


def test_a_stranger_who_meets_trouble_tells_nothing() -> None:
    with pytest.raises(StatusError):
        found(lambda path, ours: PAGE if ours else reply("", status=503))


def test_a_session_is_ready_only_after_it_is_known_that_its_first_request_goes_alone() -> None:
    session = made_session(ScriptedAdapter(), identity=Identity("default", auth=("ann", "old")))
    made = LoginManager(session, Plain(), Memory(), probe_url=None)
    seen: list[bool] = []
    made.standing.became_ready = lambda *args, **more: seen.append(made.without_step.goes_alone)  # type: ignore[method-assign]

    made.prepare()

    assert seen == [True]
