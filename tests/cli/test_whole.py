"""The commands on a real crawl of the practice site: later ones show what an earlier one left behind."""

from __future__ import annotations

import csv
import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from crawler.testing.practice import PracticeSite

from .conftest import Crawl

SPIDER = """
from crawler import Spider


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/orders/?page=1", "{url}/missing"]

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"username": session.account.username, "password": session.account.password}})

    def parse(self, response):
        for row in response.css("tr.order"):
            yield {{"order": row.css("td.id ::text").get(), "total": row.css("td.total::text").get()}}
        yield from response.follow_all(css="a.next")
"""


@pytest.fixture
def shop(project: Path, practice_site: PracticeSite, monkeypatch: pytest.MonkeyPatch) -> PracticeSite:
    """A practice site, and a project with the spider "orders" for it and the credentials of its first customer."""
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER.format(url=practice_site.url))
    monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", practice_site.accounts[0].username)
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", practice_site.accounts[0].password)
    return practice_site


def orders_of(shop: PracticeSite) -> int:
    return shop.accounts[0].orders


def test_a_run_leaves_results_that_can_be_exported_and_audited(shop: PracticeSite, project: Path, crawl: Crawl) -> None:
    done = crawl("run", "orders", "--json")

    summary = json.loads(done.out)
    assert (done.code, summary["exit_code"], summary["items"], summary["logins"]) == (
        1,
        1,
        {"items": orders_of(shop)},
        1,
    )
    assert "failed: " in done.err
    assert "/missing" in done.err

    exported = crawl("export", "orders", "-o", "out.csv")
    assert exported.code == 0
    with open(project / "out.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["order"] for row in rows}) == orders_of(shop)
    assert stat.S_IMODE((project / "out.csv").stat().st_mode) == 0o600

    lines = crawl("export", "orders", "-o", "-").out.splitlines()
    assert [json.loads(line) for line in lines] == rows

    assert "+ 0 waiting + 0 in flight\n" in crawl("audit", "orders").out
    audited = crawl("audit", "orders", "--json")
    assert (audited.code, json.loads(audited.out)["problems"]) == (0, [])

    status = crawl("status", "orders").out
    assert "1 failed" in status
    assert f"{orders_of(shop)} items" in status
    assert "404" in status

    past = crawl("runs", "orders").out.splitlines()
    assert past[1].split()[:2] == ["1", "orders"]
    assert "failures" in past[1]


def test_an_export_holds_no_fields_of_another_spider_that_yields_dicts_too(
    shop: PracticeSite, project: Path, crawl: Crawl
) -> None:
    other = SPIDER.format(url=shop.url).replace('"orders"', '"tags"').replace('{"order":', '{"tag":')
    (project / "spiders" / "tags.py").write_text(other)
    for name in ("orders", "tags"):
        crawl("run", name, "--quiet")

    assert crawl("export", "orders", "-o", "-", "--format", "csv").out.splitlines()[0] == "order,total"
    assert set(json.loads(crawl("export", "tags", "-o", "-").out.splitlines()[0])) == {"tag", "total"}


def test_log_and_status_say_in_which_line_of_the_spider_it_went_wrong(
    shop: PracticeSite, project: Path, crawl: Crawl
) -> None:
    file = project / "spiders" / "orders.py"
    file.write_text(file.read_text().replace("for row in", "for row in self.nothing or"))
    logged = crawl("run", "orders").err

    wrong = "AttributeError: 'Orders' object has no attribute 'nothing' at spiders/orders.py, line 14, in parse"
    assert f"?page=1 ({wrong})\n" in logged
    assert f"1 x {wrong}, such as " in crawl("status", "orders").out
    assert f"1 x {wrong}\n" in crawl("audit", "orders").out
    assert "Traceback" in crawl("status", "orders", "--json").out


def test_the_stored_session_is_listed_moved_and_restored_without_a_login(
    shop: PracticeSite, project: Path, crawl: Crawl
) -> None:
    assert crawl("login", "orders").out == "session 'default': logged in\n"
    assert crawl("login", "orders").out == "session 'default': the stored session is good, no login was needed\n"

    user = shop.accounts[0].username
    key = f"{shop.url.removeprefix('http://')}|account|{user}"
    assert crawl("sessions", "list").out.splitlines()[1].split()[:3] == ["default", key, "good"]
    assert crawl("sessions", "export", user, "--format", "cookies.txt", "-o", "jar.txt").code == 0
    assert stat.S_IMODE((project / "jar.txt").stat().st_mode) == 0o600
    sid = re.search(r"\tsid\t(\S+)", (project / "jar.txt").read_text())
    assert sid is not None

    change = crawl("sessions", "history", user).out.splitlines()[1].split()[0]
    assert crawl("sessions", "clear", user).code == 0
    assert crawl("sessions", "show", user).code == 2
    assert crawl("sessions", "restore", user, "--at", change).code == 2  # cleared: the history is gone, too

    imported = crawl("sessions", "import", "orders", "jar.txt")
    assert imported.code == 0
    assert crawl("login", "orders").out == "session 'default': the stored session is good, no login was needed\n"
    assert shop.record.logins[user] == 1

    shown = crawl("sessions", "show", user).out
    assert "sid" in shown
    assert sid[1] not in shown


def test_an_old_state_of_a_session_comes_back(shop: PracticeSite, crawl: Crawl) -> None:
    user = shop.accounts[0].username
    crawl("login", "orders")
    good = crawl("sessions", "history", user).out.splitlines()[1].split()[0]
    spoilt = json.dumps([{"name": "sid", "value": "spoilt", "domain": "127.0.0.1"}])
    Path("bad.json").write_text(spoilt)
    crawl("sessions", "import", "orders", "bad.json")

    newest = crawl("sessions", "history", user).out.splitlines()[1].split()[0]
    assert "~ cookie sid of 127.0.0.1/: " in crawl("sessions", "diff", good, newest).out
    assert crawl("sessions", "restore", user, "--at", good).code == 0
    assert crawl("login", "orders").out.endswith("no login was needed\n")
    assert shop.record.logins[user] == 1


def test_fetch_is_logged_in_with_the_spider_and_a_guest_without_it(
    shop: PracticeSite, project: Path, crawl: Crawl
) -> None:
    url = f"{shop.url}/account/"

    member, guest = crawl("fetch", url, "--spider", "orders"), crawl("fetch", url)

    assert f'<p class="name">{shop.accounts[0].username}</p>' in member.out
    assert '<p class="name">' not in guest.out
    assert crawl("fetch", f"{shop.url}/", "--headers").out.splitlines()[0] == "200 OK"


def test_fetch_asks_the_logout_guard_first_and_goes_there_with_force(
    shop: PracticeSite, project: Path, crawl: Crawl
) -> None:
    account, out = f"{shop.url}/account/", f"{shop.url}/logout"
    crawl("fetch", account, "--spider", "orders")

    refused = crawl("fetch", out, "--spider", "orders")

    assert refused.code == 2
    assert "the logout guard refuses it: logout (path); --force fetches it" in refused.err
    crawl("fetch", account, "--spider", "orders")
    assert sum(shop.record.logins.values()) == 1
    assert crawl("fetch", out).code in (0, 1)  # a guest has nothing to lose
    crawl("fetch", out, "--spider", "orders", "--force")
    crawl("fetch", account, "--spider", "orders")
    assert sum(shop.record.logins.values()) == 2


def test_a_page_fetched_without_a_login_leaves_no_file_behind(
    shop: PracticeSite, project: Path, tmp_path: Path, crawl: Crawl
) -> None:
    assert crawl("fetch", f"{shop.url}/").code == 0

    assert not (project / "data").exists()
    assert not (tmp_path / "config").exists()
    assert "CRAWL_KEY" not in os.environ


def test_fetch_without_a_spider_leaves_no_database_behind(shop: PracticeSite, project: Path, crawl: Crawl) -> None:
    missing = crawl("fetch", f"{shop.url}/missing")

    assert missing.code == 1
    assert missing.err == f"crawl: 404 from {shop.url}/missing\n"
    assert not (project / "data").exists()


def test_the_prompt_of_shell_has_the_page_and_the_session(
    shop: PracticeSite, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [
        "print(response.status_code, session.name, spider.name)",
        "print(len(fetch(response.url).css('tr.order')))",
        "1 / 0",
    ]
    answers = iter(words)

    def typed(prompt: str = "") -> str:
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", typed)

    done = crawl("shell", "orders", f"{shop.url}/orders/?page=1")

    assert done.code == 0
    assert done.out.splitlines()[0] == "200 default orders"
    assert int(done.out.splitlines()[1]) > 0
    assert "ZeroDivisionError" in done.err
    assert "IPython" not in done.err, "a person's mistake is shown with one of ours"


@pytest.mark.parametrize("words", [["fetch", "ftp://a/"], ["shell", "nonsense"], ["fetch", "http://[::bad/"]])
def test_an_invalid_url_is_one_line(project: Path, crawl: Crawl, words: list[str]) -> None:
    done = crawl(*words)

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)


def test_L11_a_wrong_password_is_one_attempt_and_its_own_exit_code(
    shop: PracticeSite, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", "wrong-password")

    done = crawl("run", "orders", "--quiet")

    assert (done.code, done.out) == (3, "")
    assert "wrong-password" not in done.err
    assert crawl("login", "orders").code == 3


def test_X9_no_output_of_any_command_shows_password_or_cookie(shop: PracticeSite, project: Path, crawl: Crawl) -> None:
    outputs = [
        crawl(*words)
        for words in (
            ["run", "orders", "-s", "log_level=DEBUG"],
            ["run", "orders", "--json", "--fresh", "-s", "log_level=DEBUG"],
            ["status"],
            ["status", "--json"],
            ["runs", "--json"],
            ["sessions", "list", "--json"],
            ["sessions", "show", "default"],
            ["sessions", "history", "default"],
            ["fetch", f"{shop.url}/orders/", "--spider", "orders", "--headers", "-s", "log_level=DEBUG"],
            ["audit", "orders"],
            ["export", "orders", "-o", "-"],
        )
    ]
    cookies = json.loads(crawl("sessions", "export", "default").out)["cookies"]
    secrets = [shop.accounts[0].password, *(each["value"] for each in cookies)]

    shown = "".join(each.out + each.err for each in outputs)

    assert len(cookies) > 0
    assert [secret for secret in secrets if secret in shown] == []


@pytest.mark.parametrize(
    "words", [["status"], ["runs"], ["export", "orders", "-o", "x.csv"], ["audit", "orders"], ["sessions", "list"]]
)
def test_where_nothing_is_stored_nothing_is_made(orders: Path, crawl: Crawl, words: list[str]) -> None:
    done = crawl(*words)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("crawl: data/crawl.db does not exist: nothing is stored yet; ")
    assert not (orders / "data").exists()


def test_S6_an_impossible_place_for_a_database_is_found_before_the_first_request(
    shop: PracticeSite, project: Path, crawl: Crawl
) -> None:
    (project / "data").write_text("a file where a folder should be")

    done = crawl("run", "orders")

    assert (done.code, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1
    assert not shop.record.requests


def test_S7_a_damaged_database_is_left_as_it_was(shop: PracticeSite, project: Path, crawl: Crawl) -> None:
    (project / "data").mkdir()
    (project / "data" / "crawl.db").write_bytes(b"this is no database" * 100)

    done = crawl("run", "orders")

    assert done.code == 6
    assert "crawl doctor" in done.err
    assert (project / "data" / "crawl.db").read_bytes() == b"this is no database" * 100


def test_the_crontab_line_is_all_that_is_printed(shop: PracticeSite, project: Path, crawl: Crawl) -> None:
    done = crawl("schedule", "orders", "--cron", "0 3 * * *", "-s", "delay=1")

    assert done.code == 0
    assert done.out.count("\n") == 1
    assert done.out.startswith(f"0 3 * * * cd {project} && ")
    assert done.out.rstrip().endswith("run orders --quiet --if-running skip -s delay=1")
    units = crawl("schedule", "orders", "--cron", "@daily", "--systemd").out
    assert "# ~/.config/systemd/user/crawl-orders.timer" in units
    assert crawl("schedule", "orders", "--cron", "0 3 * *").code == 2
    assert crawl("schedule", "order", "--cron", "0 3 * * *").code == 2


def test_P7_the_crontab_line_runs_in_the_bare_environment_of_cron_and_prints_nothing(
    shop: PracticeSite, project: Path, crawl: Crawl, tmp_path: Path
) -> None:
    spider = project / "spiders" / "orders.py"
    spider.write_text(spider.read_text().replace(f', "{shop.url}/missing"', ""))
    account = shop.accounts[0]
    accounts = project / "accounts.toml"
    accounts.write_text(f'[default]\nusername = "{account.username}"\npassword = "{account.password}"\n')
    accounts.chmod(0o600)
    (project / "pyproject.toml").write_text('[tool.crawl]\naccounts = "accounts.toml"\n')
    command = crawl("schedule", "orders", "--cron", "0 3 * * *").out.split(" ", 5)[5].strip()
    world = {"PATH": "/usr/bin:/bin", "LANG": "C", "PYTHONPATH": str(Path(__file__).parents[2])}
    world["XDG_CONFIG_HOME"] = str(tmp_path / "config")  # only so that the key of this test is no key of yours

    done = subprocess.run(
        ["/bin/sh", "-c", command], env=world, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(crawl("export", "orders", "-o", "-").out.splitlines()) == account.orders
    past = json.loads(crawl("runs", "--json").out)
    assert (past["ending"], past["exit_code"], past["logins"]) == ("finished", 0, 1)


def test_doctor_finds_no_damage_in_a_sound_database_and_backup_copies_it(
    shop: PracticeSite, project: Path, crawl: Crawl
) -> None:
    crawl("run", "orders")

    looked, copied = crawl("doctor"), crawl("backup", "copy.db")

    assert (looked.code, looked.out.splitlines()[-1]) == (0, "data/crawl.db: no damage")
    assert copied.code == 0
    assert crawl("audit", "orders", "--store", "copy.db").code == 0
    again, unknown = crawl("backup", "copy.db"), crawl("runs", "show", "99")
    assert (again.code, unknown.code) == (2, 2)  # mistyped: nothing is the matter with the database
    assert "there is no run 99" in unknown.err


def test_S7_what_can_be_read_of_a_damaged_database_is_written_out(
    shop: PracticeSite, project: Path, crawl: Crawl
) -> None:
    crawl("run", "orders")
    database = project / "data" / "crawl.db"
    damaged = bytearray(database.read_bytes())
    damaged[:16] = b"x" * 16
    database.write_bytes(damaged)

    found, saved = crawl("doctor"), crawl("doctor", "--salvage", "saved")

    assert (found.code, saved.code) == (6, 0)
    assert "--salvage" in found.out
    assert len((project / "saved" / "items.jsonl").read_text().splitlines()) == orders_of(shop)
    assert database.read_bytes() == damaged
