"""Forms of a page: find one, fill it, and get the request that a browser would send.

form2request builds the request; this module gives it the form as browsers see it (without disabled and file inputs,
with controls that stand elsewhere on the page), checks the names that are filled in, and where the form posts to.
Nothing here does I/O, and no value of a field is ever part of an error or a repr.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from crawler.charsets import declared, usable
from crawler.errors import Refused, UsageError
from crawler.form_controls import (
    as_texts,
    id_of,
    is_button,
    is_control,
    is_disabled,
    kind_of,
    name_of,
    owned_by,
    sent_values,
    text_of,
    value_of,
)
from crawler.urls import absolute, host_of, origin_of, redact, site_of

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    from crawler.messages import Response

_URLENCODED: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_NOT_FILLED: Final = frozenset({"file", "submit", "image", "button", "reset"})
_USUAL_PORTS: Final = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True, repr=False)
class Filled:
    """The request that sends a form.

    Attributes:
        method: "GET" or "POST".
        url: Where it goes, without a fragment.
        headers: Content-Type for a POST.
        body: Empty for a GET.
        referer: Value for the Referer header: the page, or only its origin when the form goes to another one.
        origin: Value for the Origin header, which servers compare against forged requests.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    referer: str
    origin: str

    def __repr__(self) -> str:
        return f"<Filled {self.method} {redact(self.url.partition('?')[0])}>"


