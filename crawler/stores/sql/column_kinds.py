"""What the values of a column have in common: the question to the database, and the meaning of its answer. Pure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from crawler.selection import Column
from crawler.stores.driver import Dialect, quoted


def question(dialect: Dialect, column: str, kind: str, noted: bool) -> str:
    """An expression for the kinds of a column's values.

    Args:
        noted: Some rows have a note on this column: these are ignored.
    """
    mark = (json.dumps(column) + ":").replace("'", "''") if noted else ""
    return dialect.question(quoted(column), kind, mark)


def answered(kind: str, answer: Any) -> set[str]:
    """The kinds named by the answer to `question`."""
    if not answer:
        return set()
    if kind == "any":
        return {each for each in str(answer).split(",") if each != "null"}
    if kind == "datetime":
        most, least = divmod(int(answer), 10)
        return {("zoned" if most == 1 else "plain") if most == least else "both"} if most else set()
    if kind == "decimal":
        return {f"decimal:{int(answer) - 1}"}
    return {kind}


def common(column: Column, kind: str, stored: set[str]) -> Column:
    """The column with what all its values have in common."""
    if not stored:
        return replace(column, kind="" if kind in ("any", "datetime", "decimal") else kind)
    if stored <= {"zoned", "plain", "both"}:
        zoned = {"zoned": True, "plain": False}.get(next(iter(stored))) if len(stored) == 1 else None
        return replace(column, kind="datetime", zoned=zoned)
    if all(each.startswith("decimal:") for each in stored):
        most = max(int(each.partition(":")[2]) for each in stored)
        return replace(column, kind="decimal", scale=most if most <= 30 else None)
    if len(stored) > 1:
        return column
    only = next(iter(stored))
    return replace(column, kind="" if only in ("big", "base64", "escaped", "decimal") else only)
