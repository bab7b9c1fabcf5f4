"""Forms of a page: find one, fill it, and get the request that a browser would send.

The rules are those of the HTML standard: which control belongs to which form (`pages.form_tree`), what it holds and
whether it takes part (`pages.form_controls`), what a spider fills in (`pages.form_filling`), and how it is sent
(`pages.form_encoding`). How a form is found and where it may go is decided here. Nothing does I/O, and no value of a
field is ever part of an error or a repr.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from crawler.errors import Refused, UsageError
from crawler.pages.filled import Filled, is_named
from crawler.pages.form_controls import as_texts, is_button, is_fillable, kind_of, present_values, submits
from crawler.pages.form_encoding import (
    MULTIPART,
    PLAIN,
    URLENCODED,
    entry_list,
    multipart,
    output_charset,
    plain,
    urlencoded,
)
from crawler.pages.form_filling import put
from crawler.pages.form_page import MOST_NAMED, FormPage, described, elsewhere, hit, listed, unlikeliness
from crawler.pages.form_tree import Control, FormElement
from crawler.urls import USUAL_PORTS, absolute, host_of, in_charset, origin_of, redact, short_origin, site_of

if TYPE_CHECKING:
    from crawler.pages.page import Page


class Form:
    """One form of a page, from `Response.form`; used by one thread.

    Attributes:
        page_url: URL of the page that it stands on.
        asked_url: What was asked for when that page came.
    """

    def __init__(self, element: FormElement, page: FormPage) -> None:
        self._element, self._page = element, page
        self.page_url, self.asked_url = page.url, page.asked_url

    @property
    def action(self) -> str:
        """Where it is sent, absolute. Raises InvalidURL (``javascript:`` and the like)."""
        return self._resolved(self._element.attributes.get("action"))

    @property
    def method(self) -> str:
        """ "GET" or "POST"."""
        return "POST" if self._element.attributes.get("method", "").lower() == "post" else "GET"

    @property
    def fields(self) -> dict[str, Any]:
        """Names of the fields that can be filled, with their present values.

        A text; for several controls of one name, and for selects of several values, a list; None for a box or a radio
        button that is not checked.
        """
        found: dict[str, Any] = {}
        values = present_values(self._element.controls)
        for control in filter(is_fillable, self._element.controls):
            kind, texts = kind_of(control), values[control]
            if kind == "file":
                continue
            several = kind == "select" and "multiple" in control.attributes
            value = list(texts) if several else texts[0] if texts else None
            if control.name not in found or found[control.name] is None:
                found[control.name] = value
            elif value is not None and kind != "radio":
                before = found[control.name]
                found[control.name] = [*(before if isinstance(before, list) else [before]), value]
        return found

    def fill(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        click: Any = None,
        extra: Mapping[str, Any] | None = None,
        allow: Collection[str] = (),
    ) -> Filled:
        """The request that a browser sends after a person has filled these fields and clicked that button.

        Hidden fields and other fields keep the values of the page. A file input is sent as one in which nothing was
        chosen.

        Args:
            data: Field to value: a text, a number; True or False for a box; a list for several values; None leaves the
                field out. For a select, the value or the text of an option. Where a hidden field has the name of a box,
                the box is meant.
            click: Name, value, id or text of the button, or its selector; None for the first one; False for none, as if
                Enter was pressed in a form without buttons.
            extra: Fields that the page adds by script, so that the form does not have them; for a name that it has,
                what is sent instead, unchecked.
            allow: Hosts (``sso.example``) or origins (``http://sso.example:80``) that it may post to, besides the site
                of the page over an equally strong scheme.
        Raises:
            Refused: The form goes to another site or port, or from https to http; the text names both hosts.
            UsageError: A name in *data* is no field, a value is no option, or there is no such button.
        """
        data = dict(data or {})
        button = self._button(click, data)
        method, enctype = self._said(button, "method"), self._said(button, "enctype")
        if method == "dialog":
            raise UsageError(f"{self!r} is closed by script (method=dialog): send the request yourself")
        url = self._target(button)
        self._check_target(url, allow)
        charset = output_charset(self._element.attributes.get("accept-charset"), self._page.charset)
        values = present_values(self._element.controls)
        for name, value in data.items():
            put(repr(self), name, self._named(name), value, values)
        for control in values:
            if control.name in (extra or {}):
                values[control] = []  # the script has changed what the field sends
        more = [(name, text) for name, value in (extra or {}).items() for text in as_texts(name, value)]
        entries = entry_list(self._element.controls, values, button, charset, more)
        headers, body = {}, b""
        if method != "post":
            url = f"{url.partition('?')[0]}?{urlencoded(entries, charset)}"
        elif enctype == MULTIPART:
            body, headers["Content-Type"] = multipart(entries, charset)
        elif enctype == PLAIN:
            body, headers["Content-Type"] = plain(entries, charset), PLAIN
        else:
            body, headers["Content-Type"] = urlencoded(entries, charset).encode(), URLENCODED
        return Filled(
            "POST" if method == "post" else "GET",
            url,
            headers,
            body,
            self._referer(url),
            short_origin(self.page_url),
            self.page_url,
            self.asked_url,
            self._page.session,
            tuple(allow),
        )

    def target(self, data: Mapping[str, Any] | None = None, *, click: Any = None) -> str:
        """Where `fill` with the same arguments would send it, absolute and without a fragment.

        Raises:
            InvalidURL: It is no web address.
            UsageError: There is no such button.
        """
        return self._target(self._button(click, dict(data or {})))

    # --- where it goes --------------------------------------------------------------------------------------------

    def _target(self, button: Control | None) -> str:
        said = button.attributes.get("formaction") if button is not None else None
        return self._resolved(said if said is not None else self._element.attributes.get("action"))

    def _said(self, button: Control | None, name: str) -> str:
        """What the button says about how it is sent, else what the form says."""
        said = button.attributes.get(f"form{name}") if button is not None else None
        return (self._element.attributes.get(name, "") if said is None else said).lower()

    def _resolved(self, action: str | None) -> str:
        stripped = (action or "").strip("\t\n\f\r ")
        link = in_charset(stripped, self._page.charset)
        url = absolute(self._page.base_url, link) if stripped else self.page_url
        return url.partition("#")[0]  # an empty one is the page, not its base

    def _check_target(self, url: str, allow: Collection[str]) -> None:
        here, there = host_of(self.page_url), host_of(url)
        weaker = _is_weaker(self.page_url, url)
        if is_named(url, allow, by_host=not weaker):
            return
        if weaker:
            what, name = f"from https on {here} to http on {there}", short_origin(url)
        elif site_of(here) != site_of(there):
            what, name = f"on {here} to {there}, which is another site", there
        elif not _same_door(self.page_url, url):
            what, name = f"on {short_origin(self.page_url)} to another port, {short_origin(url)}", short_origin(url)
        else:
            return
        raise Refused(
            redact(self.page_url),
            f"a form would be sent {what}; if that is right, name it: allow=[{name!r}] (of session.submit, or of fill)",
        )

    def _referer(self, url: str) -> str:
        # What browsers send by default: the whole address inside one origin, else only the origin.
        if "noreferrer" in self._element.attributes.get("rel", "").lower().split():
            return ""
        page = redact(self.page_url) if "@" in self.page_url.partition("?")[0] else self.page_url
        if _is_weaker(page, url):
            return ""
        return page.partition("#")[0] if origin_of(url) == origin_of(self.page_url) else short_origin(page) + "/"

    # --- what it holds --------------------------------------------------------------------------------------------

    def _named(self, name: str) -> list[Control]:
        """The controls of that name. Raises UsageError where there is none that can be filled."""
        fields = [each for each in self._element.controls if is_fillable(each)]
        own = [each for each in fields if each.name == name]
        if own:
            return own
        raise UsageError(f"{self!r} {self._why_not(name, [each.name for each in fields])}")

    def _why_not(self, name: str, names: list[str]) -> str:
        there = listed(names)
        if any(each.name == name for each in self._element.controls if not is_button(each)):
            return f"has a field {name!r}, but it is disabled; what the page's script enables goes into extra="
        for form in self._page.tree.forms:
            if form is not self._element and any(each.name == name for each in form.controls):
                return f"has no field {name!r}: that is one of {described(form)}. Its fields: {there}"
        if any(each.name == name for each in self._page.tree.controls if each.owner is None):
            return f"has no field {name!r}: it stands outside of every form; give it in extra=. Its fields: {there}"
        near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.4)
        hint = f"; did you mean {' or '.join(map(repr, dict.fromkeys(near)))}?" if near else "."
        if not any(kind_of(each) == "password" for each in self._page.tree.controls):
            hint += " No form of this page has a password field: is it the login page?"
        return f"has no field {name!r}{hint} Its fields: {there}. A field that the page's script adds goes into extra="

    def _button(self, click: Any, data: dict[str, Any]) -> Control | None:
        """The button that is clicked. One that *data* names is taken out of it: it is clicked, not filled in."""
        buttons = [each for each in self._element.controls if submits(each) and not (each.disabled or each.offered)]
        if click is False:
            return None
        if isinstance(click, str):
            return self._button_called(click, buttons)
        if click is None or click is True:
            for each in buttons:
                if each.name and data.get(each.name) in (each.get("value"), True) and not self._is_field(each.name):
                    del data[each.name]
                    return each
            return buttons[0] if buttons else None
        element = getattr(click[0] if isinstance(click, list) and click else click, "root", click)
        number = self._page.numbers.get(element)
        found = next((each for each in buttons if each.number == number), None)
        if found is None:
            raise UsageError(f"{self!r} does not have that button; its buttons: {_buttons(buttons)}")
        return found

    def _is_field(self, name: str) -> bool:
        return any(each.name == name for each in self._element.controls if is_fillable(each))

    def _button_called(self, click: str, buttons: list[Control]) -> Control:
        for part in (_name_of, _value_of, _id_of, _text_of):
            found = next((each for each in buttons if part(each) == click), None)
            if found is not None:
                return found
        raise UsageError(f"{self!r} has no button {click!r}; its buttons: {_buttons(buttons)}")

    def __repr__(self) -> str:
        label = self._element.attributes.get("id") or self._element.attributes.get("name") or ""
        return f"<Form{' ' + label[:60] if label else ''} on {redact(self.page_url)}>"


def find_form(
    response: Page,
    css: str | None = None,
    id: str | None = None,
    name: str | None = None,
    index: int | None = None,
) -> Form:
    """A form of the page.

    Args:
        response: The page.
        css: The form, or something in it.
        id, name: Its attribute.
        index: Its place on the page, 0 for the first.
    Returns:
        The form that is named; without a name, the login form (one password field), else any with a password field,
        else the first that posts, else the first.
    Raises:
        UsageError: There is no such form; the text lists those that are there, or says where they may be.
    """
    page = FormPage(response)
    tree = page.tree
    wanted = tree.forms
    if css is not None:
        wanted = list(hit(response.selector.css(css), tree, page.numbers))
    if id is not None:
        wanted = [form for form in wanted if form.attributes.get("id") == id]
    if name is not None:
        wanted = [form for form in wanted if form.attributes.get("name") == name]
    if index is not None:
        wanted = wanted[index : index + 1] if index >= 0 else wanted[index:][:1]
    if not wanted:
        there = ", ".join(map(described, tree.forms[:MOST_NAMED])) or "none"
        raise UsageError(f"no such form on {redact(response.url)}; forms there: {there}{elsewhere(response, tree)}")
    named = css is not None or id is not None or name is not None or index is not None
    form = wanted[0] if named else min(wanted, key=unlikeliness)
    return Form(form, page)


def _buttons(buttons: list[Control]) -> str:
    names = [repr(_name_of(each) or _text_of(each) or _value_of(each)) for each in buttons[:MOST_NAMED]]
    return ", ".join(names) or "none"


def _name_of(button: Control) -> str:
    return button.name


def _value_of(button: Control) -> str:
    return button.get("value")


def _id_of(button: Control) -> str:
    return button.get("id")


def _text_of(button: Control) -> str:
    return " ".join(button.text.split()) or button.get("aria-label") or button.get("alt")


def _is_weaker(page: str, url: str) -> bool:
    return page.startswith("https:") and url.startswith("http:")


def _same_door(page: str, url: str) -> bool:
    """Whether a form may go there unasked, as far as ports go: the same one, or the usual one of its scheme."""
    here, there = origin_of(page), origin_of(url)
    if here.rpartition(":")[2] == there.rpartition(":")[2] and here.partition(":")[0] == there.partition(":")[0]:
        return True
    return all(each.endswith(USUAL_PORTS[each.partition(":")[0]]) for each in (here, there))
