"""Controls of a form, by the rules of HTML: which there are, which belong to it, which take part.

Source: HTML standard, sections 4.10.18.3 (association) and 4.10.19.2 (enabled and disabled).
"""

from __future__ import annotations

from typing import Any, Final

_CONTROLS: Final = frozenset({"input", "select", "textarea", "button"})


def is_control(element: Any) -> bool:
    return element.tag in _CONTROLS


def kind_of(element: Any) -> str:
    return (element.get("type") or "").strip().lower() if element.tag in ("input", "button") else str(element.tag)


def is_button(element: Any) -> bool:
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
