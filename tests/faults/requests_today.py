"""What plain requests does today in the rows that it gets wrong: small live measurements on loopback.

Each measurement is a function that returns what was seen and whether that is wrong. Nothing here is a test: a later
requests may do better, and then the table says so.
"""

from __future__ import annotations

import contextlib
import gzip
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from crawler.testing.raw import READ, Drip, RawServer, answer
from crawler.testing.wire import Answer, WireRequest
from tests.hosts import Host, Net, cookie_page

Measured = tuple[str, bool]  #: what was seen, and whether it is wrong
MEASUREMENTS: dict[str, Callable[[], Measured]] = {}


def measurement(row: str) -> Callable[[Callable[[], Measured]], Callable[[], Measured]]:
    """Put a function under the id of its row."""

    def put(function: Callable[[], Measured]) -> Callable[[], Measured]:
        MEASUREMENTS[row] = function
        return function

    return put


def measured() -> list[tuple[str, str, str]]:
    """Row, what was seen, and "wrong" or "right", for each measurement."""
    found = []
    for row, function in MEASUREMENTS.items():
        try:
            what, wrong = function()
        except Exception as error:  # noqa: BLE001 - whatever requests raises is what it does
            what, wrong = f"raises {type(error).__module__}.{type(error).__name__}", False
        found.append((row, what, "wrong" if wrong else "right"))
    return found


def as_lines(found: list[tuple[str, str, str]]) -> str:
    lines = [f"plain requests {requests.__version__} today:"]
    lines += [f"{row:>4}  {verdict:<6} {what}" for row, what, verdict in found]
    return "\n".join(lines)


@contextlib.contextmanager
def two_hosts(routes: dict[str, Any] | None = None, other_routes: dict[str, Any] | None = None) -> Any:
    """A host, another one, and a plain session."""
    net = Net()
    try:
        own, other = net.host(routes), net.host(other_routes, address="127.0.0.2")
        with requests.Session() as session:
            session.trust_env = False
            yield own, other, session
    finally:
        net.close()


def going(own: Host, target: str, status: int = 302) -> None:
    own.routes["/go"] = Answer.redirect(target, status)


class Named(HTTPAdapter):
    """Sends requests for any name to one host, as a resolver would."""

    def __init__(self, port_by_name: dict[str, Host]) -> None:
        super().__init__()
        self._hosts = port_by_name

    def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        asked, name = request.url, urlsplit(request.url).hostname
        host = self._hosts[name]
        request.headers["Host"] = name
        request.url = asked.replace(f"//{name}", f"//{host.url.partition('//')[2]}", 1)
        response = super().send(request, *args, **kwargs)
        request.url = response.url = asked
        return response


@measurement("B1")
def cookies_of_a_call() -> Measured:
    with two_hosts() as (own, other, session):
        going(own, f"{other.url}/there")
        session.get(f"{own.url}/go", cookies={"sid": "1"})
        return f"cookies= of the call reach the other host: {other.header('cookie')}", bool(other.header("cookie"))


@measurement("B2")
def supercookies() -> Measured:
    with two_hosts({"/set": cookie_page("sid=1; Domain=0.0.1")}) as (own, other, session):
        names = {"one.co.uk": own, "two.co.uk": other, "a.github.io": own, "b.github.io": other}
        session.mount("http://", Named(names))
        leaks = []
        for suffix, first, second in (("co.uk", "one.co.uk", "two.co.uk"), ("github.io", "a.github.io", "b.github.io")):
            own.routes["/set"] = cookie_page(f"sid=1; Domain={suffix}")
            session.get(f"http://{first}/set")
            session.get(f"http://{second}/page")
            leaks += [suffix] * len(other.header("cookie", "/page"))
            session.cookies.clear()
            other.calls.clear()
        return f"a cookie for the suffix reaches its other customers: {', '.join(leaks) or 'none'}", bool(leaks)


@measurement("B3")
def auth_of_a_session() -> Measured:
    with two_hosts() as (_, other, session):
        session.auth = ("alice", "secret")
        session.get(f"{other.url}/robots.txt")
        return f"session.auth goes to any host that is asked: {bool(other.header('authorization'))}", bool(
            other.header("authorization")
        )


@measurement("B12")
def netrc() -> Measured:
    script = (
        "import os, sys, tempfile, requests\n"
        "folder = tempfile.mkdtemp(); path = os.path.join(folder, 'netrc')\n"
        "open(path, 'w').write('machine 127.0.0.1 login alice password secret')\n"
        "os.environ['NETRC'] = path\n"
        "requests.get(sys.argv[1], headers={'Authorization': 'Token mine'})\n"
    )
    with two_hosts() as (own, _, _session):
        subprocess.run([sys.executable, "-c", script, f"{own.url}/"], check=True, timeout=60)
        seen = own.header("authorization")
        return f"netrc replaces an explicit Authorization header: {seen[0][:9]}...", not seen[0].startswith("Token")


