"""Many hosts behind one login, which end the session after so many answers, and remember what arrived when.

As a program (``python -m tests.fleet.site``) it takes its plan as a line of JSON, prints its port and serves until its
input is closed; `Hosts` is that process. `Shelf` says what the pages of a host are.
"""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qs

from tests.crash.project import CHECKOUT
from tests.fleet.member import MARK
from tests.forked import Forked
from tests.politeness.site import listening_at, received_by

PER_LIST, PER_FILE = 24, 20
USERNAME, PASSWORD = "keeper", "of-the-shelves"
_CONTROL = "/_site/"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the site is.

    Attributes:
        addresses: Of the hosts.
        items: Pages with an item, of each host.
        lives: After how many answers in all, to whoever is logged in, all sessions end; once for each number.
        plain: Pages of every second host do not show that somebody is logged in.
        latency_s: Before each answer.
    """

    addresses: Sequence[str]
    items: int
    lives: Sequence[int] = ()
    plain: bool = False
    latency_s: float = 0.0

    @property
    def lists(self) -> int:
        return -(-self.items // PER_LIST)

    @property
    def files(self) -> int:
        """Of each host."""
        return -(-self.items // PER_FILE)

    @property
    def requests(self) -> int:
        """Of all hosts: lists, pages and files."""
        return len(self.addresses) * (self.items + self.lists + self.files)

    def ids(self) -> list[str]:
        return [f"{address}-{number}" for address in self.addresses for number in range(self.items)]


def file_body(address: str, number: int) -> bytes:
    return hashlib.sha256(f"{address}-{number}".encode()).digest() * 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request, as the site saw it.

    Attributes:
        at_s: Unix time at which the kernel received its first bytes.
        who: The member that sent it.
        session: Number of the login that it shows; 0 for none that is good.
    """

    at_s: float
    host: str
    path: str
    who: str
    session: int
    status: int


