"""The reference of the public names: ``python -m tools.python_reference`` writes docs/reference/python.md.

Made from `__all__` and the docstrings; a test compares the page with this output.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "python.md"
MODULES = ("crawler", "crawler.events", "crawler.testing")
FIXTURES = "crawler.testing.fixtures"
_MADE = "<!-- Made by `python -m tools.python_reference`; do not edit. -->"


def page() -> str:
    """The whole page.

    Raises:
        ValueError: A public name has no docstring.
    """
    lines = ["# Python names", "", _MADE, "", "What may be imported; everything else may change without notice."]
    for name in MODULES:
        module = importlib.import_module(name)
        lines += ["", f"## {name}", "", first_paragraph(module)]
        for public in module.__all__:
            lines += ["", f"### {name}.{public}", "", *_described(public, getattr(module, public))]
    lines += ["", "## Fixtures for pytest", "", "There as soon as the crawler is installed.", ""]
    lines += [f"- `{name}`: {first_paragraph(found)}" for name, found in _fixtures()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)) + "\n"


def first_paragraph(found: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    text = inspect.getdoc(found)
    if not text:
        raise ValueError(f"{getattr(found, '__name__', found)} has no docstring")
    return " ".join(text.partition("\n\n")[0].split())


def _described(name: str, found: Any) -> Iterator[str]:
    if not (inspect.isclass(found) or inspect.isfunction(found)):  # an alias of a type
        yield f"`{found}`"
        return
    if inspect.isclass(found) and issubclass(found, BaseException):
        yield first_paragraph(found) + " More in [Errors](errors.md)."
        return
    if name == "Settings":
        yield first_paragraph(found) + " Its fields are in [Settings](settings.md)."
        return
    yield from ("```text", f"{name}{_signature(found)}", "```", "")
    text = inspect.getdoc(found)
    if not text or text.startswith(f"{name}("):  # the default docstring of dataclasses
        raise ValueError(f"{name} has no docstring")
    said, _, sections = text.partition("\n\n")
    yield " ".join(said.split())
    if sections:
        yield from ("", "```text", sections, "```")
    if inspect.isclass(found):
        yield ""
        for method, said in _methods(found):
            yield f"- `{method}`: {said}" if said else f"- `{method}`"


def _signature(found: Any) -> str:
    """Parameters with their types and defaults, as users would write them."""
    text = re.sub(r"<(?:[^<>]|<[^<>]*>)* at 0x[0-9a-f]+>", "...", str(inspect.signature(found)))
    text = re.sub(r"<factory>", "...", text)
    text = re.sub(r"\b(?:\w+\.)+(?=\w+\b)", _without_module, text)
    return re.sub(r"(: |-> )'([^']*)'", r"\1\2", text).removesuffix(" -> None")


def _without_module(found: re.Match[str]) -> str:
    """Names of types without their modules; numbers such as 30.0 are left as they are."""
    return "" if re.match(r"[a-z_]\w*\.", found[0]) else found[0]


def _call(method: Any) -> str:
    """Its parameters without the first one, which Python supplies."""
    signature = inspect.signature(method)
    given = list(signature.parameters.values())
    return _signature(_Shaped(signature.replace(parameters=given[1:] if given else given)))


class _Shaped:
    """A callable with the given signature."""

    def __init__(self, signature: inspect.Signature) -> None:
        self.__signature__ = signature

    def __call__(self) -> None: ...


def _methods(kind: type) -> Iterator[tuple[str, str]]:
    """Public methods and properties defined by the class, or by a base that is not a public name itself."""
    parts = [each for each in kind.__mro__[1:] if each.__module__.startswith("crawler.") and not _is_public(each)]
    seen: set[str] = set()
    for name, found in [pair for each in (kind, *parts) for pair in vars(each).items()]:
        method = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
        if name.startswith("_") or not inspect.isfunction(method) or name in seen:
            continue
        seen.add(name)
        text = first_paragraph(method) if method.__doc__ else _said_by_base(kind, name)
        if text is None:
            continue  # it only implements what a public base describes
        is_static = isinstance(found, staticmethod)
        call = "" if isinstance(found, property) else _signature(method) if is_static else _call(method)
        yield f"{name}{call}", text


def _said_by_base(kind: type, name: str) -> str | None:
    """The text for a method without a docstring; None if a public base describes it, or a base of ours has it."""
    for base in kind.__mro__[1:]:
        if name in vars(base) and _is_public(base) and getattr(vars(base)[name], "__doc__", None):
            return None
    theirs = next((each for each in kind.__mro__[1:] if name in vars(each)), None)
    if theirs is not None and theirs.__module__.startswith("requests"):
        return "As in requests."
    return None if theirs is not None else ""


def _is_public(kind: type) -> bool:
    return any(getattr(importlib.import_module(name), kind.__name__, None) is kind for name in MODULES)


def _fixtures() -> Iterator[tuple[str, Any]]:
    for name, found in vars(importlib.import_module(FIXTURES)).items():
        if type(found).__name__ == "FixtureFunctionDefinition":
            yield name, found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
