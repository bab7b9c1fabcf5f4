"""A plugin of pytest that writes how each test ended, one line of JSON for each, for `tests.taken_out.trying`.

Of the tests in ``TAKEN_OUT_CONTROLS`` only the first of each function is run: they show that the code still works.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

REPORT = "TAKEN_OUT_REPORT"
CONTROLS = "TAKEN_OUT_CONTROLS"
MOST_TEXT = 20_000


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    controls, seen = set(os.environ[CONTROLS].split()), set()
    kept: list[pytest.Item] = []
    for item in items:
        function = item.nodeid.partition("[")[0]
        if function not in controls or function not in seen:
            kept.append(item)
        seen.add(function)
    items[:] = kept


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    report = yield
    if report.when == "call" or report.failed or report.skipped:
        error = call.excinfo.typename if call.excinfo else ""
        written = [text for _, text in report.sections]
        _write(item.nodeid, report.outcome, report.when, error, "\n".join([report.longreprtext, *written]))
    return report


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(report.nodeid, "failed", "collect", "CollectError", report.longreprtext)


def _write(test: str, outcome: str, when: str | None, error: str, text: str) -> None:
    line = json.dumps({"test": test, "outcome": outcome, "when": when, "error": error, "text": text[-MOST_TEXT:]})
    with Path(os.environ[REPORT]).open("a", encoding="utf-8") as report:
        report.write(line + "\n")
