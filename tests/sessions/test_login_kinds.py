"""Which sessions may be shared is told by what the login step sets up: told from its code, before it has run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from crawler import Identity, Response, Session, Spider
from crawler.sessions.from_spider import session_key
from crawler.sessions.login.login_kinds import kind_of
from crawler.spider import Spider as Base


def put_token(token: str, session: Session) -> None:
    session.headers["Authorization"] = f"Bearer {token}"


class Form(Spider):
    name = "form"
    start_urls = ("http://shop.test/",)

    def login(self, session: Session) -> None:
        page = session.get("http://shop.test/login")
        with session.step("form"):
            session.submit(page.form(), {"u": session.account.username, "p": session.account.password})

    def parse(self, response: Response) -> Iterator[Any]:
        yield from ()


class Token(Form):
    name = "token"

    def login(self, session: Session) -> None:
        found = session.post("http://shop.test/token", json={}, headers={"Accept": "application/json"})
        session.headers["Authorization"] = "Bearer " + found.json()["access"]


class TokenByUpdate(Form):
    def login(self, session: Session) -> None:
        session.headers.update({"X-Api-Token": "t"})


class TokenByHelper(Form):
    def login(self, session: Session) -> None:
        put_token("t", session)


class TokenByMethod(Form):
    def login(self, session: Session) -> None:
        self.put(session=session)

    def put(self, session: Session) -> None:
        session.auth = requests.auth.HTTPBasicAuth("u", "p")


class TokenBySuper(Token):
    def login(self, session: Session) -> None:
        with session.step("both"):
            super().login(session)


class Mounts(Form):
    def login(self, session: Session) -> None:
        super().login(session)
        session.mount("https://", HTTPAdapter())


class Hooks(Form):
    def login(self, session: Session) -> None:
        session.hooks["response"].append(print)


class Csrf(Form):
    def login(self, session: Session) -> None:
        answer = session.get("http://shop.test/login")
        session.headers["X-CSRF-Token"] = answer.headers["X-CSRF-Token"]
        session.headers.update({"Referer": answer.url, "Accept-Language": "de"})


class Inherits(Form):
    pass


class Recursive(Form):
    def login(self, session: Session) -> None:
        self.login(session)


class WithParameters(Form):
    def login(self, browser_session: Any) -> None:  # type: ignore[override]
        browser_session.params["key"] = "k"


@pytest.mark.parametrize(
    ("spider", "kind"),
    [
        (Base, ""),
        (Form, ""),
        (Inherits, ""),
        (Csrf, ""),
        (Recursive, ""),
        (Token, "headers"),
        (TokenByUpdate, "headers"),
        (TokenByHelper, "headers"),
        (TokenByMethod, "auth"),
        (TokenBySuper, "headers"),
        (Mounts, "mount"),
        (Hooks, "hooks"),
        (WithParameters, "params"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_the_kind_of_a_login_is_what_it_leaves_besides_cookies(spider: type[Spider], kind: str) -> None:
    assert kind_of(spider) == kind


def test_code_that_cannot_be_read_is_taken_for_a_login_by_cookies() -> None:
    space: dict[str, Any] = {"Spider": Spider}
    exec("class Typed(Spider):\n  def login(self, session):\n    session.auth = 1", space)  # noqa: S102

    assert kind_of(space["Typed"]) in ("", "auth")


def test_a_form_and_a_token_of_one_account_have_a_session_each_and_two_forms_share_one() -> None:
    keys = [session_key(each(), Identity("x"), "ann") for each in (Form, Inherits, Csrf, Token, TokenByHelper, Mounts)]

    assert keys[0] == keys[1] == keys[2] == "shop.test|account|ann"
    assert keys[3] == keys[4] == "shop.test|account+headers|ann"
    assert len(set(keys)) == 3


def test_a_parser_that_another_thread_has_disturbed_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 counts the depth of a syntax tree for all threads together, and may fail when two make one."""
    parse, asked = ast.parse, []

    def disturbed(source: str) -> ast.AST:
        asked.append(source)
        if len(asked) == 1:
            raise SystemError("AST constructor recursion depth mismatch (before=66, after=58)")
        return parse(source)

    monkeypatch.setattr(ast, "parse", disturbed)

    assert kind_of(type("Disturbed", (Token,), {})) == "headers"
    assert len(asked) == 2