class _Hosts:
    """The site in its own process; a thread for each connection."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._lock = threading.Lock()  # guards all that follows
        self._arrivals: list[Arrival] = []
        self._lives = sorted(plan.lives)
        self._served = self._expired = self._refused = 0
        self._tokens: dict[str, int] = {}  # of living sessions, to the number of their login
        self._logins: list[tuple[float, str]] = []

    def serve(self) -> None:
        port = 0
        for address in self._plan.addresses:
            listening = listening_at(address, port)
            port = listening.getsockname()[1]
            threading.Thread(target=self._accept, args=(listening, address), daemon=True).start()
        print(port, flush=True)
        sys.stdin.read()  # until it is closed

    def _accept(self, listening: socket.socket, address: str) -> None:
        while True:
            connection, _ = listening.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._talk, args=(connection, address), daemon=True).start()

    def _talk(self, connection: socket.socket, address: str) -> None:
        with connection:
            try:
                while (received := received_by(connection)) is not None:
                    self._answer(connection, address, *received)
            except OSError:
                pass  # the visitor has gone

    def _answer(self, connection: socket.socket, address: str, at_s: float, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        while len(body) < int(headers.get("content-length", 0)):
            body += connection.recv(65_536)
        method, path, _ = line.split(" ", 2)
        if path.startswith(_CONTROL):
            self._send(connection, 200, json.dumps(self._control(path.removeprefix(_CONTROL))).encode())
            return
        if self._plan.latency_s:
            time.sleep(self._plan.latency_s)
        who = headers.get(MARK, "")
        with self._lock:
            number = self._tokens.get(headers.get("x-session", ""), 0)
            if method == "POST":
                status, page = self._log_in(at_s, who, body.decode())
            else:
                status, page = self._page(address, path, number)
            self._arrivals.append(Arrival(at_s, address, path, who, number, status))
            self._end_of_life(number)
        self._send(connection, status, page)

    def _control(self, what: str) -> Any:
        with self._lock:
            if what == "served":
                return self._served
            return {
                "arrivals": [list(asdict(each).values()) for each in self._arrivals],
                "logins": self._logins,
                "expired": self._expired,
                "refused": self._refused,
            }

    def _log_in(self, at_s: float, who: str, body: str) -> tuple[int, bytes]:
        form = parse_qs(body)
        if (form.get("username"), form.get("password")) != ([USERNAME], [PASSWORD]):
            self._refused += 1
            return 200, b"<html><p class=error>Wrong password</p>" + _FORM
        self._logins.append((at_s, who))
        token = hashlib.sha256(f"{len(self._logins)}".encode()).hexdigest()
        self._tokens[token] = len(self._logins)
        return 200, f'<html><p id="token">{token}</p><a href="/logout">Log out</a></html>'.encode()

    def _page(self, address: str, path: str, number: int) -> tuple[int, bytes]:
        if path == "/robots.txt":
            return 404, b""
        if path == "/login":
            return 200, b"<html>" + _FORM
        if not number:
            return 302, b""
        kind, _, name = path.removeprefix("/").partition("/")
        plan = self._plan
        index = plan.addresses.index(address)
        out = "" if plan.plain and index % 2 else '<a href="/logout">Log out</a>'
        if kind == "me":
            return 200, b'<html><h1>You</h1><a href="/logout">Log out</a></html>'
        at = int(name.partition(".")[0])
        if kind == "list" and at < plan.lists:
            numbers = range(at * PER_LIST, min((at + 1) * PER_LIST, plan.items))
            links = "".join(f'<a class="page" href="/page/{each}">{each}</a>' for each in numbers)
            more = f'<a class="next" href="/list/{at + 1}">next</a>' if at + 1 < plan.lists else ""
            return 200, f"<html><h1>List {at}</h1>{out}{links}{more}</html>".encode()
        if kind == "page" and at < plan.items:
            file = f'<a class="file" href="/file/{at}.bin">file</a>' if at % PER_FILE == 0 else ""
            return 200, f'<html><h1>Page {at}</h1>{out}<p class="id">{address}-{at}</p>{file}</html>'.encode()
        if kind == "file":
            return 200, file_body(address, at)
        return 404, b"<html>no such page</html>"

    def _end_of_life(self, number: int) -> None:
        """After an answer to somebody who was logged in."""
        if not number:
            return
        self._served += 1
        if self._lives and self._served >= self._lives[0]:
            self._lives.pop(0)
            self._tokens.clear()
            self._expired += 1

    @staticmethod
    def _send(connection: socket.socket, status: int, body: bytes) -> None:
        kind = "text/html; charset=utf-8" if body.startswith(b"<html>") or not body else "application/octet-stream"
        more = "Location: /login\r\n" if status == 302 else ""
        head = f"HTTP/1.1 {status} x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        connection.sendall(head.encode() + body)


_FORM = (
    b'<form method="post" action="/login"><input name="username"><input type="password" name="password"></form></html>'
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the site saw.

    Attributes:
        logins: Times and members of those that were good.
        expired: How often all sessions ended.
        refused: Logins with a wrong password.
    """

    arrivals: list[Arrival]
    logins: list[tuple[float, str]]
    expired: int
    refused: int


class Hosts:
    """The site as a process of its own; a context manager.

    Attributes:
        urls: Addresses of the hosts.
    """

    def __init__(self, plan: Plan, prefix: Sequence[str] = ()) -> None:
        """*prefix*: words in front of the command, such as ``ip netns exec hub``."""
        self.plan = plan
        self._prefix = prefix
        self._process = Forked(
            [*prefix, sys.executable, "-m", "tests.fleet.site"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(plan)) + "\n")
        self._process.stdin.flush()
        port = int(self._process.stdout.readline())
        self.urls = [f"http://{address}:{port}" for address in plan.addresses]

    def served(self) -> int:
        """Answers so far to whoever was logged in."""
        return int(self._ask("served"))

    def seen(self) -> Seen:
        found = self._ask("all")
        arrivals = sorted((Arrival(*each) for each in found["arrivals"]), key=lambda each: each.at_s)
        return Seen(arrivals, [tuple(each) for each in found["logins"]], found["expired"], found["refused"])

    def _ask(self, what: str) -> Any:
        address = f"{self.urls[0]}{_CONTROL}{what}"
        if self._prefix:
            asked = [*self._prefix, sys.executable, "-c", _FETCH, address]
            return json.loads(subprocess.run(asked, capture_output=True, check=True, timeout=60).stdout)
        with urllib.request.urlopen(address, timeout=30) as answer:
            return json.load(answer)

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *exception: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process.kill()
        self._process.wait()


_FETCH = "import sys, urllib.request; sys.stdout.buffer.write(urllib.request.urlopen(sys.argv[1], timeout=30).read())"


if __name__ == "__main__":
    _Hosts(Plan(**json.loads(sys.stdin.readline()))).serve()
