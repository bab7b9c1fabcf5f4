"""Runs today's spider over its recorded pages, and compares the results with what was recorded. Nothing is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from crawler.authoring import recorded
from crawler.authoring.callback_run import given_by
from crawler.authoring.recorded import RecordedPage, StillWanted, Yielded
from crawler.errors import UsageError
from crawler.output.figures import is_filled
from crawler.pagework.assembly import build_spider
from crawler.quick_dataclass import quick_dataclass
from crawler.replay.kept_pages import Difference, compare_items
from crawler.settings import load
from crawler.spider import Spider

_ENOUGH = 0.5  #: a field counts as filled if it is filled in at least this share of the items


@quick_dataclass(frozen=False)
class Checked:
    """One recorded page and its result.

    Attributes:
        given: Today's results of the callback.
        difference: Between these and the recorded results.
        lacks: For a failed page: what is still missing, one sentence each.
        accepted: Today's results were recorded as right.
    """

    case: RecordedPage
    given: Yielded
    difference: Difference
    lacks: list[str] = field(default_factory=list)
    accepted: bool = False

    @property
    def is_right(self) -> bool:
        """Whether the results are as expected."""
        return self.accepted or not (self.difference or self.lacks)

    @property
    def is_mended(self) -> bool:
        """Whether a failed page no longer fails, and its results have not been accepted yet."""
        return isinstance(self.case.expected, StillWanted) and self.is_right


def check_pages(
    spider: type[Spider],
    files: Iterable[Path],
    *,
    settings: Mapping[str, Any] | None = None,
    accept: bool = False,
) -> list[Checked]:
    """Run a spider over recorded pages.

    Args:
        files: Files of recorded pages, all of this spider.
        accept: Record today's results as right, unless the callback raises.
    Raises:
        UsageError: A file is not a recorded page, or belongs to another spider.
    """
    merged = load(spider=spider.custom_settings, command_line=settings)
    made: dict[str, Spider] = {}
    found: list[Checked] = []
    for file in files:
        case = recorded.read(file)
        if case.spider != spider.name:
            raise UsageError(f"{file} is a page of {case.spider}, not of {spider.name}")
        key = json.dumps(dict(case.arguments), sort_keys=True)
        if key not in made:
            made[key] = build_spider(spider, case.arguments, merged)
        checked = compared(case, given_by(made[key], merged, case))
        if accept and not checked.given.error and (checked.is_mended or not checked.is_right):
            recorded.write(replace(case, expected=checked.given), file.parent.parent)
            checked.accepted = True
        found.append(checked)
    return found


def compared(case: RecordedPage, given: Yielded) -> Checked:
    """The differences between the expected and the actual results of a page."""
    checked = Checked(case, given, Difference(case.url, error=given.error))
    expected = case.expected
    if isinstance(expected, StillWanted):
        checked.lacks = _lacking(expected, given)
    elif not given.error:
        compare_items(expected.items, given.items, checked.difference)
        before, now = ({text_of(each): each for each in side} for side in (expected.requests, given.requests))
        checked.difference.lost_links = [text for text in before if text not in now]
        checked.difference.new_links = [text for text in now if text not in before]
        if sorted(expected.kept_aside) != sorted(given.kept_aside):
            checked.difference.rejected = len(expected.kept_aside), len(given.kept_aside)
            checked.lacks = [
                f"kept aside {'now' if reason in given.kept_aside else 'before'}: {reason}"
                for reason in dict.fromkeys([*given.kept_aside, *expected.kept_aside])
                if given.kept_aside.count(reason) != expected.kept_aside.count(reason)
            ]
    return checked


def text_of(request: Mapping[str, Any]) -> str:
    """A request on one line: its URL, and anything that differs from the defaults."""
    rest = {name: value for name, value in request.items() if name not in ("url", "callback")}
    callback = f" -> {request['callback']}" if "callback" in request else ""
    more = f" {json.dumps(rest, sort_keys=True, ensure_ascii=False)}" if rest else ""
    return f"{request['url']}{callback}{more}"


def _lacking(wanted: StillWanted, given: Yielded) -> list[str]:
    if given.error:
        return []
    lacks = [f"kept aside: {reason}" for reason in dict.fromkeys(given.kept_aside)]
    if not wanted.fields:
        return lacks if given.items or given.requests else [*lacks, "no item and no request"]
    filled = filled_fields(given)
    for kind, names in wanted.fields.items():
        if kind not in filled:
            lacks.append(f"no {kind}: a good page gives {kind} with {', '.join(names)}")
        elif missing := [name for name in names if name not in filled[kind]]:
            lacks.append(f"{kind}: {', '.join(missing)} empty in more than half of them; filled on a good page")
    return lacks


def filled_fields(given: Yielded) -> dict[str, list[str]]:
    """The fields that are filled in at least half of the items, by kind of item."""
    counts: dict[str, dict[str, int]] = {}
    totals: dict[str, int] = {}
    for item in given.items:
        totals[item.table] = totals.get(item.table, 0) + 1
        fields = counts.setdefault(item.table, {})
        for name, value in item.fields.items():
            fields[name] = fields.get(name, 0) + is_filled(value)
    return {
        kind: [name for name, count in fields.items() if count and count >= totals[kind] * _ENOUGH]
        for kind, fields in counts.items()
    }