@measurement("B15")
def login_body() -> Measured:
    with two_hosts() as (own, other, session):
        going(own, f"{other.url}/there", 307)
        session.post(f"{own.url}/go", data={"password": "secret"})
        bodies = [call.body.decode() for call in other.calls]
        return f"a 307 sends the login body to the other host: {bodies}", any("secret" in body for body in bodies)


@measurement("B21")
def host_only() -> Measured:
    with two_hosts({"/set": cookie_page("sid=1")}) as (own, other, session):
        session.mount("http://", Named({"shop.test": own, "sub.shop.test": other}))
        session.get("http://shop.test/set")
        session.get("http://sub.shop.test/page")
        return f"a host-only cookie goes to a subdomain: {other.header('cookie')}", bool(other.header("cookie"))


@measurement("B22")
def cookie_without_host() -> Measured:
    with two_hosts() as (own, other, session):
        session.cookies.set("sid", "1")
        session.get(f"{own.url}/")
        session.get(f"{other.url}/")
        return f"a cookie set by hand goes to every host: {other.header('cookie')}", bool(other.header("cookie"))


@measurement("B23")
def secret_headers() -> Measured:
    with two_hosts() as (own, other, session):
        session.headers["X-Api-Key"] = "secret"
        going(own, f"{other.url}/there")
        session.get(f"{own.url}/go")
        return f"X-Api-Key follows a redirect: {other.header('x-api-key')}", bool(other.header("x-api-key"))


@measurement("B24")
def bare_carriage_return() -> Measured:
    with (
        RawServer([READ, answer(b"ok", "200 OK", "X-A: a\rSet-Cookie: injected=1")]) as server,
        requests.Session() as session,
    ):
        session.trust_env = False
        session.get(server.url)
        return f"cookies after the answer: {session.cookies.get_dict()}", bool(session.cookies)


@measurement("B25")
def prefixes() -> Measured:
    with two_hosts({"/set": cookie_page("__Host-sid=1; Path=/")}) as (own, _, session):
        session.get(f"{own.url}/set")
        return f"a __Host- cookie over http is stored: {session.cookies.get_dict()}", bool(session.cookies)


@measurement("T1")
def early_hints() -> Measured:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    with RawServer([READ, hints, answer(b"the page")]) as server:
        got = requests.get(server.url, timeout=5)
        return f"the final answer is {got.status_code} with {len(got.content)} bytes", got.status_code != 200


