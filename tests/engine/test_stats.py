"""What observers are told of a commit."""

from __future__ import annotations

import pytest

from crawler.events import Event, PageDone, PageFailed, Summary
from crawler.outcome import Leased, Outcome, Verdict
from crawler.runs.stats import Stats


class Listener:
    def __init__(self, *ignored: type[Event]) -> None:
        self.ignores = frozenset(ignored)
        self.heard: list[type[Event]] = []

    def __call__(self, event: Event) -> None:
        self.heard.append(type(event))


def outcomes() -> list[Outcome]:
    leased = Leased(
        id=1,
        fingerprint=b"1",
        url="https://shop.example/?token=abcdef",
        slot="shop.example",
        session="default",
        callback="",
        priority=0,
        depth=0,
        extras="",
        attempt=0,
        send_at=0.0,
        token=1,
    )
    return [Outcome(leased, Verdict.ACCEPT, status=200), Outcome(leased, Verdict.FAIL, error="StatusError: 500")]


@pytest.mark.parametrize(
    ("listeners", "heard"),
    [
        pytest.param([Listener()], [[PageDone, PageFailed]], id="one-that-wants-all"),
        pytest.param([Listener(PageDone)], [[PageFailed]], id="one-that-ignores-pages"),
        pytest.param(
            [Listener(PageDone), Listener()],
            [[PageDone, PageFailed], [PageDone, PageFailed]],
            id="one-of-two-wants-pages",
        ),
        pytest.param([lambda event: None], [], id="a-plain-function"),
    ],
)
def test_pages_are_reported_when_an_observer_wants_to_hear_of_them(
    listeners: list[Listener], heard: list[list[type[Event]]]
) -> None:
    stats = Stats(Summary(spider="shop", run=1), listeners)

    stats.committed(outcomes(), frozenset(), 0.0)

    assert [each.heard for each in listeners if isinstance(each, Listener)] == heard
    assert stats.summary.pages == 1
