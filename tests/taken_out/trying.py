"""A copy of the checkout in which mends are taken out one after the other, and what the tests say then."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.taken_out.entries import ROOT, Entry, Swap, without_id
from tests.taken_out.outcomes import CONTROLS, REPORT

NOT_COPIED = (".git", ".venv*", "build", "dist", "data", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis")
MOST_CONTROLS = 4
TEST_S = 60
ENTRY_S = 400
# What a slip in an entry looks like: the code does not work at all, which says nothing about the mend.
BROKEN = (
    "NameError",
    "UnboundLocalError",
    "ImportError",
    "ModuleNotFoundError",
    "SyntaxError",
    "AttributeError",
    "TypeError",
)
_BROKEN = re.compile(rf"\b({'|'.join(BROKEN)}): ")


@dataclass(frozen=True)
class Tried:
    """What became of an entry: "failed", "passes", "broken", "not run" or "no anchor"; and the particulars."""

    verdict: str
    said: tuple[str, ...] = ()


class NoAnchor(Exception):
    """The text of a mend does not stand exactly once in its file."""


class Copy:
    """A copy of the checkout in a folder, of which one mend at a time is taken out. For one thread."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "checkout"
        shutil.copytree(ROOT, self.root, ignore=shutil.ignore_patterns(*NOT_COPIED), symlinks=True)
        (self.root / "data").mkdir(exist_ok=True)
        self._written = time.time()

    @contextmanager
    def without(self, swaps: Sequence[Swap]) -> Iterator[None]:
        """The mend is out for as long as this lasts.

        Raises:
            NoAnchor: One of the texts or files is not there, or a text is more than once; nothing was changed.
        """
        before: dict[Path, str] = {}
        after: dict[Path, str] = {}
        for swap in swaps:
            path = self.root / swap.file
            if not path.is_file():
                raise NoAnchor(f"{swap.file} is not there")
            text = after.get(path) or path.read_text(encoding="utf-8")
            before.setdefault(path, text)
            if (times := text.count(swap.mend)) != 1:
                raise NoAnchor(f"{swap.file}: {times} times: {swap.mend.strip().splitlines()[0]}")
            after[path] = text.replace(swap.mend, swap.fault)
        try:
            self._write(after)
            yield
        finally:
            self._write(before)

    def _write(self, texts: dict[Path, str]) -> None:
        self._written += 2  # compiled files are told apart by whole seconds
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
            os.utime(path, (self._written, self._written))


def tried(copy: Copy, entry: Entry) -> Tried:
    """Take the mend of *entry* out of *copy*, run its tests, put it back."""
    try:
        with copy.without(entry.swaps):
            if slips := _slips(copy.root, [swap.file for swap in entry.swaps]):
                return Tried("broken", (slips,))
            controls = _controls(copy.root, entry)
            ended, found = _run(copy.root, [*entry.tests, *controls], controls)
    except NoAnchor as error:
        return Tried("no anchor", (str(error),))
    return judged(entry, controls, found, ended=ended)


def judged(entry: Entry, controls: Sequence[str], found: Sequence[dict[str, Any]], *, ended: bool) -> Tried:
    """What the reports of the tests say of the mend.

    Args:
        controls: Other tests of the same files; one of them has to pass, or the code does not work at all.
        found: How each test ended, as `tests.taken_out.outcomes` writes it.
        ended: Whether the tests came to an end by themselves.
    """
    if not ended and entry.hangs:
        return Tried("failed", ("no end",))
    if not ended:
        return Tried("not run", (f"no end within {ENTRY_S} s",))
    for each in found:
        if each["when"] == "collect":
            return Tried("broken", (_last_line(each["text"]),))
    said: list[str] = []
    worst = "failed"
    for test in entry.tests:
        mine = [each for each in found if each["test"] == test or without_id(each["test"]) == test]
        failed = [each for each in mine if each["outcome"] == "failed"]
        slips = [slip for each in failed if (slip := _slip(entry, each))]
        if slips:
            return Tried("broken", (f"{test}: {slips[0]}",))
        if not failed:
            worst = "passes" if any(each["outcome"] == "passed" for each in mine) else "not run"
            said.append(f"{worst}: {test}")
    if worst == "failed" and controls and not any(each["outcome"] == "passed" for each in found):
        return Tried("broken", ("no other test of the same files passes, with no parameters",))
    return Tried(worst, tuple(said))


def _slip(entry: Entry, report: dict[str, Any]) -> str:
    """What a failed test shows of code that does not work; empty for a fault that a test has found."""
    if report["error"] in BROKEN and report["error"] not in entry.raises:
        return f"{report['error']} in the test: {_last_line(report['text'])}"
    shown = [match for match in _BROKEN.finditer(report["text"]) if match[1] not in entry.raises]
    if shown:
        start = shown[0].start()
        return report["text"][start : start + 200].partition("\n")[0]
    return "" if report["when"] == "call" else f"failed at {report['when']}: {_last_line(report['text'])}"


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2][:300]


def _slips(root: Path, files: Sequence[str]) -> str:
    """Names that are not there, and modules that cannot be imported."""
    sources = [file for file in files if file.endswith(".py")]
    ruff = [sys.executable, "-m", "ruff", "check", "-q", "--no-cache", "--isolated", "--select", "F821,F823,E9"]
    modules = ", ".join(file.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for file in sources)
    commands = ([*ruff, *sources], [sys.executable, "-c", f"import {modules}"]) if sources else ()
    for command in commands:
        done = subprocess.run(command, cwd=root, env=_environment(root), capture_output=True, text=True, timeout=60)
        if done.returncode:
            return (done.stdout + done.stderr).strip()[-1000:]
    return ""


def _controls(root: Path, entry: Entry) -> list[str]:
    """Some other tests of the same files, spread over them, or those that the entry names."""
    if entry.others:
        return list(entry.others)
    named = {without_id(test) for test in entry.tests}
    found: list[str] = []
    for file in dict.fromkeys(test.partition("::")[0] for test in named):
        tree = ast.parse((root / file).read_text(encoding="utf-8"))
        tests = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        others = [test for name in tests if (test := f"{file}::{name}") not in named]
        found += others[:: max(1, len(others) // MOST_CONTROLS)][:MOST_CONTROLS]
    return found


def _run(root: Path, tests: Sequence[str], controls: Sequence[str]) -> tuple[bool, list[dict[str, Any]]]:
    """Whether they came to an end, and how each did."""
    report = root.parent / "report"
    report.write_text("")
    options = ["-p", "tests.taken_out.outcomes", "-p", "no:cacheprovider", "-n", "0", "--timeout", str(TEST_S), "-q"]
    environment = {**_environment(root), REPORT: str(report), CONTROLS: " ".join(controls)}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    ended = True
    try:
        process.wait(ENTRY_S)
    except subprocess.TimeoutExpired:
        ended = False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return ended, [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def _environment(root: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRAWL_")}
    return {**kept, "PYTHONPATH": str(root)}
