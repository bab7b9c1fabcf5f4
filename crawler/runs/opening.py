"""Which run a command works on: the next one, an unfinished one, or one that workers continue."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal

from crawler.built_forms import ENDED
from crawler.errors import AlreadyRunning, KeyFileError, UsageError
from crawler.outcome import State
from crawler.output.reasons import failed_for, short_reason
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.secrets import hide
from crawler.stores import is_shared
from crawler.stores.base import RunRow, Store
from crawler.stores.calls import process_name
from crawler.stores.told import NO_KEY
from crawler.urls import redact

IfRunning = Literal["fail", "wait", "skip"]
_WAIT_FOR_OTHER_S = 1.0


@quick_dataclass
class How:
    """Which run to begin or continue.

    Attributes:
        key: The spider's arguments, as stored.
        fresh, retry, if_running: As in `run`.
        max_pages: For all its processes together; 0 for no limit.
        again: The options that were typed (`runs.ending.options_again`); "" for none.
        helped: Runs that others were found to be continuing.
    """

    key: str
    fresh: bool
    retry: bool | Sequence[str]
    if_running: IfRunning
    max_pages: int = 0
    again: str = ""
    helped: list[int] = field(default_factory=list)


def open_run(store: Store, spider: str, how: How) -> RunRow | None:
    """Begin or continue a run; None when another process runs the spider and `how` says to do nothing then.

    Raises:
        AlreadyRunning: Another process runs the spider.
        KeyFileError: All requests that wait were sealed with a key that is not at hand.
        UsageError: Nothing failed for the causes for which requests are to be tried again.
    """
    last = None if how.fresh else next((row for row in store.runs.last(spider) if row.args == how.key), None)
    if last is not None and how.retry:
        _require_keys(store, last, retry=True)
        _reopen_failed(store, last.frontier, () if isinstance(how.retry, bool) else how.retry)
    while True:
        if last is not None and store.runs.running(spider) is None:
            _require_keys(store, last, retry=False)
        try:
            return store.runs.open(
                spider,
                args=how.key,
                fresh=how.fresh,
                process=process_name(),
                max_pages=how.max_pages,
                again=hide(how.again),
            )
        except AlreadyRunning:
            orphan = _orphan(store, spider, how)
            if orphan is not None:
                how.helped.append(orphan.id)
                return orphan
            if how.if_running == "skip":
                return None
            if how.if_running == "fail":
                raise
            time.sleep(_WAIT_FOR_OTHER_S)


def last_run(store: Store, spider: str, how: How) -> RunRow | None:
    """The run whose crawl may be gone on with; None where there is none, or a living process runs the spider."""
    if store.runs.running(spider) is not None:
        return None
    return next((row for row in store.runs.last(spider) if row.args == how.key), None)


def _reopen_failed(store: Store, frontier: int, causes: Sequence[str]) -> None:
    """Let failed requests wait again: all, or those that failed for the given causes.

    Raises:
        UsageError: Nothing failed for any of the causes; the message names the causes that there are.
    """
    errors = store.frontier.failed_errors(frontier)
    if not causes:
        store.frontier.rebuild(frontier, errors=[error for error in errors if ENDED in error])
        store.frontier.reopen(frontier, states=(State.FAILED,))
        return
    wanted = [error for error in errors if any(failed_for(cause, error) for cause in causes)]
    if not wanted:
        known = ", ".join(dict.fromkeys(short_reason(each)[:80] for each in errors[:5])) or "nothing failed"
        raise UsageError(f"--cause {', '.join(causes)}: nothing failed because of that; there is: {redact(known)}")
    store.frontier.rebuild(frontier, errors=[error for error in wanted if ENDED in error])
    store.frontier.reopen(frontier, states=(State.FAILED,), errors=wanted)


def _require_keys(store: Store, last: RunRow, *, retry: bool) -> None:
    """Refuse to go on with a crawl where nothing can be sent with the keys at hand; what can be sent is not kept back.

    Raises:
        KeyFileError: All requests that wait were sealed with a key that is not at hand; they are left as they are.
    """
    number, looked_at = store.leases.without_key(last.frontier, failed=retry)
    if number and number == looked_at:
        raise KeyFileError(store.path, no_key(number, last.spider))


def no_key(number: int, spider: str) -> str:
    """What to say about requests that wait for a run that has another key."""
    are = "1 request waits" if number == 1 else f"{number:,} requests wait"
    return (
        f"{are} in the crawl of {spider} with headers, a body or arguments that were {NO_KEY}, such as that of another"
        " user or another HOME; go on as who began it, or with that key in CRAWL_KEY; if it is lost,"
        f" `crawl run {spider} --fresh` starts over"
    )


def _orphan(store: Store, spider: str, how: How) -> RunRow | None:
    """The run that workers continue after the process that began it has died or left; None where there is none."""
    row = next(iter(store.runs.last(spider, limit=1)), None)
    if row is None or row.ended_at is not None or row.args != how.key or how.fresh:
        return None
    first = next((each for each in store.members.of(row.id) if each.number == 0), None)
    return row if first is not None and first.gone else None


def ended_by_others(store: Store, row: RunRow) -> str:
    """What to say when a killed command is started again, but workers have ended its run meanwhile; else ""."""
    if row.resumed or not is_shared(store.path):
        return ""
    before = next((each for each in store.runs.last(row.spider) if each.id < row.id and each.args == row.args), None)
    if before is None or before.ended_at is None or before.ending == "interrupted":
        return ""
    if not any(each.number == 0 and 0 < each.left_at < before.ended_at for each in store.members.of(before.id)):
        return ""
    return (
        f"run {before.id} has ended ({before.ending}): workers went on with it after the process that began it had"
        " gone; this is the next crawl"
    )


def argument_key(arguments: Mapping[str, str]) -> str:
    """Spider arguments as stored: runs with other arguments have another frontier."""
    return json.dumps(dict(arguments), sort_keys=True, ensure_ascii=False)
