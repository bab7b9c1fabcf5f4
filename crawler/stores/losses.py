"""Losses of sessions that were found and are not settled yet, kept in the store.

When a session turns out to be lost, the pages that it brought since its last proof are fetched again after the next
login. A kill between that login and the quarantine would leave them as they are, and the next run would find a good
session and check nothing. So the loss is noted before the login, and the next process on the frontier settles it.
"""

from __future__ import annotations

from crawler.stores.base import RunRow, Store

_MARGIN_S = 1.0  #: answers may overtake one another by this much
_MOST_RUNS = 50  #: last runs of a spider whose losses are looked for


def _name(run: int, key: str) -> str:
    return f"lost:{run}:{key}"


def note(store: Store, run: int, key: str, *, epoch: int, since: float) -> None:
    """Note that the login of *epoch* is lost; nothing is known about pages after *since*."""
    store.values.set(_name(run, key), [epoch, max(since - _MARGIN_S, 0.0)])


def settled(store: Store, run: int, key: str) -> None:
    """The pages of the loss wait again."""
    if store.values.get(_name(run, key)) is not None:
        store.values.set(_name(run, key), None)


def settle(store: Store, run: RunRow) -> int:
    """Let pages wait again that earlier runs would have reopened, had they not been killed.

    Returns:
        How many there were.
    """
    reopened = 0
    runs = [each.id for each in store.runs.last(run.spider, limit=_MOST_RUNS) if each.frontier == run.frontier]
    for session in store.sessions.all():
        for number in runs:
            found = store.values.get(_name(number, session.key))
            if isinstance(found, list) and len(found) == 2:
                epoch, since = int(found[0]), float(found[1])
                reopened += store.frontier.quarantine(run.frontier, session=session.name, epoch=epoch, since=since)
                settled(store, number, session.key)
    return reopened