class Form:
    """One form of a page. Made by `find_form`; used by one thread.

    Attributes:
        page_url: URL of the page that it stands on.
    """

    def __init__(self, element: HtmlElement, page_url: str, base_url: str, charset: str = "utf-8") -> None:
        self._element, self._base_url, self._charset = element, base_url, charset
        self.page_url = page_url

    @property
    def action(self) -> str:
        """Where it is sent, absolute. Raises InvalidURL (``javascript:`` and the like)."""
        return self._resolved(self._element.get("action"))

    @property
    def method(self) -> str:
        """ "GET" or "POST"."""
        return "POST" if (self._element.get("method") or "").strip().lower() == "post" else "GET"

    @property
    def fields(self) -> dict[str, Any]:
        """Names of the fields that can be filled, with their present values.

        A text; for several controls of one name, and for selects of several values, a list; None for a box or a radio
        button that is not checked.
        """
        found: dict[str, Any] = {}
        for control in self._controls():
            if control.tag == "button" or kind_of(control) in _NOT_FILLED:
                continue
            value = list(control.value) if control.get("multiple") is not None else control.value
            if control.name not in found or found[control.name] is None:
                found[control.name] = value
            elif value is not None and kind_of(control) != "radio":
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

        Hidden fields and other fields keep the values of the page. File inputs are never sent.

        Args:
            data: Field to value: a text, a number; True or False for a box; a list for several values; None leaves the
                field out. For a select, the value or the text of an option.
            click: Name, value, id or text of the button, or its selector; None for the first one; False for none, as if
                Enter was pressed in a form without buttons.
            extra: Fields that the page adds by script, so that the form does not have them.
            allow: Hosts (``sso.example``) or origins (``http://sso.example:80``) that it may post to, besides the site
                of the page over an equally strong scheme.
        Raises:
            Refused: The form goes to another site, or from https to http; the text names both hosts.
            UsageError: A name in *data* is no field, a value is no option, or there is no such button.
        """
        from form2request import form2request

        twin, button = self._as_browsers_see_it(self._button(click))
        url = self._resolved((button.get("formaction") if button is not None else None) or twin.get("action"))
        self._check_target(url, allow)
        twin.set("action", url)
        if button is not None and button.get("formaction"):
            button.set("formaction", url)
        given = self._checked(data or {})
        if button is not None and kind_of(button) == "image":  # browsers send the place of the click, not the value
            prefix = f"{button.attrib.pop('name')}." if button.get("name") else ""
            given |= {f"{prefix}x": "0", f"{prefix}y": "0"}
        given |= {name: as_texts(name, value) for name, value in (extra or {}).items()}
        wanted = ((button.get("formenctype") if button is not None else None) or twin.get("enctype") or "").lower()
        multipart = wanted.strip() == _MULTIPART
        try:
            request = form2request(
                twin, given, click=False if button is None else button, enctype=_URLENCODED if multipart else None
            )
        except NotImplementedError:
            raise UsageError(f"{self!r} is closed by script (method=dialog): send the request yourself") from None
        headers, body, url = dict(request.headers), request.body, request.url
        if multipart and request.method == "POST":
            body, headers["Content-Type"] = self._as_multipart(body)
        elif self._charset != "utf-8":
            if request.method == "GET":
                address, _, query = url.partition("?")
                url = f"{address}?{self._in_charset(query)}"
            elif headers.get("Content-Type") == _URLENCODED:
                body = self._in_charset(body.decode()).encode()
        return Filled(
            request.method, url.partition("#")[0], headers, body, self._referer(url), _short_origin(self.page_url)
        )

    # --- where it goes --------------------------------------------------------------------------------------------

    def _resolved(self, action: str | None) -> str:
        stripped = (action or "").strip("\t\n\f\r ")
        url = (
            absolute(self._base_url, stripped) if stripped else self.page_url
        )  # an empty one is the page, not its base
        return url.partition("#")[0]

    def _check_target(self, url: str, allow: Collection[str]) -> None:
        here, there = host_of(self.page_url), host_of(url)
        origin = origin_of(url)
        if origin in allow:
            return
        weaker = self.page_url.startswith("https:") and url.startswith("http:")
        foreign = site_of(here) != site_of(there) and there not in allow
        if weaker or foreign:
            what = (
                f"from https on {here} to http on {there}" if weaker else f"on {here} to {there}, which is another site"
            )
            name = origin if weaker else there
            raise Refused(
                redact(self.page_url), f"a form would be sent {what}; if that is right: fill(allow=[{name!r}])"
            )

    def _referer(self, url: str) -> str:
        # What browsers send by default: the whole address inside one origin, else only the origin.
        page = redact(self.page_url) if "@" in self.page_url.partition("?")[0] else self.page_url
        return page.partition("#")[0] if origin_of(url) == origin_of(self.page_url) else _short_origin(page) + "/"

    # --- what it holds --------------------------------------------------------------------------------------------

    def _controls(self) -> list[Any]:
        """Named controls of the form in the order of the page, those elsewhere that name it last; none is disabled."""
        return [control for control in owned_by(self._element) if control.get("name") and not is_disabled(control)]

    def _button(self, click: Any) -> Any:
        buttons = [each for each in owned_by(self._element) if is_button(each) and not is_disabled(each)]
        if click is False:
            return None
        if click is None or click is True:
            return buttons[0] if buttons else None
        if not isinstance(click, str):
            element = getattr(click[0] if isinstance(click, list) and click else click, "root", click)
            if element in buttons:
                return element
            raise UsageError(f"{self!r} does not have that button")
        for part in (name_of, value_of, id_of, text_of):
            found = next((each for each in buttons if part(each) == click), None)
            if found is not None:
                return found
        names = [repr(name_of(each) or text_of(each) or value_of(each)) for each in buttons]
        raise UsageError(f"{self!r} has no button {click!r}; its buttons: {', '.join(names) or 'none'}")

    def _as_browsers_see_it(self, button: Any) -> tuple[HtmlElement, Any]:
        """A copy of the form in which only what is sent is left, and the clicked button in it."""
        twin = copy.deepcopy(self._element)
        twin.tail = None
        twin.getroottree().docinfo.URL = self._base_url
        inside = list(self._element.iter())
        copies = dict(zip(map(id, inside), twin.iter(), strict=True))
        owned = owned_by(self._element)
        for element in owned:
            if id(element) not in copies:
                outside = copy.deepcopy(element)
                outside.tail = None
                twin.append(outside)
                copies[id(element)] = outside
        kept = {id(element) for element in owned if not is_disabled(element) and kind_of(element) != "file"}
        clicked = copies[id(button)] if button is not None else None
        for element in (*inside, *owned):
            if id(element) not in kept and is_control(element):
                double = copies[id(element)]
                if double.getparent() is not None:
                    double.drop_tree()
        return twin, clicked

    def _checked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """*data* with values as they are sent. Raises UsageError for what the form cannot hold."""
        controls: dict[str, list[Any]] = {}
        for control in self._controls():
            controls.setdefault(control.get("name"), []).append(control)
        found: dict[str, Any] = {}
        for name, value in data.items():
            own = controls.get(name)
            if own is None:
                near = difflib.get_close_matches(str(name), controls, n=3, cutoff=0.4)
                hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else "."
                raise UsageError(f"{self!r} has no field {name!r}{hint} Its fields: {', '.join(controls) or 'none'}")
            if any(kind_of(control) == "file" for control in own):
                raise UsageError(f"{self!r}: {name!r} is a file input; files are never sent")
            found[name] = sent_values(self, name, own, value)
        return found

    # --- how it travels -------------------------------------------------------------------------------------------

    def _in_charset(self, encoded: str) -> str:
        return urlencode(parse_qsl(encoded, keep_blank_values=True), encoding=self._charset, errors="xmlcharrefreplace")

    def _as_multipart(self, body: bytes) -> tuple[bytes, str]:
        from urllib3.filepost import encode_multipart_formdata

        pairs = parse_qsl(body.decode(), keep_blank_values=True)
        return encode_multipart_formdata(
            [(name, value.encode(self._charset, "xmlcharrefreplace")) for name, value in pairs]
        )

    def __repr__(self) -> str:
        label = self._element.get("id") or self._element.get("name") or ""
        return f"<Form{' ' + label[:60] if label else ''} on {redact(self.page_url)}>"


def find_form(
    response: Response,
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
        UsageError: There is no such form; the text lists those that are there.
    """
    if response.selector.type != "html":  # XHTML is read as HTML; other XML has no forms
        raise UsageError(f"no form on {redact(response.url)}: not a web page ({response.content_type})")
    forms: list[Any] = [each.root for each in response.selector.xpath("//form")]
    wanted: list[Any] = forms
    if css is not None:
        hits = [hit.root for hit in response.selector.css(css)]
        wanted = [form for hit in hits if hasattr(hit, "iterancestors") for form in _forms_around(hit)]
    if id is not None:
        wanted = [form for form in wanted if form.get("id") == id]
    if name is not None:
        wanted = [form for form in wanted if form.get("name") == name]
    if index is not None:
        wanted = wanted[index : index + 1] if index >= 0 else wanted[index:][:1]
    if not wanted:
        there = ", ".join(_described(form) for form in forms) or "none"
        raise UsageError(f"no such form on {redact(response.url)}; forms there: {there}")
    named = css is not None or id is not None or name is not None or index is not None
    form = wanted[0] if named else min(wanted, key=_unlikeliness)
    return Form(form, response.url, response.base_url, _charset_of(form, response))


def _forms_around(element: Any) -> Iterable[Any]:
    around = [element, *element.iterancestors(), *element.iterdescendants()]
    return [each for each in around if each.tag == "form"][:1]


def _described(form: Any) -> str:
    names = [each.get("name") for each in owned_by(form) if each.get("name")]
    return f"{form.get('id') or form.get('name') or 'unnamed'} ({', '.join(names[:8])})"


def _unlikeliness(form: Any) -> int:
    passwords = sum(kind_of(each) == "password" and not is_disabled(each) for each in owned_by(form))
    if passwords:
        return 0 if passwords == 1 else 1  # two and more: sign up, or change the password
    return 2 if (form.get("method") or "").strip().lower() == "post" else 3


def _charset_of(form: Any, response: Response) -> str:
    accepted = (form.get("accept-charset") or "").split()
    found = (
        (usable(accepted[0]) if accepted else None)
        or declared(response.headers.get("Content-Type"), response.body)
        or "utf-8"
    )
    return "utf-8" if found.startswith("utf-16") else found  # the HTML standard: forms are never sent in UTF-16


def _short_origin(url: str) -> str:
    origin = origin_of(url)
    return origin.removesuffix(_USUAL_PORTS[origin.partition(":")[0]])
