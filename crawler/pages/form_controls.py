"""Controls of a form, by the rules of HTML: which take part, what they hold, and what browsers make of a value. Pure.

Source: HTML standard, 4.10.5.1 (states of input, value sanitization), 4.10.7 and 4.10.10 (select, option),
4.10.19 (attributes of controls).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from typing import Any, Final

from crawler.errors import UsageError
from crawler.pages.form_tree import Control, Option
from crawler.plain_values import class_name_of

_TYPED: Final = frozenset({"color", "date", "datetime-local", "month", "number", "range", "time", "week"})
_ONE_LINE: Final = frozenset({"text", "search", "tel", "password", "url", "email"})
_OTHER: Final = frozenset({"button", "checkbox", "file", "hidden", "image", "radio", "reset", "submit"})
_INPUTS: Final = _TYPED | _ONE_LINE | _OTHER
_NUMBER: Final = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_COLOR: Final = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_TIME: Final = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,3})?)?", re.ASCII)
_DAY: Final = re.compile(r"(\d{4,})-(\d\d)-(\d\d)", re.ASCII)
_MONTH: Final = re.compile(r"\d{4,}-(?:0[1-9]|1[0-2])", re.ASCII)
_WEEK: Final = re.compile(r"(\d{4,})-W(\d\d)", re.ASCII)
_SPACE: Final = " \t\n\f\r"


def kind_of(control: Control) -> str:
    """Its type for inputs and buttons (as browsers read it: an unknown one is text, or submit), else its tag."""
    said = control.get("type").lower()
    if control.tag == "input":
        return said if said in _INPUTS else "text"
    if control.tag == "button":
        if said in ("submit", "reset", "button"):
            return said
        return "button" if {"command", "commandfor"} & control.attributes.keys() else "submit"
    return control.tag


def is_button(control: Control) -> bool:
    """Whether it is a button of any kind: it is clicked and not filled in."""
    return control.tag == "button" or kind_of(control) in ("submit", "image", "reset", "button")


def submits(control: Control) -> bool:
    """Whether a click on it sends the form."""
    return kind_of(control) in ("submit", "image")


def is_fillable(control: Control) -> bool:
    """Whether a person could put something into it, or a script as a person would."""
    return bool(control.name) and not (control.disabled or control.offered or is_button(control))


def present_values(controls: list[Control]) -> dict[Control, list[str]]:
    """What each control of a form would send as the page stands: no text for a box without a tick."""
    found = {control: _present(control) for control in controls if not is_button(control)}
    ticked: dict[str, Control] = {}
    for control in controls:
        if kind_of(control) == "radio" and found[control] and control.name:
            before = ticked.get(control.name)
            if before is not None:
                found[before] = []  # of a group, the last one that the page ticks stays
            ticked[control.name] = control
    return found


def _present(control: Control) -> list[str]:
    kind = kind_of(control)
    if kind in ("checkbox", "radio"):
        return [value_of(control)] if "checked" in control.attributes else []
    if kind == "select":
        return [option.value for option in chosen(control) if not option.disabled]
    if kind == "textarea":
        return [control.text]
    return [] if kind == "file" else [sanitized(control, control.get("value"))]


def value_of(control: Control) -> str:
    """What a box or radio button sends when it is ticked."""
    return control.get("value", "on")


def chosen(select: Control) -> list[Option]:
    """The options of a select that are chosen as the page stands."""
    marked = [option for option in select.options if option.selected]
    if "multiple" in select.attributes:
        return marked
    if marked:
        return marked[-1:]
    if _display_size(select) == 1:
        return [option for option in select.options if not option.disabled][:1]
    return []


def _display_size(select: Control) -> int:
    digits = re.match(r"\s*\+?(\d{1,9})", select.get("size"), re.ASCII)
    return int(digits[1]) or 1 if digits else 1


def sanitized(control: Control, value: str) -> str:
    """*value* as an input of its type keeps it: without line breaks, or empty where it is not a number, date ..."""
    kind = kind_of(control)
    if kind in _ONE_LINE:
        value = value.replace("\n", "").replace("\r", "")
    if kind == "email" and "multiple" in control.attributes:
        return ",".join(part.strip(_SPACE) for part in value.split(","))
    if kind in ("url", "email"):
        return value.strip(_SPACE)
    if kind == "color":
        return value.lower() if _COLOR.fullmatch(value) else "#000000"
    if kind == "range":
        return _in_range(control, value)
    if kind in _CHECKED:
        return value if _CHECKED[kind](value) else ""
    if kind == "datetime-local":
        return _moment(value)
    return value


def _is_number(value: str) -> bool:
    return bool(_NUMBER.fullmatch(value)) and math.isfinite(float(value))


def _is_day(value: str) -> bool:
    found = _DAY.fullmatch(value)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    try:
        date((year - 1) % 400 + 1 if year else 0, month, day)  # years repeat after 400, and Python's end at 9999
    except ValueError:
        return False
    return 1 <= year <= 275_760


def _is_week(value: str) -> bool:
    found = _WEEK.fullmatch(value)
    if found is None or int(found[1]) < 1:
        return False
    year = (int(found[1]) - 1) % 400 + 1
    return 1 <= int(found[2]) <= date(year, 12, 28).isocalendar().week


_CHECKED: Final[dict[str, Callable[[str], bool]]] = {
    "number": _is_number,
    "date": _is_day,
    "month": lambda value: bool(_MONTH.fullmatch(value)) and not value.startswith("0000-"),
    "week": _is_week,
    "time": lambda value: bool(_TIME.fullmatch(value)),
}


def _moment(value: str) -> str:
    """A local date and time in its shortest form with "T", or ""."""
    for between in ("T", " "):
        day, _, clock = value.partition(between)
        if _is_day(day) and _TIME.fullmatch(clock):
            if "." in clock:
                clock = clock.rstrip("0").rstrip(".")
            return f"{day}T{clock.removesuffix(':00') if clock.count(':') == 2 else clock}"
    return ""


def _in_range(control: Control, value: str) -> str:
    def number(name: str, default: float) -> float:
        said = control.get(name)
        return float(said) if _is_number(said) else default

    low, high = number("min", 0.0), number("max", 100.0)
    at = float(value) if _is_number(value) else (low + (high - low) / 2 if high >= low else low)
    bounded = max(low, min(at, high)) if high >= low else low
    step = number("step", 1.0) if control.get("step").lower() != "any" else 0.0
    step = step if step > 0 or control.get("step").lower() == "any" else 1.0
    if step:
        base = number("min", number("value", 0.0))
        snapped = base + math.floor((bounded - base) / step + 0.5) * step
        if snapped > high >= low:
            snapped -= step
        if snapped < low:
            snapped += step
        bounded = snapped
    if value and bounded == at and _is_number(value):
        return value
    return f"{bounded:.15g}"


def as_texts(name: str, value: Any) -> list[str]:
    """What a spider gave for a field, as one text or more. Raises UsageError if it is not a text, number or list."""
    values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    for each in values:
        if isinstance(each, bool) or not isinstance(each, str | int | float):
            raise UsageError(f"field {name!r} takes a string or a number, or a list of them; not {class_name_of(each)}")
    return [each if isinstance(each, str) else str(each) for each in values]
