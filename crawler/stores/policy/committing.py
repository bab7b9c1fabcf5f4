"""What becomes of a request when its page is committed: pure, written once for every database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from crawler.outcome import Outcome, State, Verdict
from crawler.stores.rows import FETCHED_AGAIN, harmless

#: Verdict to the row's next state, and whether the tries count as attempts.
NEXT: dict[Verdict, tuple[State, int]] = {
    Verdict.ACCEPT: (State.DONE, 1),
    Verdict.RETRY: (State.WAITING, 1),
    Verdict.LOGIN: (State.WAITING, 0),
    Verdict.SKIP: (State.SKIPPED, 0),
    Verdict.FAIL: (State.FAILED, 1),
    Verdict.PARK: (State.PARKED, 0),
    Verdict.RELEASE: (State.WAITING, 0),
}
#: Verdicts that end a request: only their items and links are stored (an errback may have yielded some).
ENDING = frozenset({Verdict.ACCEPT, Verdict.FAIL, Verdict.SKIP})
_COUNTER = {
    State.WAITING: "waiting_or_leased",
    State.DONE: "done",
    State.FAILED: "failed",
    State.SKIPPED: "skipped",
    State.PARKED: "parked",
}


def rule_of(outcome: Outcome) -> str | None:
    """Why it is skipped; otherwise keeps the note that it is being fetched again, whatever becomes of this try."""
    if outcome.verdict is Verdict.SKIP:
        return harmless(outcome.error or "unnamed rule")
    return FETCHED_AGAIN if outcome.request.again else None


def counted(kept: Sequence[Outcome]) -> Counter[str]:
    """By how much these pages change the counters of their frontier, not counting what they found."""
    changes = Counter[str]()
    for one in kept:
        changes[_COUNTER[NEXT[one.verdict][0]]] += 1
    changes["waiting_or_leased"] -= len(kept)
    changes["pages"] = sum(one.verdict is Verdict.ACCEPT for one in kept)
    return changes


def needs_its_epoch(one: Outcome) -> bool:
    """Whether the page counts only if its login lasts: it ends a request, and it does not prove itself."""
    if not one.session_key or one.verdict not in ENDING:
        return False
    return not one.proven if one.verdict is Verdict.ACCEPT else bool(one.status)


def outdated(one: Outcome) -> Outcome:
    """*one* as it is when its login is over: to be fetched again, with nothing of it kept."""
    return replace(
        one,
        verdict=Verdict.LOGIN,
        items=[],
        rejected=(),
        found=(),
        page=None,
        unchanged=None,
        visit=None,
        file=None,
    )


def over(outcomes: Sequence[Outcome], epochs: Mapping[str, int]) -> frozenset[int]:
    """The requests of pages that no longer count: unproven, and their session has logged in since.

    Args:
        epochs: Key of a session to its epoch as stored now.
    """
    return frozenset(
        one.request.id
        for one in outcomes
        if epochs.get(one.session_key, one.epoch) > one.epoch and needs_its_epoch(one)
    )
