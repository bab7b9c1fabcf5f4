"""Notifications about how a run went: by webhook, dead man's switch, mail, or a file of figures."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from crawler.events import SessionParked, Summary
from crawler.output.notices import Notice
from crawler.output.notifiers import Ping, Webhook, tell_all
from crawler.runs.telling import Left, Telling
from crawler.settings import load
from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]

SPIDER = """
from crawler import NeedsHuman, Spider


class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/list"]
    custom_settings = {{"retries": 0}}
    {login}

    def parse(self, response):
        yield from ({{"row": row}} for row in response.css("p.row::text").getall())
        yield from response.follow_all(css="a")
"""
MAIL = "mailto://127.0.0.1:{port}?from=crawler@example.com&to=ann@example.com&format=text"
TOKEN = "T0K3N-c0ffee-0123456789"


class Place:
    """A site, and the services that are told, on one port each."""

    def __init__(self) -> None:
        self.rows, self.answer = 8, Answer(body=b"ok")
        self.site = Host({"*": self.page}, "127.0.0.1", None)
        self.service = Host({"*": lambda call: self.answer}, "127.0.0.1", None)
        self.hook = f"{self.service.url}/hooks/{TOKEN}"

    def page(self, call: WireRequest) -> Answer:
        if call.path != "/list":
            return Answer(404, b"no")
        return Answer(body=("<html>" + "<p class=row>1</p>" * self.rows + "</html>").encode())

    def told(self) -> list[dict[str, Any]]:
        """What came to the webhook."""
        return [json.loads(call.body) for call in self.service.calls if call.method == "POST"]

    def pinged(self) -> list[str]:
        """The last part of the paths that were asked for."""
        return [call.path.rpartition("/")[2] for call in self.service.calls if call.method == "GET"]


@pytest.fixture
def place(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    place = Place()
    write(project, place)
    monkeypatch.setenv("CRAWL_NOTIFY", place.hook)
    yield place
    place.site.close()
    place.service.close()


def write(project: Path, place: Place, login: str = "") -> None:
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "shop.py").write_text(SPIDER.format(url=place.site.url, login=login))


def test_failure_and_recovery_are_reported_with_cause_figures_and_command_and_good_nights_are_not(
    place: Place, crawl: Crawl
) -> None:
    assert crawl("run", "shop").code == 0
    place.rows = 2
    assert crawl("run", "shop", "--quiet").code == 11
    place.rows = 8
    assert crawl("run", "shop").code == 0
    assert crawl("run", "shop").code == 0

    told = place.told()
    assert [(each["event"], each["run"]) for each in told] == [("failure", 2), ("recovery", 3)]
    assert told[0]["title"] == "shop: less than before"
    for words in ("2 items from 1 page; the last complete crawl had 8", "1 pages, 2 items", "next: crawl runs show 2"):
        assert words in told[0]["text"]
    assert (told[0]["exit_code"], told[0]["reason"], told[0]["items"]) == (11, "fewer-items", 2)
    assert told[1]["title"] == "shop: is well again"


def test_success_is_reported_if_requested(place: Place, crawl: Crawl) -> None:
    crawl("run", "shop", "-s", "notify_on=success")

    assert [each["event"] for each in place.told()] == ["success"]


def test_a_run_stopped_by_its_limit_is_a_sign_of_life_and_not_a_failure(place: Place, crawl: Crawl) -> None:
    place.site.routes["/list"] = Answer(body=b"<html><p class=row>1</p><a href=/b>b</a></html>")

    assert crawl("run", "shop", "--limit-pages", "1", "-s", f"ping={place.service.url}/alive").code == 5

    assert place.told() == []
    assert place.pinged() == ["alive"]


def test_a_session_that_waits_for_a_person_is_reported_once_and_not_again_when_the_run_ends(
    place: Place, project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(project, place, "def login(self, session):\n        raise NeedsHuman('code from the mail')")

    assert crawl("run", "shop").code == 7
    assert [(each["event"], each["exit_code"]) for each in place.told()] == [("parked", 7)]
    place.service.calls.clear()

    telling = Telling("shop", load(command_line={"notify": place.hook}))  # of a run that goes on without the session
    monkeypatch.setattr("crawler.runs.telling.PARKED_AFTER_S", 0.0)
    telling(SessionParked(0.0, "default", "code from the mail", "crawl login shop --session default"))
    for timer in telling._timers:
        timer.join()
    telling.ended(Summary("shop", ending="needs human", exit_code=7), Left())
    assert [(each["event"], each["session"]) for each in place.told()] == [("parked", "default")]
    assert "code from the mail" in place.told()[0]["text"]
    assert "crawl login shop --session default" in place.told()[0]["next_command"]


def test_an_error_that_leaves_no_summary_is_reported_too(place: Place, project: Path, crawl: Crawl) -> None:
    (project / "data").mkdir()
    (project / "data" / "crawl.db").write_bytes(b"no database" * 1000)

    code = crawl("run", "shop", "-s", f"ping={place.service.url}/ping/{{exit_code}}").code

    assert code == 6
    assert [(each["event"], each["exit_code"]) for each in place.told()] == [("failure", 6)]
    assert "data/crawl.db" in place.told()[0]["text"]
    assert place.pinged() == ["6"]


def test_a_dead_mans_switch_is_called_after_good_runs_only_or_after_each_with_the_code(
    place: Place, crawl: Crawl
) -> None:
    plain, coded = f"{place.service.url}/plain", f"{place.service.url}/{{exit_code}}"
    for rows in (8, 0):
        place.rows = rows
        for ping in (plain, coded):
            crawl("run", "shop", "-s", f"ping={ping}")

    assert place.pinged() == ["plain", "0", "9"]


@pytest.mark.parametrize(
    "answer", [Answer(500, b"no"), Answer(404, b"no"), Answer.redirect("/elsewhere"), Answer(reset_after=0)]
)
def test_a_service_that_fails_fails_no_run_and_its_address_is_in_no_line(
    place: Place, crawl: Crawl, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between its tries
    place.answer = answer

    result = crawl("run", "shop", "-s", "notify_on=success", "-s", f"ping={place.service.url}/ping/{TOKEN}")

    assert result.code == 0
    assert result.err.count("127.0.0.1 could not be notified: ") == 2
    assert TOKEN not in result.out + result.err


def test_a_service_that_is_busy_is_asked_three_times_and_one_that_refuses_once(place: Place) -> None:
    notice = Notice("failure", "t", "x", {})
    for status, tries in ((503, 3), (403, 1), (429, 3)):
        place.answer = Answer(status, b"no")
        place.service.calls.clear()
        assert tell_all([("hook", lambda: Webhook(place.hook, (0.0, 0.0)).send(notice))]) == ["hook"]
        assert len(place.service.calls) == tries
    place.answer = Answer(204)
    assert tell_all([("ping", lambda: Ping(place.hook, ()).send(alive=True, exit_code=0))]) == []


def test_a_service_that_hangs_is_not_waited_for_and_the_others_are_notified() -> None:
    never, done = threading.Event(), threading.Event()

    assert tell_all([("slow", lambda: bool(never.wait(5)) and None), ("good", done.set)], patience_s=0.05) == ["slow"]

    assert done.is_set()
    never.set()


def test_no_secret_is_sent_stored_or_shown_in_notifications(place: Place, project: Path, crawl: Crawl) -> None:
    write(
        project,
        place,
        "def login(self, session):\n"
        "        raise ValueError('no entry for http://ann:hunter2hunter2@a/?token=abcdef123456')",
    )
    shown = crawl("run", "shop", "-s", f"notify={place.hook}", "--json")
    for command in (("settings", "shop"), ("settings", "shop", "--json"), ("runs", "show", "1"), ("status", "shop")):
        result = crawl(*command)
        assert TOKEN not in result.out + result.err, command

    text = json.dumps(place.told()) + shown.out + shown.err
    assert place.told()
    for secret in ("hunter2hunter2", "abcdef123456", TOKEN):
        assert secret not in text
        for file in (project / "data").iterdir():
            assert secret.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("notify", ["hooks.example/abc-secret-0", "mailtoo://ann:hunter2hunter2@a", "nonsense"])
def test_an_invalid_address_is_reported_before_anything_is_fetched(place: Place, crawl: Crawl, notify: str) -> None:
    result = crawl("run", "shop", "-s", f"notify={notify}")

    assert (result.code, place.site.calls) == (2, [])
    assert "setting notify: " in result.err
    assert "hunter2" not in result.err


# --- mail, through apprise ----------------------------------------------------------------------------------------


@contextmanager
def mail_server() -> Iterator[tuple[int, list[Any]]]:
    """A real SMTP server on loopback, and the mails that came."""
    controller = pytest.importorskip("aiosmtpd.controller")
    mails: list[Any] = []

    class Handler:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            mails.append(message_from_bytes(envelope.content, policy=default))
            return "250 taken"

    with socket.socket() as probe:  # aiosmtpd connects to the port that it was given
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = controller.Controller(Handler(), hostname="127.0.0.1", port=port)
    running.start()
    try:
        yield port, mails
    finally:
        running.stop()


def test_a_failure_comes_as_a_mail(place: Place, crawl: Crawl) -> None:
    pytest.importorskip("apprise")
    place.rows = 0
    with mail_server() as (port, mails):
        assert crawl("run", "shop", "-s", f"notify={MAIL.format(port=port)} {place.hook}").code == 9

    (mail,) = mails
    assert mail["Subject"] == "shop: no items"
    assert "ann@example.com" in mail["To"]
    text = mail.get_body(("plain",)).get_content()
    assert "no item and no link came from 1 page: see parse" in text
    assert "next: crawl shell shop" in text
    assert [each["event"] for each in place.told()] == ["failure"]  # both ways are told


def test_a_mail_server_that_is_not_there_fails_no_run(place: Place, crawl: Crawl) -> None:
    pytest.importorskip("apprise")

    result = crawl("run", "shop", "-s", f"notify={MAIL.format(port=9)}", "-s", "notify_on=success")

    assert result.code == 0
    assert "127.0.0.1 could not be notified" in result.err


# --- figures ------------------------------------------------------------------------------------------------------


def test_figures_of_each_run_are_in_a_file_for_prometheus(place: Place, project: Path, crawl: Crawl) -> None:
    settings = ("-s", "metrics_file=crawl_{spider}.prom")
    crawl("run", "shop", *settings)
    good = figures(project)
    place.rows = 0
    crawl("run", "shop", *settings)
    bad = figures(project)

    assert good['crawl_run_success{spider="shop"}'] == 1
    assert good['crawl_run_items{spider="shop",kind="items"}'] == 8
    assert good['crawl_requests{spider="shop",state="failed"}'] == 0
    assert (bad['crawl_run_exit_code{spider="shop"}'], bad['crawl_run_success{spider="shop"}']) == (9, 0)
    last = 'crawl_run_success_timestamp_seconds{spider="shop"}'
    assert bad[last] == good[last] < bad['crawl_run_end_timestamp_seconds{spider="shop"}']
    assert [path.name for path in project.glob("*.prom*")] == ["crawl_shop.prom"]


def figures(project: Path) -> dict[str, float]:
    """The samples of the file, each once, each after its type, as Prometheus reads them."""
    found: dict[str, float] = {}
    kinds = set()
    for line in (project / "crawl_shop.prom").read_text().splitlines():
        if line.startswith("# TYPE"):
            kinds.add(line.split()[2])
        elif not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            assert name not in found
            assert name.partition("{")[0] in kinds
            found[name] = float(value)
    return found


def test_a_file_of_figures_that_cannot_be_written_fails_no_run(place: Place, crawl: Crawl) -> None:
    result = crawl("run", "shop", "-s", "metrics_file=nowhere/crawl.prom")

    assert result.code == 0
    assert "metrics file nowhere/crawl.prom: No such file or directory" in result.err
