"""`crawl new --from-curl`, `--from-har`: as the browser did it, with secrets only in the file of accounts."""

from __future__ import annotations

import io
import json
import stat
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from crawler.testing import PracticeSite
from crawler.testing.wire import Answer, WireRequest
from tests.cli.conftest import Crawl, _clean, crawl, project
from tests.hosts import Host

__all__ = ["_clean", "crawl", "project"]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crawler.authoring.exploring.PAUSE_S", 0.0)


def accounts(project: Path) -> dict[str, Any]:
    """What stands in the file of accounts."""
    file = project.parent / "config" / "crawl" / "accounts.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return tomllib.loads(file.read_text())


def test_a_copied_page_request_logs_in_with_its_cookie_which_is_not_in_the_source(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PracticeSite(books=10) as site:
        first = site.accounts[0]
        monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", first.username)
        monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", first.password)
        crawl("new", "person", f"{site.url}/orders/?page=1", "--store", "other.db")
        cookie = dict(pair.strip().split("=") for pair in site.log[-1].headers["cookie"].split(";"))["sid"]
        monkeypatch.delenv("CRAWL_DEFAULT_USERNAME")
        monkeypatch.delenv("CRAWL_DEFAULT_PASSWORD")
        command = f"curl '{site.url}/orders/?page=1' -H 'Accept: text/html' -b 'sid={cookie}; lang=en' --compressed -k"

        made = crawl("new", "orders", "--from-curl", command)
        run = crawl("run", "orders", "--json")

    assert (made.code, made.err) == (0, "")
    assert "left out: option --insecure: `-s verify=false` does it" in made.out
    assert '10 x response.css("tr.order")' in made.out
    assert json.loads(run.out)["items"] == {"items": first.orders}, run.err
    assert accounts(project) == {
        "sites": {site.url.removeprefix("http://"): {"default": {"cookie": f"sid={cookie}; lang=en"}}}
    }
    everything = (project / "spiders" / "orders.py").read_text() + made.out + made.err + run.out + run.err
    assert cookie not in everything


def test_a_copied_login_becomes_a_login_step_that_works(project: Path, crawl: Crawl) -> None:
    with PracticeSite(books=10) as site:
        first = site.accounts[0]
        body = f"csrf=abc123def456&username={first.username}&password={first.password}&next=%2F"
        command = f"curl '{site.url}/login' -H 'Referer: {site.url}/login?next=/' --data-raw '{body}'"

        made = crawl("new", "shop", "--from-curl", command)
        login = crawl("login", "shop")

        assert (made.code, login.code, site.record.logins.total()) == (0, 0, 1), made.err + login.err
    source = (project / "spiders" / "shop.py").read_text()
    assert f'page = session.get("{site.url}/login")' in source
    assert "session.submit(page.form()" in source
    assert first.password not in source + made.out + login.out
    assert accounts(project)["sites"][site.url.removeprefix("http://")]["default"]["password"] == first.password


class Api:
    """A JSON API: a login that gives a token, and orders for whoever sends it."""

    def __init__(self) -> None:
        self.token = "t0k3n" * 6

    def login(self, call: WireRequest) -> Answer:
        given = json.loads(call.body)
        if given.get("password") != "s3cret-word":
            return Answer(401, body=b"{}", content_type="application/json")
        body = json.dumps({"data": {"access": self.token}}).encode()
        return Answer(body=body, content_type="application/json")

    def orders(self, call: WireRequest) -> Answer:
        if call.headers.get("authorization") != f"Bearer {self.token}":
            return Answer(401, body=b"{}", content_type="application/json")
        return Answer(body=b'{"orders": [{"id": 1}, {"id": 2}]}', content_type="application/json")


def har(*entries: dict[str, Any]) -> str:
    """A recording as browsers export it."""
    return json.dumps({"log": {"version": "1.2", "entries": list(entries)}})


def entry(method: str, url: str, answer: str = "", kind: str = "application/json", **more: Any) -> dict[str, Any]:
    headers = [{"name": name, "value": value} for name, value in more.pop("headers", {}).items()]
    posted = {"postData": {"mimeType": "application/json", "text": more.pop("body")}} if "body" in more else {}
    return {
        "request": {"method": method, "url": url, "headers": headers, **posted},
        "response": {"status": more.get("status", 200), "headers": [], "content": {"mimeType": kind, "text": answer}},
    }


def test_a_recorded_login_of_an_app_is_done_again_and_its_token_is_taken_from_the_answer(
    project: Path, crawl: Crawl
) -> None:
    api = Api()
    with closing(Host({"/api/login": api.login, "/api/orders": api.orders}, "127.0.0.1", None)) as host:
        host.routes["/robots.txt"] = Answer(404)
        bearer = {"Authorization": f"Bearer {api.token}", "Accept": "application/json", "X-Api-Key": "k3y" * 5}
        sent = {"email": "ann@shop.test", "password": "s3cret-word", "remember": True}
        login = entry(
            "POST", f"{host.url}/api/login", json.dumps({"data": {"access": api.token}}), body=json.dumps(sent),
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        orders = entry("GET", f"{host.url}/api/orders?page=1", '{"orders": [{"id": 1}, {"id": 2}]}', headers=bearer)
        noise = [
            entry("GET", f"{host.url}/app.js", kind="text/javascript"),
            entry("GET", "http://ads.test/pixel", kind="text/html"),
            entry("POST", f"{host.url}/api/cart", "{}", body="{}"),
        ]
        Path("app.har").write_text(har(login, *noise, orders))
        api.token = "another" * 5  # the recorded one is over

        made = crawl("new", "app", "--from-har", "app.har")
        run = crawl("run", "app", "--json")

    source = (project / "spiders" / "app.py").read_text()
    assert (made.code, json.loads(run.out)["items"]) == (0, {"items": 2}), made.err + run.err + source
    assert 'session.auth = BearerAuth(answer.json()["data"]["access"])' in source
    assert f"left out, since it may change something: POST {host.url}/api/cart" in made.out
    assert accounts(project)["sites"][f"127.0.0.1:{host.port}"]["default"] == {
        "username": "ann@shop.test",
        "password": "s3cret-word",
    }
    for secret in ("s3cret-word", "t0k3n", "another", "k3yk3y"):
        assert secret not in source + made.out + made.err + run.err


def test_a_recording_by_chromium_makes_a_spider_that_runs(project: Path, crawl: Crawl) -> None:
    with PracticeSite(books=10) as site:
        recorded = (Path(__file__).parent / "chromium.har").read_text()
        Path("shop.har").write_text(recorded.replace("{url}", site.url).replace("{host}", site.url.partition("//")[2]))

        made = crawl("new", "shop", "--from-har", "shop.har")
        asked = site.record.requests.total()
        run = crawl("run", "shop", "--json")

        assert (made.code, asked, site.record.logins.total()) == (0, 0, 1), made.err
    assert json.loads(run.out)["items"] == {"items": site.accounts[0].orders}, run.err
    source = (project / "spiders" / "shop.py").read_text()
    assert f'page = session.get("{site.url}/login")' in source
    assert site.accounts[0].password not in source + made.out + run.out + run.err


PAGED = {"rows": [{"n": 1}, {"n": 2}], "next": "/api?page=2"}


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        pytest.param("-H 'Accept: application/x-paged+json'", "accept", "application/x-paged+json", id="accept"),
        pytest.param("-H 'Accept: text/csv'", "accept", "text/csv", id="accept-without-json"),
        pytest.param("-H 'X-View: paged' -H 'Accept: */*'", "x-view", "paged", id="own"),
        pytest.param("-H 'X-Api-Key: 5f0c71c717b1d3'", "x-api-key", "5f0c71c717b1d3", id="secret"),
        pytest.param("-b 'view=paged123'", "cookie", "view=paged123", id="cookie"),
        pytest.param("-H 'Authorization: Bearer t0k3nt0k3n'", "authorization", "Bearer t0k3nt0k3n", id="token"),
    ],
)
def test_the_page_is_looked_at_with_the_request_that_the_spider_sends(
    project: Path, crawl: Crawl, options: str, name: str, value: str
) -> None:
    def api(call: WireRequest) -> Answer:
        if call.headers.get(name) != value:
            return Answer.json([{"n": 1}])
        return Answer.json(PAGED if "page=2" not in call.target else {"rows": [{"n": 3}], "next": None})

    with closing(Host({"/robots.txt": Answer(404), "/api": api}, "127.0.0.1", None)) as host:
        made = crawl("new", "api", "--from-curl", f"curl {host.url}/api {options}")
        look = host.seen("/api")[-1]
        run = crawl("run", "api", "--json")
        sent = host.seen("/api")[-2:]  # before them, a spider with a login step proves its session

    assert 'next portion: data.get("next")' in made.out, made.out + made.err
    assert look.headers == sent[0].headers
    assert json.loads(run.out)["items"] == {"items": 3}, run.err
    assert [call.headers.get(name) for call in sent] == [value, value], "the next page, too"
    source = (project / "spiders" / "api.py").read_text()
    assert (value in source) == (name in ("accept", "x-view"))


