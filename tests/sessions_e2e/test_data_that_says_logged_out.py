"""An API that answers 200 where others answer 401, and says in its data that nobody is logged in."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import BearerAuth, Response, Session, Spider
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import crawl, stored
from tests.hosts import Net, quick_net
from tests.sessions_e2e.one_account import _account

__all__ = ["_account", "quick_net"]

PAGES, ROWS, LIFE = 8, 3, 14


class Api:
    """A list whose tokens are good for `LIFE` requests."""

    def __init__(self, refusal: Any) -> None:
        self.refusal, self.lives, self.logins = refusal, dict[str, int](), 0
        self._lock = threading.Lock()
        self.denied = ""

    def __call__(self, call: WireRequest) -> Answer:
        with self._lock:
            if call.path == "/login":
                self.logins += 1
                self.lives[f"t{self.logins}"] = LIFE
                return Answer.json({"token": f"t{self.logins}"})
            token = call.headers.get("authorization", "").removeprefix("Bearer ")
            if self.lives.get(token, 0) <= 0:
                return Answer.json(self.refusal)
            self.lives[token] -= 1
        if call.path == "/me":
            return Answer.json({"success": True, "user": "ann"})
        if call.path == self.denied:
            return Answer.json({"code": 401, "message": "not for you"})
        kind, number = call.path.strip("/").split("/")
        if kind == "order":
            return Answer.json({"success": True, "data": {"id": number}})
        data = [int(number) * 100 + row for row in range(ROWS)]
        return Answer.json({"success": True, "data": data, "next": int(number) + 1 if int(number) < PAGES else None})


class Orders(Spider):
    name = "orders"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls, self.probe_url = [arguments["site"] + "/orders/1"], arguments["site"] + "/me"

    def login(self, session: Session) -> None:
        pair = {"user": session.account.username, "password": session.account.password}
        session.auth = BearerAuth(session.post(self.arguments["site"] + "/login", json=pair).json()["token"])

    def parse(self, response: Response) -> Iterator[Any]:
        said = response.json()
        for order in said.get("data") or []:
            yield response.follow(f"/order/{order}", self.parse_order)
        if said.get("next"):
            yield response.follow(f"/orders/{said['next']}")

    def parse_order(self, response: Response) -> Iterator[Any]:
        yield {"id": (response.json().get("data") or {}).get("id")}


@pytest.mark.parametrize(
    "refusal",
    [
        {"success": False, "message": "session expired"},
        {"code": 401, "msg": "please try later", "data": None},
        {"errors": [{"message": "x", "extensions": {"code": "UNAUTHENTICATED"}}], "data": None},
    ],
    ids=["a message", "a code", "GraphQL"],
)
def test_all_rows_come_although_the_spider_says_nothing_of_it(refusal: Any, quick_net: Net, tmp_path: Path) -> None:
    api = Api(refusal)
    own = quick_net.host({"*": api})

    first = crawl(Orders, own.url, tmp_path)
    api.lives.clear()
    second = crawl(Orders, own.url, tmp_path)

    want = sorted(2 * [number * 100 + row for number in range(1, PAGES + 1) for row in range(ROWS)])
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert [int(row["id"]) for row in stored(tmp_path, "id")] == want
    assert api.logins > 2


def test_a_page_that_the_account_may_not_see_fails_and_costs_no_logins(quick_net: Net, tmp_path: Path) -> None:
    api = Api({})
    api.denied = "/order/201"
    own = quick_net.host({"*": api})
    summary = crawl(Orders, own.url, tmp_path, per_host=1)

    assert summary.exit_code == 1
    assert summary.failed == 1
    assert "its data says code 401" in str(summary.why)
