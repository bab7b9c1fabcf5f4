"""Which results of tests belong to which row of the catalogue of faults, and to which transport: pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from tests.faults.catalogue import ids_in

#: of a column, the names of its parameters in tests
COLUMNS = {
    "libcurl, HTTP/1.1": ("curl", "curl-io"),
    "libcurl, HTTP/2": ("curl-h2", "curl-io-h2"),
    "urllib3": ("urllib3",),
    "chrome": ("chrome", "chrome-h2"),
    "firefox": ("firefox", "firefox-h2"),
    "safari": ("safari", "safari-h2"),
}
_COLUMN_OF = {name: column for column, names in COLUMNS.items() for name in names}
_NAMED = re.compile(rf"(?:^|-)({'|'.join(sorted(_COLUMN_OF, key=len, reverse=True))})(?:-|$)")
Results = dict[str, dict[str, Counter[str]]]


def column_of(name: str) -> str:
    """The column of a test by its parameters; "" where it runs on no transport of its own."""
    parameters = name.partition("[")[2].rstrip("]")
    found = _NAMED.search(parameters)
    return _COLUMN_OF[found[1]] if found is not None else ""


def filed(cases: Iterable[tuple[str, str, str]], column: str = "") -> Results:
    """Results by row and column.

    Args:
        cases: Module, name and result of each test case.
        column: Of all of them; "" for that which their names tell.
    """
    found: Results = {}
    for _, name, result in cases:
        where = column or column_of(name)
        for row in ids_in(name):
            if where:
                found.setdefault(row, {}).setdefault(where, Counter())[result] += 1
    return found


def merged(parts: Iterable[Results]) -> Results:
    """All of them."""
    found: Results = {}
    for part in parts:
        for row, columns in part.items():
            for column, results in columns.items():
                found.setdefault(row, {}).setdefault(column, Counter()).update(results)
    return found


def cell(results: Counter[str] | None) -> str:
    """Of one row on one transport."""
    if not results or not results["passed"] + results["failed"]:
        return "-"
    total = results["passed"] + results["failed"]
    return f"**{results['failed']} of {total} differ**" if results["failed"] else f"right ({total})"


def as_table(found: Results, words: Mapping[str, str]) -> str:
    """Markdown: a line a row."""
    lines = [f"| row | the right value | {' | '.join(COLUMNS)} |", f"|---|---|{'---|' * len(COLUMNS)}"]
    for row, said in words.items():
        if row in found:
            lines.append(f"| {row} | {said} | {' | '.join(cell(found[row].get(each)) for each in COLUMNS)} |")
    return "\n".join(lines)
