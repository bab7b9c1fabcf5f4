"""The differences on a page, as lines for a person: ``-`` for what was recorded, ``+`` for what is found now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from crawler.sessions.secrets import hide
from crawler.urls import printable

if TYPE_CHECKING:
    from crawler.authoring.checking import Checked
    from crawler.replay.kept_pages import Difference

_MOST_LINES = 5  #: lines for each group of one page
_MOST_CHARACTERS = 60  #: characters of a value


def difference_lines(difference: Difference) -> list[str]:
    """One page: its URL, and below it a line for each difference; the lines left out are counted."""
    return [_safe(difference.url), *(f"  {_safe(line)}" for line in _differing(difference))]


def _differing(difference: Difference) -> Iterator[str]:
    if difference.error:
        yield f"! {difference.error}"
    changed = []
    for change in difference.changed:
        name = f"{change.table} {change.key}".strip()
        changed += [f"~ {name}: {field}: {_shown(old)} -> {_shown(new)}" for field, (old, new) in change.fields.items()]
    yield from _first(changed, "changed values")
    yield from _first([f"- {each.table} {_shown(each.fields)}" for each in difference.gone], "items that are gone")
    yield from _first([f"+ {each.table} {_shown(each.fields)}" for each in difference.new], "new items")
    yield from _first([f"- link {url}" for url in difference.lost_links], "links that are gone")
    yield from _first([f"+ link {url}" for url in difference.new_links], "new links")
    if difference.rejected is not None:
        before, now = difference.rejected
        yield f"~ kept aside: {before:,} -> {now:,}"


def _first(lines: Sequence[str], what: str) -> Iterator[str]:
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"  and {len(lines) - _MOST_LINES:,} more {what}"


def checked_lines(checked: Checked) -> list[str]:
    """A recorded page that does not give the expected results."""
    lines = difference_lines(checked.difference)
    return [*lines, *(f"  ! {_safe(each)}" for each in checked.lacks)]


def _safe(text: str) -> str:
    return printable(hide(text))


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _MOST_CHARACTERS else f"{text[: _MOST_CHARACTERS - 3]}..."
