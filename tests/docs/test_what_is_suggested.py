"""What messages and pages tell a person to type exists: commands, options, settings, names."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from crawler.cli.command_tree import app
from crawler.settings import field_names
from tests.security.test_redaction import messages

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "python.md"
_COMMAND = re.compile(r"`crawl ([^`]+)`")
_PLAIN = re.compile(r"(?:run|with|use): crawl ([a-z][^`;,]*)|^crawl ([a-z]+ \{\}[^`;,]*)$")
_SETTING = re.compile(r"(?<![\w-])-s ([a-z_]+)=")
TREE: Any = typer.main.get_command(app)


def _named() -> list[tuple[str, str]]:
    """Where a command is named, and its words."""
    return [
        (where, next(filter(None, found.groups())))
        for where, text in messages()
        for pattern in (_COMMAND, _PLAIN)
        for found in pattern.finditer(text)
    ]


def _problem(words: list[str]) -> str:
    """What of a command is not there; "" for nothing."""
    command, path = TREE, ["crawl"]
    while words and hasattr(command, "commands"):
        if words[0] == "-C":
            words = words[2:]
            continue
        if words[0] not in command.commands:
            known = not words[0].isalpha() or words[0].isupper()  # a placeholder
            return "" if known else f"no command {' '.join([*path, words[0]])!r}"
        command = command.commands[words[0]]
        path.append(words.pop(0))
    options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    options |= {"--help", "--traceback", "-h"}
    missing = [word for word in words if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in options]
    return f"{' '.join(path)} has no {', '.join(missing)}" if missing else ""


def test_every_command_that_a_message_names_can_be_typed() -> None:
    named = _named()

    assert len(named) > 40
    assert [(where, words, said) for where, words in named if (said := _problem(words.split()))] == []


def test_every_setting_that_a_message_names_is_there() -> None:
    named = {(where, name) for where, text in messages() for name in _SETTING.findall(text)}

    assert len(named) > 5
    assert [each for each in sorted(named) if each[1] not in field_names()] == []


@pytest.mark.parametrize("module", ["crawler", "crawler.events", "crawler.testing"])
def test_the_reference_shows_the_parameters_of_every_public_method(module: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    loaded = importlib.import_module(module)
    missing = []
    for public in loaded.__all__:
        kind = getattr(loaded, public)
        if not inspect.isclass(kind) or issubclass(kind, BaseException) or public == "Settings":
            continue
        part = page.partition(f"### {module}.{public}\n")[2].partition("\n### ")[0]
        for name, method in vars(kind).items():
            if name.startswith("_") or not inspect.isfunction(method) or not method.__doc__:
                continue
            shown = re.search(rf"^- `{name}\((.*)\)", part, re.MULTILINE)
            wanted = [each for each in inspect.signature(method).parameters if each != "self"]
            if shown is None or any(each not in shown[1] for each in wanted):
                missing.append(f"{public}.{name}")

    assert missing == []
