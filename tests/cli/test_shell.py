"""`crawl shell` at a terminal: logged in, with completion, a history without secrets, and pages in a browser."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from crawler.authoring.guests import guest
from crawler.authoring.prompt import Prompt
from crawler.errors import UsageError
from crawler.testing import PracticeSite
from tests.cli.conftest import Crawl
from tests.cli.test_whole import SPIDER
from tests.sessions_e2e.terminal import Terminal, at_a_terminal


@pytest.fixture
def shop(project: Path, monkeypatch: pytest.MonkeyPatch) -> PracticeSite:
    with PracticeSite(books=10) as site:
        (project / "spiders").mkdir()
        (project / "spiders" / "orders.py").write_text(SPIDER.format(url=site.url))
        monkeypatch.setenv("CRAWL_DEFAULT_USERNAME", site.accounts[0].username)
        monkeypatch.setenv("CRAWL_DEFAULT_PASSWORD", site.accounts[0].password)
        yield site


def typed(terminal: Terminal, line: str, shows: str) -> None:
    """Type a line at the prompt, and wait for what it shows and for the next prompt."""
    start = len(terminal.shown)
    terminal.type(line)
    terminal.read_until_after(shows, start)
    terminal.read_until_after(">>> ", terminal.shown.index(shows, start))


def test_a_person_looks_around_behind_the_login_and_finds_the_lines_again(
    shop: PracticeSite, project: Path, tmp_path: Path
) -> None:
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "TERM": "xterm", "BROWSER": "/bin/true"}
    password = shop.accounts[0].password

    with at_a_terminal("shell", "orders", folder=project, environ=environ) as terminal:
        terminal.read_until(">>> ")
        typed(terminal, 'len(response.css("tr.order"))', "\n10")
        typed(terminal, "respon\t.status_code", "\n200")  # Tab completes
        typed(terminal, 'fetch("?page=2")', "<Response 200")
        typed(terminal, 'fetch("/logout")', "fetch(url, force=True) goes there")
        typed(terminal, "response.url.partition('?')[2]", "'page=2'")
        typed(terminal, "view().read_bytes()[:60]", "<base href=")
        typed(terminal, f"x = {password!r}", "\n")
        terminal.type("exit()")
        assert terminal.ended() == 0
    with at_a_terminal("shell", "orders", folder=project, environ=environ) as terminal:
        terminal.read_until(">>> ")
        start = len(terminal.shown)
        os.write(terminal._screen, b"\x1b[A\x1b[A\x1b[A\n")  # three lines up: view()
        terminal.read_until_after("view().read_bytes", start)
        terminal.type("exit()")
        assert terminal.ended() == 0

    history = tmp_path / "state" / "crawl" / "shell_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert 'fetch("?page=2")' in history.read_text()
    assert password not in history.read_text()
    assert shop.record.logins.total() == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["http://a.test/", "orders"], "is a URL", id="wrong-order"),
        pytest.param(["ordres"], "did you mean 'orders'?", id="no-spider"),
        pytest.param(["orders", "page"], "page", id="no-url"),
        pytest.param(["--session", "x"], "goes with a spider", id="session"),
        pytest.param(["orders", "--session", "x"], "has no session 'x'", id="no-session"),
    ],
)
def test_invalid_arguments_are_one_line(shop: PracticeSite, crawl: Crawl, words: list[str], said: str) -> None:
    done = crawl("shell", *words)

    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert said in done.err


def test_fetch_takes_addresses_links_and_requests_and_view_needs_a_page(shop: PracticeSite, tmp_path: Path) -> None:
    told: list[str] = []
    with guest(None, settings={}) as visiting:
        prompt = Prompt(visiting, tmp_path, told.append, opens=lambda address: False)
        prompt.use(None)
        with pytest.raises(UsageError, match="no page yet"):
            prompt.view()
        with pytest.raises(UsageError, match="no page yet"):
            prompt.fetch()

        first = prompt.fetch(f"{shop.url}/catalogue/?page=1")
        second = prompt.fetch(first.css("a.book")[0])
        posted = prompt.fetch(prompt.names["Request"](f"{shop.url}/echo", data={"a": "b"}))
        again = prompt.fetch()

    assert (second.url, prompt.names["response"]) == (f"{shop.url}/book/1", again)
    assert posted.json()["body"] == again.json()["body"] == "a=b"
    assert prompt.view(first).read_bytes().count(b"<base ") == 1
    assert prompt.view(posted).suffix == ".json"
    assert told[-1].startswith("no browser was found")
