"""The reference pages, made from the code: ``python -m crawler.cli.reference docs/reference``.

A test compares the pages in the repository with what this makes, so that a new setting, command, error or exit code
without a text does not pass.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.models import ArgumentInfo

from crawler import errors
from crawler.cli.command_tree import app
from crawler.cli.exits import TABLE, code_for, hint_for
from crawler.quick_dataclass import quick_dataclass
from crawler.setting_kinds import Setting
from crawler.settings import FIELDS, SCRAPY_NAMES

_MADE = "<!-- Made by `python -m crawler.cli.reference docs/reference`; do not edit. -->"


def pages() -> dict[str, str]:
    """File name to text of each page."""
    return {
        "settings.md": _page("Settings", settings_lines()),
        "commands.md": _page("Commands", command_lines()),
        "errors.md": _page("Errors", error_lines()),
        "exit-codes.md": _page("Exit codes", exit_code_lines()),
    }


def _page(title: str, lines: Iterator[str]) -> str:
    return "\n".join([f"# {title}", "", _MADE, "", *lines]).rstrip("\n") + "\n"


def _table(*heading: str) -> list[str]:
    return [_row(*heading), _row(*["---"] * len(heading))]


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


# --- settings -------------------------------------------------------------------------------------------------------


def settings_lines() -> Iterator[str]:
    """One row per setting: name, kind, default, bounds, Scrapy's name, meaning."""
    yield "Later sources win: the default, `[tool.crawl]` in pyproject.toml, the spider's `custom_settings`, the"
    yield "variable `CRAWL_<NAME>`, and the command line (`-s NAME=VALUE`). `crawl settings [NAME]` shows the values"
    yield "in effect and where each comes from."
    yield ""
    scrapy = {ours: theirs for theirs, ours in SCRAPY_NAMES.items()}
    yield from _table("setting", "kind", "default", "bounds", "Scrapy's name", "meaning")
    for name, field in FIELDS.items():
        yield _row(
            _code(name),
            _kind(field.annotation),
            _code(_default_text(field.default)),
            _bounds(field),
            _code(scrapy.get(name, "")),
            field.description,
        )


_KINDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}


def _kind(annotation: Any) -> str:
    if annotation in _KINDS:
        return _KINDS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " or ".join(arguments)
    return (
        "JSON object" if origin is dict else "values, separated by commas" if origin is tuple else "true, false or text"
    )


def _default_text(default: Any) -> str:
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    if isinstance(default, dict):
        return "{}"
    return f"{default:g}" if isinstance(default, float) else str(default)


def _bounds(field: Setting) -> str:
    signs = {"at least": field.at_least, "above": field.above, "at most": field.at_most}
    return ", ".join(f"{word} {bound:g}" for word, bound in signs.items() if bound is not None)


# --- commands -------------------------------------------------------------------------------------------------------


@quick_dataclass
class _Parameter:
    """An argument or option, as a command's function declares it."""

    words: str
    argument: bool
    required: bool
    default: str
    help: str


def command_lines() -> Iterator[str]:
    """Each command with its arguments and options, in the order of the help."""
    yield "`crawl COMMAND --help` says the same. These options come before the command:"
    yield ""
    root = app.registered_callback
    yield from _parameter_table(_parameters(root.callback if root is not None else None))
    for name, function in _commands(app):
        parameters = _parameters(function)
        words = [each.words if each.required else _optional(each.words) for each in parameters if each.argument]
        options = ["[OPTIONS]"] if len(parameters) > len(words) else []
        yield from ("", f"## crawl {name}", "", " ".join((function.__doc__ or "").split()))
        yield from ("", "```", " ".join(["crawl", name, *options, *words]), "```")
        if parameters:
            yield ""
            yield from _parameter_table(parameters)


def _commands(group: typer.Typer, prefix: str = "") -> Iterator[tuple[str, Callable[..., Any]]]:
    for command in group.registered_commands:
        if command.callback is not None:
            yield prefix + (command.name or command.callback.__name__), command.callback
    for each in group.registered_groups:
        if each.typer_instance is not None:
            yield from _commands(each.typer_instance, f"{prefix}{each.name} ")


def _parameters(function: Callable[..., Any] | None) -> list[_Parameter]:
    if function is None:
        return []
    hints = get_type_hints(function, include_extras=True)
    return [_parameter(each, hints[each.name]) for each in inspect.signature(function).parameters.values()]


def _parameter(declared: inspect.Parameter, hint: Any) -> _Parameter:
    kind, told = get_args(hint)[:2]
    kinds = [each for each in (get_args(kind) or (kind,)) if each is not type(None)]
    required = declared.default is inspect.Parameter.empty
    default = "" if required or declared.default in (None, False, Path()) else str(declared.default)
    if isinstance(told, ArgumentInfo):
        return _Parameter(_bare(told.metavar or declared.name), True, required, default, told.help or "")
    value = ""
    if inspect.isclass(kinds[0]) and issubclass(kinds[0], Enum):
        value = " " + "|".join(str(each.value) for each in kinds[0])
    elif kinds[0] is not bool:
        value = f" {told.metavar or {int: 'NUMBER', float: 'NUMBER', Path: 'FOLDER'}.get(kinds[0], 'TEXT')}"
    names = sorted((told.default, *(told.param_decls or ())), key=len)  # typer keeps the first name as the default
    return _Parameter(", ".join(names) + value, False, required, default, told.help or "")


_BRACKETED = re.compile(r"\[([^\[\]]+)\](\.\.\.)?")


def _bare(metavar: str) -> str:
    """An argument as the table names it: brackets around the whole of it say that it may be left out, no more."""
    found = _BRACKETED.fullmatch(metavar)
    return metavar if found is None else found[1] + (found[2] or "")


def _optional(words: str) -> str:
    name = words.removesuffix("...")
    return f"[{name}]{words[len(name) :]}"


def _parameter_table(parameters: list[_Parameter]) -> Iterator[str]:
    yield from _table("word", "default", "meaning")
    for each in parameters:
        yield _row(_code(each.words), _code(each.default), each.help)


# --- errors and exit codes ------------------------------------------------------------------------------------------


def error_lines() -> Iterator[str]:
    """The tree, then each error with its meaning, exit code and hint."""
    tree = (errors.__doc__ or "").partition("::\n")[2].partition("\n\nErrors carry")[0]
    yield from ("All of them are in `crawler.errors`.", "", "```", inspect.cleandoc(tree), "```", "")
    yield from _table("error", "exit code", "meaning", "what to do")
    for kind in _kinds(errors.CrawlError):
        meaning = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
        yield _row(_code(kind.__name__), str(code_for(kind.__new__(kind))), meaning, hint_for(kind.__new__(kind)))


def _kinds(base: type[Exception]) -> Iterator[type[Exception]]:
    yield base
    for each in base.__subclasses__():
        if each.__module__ == errors.__name__:
            yield from _kinds(each)


def exit_code_lines() -> Iterator[str]:
    """The table of exit codes."""
    yield "The same numbers everywhere: in the shell, in cron mails, in `Summary.exit_code`."
    yield ""
    yield from _table("code", "name", "meaning", "what to do")
    for code, name, meaning, advice in TABLE:
        yield _row(str(code), name, meaning, advice)


def main(folder: Path) -> None:
    """Write the pages into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/reference"))
