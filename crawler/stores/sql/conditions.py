"""What is wrong with a condition that a person wrote after ``--where``: the database's own words, made plain. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from crawler.late_pattern import late_pattern
from crawler.nearest import nearest

_OURS: Final = ("_run", "_url", "_time", "_crawl", "_spider")  #: those of our columns that mean something to a person
_LONGEST: Final = 200  #: characters of the condition that are shown
_NO_COLUMN: Final = late_pattern(r"""no such column: "?([^"]+)"?\Z|column "?([^"]+?)"? does not exist""")
#: What SQLite and PostgreSQL say, and what it means.
_MEANINGS: Final = (
    (late_pattern(r"no such function: (\S+)|function (\S+?)\(.*\) does not exist"), "there is no function {}"),
    (late_pattern(r"""incomplete input|syntax error at end of input|near "THEN\""""), "it ends too early"),
    (
        late_pattern(r"""unrecognized token. "(.+)|unterminated quoted (?:string|identifier) at or near "(.+)\"\Z"""),
        "a quote is not closed, or a character is unknown: {}",
    ),
    (late_pattern(r"""(?:at or )?near "(.+?)":? ?.*"""), "something is wrong at {}"),
    (late_pattern(r"operator does not exist: (.+)"), "two kinds of values are compared ({}): put texts in quotes"),
    (late_pattern(r"argument of CASE/WHEN must be type boolean"), "it is a value, not something true or false"),
    (late_pattern(r"one statement at a time|multiple commands"), "it is more than one condition"),
)


def refusal(where: str, table: str, objection: str, columns: Sequence[str]) -> str:
    """One line: what is wrong, which columns there are, and how a condition is written.

    Args:
        objection: What the database says.
        columns: Those of the fields; ours are listed as well.
    """
    shown = where if len(where) <= _LONGEST else f"{where[:_LONGEST]}..."
    return (
        f"--where {shown!r} cannot be applied to {table}: {_meaning(objection, columns)}; its columns are:"
        f" {', '.join([*columns, *_OURS])}; put texts in single quotes: \"price < 10 AND kind = 'tea'\""
    )


def _meaning(objection: str, columns: Sequence[str]) -> str:
    missing = _NO_COLUMN.search(objection)
    if missing is not None:
        name = str(missing[1] or missing[2])
        near = nearest(name, columns)
        return f"there is no column {name}" + (f", did you mean {near[0]}?" if near else "")
    for words, meaning in _MEANINGS:
        if found := words.search(objection):
            return meaning.replace("{}", next(filter(None, found.groups()), ""))
    return objection
