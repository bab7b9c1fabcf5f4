"""A run under another HOME has another key: requests that wait are left for who can read them, and are not failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawler.testing.wire import Answer
from tests.cli.conftest import Crawl
from tests.hosts import Host, Net

SPIDER = """
from crawler import Spider


class Kept(Spider):
    name = "kept"
    start_urls = ["{url}/"]

    def parse(self, response, number=0):
        yield {{"url": response.url}}
        yield from response.follow_all(css="a.kept", cb_kwargs={{"number": 1}})
        yield from response.follow_all(css="a.plain")
"""
KEPT = b"".join(b"<a class=kept href=/%d>x</a>" % number for number in range(8))
PLAIN = b"".join(b"<a class=plain href=/plain/%d>x</a>" % number for number in range(4))


@pytest.fixture
def site(project: Path) -> Iterator[Host]:
    """A start page with eight links that carry arguments for the callback; and the spider."""
    net = Net()
    own = net.host({"/robots.txt": Answer(404), "/": Answer(body=KEPT), "*": Answer(body=b"<p>one")})
    (project / "spiders").mkdir()
    (project / "spiders" / "kept.py").write_text(SPIDER.format(url=own.url))
    yield own
    net.close()


@pytest.fixture
def stopped(site: Host, homes: Homes, command: Crawl) -> Host:
    """One user has crawled the first page, and stopped."""
    homes.mine()
    assert command("run", "kept", "--quiet", "--limit-pages", "1").code == 5
    return site


@pytest.fixture
def with_plain(site: Host, homes: Homes, command: Crawl) -> Host:
    """The same where four further links carry nothing."""
    site.routes["/"] = Answer(body=KEPT + PLAIN)
    homes.mine()
    assert command("run", "kept", "--quiet", "--limit-pages", "1").code == 5
    return site


class Homes:
    """Whose HOME it is."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch = folder, monkeypatch

    def mine(self) -> None:
        self._patch.setenv("XDG_CONFIG_HOME", str(self._folder / "mine"))

    def key(self, name: str) -> str:
        return (self._folder / name / "crawl" / "key").read_text().strip()

    def another(self) -> None:
        self._patch.setenv("XDG_CONFIG_HOME", str(self._folder / "another"))


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    return Homes(tmp_path, monkeypatch)


def asked(site: Host) -> list[str]:
    return [each.path for each in site.calls if each.path != "/robots.txt"]


@pytest.mark.parametrize(
    "words",
    [("run", "kept"), ("run", "kept", "--processes", "2"), ("retry", "kept")],
    ids=["run", "two processes", "retry"],
)
def test_under_another_home_nothing_is_sent_and_under_the_right_one_it_goes_on(
    words: tuple[str, ...], stopped: Host, homes: Homes, command: Crawl
) -> None:
    homes.another()
    before = asked(stopped)

    refused = command(*words, "--quiet")

    assert refused.code == 2
    assert "8 requests wait in the crawl of kept" in refused.err
    assert "CRAWL_KEY" in refused.err
    assert "`crawl run kept --fresh` starts over" in refused.err
    assert asked(stopped) == before

    homes.mine()
    done = command("run", "kept", "--json")

    told = json.loads(done.out)
    assert (done.code, told["ending"], told["failed"], told["pages"]) == (0, "finished", 0, 8)
    assert sorted(asked(stopped)) == sorted(["/", *(f"/{number}" for number in range(8))])


def test_a_ping_gets_the_exit_code_of_the_command(stopped: Host, homes: Homes, command: Crawl) -> None:
    homes.another()

    code = command("run", "kept", "--quiet", "-s", f"ping={stopped.url}/ping/{{exit_code}}").code

    assert (code, asked(stopped)[-1]) == (2, "/ping/2")


def test_with_a_lost_key_fresh_starts_over(stopped: Host, homes: Homes, command: Crawl) -> None:
    homes.another()
    assert command("run", "kept", "--quiet").code == 2

    done = command("run", "kept", "--json", "--fresh")

    assert (done.code, json.loads(done.out)["pages"]) == (0, 9)


@pytest.mark.parametrize("processes", ["1", "2"])
def test_what_needs_no_key_is_done_and_the_rest_is_left_and_the_run_says_so(
    processes: str, with_plain: Host, homes: Homes, command: Crawl
) -> None:
    homes.another()
    done = command("run", "kept", "--json", "--processes", processes)

    told = json.loads(done.out)
    assert (done.code, told["ending"], told["failed"], told["parked"], told["pages"]) == (2, "usage", 0, 8, 4)
    assert [each for each in told["messages"] if each.startswith("8 requests wait in the crawl of kept")]
    assert "8 requests are parked: sealed with a key that is not at hand" in command("failures", "kept").err
    before = asked(with_plain)
    assert command("run", "kept", "--quiet").code == 2
    assert asked(with_plain) == before

    homes.mine()
    done = command("run", "kept", "--json")

    told = json.loads(done.out)
    assert (done.code, told["ending"], told["failed"], told["pages"]) == (0, "finished", 0, 8)


def test_keys_that_each_sealed_a_part_open_all_of_it_together(
    with_plain: Host, homes: Homes, command: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_plain.routes["/plain/1"] = Answer(body=b"<a class=kept href=/further>x</a>")
    homes.another()
    assert command("run", "kept", "--quiet", "--limit-pages", "4").code in (2, 5)
    keys = [homes.key(name) for name in ("mine", "another")]
    homes.mine()
    monkeypatch.setenv("CRAWL_KEY", ",".join(keys))

    done = command("run", "kept", "--json")

    assert (done.code, json.loads(done.out)["failed"]) == (0, 0)
    assert "/further" in asked(with_plain)


def test_plain_requests_alone_need_no_key(with_plain: Host, homes: Homes, command: Crawl, project: Path) -> None:
    spider = project / "spiders" / "kept.py"
    spider.write_text(spider.read_text().replace("a.kept", "a.nothing"))
    homes.mine()
    assert command("run", "kept", "--quiet", "--fresh", "--limit-pages", "1").code == 5
    homes.another()

    assert command("run", "kept", "--quiet").code == 0