def test_a_copied_query_is_looked_at_with_its_body(project: Path, crawl: Crawl) -> None:
    def answer(call: WireRequest) -> Answer:
        assert json.loads(call.body)["query"] == "{ orders { id } }"
        return Answer.json({"data": {"orders": [{"id": 1}, {"id": 2}]}})

    with closing(Host({"/robots.txt": Answer(404), "/graphql": answer}, "127.0.0.1", None)) as host:
        body = json.dumps({"query": "{ orders { id } }"})
        made = crawl("new", "api", "--from-curl", f"curl {host.url}/graphql --json '{body}'")

    assert '2 objects in data["data"]["orders"] with id' in made.out, made.out + made.err


def runs(call: WireRequest) -> Answer:
    """55 rows, ten at a time, as MLflow's search for runs gives them; more at once on request."""
    asked = json.loads(call.body or b"{}")
    begin, most = int(asked.get("page_token") or 0), int(asked.get("max_results") or 10)
    rows = [{"run_id": number, "status": "FINISHED"} for number in range(begin, min(begin + most, 55))]
    following = {"next_page_token": str(begin + most)} if begin + most < 55 else {}
    return Answer.json({"runs": rows, **following})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"max_results": 10}, 'the field "page_token" of the body is guessed from its name'),
        ({"max_results": 20, "page_token": "", "filter": "a = 'b'"}, ""),
    ],
    ids=["guessed", "named"],
)
@pytest.mark.parametrize("header", ["", "-H 'X-View: all'"], ids=["plain", "header"])
def test_all_portions_of_a_search_are_asked_for_with_its_body(
    project: Path, crawl: Crawl, body: dict[str, Any], said: str, header: str
) -> None:
    with closing(Host({"/robots.txt": Answer(404), "/api/runs/search": runs}, "127.0.0.1", None)) as host:
        (project / "command.txt").write_text(
            f"curl {host.url}/api/runs/search {header} --json '" + json.dumps(body).replace("'", "'\\''") + "'"
        )
        made = crawl("new", "runs", "--from-curl", (project / "command.txt").read_text())
        run = crawl("run", "runs", "--json", "-s", "delay=0")
        sent = [json.loads(call.body) for call in host.seen("/api/runs/search")][1:]

        assert (made.code, run.code) == (0, 0), made.err + run.err
        views = set(host.header("x-view", "/api/runs/search"))
    assert 'next portion: data.get("next_page_token"), as "page_token" of the body' in made.out
    assert json.loads(run.out)["items"] == {"items": 55}
    assert all({**each, "page_token": ""} == {"page_token": "", **body} for each in sent), "nothing else is changed"
    assert views == ({"all"} if header else set())
    assert said in (project / "spiders" / "runs.py").read_text()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param('{url}/graphql --json \'{{"query": "{{ runs }}"}}\'', id="graphql"),
        pytest.param("-X GET {url}/runs --json '{{}}'", id="get-with-a-body"),
        pytest.param("{url}/runs/search -d 'max_results=10'", id="form"),
    ],
)
def test_a_token_that_is_sent_in_another_body_is_a_todo_and_said(project: Path, crawl: Crawl, command: str) -> None:
    page = Answer.json({"runs": [{"a": 1}, {"a": 2}], "next_page_token": "x"})
    with closing(Host({"/robots.txt": Answer(404), "*": page}, "127.0.0.1", None)) as host:
        made = crawl("new", "runs", "--from-curl", f"curl {command.format(url=host.url)}")

    source = (project / "spiders" / "runs.py").read_text()
    assert 'data.get("next_page_token"), which is sent in the body: only the first portion is read' in made.out
    assert '# TODO: data.get("next_page_token") says what comes next' in source
    assert "follow" not in source


