"""Which page tells whether credentials that go with every request are good."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import requests

from crawler import Spider
from crawler.errors import StatusError
from crawler.outcome import Leased
from crawler.sessions.login.manager import LoginManager
from crawler.sessions.login.telling_page import TellingPage
from crawler.spider import Identity
from crawler.testing.adapter import Reply, ScriptedAdapter, reply
from tests.engine.parts import leased
from tests.sessions.managers import SITE, Memory
from tests.sessions.test_always_sent import made_session

PAGE, NO = reply("<h1>page</h1>"), reply("no", status=401)
LED = reply(status=302, headers={"Location": "/login"})
FORM = reply("<title>Sign in</title><form method=post><input name=u><input type=password name=p></form>")
By = Callable[[str, bool], Reply]  # by path, and whether credentials came along


def row(path: str, extras: str = "") -> Leased:
    """A request of the spider below, in the frontier."""
    return replace(
        leased(sum(path.encode())), url=f"{SITE}{path}", callback=path.rpartition("/")[0] or path, extras=extras
    )


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
    if last_page:
        telling.came(row(last_page))
    telling.doubtful = row("/doubtful")
    return (telling.refused_at() or "").removeprefix(SITE), asked


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


class Probed:
    """The same for several questions, about a site that answers by path; keeps what was asked since the last one."""

    def __init__(self, answers: By) -> None:
        self.asked: list[str] = []
        self._answers = answers

        class Office(Spider):
            name = "office"
            start_urls = [f"{SITE}/start"]

        adapter = ScriptedAdapter(*[self._answer] * 30)
        session = made_session(adapter, identity=Identity("default", auth=("ann", "old")))
        self.telling = TellingPage(session, Office(), retry_after_s=lambda header: None)

    def _answer(self, request: requests.PreparedRequest) -> Reply:
        ours = "Authorization" in request.headers
        more = f" {request.headers['X-Shop']}" if "X-Shop" in request.headers else ""
        self.asked.append(f"{request.path_url}{more}{'' if ours else ' as a stranger'}")
        return self._answers(request.path_url, ours)

    def says(self, doubtful: str = "/doubtful", extras: str = "") -> str | None:
        self.asked.clear()
        self.telling.doubtful = row(doubtful, extras)
        self.telling.was_refused(self.telling.doubtful.id)
        said = self.telling.refused_at()
        return said if said is None else said.removeprefix(SITE)


def test_a_page_of_another_kind_tells_although_the_last_one_is_for_everybody_and_is_known_from_then_on() -> None:
    public = ("/start", "/news/1")
    probed = Probed(lambda path, ours: PAGE if path in public or (ours and path != "/doubtful") else NO)
    for path in ("/orders/1", "/orders/2", "/news/1"):
        probed.telling.came(row(path))

    assert probed.says() == ""
    assert probed.asked[-2:] == ["/orders/2", "/orders/2 as a stranger"]
    assert probed.says() == ""
    assert probed.asked == ["/orders/2"], "no page is compared twice"


def test_a_start_page_in_trouble_keeps_no_other_page_from_telling() -> None:
    probed = Probed(lambda path, ours: reply("", status=500) if path == "/start" else PAGE if ours else NO)
    probed.telling.came(row("/orders/1"))

    assert probed.says() == ""
    assert probed.asked == ["/start", "/orders/1", "/orders/1 as a stranger"]


def test_a_page_that_never_brings_a_usable_answer_is_waited_for_some_times_only() -> None:
    probed = Probed(lambda path, ours: reply("", status=500) if path == "/start" else NO)

    for _ in range(4):
        with pytest.raises(StatusError):
            probed.says()
    assert probed.says() == "/doubtful"
    assert probed.asked == ["/doubtful"]


def test_a_request_with_headers_of_its_own_is_asked_again_with_them() -> None:
    shop = '{"headers":{"X-Shop":"7"}}'
    probed = Probed(lambda path, ours: PAGE if path == "/start" else NO)

    assert probed.says(extras=shop) == "/doubtful"
    assert probed.asked == ["/start", "/start as a stranger", "/doubtful 7"]


@pytest.mark.parametrize(
    "extras", ['{"method":"POST","body":"{}"}', '{"cookies":{"a":"1"}}', '{"headers":{"X-Api-Key":"abc"}}']
)
def test_what_is_no_plain_get_is_not_sent_again_and_taken_at_its_word_when_another_one_was_refused(extras: str) -> None:
    probed = Probed(lambda path, ours: PAGE if path == "/start" else NO)

    assert probed.says("/a", extras) is None
    assert probed.says("/a", extras) is None, "the same one once more is no other one"
    assert probed.says("/b", extras) == "/b"
    assert not {"/a", "/b"} & set(probed.asked)


def test_after_a_page_has_come_in_it_takes_more_of_them() -> None:
    probed = Probed(lambda path, ours: PAGE if path == "/start" else NO)
    post = '{"method":"POST"}'
    said = [probed.says("/a", post)]
    probed.telling.came(row("/post", post))

    said += [probed.says(f"/{number}", post) for number in range(5)]

    assert said == [None, None, None, None, None, "/4"]


def test_a_session_is_ready_only_after_it_is_known_that_its_first_request_goes_alone() -> None:
    session = made_session(ScriptedAdapter(), identity=Identity("default", auth=("ann", "old")))
    made = LoginManager(session, Plain(), Memory(), probe_url=None)
    seen: list[bool] = []
    made.standing.became_ready = lambda *args, **more: seen.append(made.without_step.goes_alone)  # type: ignore[method-assign]

    made.prepare()

    assert seen == [True]