@measurement("T2")
def cut_gzip() -> Measured:
    whole = gzip.compress(b"0123456789" * 10_000)
    with RawServer([READ, answer(whole[: len(whole) // 2], "200 OK", "Content-Encoding: gzip")]) as server:
        got = requests.get(server.url, timeout=5)
        return f"half a gzip stream gives {len(got.content)} of 100000 bytes without an error", len(
            got.content
        ) < 100_000


@measurement("Z1")
def bomb() -> Measured:
    grown = _grown_mb("requests.get(url)", _bomb(), "200 OK")
    return f"200 MB of zeros in a small answer: memory grows by {grown} MB", grown > 100


@measurement("Z3")
def bomb_on_a_redirect() -> Measured:
    grown = _grown_mb("requests.get(url)", _bomb(), "302 Found\r\nLocation: /next")
    return f"the body of a 302 is read and decoded: memory grows by {grown} MB", grown > 100


def _bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1024 * 1024)
    return b"".join(packer.compress(zeros) for _ in range(200)) + packer.flush()


def _grown_mb(call: str, body: bytes, status: str) -> int:
    """By how many MB the peak of a fresh process rises through one call."""
    script = (
        "import resource, sys, requests\n"
        "url = sys.argv[1]; requests.Session()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"try: {call}\n"
        "except Exception: pass\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )

    with RawServer([READ, answer(body, status, "Content-Encoding: gzip"), READ, answer(b"ok")]) as server:
        done = subprocess.run([sys.executable, "-c", script, server.url], capture_output=True, text=True, timeout=120)
        return int(done.stdout or -1)


@measurement("Z5")
def slow_body() -> Measured:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"
    with RawServer([READ, head, Drip(b"x" * 20, 0.1)]) as server:
        started = time.perf_counter()
        requests.get(server.url, timeout=0.5)
        took = time.perf_counter() - started
        return f"timeout=0.5 and a byte each 0.1 s: 200 after {took:.1f} s", took > 1


@measurement("Z8")
def header_bomb() -> Measured:
    lines = [f"X-{number}: {'x' * 60_000}" for number in range(90)]
    with RawServer([READ, answer(b"ok", "200 OK", *lines)]) as server:
        size = sum(len(value) for value in requests.get(server.url, timeout=20).headers.values())
        return f"90 headers of 60 kB are taken: {size / 1e6:.1f} MB", size > 1_000_000


@measurement("Z9")
def large_body() -> Measured:
    with RawServer([READ, answer(bytes(100_000_000), "200 OK")]) as server:
        grown = len(requests.get(server.url, timeout=60).content)
        return f"a body of 100 MB is read into memory: {grown / 1e6:.0f} MB", grown == 100_000_000


@measurement("Z10")
def cookie_flood() -> Measured:
    flood = [f"c{number}={'x' * 250}" for number in range(50)]
    with two_hosts({"/set": cookie_page(*flood), "/": Answer(body=b"")}) as (own, _, session):
        session.get(f"{own.url}/set")
        session.get(f"{own.url}/")
        sent = len(own.header("cookie")[-1])
        return f"50 cookies of 250 bytes: a Cookie header of {sent / 1000:.1f} kB, servers refuse 8", sent > 8_190


@measurement("C2")
def charsets() -> Measured:
    page = "<meta charset=utf-8><p>\u00fcber</p>".encode()
    with two_hosts({"/": Answer(body=page, content_type="text/html")}) as (own, _, session):
        text = session.get(f"{own.url}/").text
        return f"a page with a meta charset is read as {text[-8:-4]!r}", "\u00fcber" not in text


@measurement("C3")
def no_charset() -> Measured:
    with two_hosts({"/": Answer(body=b"<p>x</p>", content_type="text/html; charset=rot13")}) as (own, _, session):
        try:
            session.get(f"{own.url}/").text  # noqa: B018 - reading it is the measurement
        except LookupError as error:
            return f"Response.text raises {type(error).__name__}", True
        return "Response.text falls back", False


@measurement("U2")
def broken_location() -> Measured:
    with two_hosts({"/go": Answer(302, headers=[("Location", "http://[::bad/")])}) as (own, _, session):
        try:
            session.get(f"{own.url}/go")
        except requests.RequestException as error:
            return f"raises {type(error).__name__}, a RequestException", False
        except ValueError:
            return "raises a bare ValueError, which no RequestException handler catches", True
        return "is followed", True


@measurement("L1")
def cookie_race() -> Measured:
    state = {"sid": 0, "refused": 0}

    def rotate(call: WireRequest) -> Answer:
        if call.cookies().get("sid", "0") != str(state["sid"]):
            state["refused"] += 1
            return Answer(401, b"old")
        state["sid"] += 1
        return cookie_page(f"sid={state['sid']}")

    with two_hosts({"*": rotate}) as (own, _, session), ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: session.get(f"{own.url}/"), range(160)))
        return f"8 threads on one rotating session: {state['refused']} of 160 refused", state["refused"] > 0


@measurement("L2")
def many_domains() -> Measured:
    with requests.Session() as session:
        for number in range(3_000):
            session.cookies.set(f"c{number % 10}", "1", domain=f"site{number // 10}.test", path="/")
        request = requests.Request("GET", "http://site1.test/")
        started = time.perf_counter()
        for _ in range(5):
            session.prepare_request(request)
        took_ms = (time.perf_counter() - started) / 5 * 1000
        return f"a request among 3,000 cookies is prepared in {took_ms:.1f} ms", took_ms > 1


@measurement("L15")
def snapshots() -> Measured:
    import http.cookiejar
    import os
    import tempfile

    lines = ["tab=a\tb", "one=1", "two=2; Max-Age=60"]
    with two_hosts({"/set": cookie_page(*lines)}) as (own, _, session), tempfile.TemporaryDirectory() as folder:
        jar: Any = http.cookiejar.MozillaCookieJar(os.path.join(folder, "cookies.txt"))
        session.cookies = jar
        session.get(f"{own.url}/set")
        jar.save()
        again = http.cookiejar.MozillaCookieJar(jar.filename)
        again.load()
        return f"save() and load() keep {len(again)} of {len(jar)} cookies", len(again) < len(jar)


@measurement("X9")
def secrets_in_urls() -> Measured:
    with two_hosts({"/": Answer(body=b"")}) as (own, _, session):
        going(own, f"{own.url}/")
        seen = session.get(own.url.replace("//", "//user:topsecret@") + "/go").history[0].url
        return f"the password stays in response.history: {'topsecret' in seen}", "topsecret" in seen


@measurement("X3")
def pickled() -> Measured:
    import pickle

    with requests.Session() as session:
        session.headers["X-Api-Key"] = "topsecretvalue"
        held = b"topsecretvalue" in pickle.dumps(session)
        return f"a pickled session holds its secrets: {held}", held
