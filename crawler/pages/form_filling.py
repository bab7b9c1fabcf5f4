"""What a spider fills in, put into the controls of a form as a person would put it. Pure.

No value that was given is ever part of an error.
"""

from __future__ import annotations

from typing import Any

from crawler.errors import UsageError
from crawler.pages.form_controls import as_texts, is_button, kind_of, sanitized, value_of
from crawler.pages.form_tree import Control, Option

Values = dict[Control, list[str]]  #: what each control sends, in order


def put(label: str, name: str, controls: list[Control], value: Any, values: Values) -> None:
    """Put *value* into the *controls* of one name.

    Args:
        label: Of the form, for errors.
        value: As in `Form.fill`.
    Raises:
        UsageError: It does not fit.
    """
    fields = [control for control in controls if not is_button(control)]
    if any(kind_of(control) == "file" for control in fields):
        raise UsageError(
            f"{label}: {name!r} is a file input; files are never sent from a form: use session.post(url, files=...)"
        )
    if value is None:
        for control in fields:
            values[control] = []
        return
    boxes = [control for control in fields if kind_of(control) in ("checkbox", "radio")]
    selects = [control for control in fields if kind_of(control) == "select"]
    free = [control for control in fields if control not in boxes and control not in selects]
    if isinstance(value, bool) and boxes:
        _tick(label, name, boxes, value, values)
        return
    texts = as_texts(name, value)
    if not boxes and not selects:
        _write(label, name, free, texts, isinstance(value, list | tuple | set | frozenset), values)
        return
    left = _choose(label, name, boxes, texts, values) if boxes else texts
    left = _select(label, name, selects, left, values) if selects else left
    here = {text for control in free for text in values[control]}
    left = [text for text in left if text not in here]  # the hidden twin of a box has it already
    shown = [control for control in free if kind_of(control) != "hidden"]
    if left and not shown:
        raise UsageError(f"{label}: {name!r} does not have that choice; it has: {_choices(boxes, selects)}")
    if left:
        _write(label, name, shown, left, True, values)


def _tick(label: str, name: str, boxes: list[Control], on: bool, values: Values) -> None:
    if on and len(boxes) > 1:
        raise UsageError(f"{label}: {name!r} are {len(boxes)} boxes; say which: {_choices(boxes, [])}")
    for box in boxes:
        values[box] = [value_of(box)] if on else []


def _choose(label: str, name: str, boxes: list[Control], texts: list[str], values: Values) -> list[str]:
    """Tick the boxes of these values and no others; values of no box are returned."""
    wanted = [box for box in boxes if value_of(box) in texts]
    if len([box for box in wanted if kind_of(box) == "radio"]) > 1:
        wanted = wanted[:1] if len(set(texts)) == 1 else wanted  # two buttons of one value: the first
        if len(wanted) > 1:
            raise UsageError(f"{label}: of the radio buttons {name!r} only one can be chosen")
    for box in boxes:
        values[box] = [value_of(box)] if box in wanted else []
    taken = {value_of(box) for box in wanted}
    return [text for text in texts if text not in taken]


def _select(label: str, name: str, selects: list[Control], texts: list[str], values: Values) -> list[str]:
    if len(selects) > 1:  # one text for each; a single one is for the first
        if len(texts) > len(selects):
            raise UsageError(f"{label}: {name!r} are {len(selects)} lists, and {len(texts)} values were given")
        for select, text in zip(selects, texts, strict=False):
            values[select] = [_option(label, name, select, text).value]
        return []
    select = selects[0]
    if len(texts) > 1 and "multiple" not in select.attributes:
        raise UsageError(f"{label}: of {name!r} only one can be chosen")
    wanted = [_option(label, name, select, text) for text in texts]
    values[select] = [option.value for option in select.options if option in wanted]
    return []


def _option(label: str, name: str, select: Control, text: str) -> Option:
    for part in ("value", "text"):
        found = [option for option in select.options if getattr(option, part) == text]
        usable = next((option for option in found if not option.disabled), None)
        if usable is not None:
            return usable
        if found:
            raise UsageError(f"{label}: that choice of {name!r} is disabled; it has: {_choices([], [select])}")
    raise UsageError(
        f"{label}: {name!r} does not have that choice; it has: {_choices([], [select])}. One that the page's script "
        "adds goes into extra="
    )


def _write(label: str, name: str, free: list[Control], texts: list[str], several: bool, values: Values) -> None:
    """Texts into fields: one into the first that is seen, a list in the place of all that there is."""
    for text in texts:
        if text and not sanitized(free[0], text):
            raise UsageError(f"{label}: {name!r} takes a {kind_of(free[0])} as browsers write it (2026-11-28, 12.5)")
    shown = [control for control in free if kind_of(control) != "hidden"]
    if not several and shown:
        values[shown[0]] = [sanitized(shown[0], texts[0])]
        return
    fields = shown if len(shown) == len(texts) else free
    for control in fields:
        values[control] = []
    for index, text in enumerate(texts):  # more texts than fields: the page's script would have added some
        control = fields[min(index, len(fields) - 1)]
        values[control].append(sanitized(control, text))


def _choices(boxes: list[Control], selects: list[Control]) -> str:
    names: dict[str, None] = {value_of(box): None for box in boxes}
    for select in selects:
        for option in select.options:
            if not option.disabled:
                names |= {option.value: None, option.text: None}
    return ", ".join(names)[:1000]
