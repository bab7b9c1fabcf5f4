"""Spiders of one account, of which some need an adapter of their own: each has it before its first request, and takes
up its stored session without a login.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl
from tests.hosts import Host, Net

SPIDERS = """
from requests.adapters import HTTPAdapter

from crawler import Spider


class Signing(HTTPAdapter):
    def add_headers(self, request, **options):
        request.headers["X-Signed"] = "yes"


class Plain(Spider):
    name = "plain"
    start_urls = ["{url}/page"]

    def login(self, session):
        session.get("{url}/in", headers={{"X-Who": session.account.username}})

    def parse(self, response):
        yield {{"signed": response.css("p::text").get()}}


class Signed(Plain):
    name = "signed"

    def set_up_session(self, session):
        session.mount("http://", Signing())


class AlsoSigned(Signed):
    name = "also_signed"
"""


class Account:
    """Pages for who is logged in by cookie; a session that was made signed is good with the signature only."""

    def __init__(self) -> None:
        self.logins: Counter[str] = Counter()
        self.unsigned = 0  # requests of signed sessions without a signature
        self._lock = threading.Lock()

    def __call__(self, call: WireRequest) -> Answer:
        signed = call.headers.get("x-signed", "no")
        with self._lock:
            if call.path == "/in":
                self.logins[signed] += 1
                return Answer(headers=[("Set-Cookie", f"sid={signed}-0123456789; Path=/")])
            made = call.cookies().get("sid", "").partition("-")[0]
            self.unsigned += made == "yes" and signed != "yes"
        good = made and made == signed
        return Answer(body=f"<p>{signed}</p><a href=/out>Log out</a>".encode()) if good else Answer(401)


@pytest.fixture
def account(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    found, net = Account(), Net()
    host: Host = net.host({"/robots.txt": Answer(404), "*": found})
    (project / "spiders").mkdir()
    (project / "spiders" / "three.py").write_text(SPIDERS.format(url=host.url))
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", "ann")
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "a password of ann")
    yield found
    net.close()


def test_spiders_with_and_without_an_adapter_are_right_from_their_stored_sessions(
    account: Account, command: Crawl
) -> None:
    said = {}
    for night in (1, 2):
        for name in ("plain", "signed", "also_signed"):
            run = command("run", name, "--fresh", "--json")
            assert run.code == 0, run.err
            said[night, name] = json.loads(run.out)["logins"]
            rows = command("export", name, "-o", "-", "--quiet").out.splitlines()
            assert [json.loads(row)["signed"] for row in rows] == ["no" if name == "plain" else "yes"]

    assert account.logins == {"no": 1, "yes": 1}
    assert said == {
        (1, "plain"): 1,
        (1, "signed"): 1,
        (1, "also_signed"): 0,
        (2, "plain"): 0,
        (2, "signed"): 0,
        (2, "also_signed"): 0,
    }
    assert account.unsigned == 0


def test_a_mistake_in_setting_up_is_reported_before_anything_is_sent(
    account: Account, project: Path, command: Crawl
) -> None:
    file = project / "spiders" / "three.py"
    file.write_text(file.read_text().replace('session.mount("http://", Signing())', "session.mounts()"))

    refused = command("run", "signed")

    assert refused.code == 2
    assert "signed.set_up_session failed: AttributeError" in refused.err
    assert not account.logins
