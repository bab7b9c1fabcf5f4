"""What is private, and who may lead there: rebinding, a single sign-on inside, and what the error says (row X8)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler.errors import Refused
from crawler.fetching.addresses import AddressRule, may_lead
from crawler.testing import Account
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, credentials, stored
from tests.hosts import Host, Net

PUBLIC, OTHER_PUBLIC = "93.184.216.34", "2606:4700::1111"

# --- rebinding ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("public", [PUBLIC, OTHER_PUBLIC])
@pytest.mark.parametrize("private", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_X8_a_trusted_host_that_was_public_and_turns_private_is_refused(public: str, private: str) -> None:
    rule = AddressRule({"shop.test"})

    assert rule.refuses("shop.test", public) == ""
    assert "had a public address when this run began" in rule.refuses("shop.test", private)
    assert rule.refuses("shop.test", public) == ""


def test_X8_a_trusted_host_that_was_private_from_the_beginning_stays_trusted() -> None:
    rule = AddressRule({"intra.test"})

    assert [rule.refuses("intra.test", each) for each in ("10.0.0.1", "10.0.0.2", "fd00::1")] == ["", "", ""]


def test_X8_the_earlier_addresses_of_another_host_do_not_matter() -> None:
    rule = AddressRule({"shop.test", "intra.test"})
    rule.refuses("shop.test", PUBLIC)
    rule.refuses("cdn.test", PUBLIC)

    assert rule.refuses("intra.test", "10.0.0.1") == ""


@pytest.mark.parametrize("led_by", ["10.0.0.9", "127.0.0.1"])
def test_X8_a_rebound_host_is_refused_whoever_leads_there(led_by: str) -> None:
    rule = AddressRule({"shop.test"})
    rule.refuses("shop.test", PUBLIC)

    assert rule.refuses("shop.test", "10.0.0.1", led_by)


def test_X8_a_rebound_host_is_not_connected_to(net: Net) -> None:
    rule = AddressRule({"shop.test"})
    own = net.host()
    session = net.session(own.named("shop.test"), adapter=net.adapter({"shop.test": "127.0.0.1"}, address_rule=rule))
    rule.refuses("shop.test", PUBLIC)  # as if it had been asked there before

    with pytest.raises(Refused, match=r"shop\.test had a public address when this run began"):
        session.get(own.named("shop.test", "/page"))

    assert own.calls == []


# --- who leads inside -----------------------------------------------------------------------------------------------

LEADS = [
    ("10.0.0.1", "10.0.0.2", True),
    ("10.0.0.1", "192.168.7.7", True),
    ("100.64.0.1", "10.0.0.2", True),
    ("fd00::1", "10.0.0.2", True),
    ("127.0.0.1", "127.0.0.2", True),
    ("127.0.0.1", "172.17.0.2", True),
    ("10.0.0.1", "127.0.0.1", False),
    ("10.0.0.1", "::1", False),
    ("10.0.0.1", "169.254.169.254", False),
    ("127.0.0.1", "169.254.169.254", False),
    ("127.0.0.1", "0.0.0.0", False),
    ("127.0.0.1", "64:ff9b::a00:1", False),
    ("10.0.0.1", "224.0.0.1", False),
    (PUBLIC, "10.0.0.1", False),
    ("", "10.0.0.1", False),
]


@pytest.mark.parametrize(("one", "other", "may"), LEADS, ids=[f"{one}~{other}" for one, other, _ in LEADS])
def test_X8_which_hosts_may_redirect_to_which(one: str, other: str, may: bool) -> None:
    assert may_lead(one, other) is may
    assert (AddressRule().refuses("sso.test", other, one) == "") is may


def test_X8_a_host_reached_by_a_redirect_may_be_requested_directly_from_then_on() -> None:
    rule = AddressRule({"app.test"})
    assert rule.refuses("sso.test", "10.0.0.2")

    assert rule.refuses("sso.test", "10.0.0.2", led_by="10.0.0.1") == ""

    assert rule.refuses("sso.test", "10.0.0.2") == ""
    assert rule.refuses("other.test", "10.0.0.2")


@pytest.mark.parametrize("leads", [True, False])
def test_X8_only_a_session_that_logs_in_may_be_led_to_a_private_host(net: Net, leads: bool) -> None:
    sso = net.host(address="127.0.0.2")
    own = net.host({"/go": Answer.redirect(f"{sso.url}/login")})
    session = net.session(own.url, adapter=net.adapter(address_rule=AddressRule({"127.0.0.1"})))
    session.leads_inside = leads

    if leads:
        assert session.get(f"{own.url}/go").url == f"{sso.url}/login"
    else:
        with pytest.raises(
            Refused, match=r"in login_url or Identity.* for a login there, which is enough .allow_private"
        ):
            session.get(f"{own.url}/go")


# --- a whole crawl with default settings ----------------------------------------------------------------------------


class Intranet(crawler.Spider):
    """Its login begins at home and is led to the single sign-on, which no URL of the spider names."""

    name = "intranet"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/home"]

    def login(self, session: crawler.Session) -> None:
        page = session.get(f"{self.arguments['site']}/enter")
        form = page.form()
        answer = session.post(page.urljoin(form.action), data={"u": session.account.username, "p": "x"})
        assert answer.ok

    def parse(self, response: crawler.Response) -> Any:
        yield {"id": 1, "said": response.css("p::text").get()}


def intranet(own: Host, sso: Host) -> None:
    """The application sends guests to the single sign-on, which sends them back with a ticket."""

    def enter(call: WireRequest) -> Answer:
        if "ticket" in call.query():
            return Answer(302, headers=[("Location", "/home"), ("Set-Cookie", "sid=1; Path=/")])
        return Answer.redirect(f"{sso.url}/login")

    def home(call: WireRequest) -> Answer:
        if "sid=1" in call.headers.get("cookie", ""):
            return Answer(body=b"<p>members</p><a href='/logout'>Log out</a>")
        return Answer.redirect("/enter")

    def login(call: WireRequest) -> Answer:
        if call.method == "POST":
            return Answer.redirect(f"{own.url}/enter?ticket=1")
        return Answer(
            body=b"<form method=post action=/login><input name=u><input type=password name=p><button>Go</button></form>"
        )

    own.routes = {"/enter": enter, "/home": home, "/robots.txt": Answer(404)}
    sso.routes = {"/login": login}


def test_X8_a_private_start_host_may_lead_to_its_private_single_sign_on(
    quick_net: Net, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials(monkeypatch, default=Account("anna", "pass-of-anna"))
    own, sso = quick_net.host(), quick_net.host(address="127.0.0.2")
    intranet(own, sso)

    summary = crawl(Intranet, own.url, tmp_path)

    assert (summary.ending, summary.logins, summary.failed) == ("finished", 1, 0), summary
    assert stored(tmp_path, "said") == [{"said": "members"}]
    assert {call.path for call in sso.calls} == {"/login"}
