"""Controls of a form, by the rules of HTML: which there are, which belong to it, which take part, and
what may be put into them.

Source: HTML standard, sections 4.10.18.3 (association) and 4.10.19.2 (enabled and disabled).
"""

from __future__ import annotations

from typing import Any, Final

from crawler.errors import UsageError

_CONTROLS: Final = frozenset({"input", "select", "textarea", "button"})


def is_control(element: Any) -> bool:
    """Whether it is one of the elements that forms are made of."""
    return element.tag in _CONTROLS


def kind_of(element: Any) -> str:
    """Its type in lower case for inputs and buttons, else its tag."""
    return (element.get("type") or "").strip().lower() if element.tag in ("input", "button") else str(element.tag)


def is_button(element: Any) -> bool:
    """Whether a click on it sends the form."""
    kind = kind_of(element)
    if element.tag == "button":
        return kind not in ("button", "reset")
    return bool(element.tag == "input" and kind in ("submit", "image"))


def owned_by(form: Any) -> list[Any]:
    """Controls that belong to *form*: those inside that name no other form, then those elsewhere that name it."""
    identifier = form.get("id")
    inside = [each for each in form.iter(*_CONTROLS) if each.get("form") in (None, identifier)]
    if not identifier:
        return inside
    known = set(map(id, inside))
    elsewhere = form.getroottree().getroot().xpath("//*[@form=$id]", id=identifier)
    return inside + [each for each in elsewhere if is_control(each) and id(each) not in known]


def is_disabled(element: Any) -> bool:
    """Whether it takes no part: disabled, alone or with its fieldset, or only a template of a control."""
    if element.get("disabled") is not None:
        return True
    for around in element.iterancestors():
        if around.tag in ("datalist", "template"):
            return True
        if around.tag == "fieldset" and around.get("disabled") is not None:
            legend = next((child for child in around if child.tag == "legend"), None)
            return legend is None or legend not in element.iterancestors()
        if around.tag == "form":
            break
    return False


def name_of(button: Any) -> str:
    return button.get("name") or ""


def value_of(button: Any) -> str:
    return button.get("value") or ""


def id_of(button: Any) -> str:
    return button.get("id") or ""


def text_of(button: Any) -> str:
    return " ".join("".join(button.itertext()).split()) or button.get("aria-label") or button.get("alt") or ""


def sent_values(form: object, name: str, controls: list[Any], value: Any) -> Any:
    """*value* for the field *name* as texts to send; None leaves it out. Raises UsageError for what is no choice."""
    if value is None:
        return None
    kinds = {kind_of(control) for control in controls}
    if kinds == {"checkbox"}:
        if value is True:
            return [control.get("value", "on") for control in controls][:1]
        if value is False:
            return None
    options: dict[str, str] = {}
    for control in controls:
        if control.tag == "select":
            for option in control.iter("option"):
                text = " ".join("".join(option.itertext()).split())
                options[option.get("value", text)] = option.get("value", text)
                options.setdefault(text, option.get("value", text))
        elif kind_of(control) in ("checkbox", "radio"):
            options[control.get("value", "on")] = control.get("value", "on")
    texts = as_texts(name, value)
    if options and kinds <= {"select", "radio", "checkbox"}:
        if any(text not in options for text in texts):
            raise UsageError(f"{form!r}: {name!r} does not have that choice; it has: {', '.join(options)}"[:1000])
        return [options[text] for text in texts]
    return texts


def as_texts(name: str, value: Any) -> list[str]:
    """One text or more of what a spider gave for a field. Raises UsageError for what is no text, number or list."""
    values = list(value) if isinstance(value, list | tuple | set | frozenset) else [value]
    for each in values:
        if isinstance(each, bool) or not isinstance(each, str | int | float):
            raise UsageError(f"field {name!r} takes a text or a number, or a list of them; not {type(each).__name__}")
    return [each if isinstance(each, str) else str(each) for each in values]