def test_the_next_portion_of_a_recorded_search_goes_by_its_body_too(project: Path, crawl: Crawl) -> None:
    answer = json.dumps({"runs": [{"a": 1}, {"a": 2}], "next_page_token": "x"})
    (project / "app.har").write_text(har(entry("POST", "http://a.test/runs/search", answer, body='{"max_results": 2}')))

    made = crawl("new", "app", "--from-har", "app.har")

    assert 'as "page_token" of the body' in made.out, made.out + made.err
    assert "add_or_replace_parameter" not in (project / "spiders" / "app.py").read_text()


def test_a_copied_request_that_may_change_something_is_not_sent_to_look_at_it(project: Path, crawl: Crawl) -> None:
    with closing(Host({"/robots.txt": Answer(404)}, "127.0.0.1", None)) as host:
        made = crawl("new", "cart", "--from-curl", f"curl {host.url}/cart -d item=7")
        asked = list(host.calls)

    assert (made.code, asked) == (0, [])
    assert f"not looked at, since it may change something: POST {host.url}/cart" in made.out


def test_a_recorded_mutation_is_left_out(project: Path, crawl: Crawl) -> None:
    queries = [json.dumps({"query": text}) for text in ("{ orders { id } }", "mutation { cancel(id: 1) { id } }")]
    url = "http://a.test/graphql"
    (project / "app.har").write_text(har(*(entry("POST", url, '{"data": [{"id": 1}]}', body=each) for each in queries)))

    made = crawl("new", "app", "--from-har", "app.har")

    assert f"left out, since it may change something: POST {url}" in made.out
    source = (project / "spiders" / "app.py").read_text()
    assert ("orders" in source, "cancel" in source) == (True, False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--from-curl", "wget http://a/"], "not a curl command", id="wget"),
        pytest.param(["--from-curl", "curl 'http://a/"], "a quote in the curl command does not end", id="quote"),
        pytest.param(["--from-curl", "curl -H 'A: b'"], "names no URL", id="no-url"),
        pytest.param(["--from-curl", "curl ftp://a/"], "ftp://a/", id="ftp"),
        pytest.param(["--from-har", "none.har"], "none.har: No such file", id="no-file"),
        pytest.param(["--from-har", "bad.har"], "bad.har is not JSON", id="no-json"),
        pytest.param(["--from-har", "other.har"], "this is not a HAR file", id="no-har"),
        pytest.param(["--from-har", "empty.har"], "holds no http request", id="empty"),
        pytest.param(["http://a.test/", "--from-curl", "curl http://a/"], "one of URL", id="both"),
    ],
)
def test_an_invalid_recording_is_one_line_and_nothing_is_written(
    project: Path, crawl: Crawl, words: list[str], said: str
) -> None:
    (project / "bad.har").write_text("{")
    (project / "other.har").write_text('{"a": 1}')
    (project / "empty.har").write_text(har())

    done = crawl("new", "x", *words)

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err
    assert not (project / "spiders").exists()


