"""Connections to a host are shared by the processes of a crawl: never more than the setting, whoever comes and goes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.shares import Sharers, Shares, Unshared

HOSTS = [f"h{number}.test" for number in range(200)]
names = st.lists(st.integers(0, 40).map(str), min_size=1, max_size=12, unique=True)


@given(names, st.integers(1, 30), st.sampled_from(HOSTS))
def test_all_shares_add_up_to_the_setting_and_differ_by_one_at_most(found: list[str], per_host: int, host: str) -> None:
    sharers = Sharers(found)

    shares = [sharers.share(name, per_host, host) for name in found]

    assert sum(shares) == per_host
    assert max(shares) - min(shares) <= 1
    assert sharers.share("nobody", per_host, host) == 0


def test_few_hosts_change_hands_when_a_process_joins_and_all_have_some() -> None:
    before, after = Sharers("abcd"), Sharers("abcde")

    def owner(sharers: Sharers, host: str) -> str:
        return next(name for name in sharers.names if sharers.share(name, 1, host))

    owners = {host: owner(before, host) for host in HOSTS}
    moved = [host for host in HOSTS if owner(after, host) != owners[host]]

    assert all(owner(after, host) == "e" for host in moved), "nobody else gets what somebody had"
    assert 10 < len(moved) < 100
    assert min(Counter(owners.values()).values()) > 15


@dataclass
class Process:
    """One process: what it may have, and what it has under way."""

    shares: Shares
    under_way: int = 0
    away: bool = False

    def look(self, living: dict[str, str]) -> None:
        """As `runs.peers.Peers.look` does."""
        self.shares.seen(living)
        if self.under_way <= self.shares.of("a.test"):
            self.shares.agree()


@dataclass
class Crawl:
    """Some processes and the store that they look into, on one host."""

    per_host: int
    told: dict[str, str] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    def join(self, name: str) -> None:
        if name not in self.told:
            self.processes[name] = Process(Shares(name, self.per_host, alone=not self.told))
            self.told[name] = self.processes[name].shares.agrees

    def look(self, name: str) -> None:
        process = self.processes[name]
        process.look(dict(self.told))
        self.told[name] = process.shares.agrees

    def send(self, name: str) -> None:
        """As much as it may."""
        process = self.processes[name]
        process.under_way = max(process.under_way, process.shares.of("a.test"))

    def answered(self, name: str) -> None:
        self.processes[name].under_way = max(self.processes[name].under_way - 1, 0)

    def leave(self, name: str) -> None:
        """It ends, or was killed and its row has run out: nothing of it is under way."""
        del self.told[name], self.processes[name]

    def at_once(self) -> int:
        return sum(each.under_way for each in self.processes.values())


steps = st.lists(
    st.tuples(st.sampled_from(["join", "look", "send", "answered", "leave"]), st.integers(0, 5).map(str)), max_size=120
)


@given(steps, st.integers(1, 7))
def test_whoever_comes_and_goes_the_connections_stay_limited_and_all_get_their_share_in_the_end(
    found: list[tuple[str, str]], per_host: int
) -> None:
    crawl = Crawl(per_host)
    for what, name in found:
        if what == "join" or name in crawl.told:
            getattr(crawl, what)(name)
        assert crawl.at_once() <= per_host, (what, name)
    for _ in range(4):
        for name in list(crawl.told):
            crawl.look(name)
            crawl.send(name)
            assert crawl.at_once() <= per_host
            crawl.processes[name].under_way = 0
    for name in crawl.told:
        crawl.send(name)

    assert crawl.at_once() == (per_host if crawl.told else 0)


def test_a_process_that_was_away_for_long_begins_with_nothing() -> None:
    shares = Shares("1.1", 4, alone=True)
    assert shares.of("a.test") == 4

    shares.forget()

    assert shares.of("a.test") == 0
    assert shares.may_be_none
    shares.seen({"1.1": "", "1.2": "1.1,1.2"})
    assert shares.of("a.test") == 0
    assert shares.agree()
    shares.seen({"1.1": "1.1,1.2", "1.2": "1.1,1.2"})
    assert (shares.of("a.test"), shares.is_settled, shares.may_be_none) == (2, True, False)


def test_hosts_without_a_share_for_us_are_left_to_the_others() -> None:
    sharers = Sharers(["a", "b", "c"])

    unshared = Unshared({"h3.test"}, lambda host: sharers.share("a", 1, host))

    assert [host for host in HOSTS[:3] if host not in unshared] == [
        host for host in HOSTS[:3] if sharers.share("a", 1, host)
    ]
    assert "h3.test" in unshared
