"""What a login step chooses besides the account is told from its code: sessions of other choices are others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crawler import Identity, Response, Session, Spider
from crawler.sessions.from_spider import session_key
from crawler.sessions.login.login_choices import choices_of


def switch_to(customer: str, session: Session) -> None:
    session.post("http://shop.test/switch", data={"customer": customer})


class Plain(Spider):
    name = "plain"
    start_urls = ("http://shop.test/",)
    customer = "K1"
    where = "http://shop.test/login"
    started = 1.5
    in_a_hurry = True

    def login(self, session: Session) -> None:
        page = session.get("http://shop.test/login")
        with session.step("form"):
            session.submit(page.form(), {"u": session.account.username, "p": session.account.password, "stay": True})
            session.get(self.start_urls[0], headers={"Accept": "text/html"})
            session.get(self.where, params={"at": self.started, "token": session.account.get("api_key")})
            if self.in_a_hurry:
                session.get("http://shop.test/login?next=/orders&remember=1")

    def parse(self, response: Response) -> Iterator[Any]:
        yield from ()


class Name(Plain):
    def login(self, session: Session) -> None:
        switch_to(session.name, session)


class Attribute(Plain):
    def login(self, session: Session) -> None:
        super().login(session)
        switch_to(self.customer, session)


class Another(Attribute):
    customer = "K2"


class Argument(Plain):
    def login(self, session: Session) -> None:
        switch_to(self.arguments.get("customer", ""), session)


class Field(Plain):
    def login(self, session: Session) -> None:
        account = session.account
        switch_to(account.get("customer") or "", session)


class Word(Plain):
    def login(self, session: Session) -> None:
        session.get("http://shop.test/switch?customer=K7")


class OtherWord(Plain):
    def login(self, session: Session) -> None:
        session.post("http://shop.test/switch", data={"customer": "K8"})


def mark(spider: Spider, session: str = "ann", **fields: str) -> str:
    return choices_of(spider, session, fields.get)


def test_a_login_that_chooses_nothing_has_no_mark() -> None:
    assert mark(Plain(since="monday"), api_key="k") == ""


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (mark(Name(), "ann"), mark(Name(), "bob")),
        (mark(Attribute()), mark(Another())),
        (mark(Attribute()), mark(Attribute(customer="K3"))),
        (mark(Argument(customer="K1")), mark(Argument(customer="K2"))),
        (mark(Field(), customer="K1"), mark(Field(), customer="K2")),
        (mark(Word()), mark(OtherWord())),
        (mark(Word()), mark(Plain())),
    ],
    ids=["name", "subclass", "attribute", "argument", "field", "words", "word"],
)
def test_another_choice_has_another_mark(one: str, two: str) -> None:
    assert one
    assert one != two


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (mark(Attribute(), "ann"), mark(Attribute(since="monday"), "bob")),
        (mark(Argument(customer="K1")), mark(Argument(customer="K1", since="monday"))),
        (mark(Field(), "ann", customer="K1"), mark(Field(), "bob", customer="K1")),
    ],
    ids=["attribute", "argument", "field"],
)
def test_what_the_login_does_not_read_makes_no_other_mark(one: str, two: str) -> None:
    assert one == two


def test_the_mark_is_in_the_key_beside_the_kind_and_a_session_that_never_logs_in_has_none() -> None:
    key = session_key(Name(), Identity("ann"), "ann@shop")

    assert key == f"shop.test|account+{mark(Name(), 'ann')}|ann@shop"
    assert session_key(Name(), Identity("ann", login=False), None) == "shop.test|session|ann"