def test_an_existing_account_with_another_value_is_left_alone(project: Path, crawl: Crawl) -> None:
    folder = project.parent / "config" / "crawl"
    folder.mkdir(parents=True)
    (folder / "accounts.toml").write_text('# mine\n[sites."a.test".default]\npassword = "old"\n')
    (folder / "accounts.toml").chmod(0o600)
    before = (folder / "accounts.toml").read_text()

    done = crawl("new", "x", "--from-curl", "curl -u ann:new-password https://a.test/")

    assert (done.code, "already exists" in done.err or "already, with other values" in done.err) == (2, True)
    assert (folder / "accounts.toml").read_text() == before
    assert not (project / "spiders").exists()


TOKEN, PAIR = "-H 'Authorization: Bearer xyz123456789'", "-u ann:right"


@pytest.mark.parametrize(("first", "second"), [(PAIR, TOKEN), (TOKEN, PAIR)], ids=["token-second", "token-first"])
def test_a_credential_of_another_kind_is_put_beside_those_of_the_site_and_each_spider_sends_its_own(
    project: Path, crawl: Crawl, first: str, second: str
) -> None:
    with closing(Host({"/robots.txt": Answer(404)}, "127.0.0.1", None)) as host:
        made = [crawl("new", "one", "--from-curl", f"curl {host.url}/1 {first}")]
        runs = [crawl("run", "one", "-q").code]
        made += [crawl("new", "two", "--from-curl", f"curl {host.url}/2 {second}")]
        made += [crawl("new", "three", "--from-curl", f"curl {host.url}/3 {second}")]
        runs += [crawl("run", name, "-q").code for name in ("one", "two", "three", "one")]

        assert [each.code for each in made] + runs == [0] * 8, "".join(each.err for each in made)
        sent = {path: set(host.header("authorization", path)) for path in ("/1", "/2", "/3")}
        table = accounts(project)["sites"][host.url.removeprefix("http://")]["default"]
    values = {TOKEN: {"Bearer xyz123456789"}, PAIR: {"Basic YW5uOnJpZ2h0"}}
    assert sent == {"/1": values[first], "/2": values[second], "/3": values[second]}
    assert table == {"username": "ann", "password": "right", "token": "xyz123456789"}


def test_what_the_message_about_another_value_says_works(
    project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Host({"/robots.txt": Answer(404)}, "127.0.0.1", None)) as host:
        site = host.url.removeprefix("http://")
        crawl("new", "one", "--from-curl", f"curl -u ann:right {host.url}/1")
        command = f"curl -u otto:another {host.url}/2"

        left = crawl("new", "two", "--from-curl", command)
        before = accounts(project)["sites"][site]
        monkeypatch.setattr("sys.stdin", io.StringIO("another\n"))
        second = crawl("accounts", "add", site, "--session", "NAME", "-u", "otto")
        put = crawl("new", "two", "--replace", "--from-curl", command)

    assert (left.code, second.code, put.code) == (2, 0, 0), second.err + put.err
    assert "already, with other values (username, password); --replace puts these in their place" in left.err
    assert "`crawl accounts add SITE --session NAME`" in left.err
    assert "right" not in left.err
    assert before == {"default": {"username": "ann", "password": "right"}}
    otto = {"username": "otto", "password": "another"}
    assert accounts(project)["sites"][site] == {"default": otto, "NAME": otto}
