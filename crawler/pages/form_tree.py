"""The forms of a page with what belongs to each, as an HTML5 parser finds them. Pure.

Which form a control belongs to is decided while a browser parses, not by where the control ends up in the tree: the
form that was open when the control was read owns it ("form element pointer"), even when a ``</div>`` or a table has put
them apart. No parser tells this afterwards. So each start tag of a form or control gets a number before the page is
parsed, and an empty template goes before each ``</form>``: browsers allow one everywhere and it changes nothing. Read
in the order of the numbers, the elements and templates that the parser kept say what was open when.

Source: HTML standard, 13.2.6.1 (creating and inserting nodes), 13.2.6.4.7 (start and end tag "form"), 4.10.17.3.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from crawler.quick_dataclass import quick_dataclass

_TAGS: Final = re.compile(r"<(/?form|input|select|textarea|button)(?=[\s/>])", re.IGNORECASE)
_ATTRIBUTES: Final = re.compile(r"""<[a-zA-Z]((?:[^>"']++|"[^"]*"|'[^']*')*+)""")
_QUOTED: Final = re.compile(r"""=\s*+(?:"[^"]*"|'[^']*')""")
_LISTED: Final = "form,input,select,textarea,button"
MOST_OPTIONS: Final = 20_000  #: of a page: the time that the parser takes grows with their square (2.5 s for these)
MOST_TAGS: Final = 200_000  #: of a page, of any kind
MOST_NAMES: Final = 40_000  #: different names of attributes: the square again (2 s for these)
MOST_DEEP_TAGS: Final = 20_000  #: of a page nested deeper than 2,048 levels: the square again (0.8 s for these)


class TooMuchMarkup(ValueError):
    """The page has more markup than is looked through for a form; the text says how much of what."""


@dataclass(slots=True, eq=False)
class Option:
    """One option of a select, with what the page says of it."""

    value: str
    text: str
    selected: bool
    disabled: bool


@dataclass(slots=True, eq=False)
class Control:
    """An input, select, textarea or button of a page.

    Attributes:
        tag: In lower case.
        attributes: As the page has them; "" for one without a value.
        number: Its place among the forms and controls of the source; the same for the same page.
        text: What is in a textarea or on a button.
        options: Of a select.
        disabled: Alone, or with its fieldset.
        offered: It stands in a datalist: it takes no part.
        direction: "ltr" or "rtl", from the elements around it.
        owner: The form that it belongs to.
    """

    tag: str
    attributes: dict[str, str]
    number: int
    text: str = ""
    options: list[Option] = field(default_factory=list)
    disabled: bool = False
    offered: bool = False
    direction: str = "ltr"
    owner: FormElement | None = None

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)

    @property
    def name(self) -> str:
        return self.attributes.get("name", "")


@dataclass(slots=True, eq=False)
class FormElement:
    """A form of a page: its attributes, and its controls in the order of the page."""

    attributes: dict[str, str]
    number: int
    controls: list[Control] = field(default_factory=list)


@quick_dataclass
class FormTree:
    """Forms and controls of a page, both in the order of the page.

    Attributes:
        controls: All of them, also those that belong to no form.
    """

    forms: list[FormElement]
    controls: list[Control]


class _Around:
    """What the ancestors of an element say, each looked at once."""

    def __init__(self, root: LexborNode | None) -> None:
        #: of an element by its identity: (the form around, a fieldset is disabled, in a datalist, direction)
        self._known: dict[int, tuple[int, bool, bool, str]] = {}
        if root is not None:
            self._known[root.mem_id] = (0, False, False, _direction_of(root) or "ltr")

    def of(self, node: LexborNode) -> tuple[int, bool, bool, str]:
        """The same for what is inside *node*."""
        way: list[LexborNode] = []
        at: LexborNode | None = node
        while at is not None and at.mem_id not in self._known:
            way.append(at)
            at = at.parent
        facts = self._known[at.mem_id] if at is not None else (0, False, False, "ltr")
        for each in reversed(way):
            form, disabled, offered, direction = facts
            if each.tag == "form":
                form = each.mem_id
            elif each.tag == "fieldset":
                disabled = disabled or "disabled" in each.attributes
            elif each.tag == "legend":
                disabled = self._in_first_legend(each, disabled)
            elif each.tag == "datalist":
                offered = True
            facts = self._known[each.mem_id] = (form, disabled, offered, _direction_of(each) or direction)
        return facts

    def _in_first_legend(self, legend: LexborNode, disabled: bool) -> bool:
        """What is in the first legend of a disabled fieldset is enabled, as far as that fieldset goes."""
        fieldset = legend.parent
        if not disabled or fieldset is None or fieldset.tag != "fieldset":
            return disabled
        before = legend.prev
        while before is not None:
            if before.tag == "legend":
                return disabled
            before = before.prev
        return self.of(fieldset.parent)[1] if fieldset.parent is not None else False


def _direction_of(node: LexborNode) -> str:
    said = (node.attributes.get("dir") or "").lower()
    return said if said in ("ltr", "rtl") else ""


def read_forms(markup: str, *, deep: bool = False) -> FormTree:
    """The forms and controls of a page.

    Args:
        deep: It is nested deeper than lxml follows.
    Raises:
        TooMuchMarkup: It would take too long.
    """
    tags, options = markup.count("<"), markup.lower().count("<option")
    most = MOST_DEEP_TAGS if deep else MOST_TAGS
    if options > MOST_OPTIONS:
        raise TooMuchMarkup(f"{options:,} options, of at most {MOST_OPTIONS:,}")
    if tags > most:
        raise TooMuchMarkup(f"{tags:,} tags{' in more than 2,048 levels' if deep else ''}, of at most {most:,}")
    if len(markup) > 2 * MOST_NAMES and (names := _different_names(markup)) > MOST_NAMES:
        raise TooMuchMarkup(f"{names:,} different attributes, of at most {MOST_NAMES:,}")
    mark = f"q{secrets.token_hex(8)}"
    stamped = _Stamped(mark)
    parser = LexborHTMLParser(stamped.put_into(markup, ends=True))
    return _TreeReader(parser, stamped).read()


def _different_names(markup: str) -> int:
    """How many names of attributes there are, or somewhat more."""
    names: set[str] = set()
    for attributes in _ATTRIBUTES.findall(markup):
        names.update(word.partition("=")[0] for word in _QUOTED.sub(" ", attributes).split())
    return len(names)


class _Stamped:
    """Numbers in the source of a page, and how to take them out again."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self._all = re.compile(rf"<template {mark}=\d+ ></template>| {mark}=\d+ ")

    def put_into(self, markup: str, *, ends: bool) -> str:
        """*markup* with a number in each tag of a form or control, and with *ends* one before each ``</form``."""
        count = 0

        def numbered(tag: re.Match[str]) -> str:
            nonlocal count
            count += 1
            stamp = f" {self.mark}={count} "  # without quotes: it may be inside of an attribute
            if tag[1][0] != "/":
                return tag[0] + stamp
            return f"<template{stamp}></template>{tag[0]}" if ends else tag[0]

        return _TAGS.sub(numbered, markup)

    def number(self, attributes: dict[str, str | None]) -> int:
        """The number of an element; 0 for none."""
        return int(attributes.get(self.mark) or 0)

    def without(self, text: str | None) -> str:
        """*text* as the page has it."""
        if not text:
            return ""
        return self._all.sub("", text) if self.mark in text else text

    def attributes(self, found: dict[str, str | None]) -> dict[str, str]:
        return {name: self.without(value) for name, value in found.items() if name != self.mark}


class _TreeReader:
    def __init__(self, parser: LexborHTMLParser, stamped: _Stamped) -> None:
        self._parser, self._stamped = parser, stamped
        self._around = _Around(parser.root)

    def read(self) -> FormTree:
        nodes = self._parser.css(f"{_LISTED},template")
        found = [(self._stamped.number(node.attributes), node) for node in nodes]
        forms: dict[int, FormElement] = {}
        controls: list[tuple[Control, LexborNode]] = []
        opened: dict[int, FormElement] = {}  # number of a form to the form
        for number, node in found:
            if not number:
                continue  # a template of the page itself
            if node.tag == "form":
                forms[node.mem_id] = opened[number] = FormElement(self._stamped.attributes(node.attributes), number)
            elif node.tag != "template":
                controls.append((self._control(number, node), node))
        self._associate(found, opened, {control.number: control for control, _ in controls})
        self._settle(controls, forms)
        return FormTree(list(forms.values()), [control for control, _ in controls])

    @staticmethod
    def _associate(
        found: list[tuple[int, LexborNode]], opened: dict[int, FormElement], controls: dict[int, Control]
    ) -> None:
        """Give each control the form that was open when it was read."""
        pointer: FormElement | None = None
        for number, _node in sorted(found, key=lambda each: each[0]):
            if number in opened:
                pointer = opened[number]
            elif number in controls:
                controls[number].owner = pointer
            elif number:
                pointer = None

    def _settle(self, controls: list[tuple[Control, LexborNode]], forms: dict[int, FormElement]) -> None:
        """Their form attribute and their ancestors have a say, too."""
        by_id: dict[str, FormElement | None] = {}
        for node in self._parser.css("[id]"):
            by_id.setdefault(self._stamped.without(node.attributes["id"]), forms.get(node.mem_id))
        for control, node in controls:
            parent = node.parent
            form, disabled, control.offered, direction = self._around.of(parent) if parent else (0, False, False, "ltr")
            control.disabled = disabled or "disabled" in control.attributes
            control.direction = direction
            if "form" in control.attributes:
                control.owner = by_id.get(control.attributes["form"])
            elif control.owner is None:
                control.owner = forms.get(form)
            if control.owner is not None:
                control.owner.controls.append(control)

    def _control(self, number: int, node: LexborNode) -> Control:
        control = Control(str(node.tag), self._stamped.attributes(node.attributes), number)
        if node.tag == "select":
            control.options = list(self._options(node))
        elif node.tag in ("textarea", "button"):
            control.text = self._stamped.without(node.text(deep=True, separator="", strip=False))
        return control

    def _options(self, select: LexborNode) -> Iterator[Option]:
        for node in select.css("option"):
            attributes = node.attributes
            text = " ".join(self._stamped.without(node.text(deep=True, separator="", strip=False)).split())
            group = node.parent
            disabled = "disabled" in attributes or (
                group is not None and group.tag == "optgroup" and "disabled" in group.attributes
            )
            value = self._stamped.without(attributes["value"]) if "value" in attributes else text
            yield Option(value, text, "selected" in attributes, disabled)


def numbers_of(markup: str, page: Any, parsed: Callable[[str], Any]) -> dict[Any, int]:
    """Which `number` the forms and controls of another tree of the same page have.

    Args:
        page: Root of the tree of lxml.
        parsed: Makes such a tree from a text. For odd markup it makes a different tree than a browser does, but always
            the same one for the same markup.
    Returns:
        The number by the element; empty when the two do not fit together.
    """
    stamped = _Stamped(f"q{secrets.token_hex(8)}")
    tags = _LISTED.split(",")
    here = list(page.iter(*tags))
    there = list(parsed(stamped.put_into(markup, ends=False)).iter(*tags))
    if [each.tag for each in here] != [each.tag for each in there]:
        return {}
    return {mine: stamped.number(dict(theirs.attrib)) for mine, theirs in zip(here, there, strict=True)}
