"""Sessions with several proxies: whole crawls through real ones, which die and come back."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawler import Identity, Response, Session, Spider
from crawler.sessions.proxy_pool import ProxyPool
from crawler.testing.wire import Answer, WireRequest
from tests.engine.shop import opened, stored
from tests.hosts import Net, net, quick_net

__all__ = ["net", "quick_net"]


class Forward:
    """A proxy for plain http that says to the site which one it is."""

    def __init__(self, number: int) -> None:
        self.number, self.dead, self.asked = number, False, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            while head := self._head(client):
                self.asked += 1
                if self.dead:
                    client.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
                    continue
                line, _, rest = head.partition(b"\r\n")
                method, url, version = line.split()
                place, _, path = url.removeprefix(b"http://").partition(b"/")
                fields = rest.replace(b"\r\n\r\n", b"\r\nVia: %d\r\nConnection: close\r\n\r\n" % self.number)
                length = next(
                    (int(each[15:]) for each in rest.split(b"\r\n") if each.lower().startswith(b"content-len")), 0
                )
                body = b"".join(client.recv(length) for _ in range(bool(length)))
                host, _, port = place.partition(b":")
                with socket.create_connection((host.decode(), int(port))) as site:
                    site.sendall(b"%s /%s %s\r\n%s%s" % (method, path, version, fields, body))
                    while data := site.recv(65536):
                        client.sendall(data)
                return

    def _head(self, client: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            byte = client.recv(1)
            if not byte:
                return b""
            head += byte
        return head

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def proxies() -> Iterator[list[Forward]]:
    made = [Forward(number) for number in range(2)]
    yield made
    for each in made:
        each.close()


class Bound:
    """Members' pages; a session is good at the address where it was made, and nowhere else."""

    def __init__(self, pages: int, proxies: list[Forward], dies_after: int = 0) -> None:
        self.pages, self.proxies, self.dies_after = pages, proxies, dies_after
        self.logins: list[str] = []
        self.strangers = 0
        self.served: Counter[str] = Counter()

    def __call__(self, call: WireRequest) -> Answer:
        via = call.headers.get("via", "")
        if call.path == "/robots.txt":
            return Answer(404, b"")
        if call.path == "/login":
            self.logins.append(via)
            return Answer(body=b"in", headers=[("Set-Cookie", f"sid={via}-{len(self.logins)}; Path=/")])
        sid = call.cookies().get("sid", "")
        if sid.partition("-")[0] != via or not sid:
            self.strangers += 1
            return Answer(401, b"who are you?")
        self.served[call.path] += 1
        if sum(self.served.values()) == self.dies_after:
            self.proxies[int(via)].dead = True
        links = "".join(f"<a class=page href=/p/{number}>p</a>" for number in range(self.pages))
        return Answer(
            body=f"<p class=x>{call.path}</p><a href=/logout>Log out</a>{links if call.path == '/' else ''}".encode()
        )


class Members(Spider):
    name = "members"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [arguments["site"] + "/"]
        self.sessions = [Identity("anna", proxies=tuple(arguments["proxies"].split()))]

    def login(self, session: Session) -> None:
        session.post(self.arguments["site"] + "/login", data={"user": session.name})

    def parse(self, response: Response) -> Iterator[Any]:
        yield {"x": response.css("p.x::text").get()}
        yield from response.follow_all(css="a.page")


@pytest.fixture(autouse=True)
def _accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRAWL_ANNA_USERNAME", "anna")
    monkeypatch.setenv("CRAWL_ANNA_PASSWORD", "pa55")


def go(host: Any, folder: Path, proxies: list[Forward], **options: Any) -> Any:
    from crawler import run

    arguments = {"site": host.url, "proxies": " ".join(each.url for each in proxies)}
    settings = {"store": str(folder / "crawl.db"), "backoff": 0.02, "processes": 1, "min_speed": 0, **options}
    return run(Members, arguments=arguments, settings=settings, fresh=True)


def test_an_account_keeps_its_proxy_from_request_to_request_and_from_run_to_run(
    quick_net: Net, tmp_path: Path, proxies: list[Forward]
) -> None:
    site = Bound(20, proxies)
    host = quick_net.host({"*": site})

    runs = [go(host, tmp_path, proxies) for _ in range(2)]

    assert [run.exit_code for run in runs] == [0, 0]
    assert (len(site.logins), site.strangers) == (1, 0)


def test_a_proxy_that_dies_costs_one_login_through_the_next_one_and_no_page(
    quick_net: Net, tmp_path: Path, proxies: list[Forward]
) -> None:
    site = Bound(40, proxies, dies_after=10)
    host = quick_net.host({"*": site})

    summary = go(host, tmp_path, proxies)

    with opened(tmp_path) as database:
        assert database.execute("SELECT url, error FROM crawl_urls WHERE state = 'failed'").fetchall() == []
    assert summary.exit_code == 0
    assert sorted(row["x"] for row in stored(tmp_path, "x")) == sorted(["/", *(f"/p/{n}" for n in range(40))])
    assert len(site.logins) == 2
    assert len(set(site.logins)) == 2
    assert site.strangers == 0, "no cookie was shown at another address"
    assert any("has failed, and rests" in message for message in summary.messages)


def test_the_next_run_knows_which_proxy_rests(quick_net: Net, tmp_path: Path, proxies: list[Forward]) -> None:
    site = Bound(10, proxies, dies_after=4)
    host = quick_net.host({"*": site})
    go(host, tmp_path, proxies)
    dead = next(each for each in proxies if each.dead)
    asked = dead.asked

    again = go(host, tmp_path, proxies)

    assert again.exit_code == 0
    assert dead.asked == asked
    assert len(site.logins) == 2
    with opened(tmp_path) as database:
        assert database.execute("SELECT count(*) FROM crawl_values WHERE name LIKE 'proxies:%'").fetchone() == (1,)


def test_a_proxy_that_is_dead_from_the_first_hour_is_left_for_the_next_one(
    quick_net: Net, tmp_path: Path, proxies: list[Forward]
) -> None:
    site = Bound(5, proxies)
    host = quick_net.host({"*": site})
    first = ProxyPool("anna", [each.url for each in proxies]).current
    next(each for each in proxies if each.url == first).dead = True

    summary = go(host, tmp_path, proxies)

    assert summary.exit_code == 0
    assert len(stored(tmp_path, "x")) == 6
    assert len(site.logins) == 1
