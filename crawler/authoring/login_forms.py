"""The login form of a page: which fields are filled in, and with which part of an account. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from crawler.errors import UsageError
from crawler.pages.form_controls import is_fillable, kind_of
from crawler.pages.form_page import FormPage, unlikeliness
from crawler.pages.form_tree import Control, FormElement
from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response
from crawler.sessions.login.page_marks import plain_text
from crawler.sessions.login.way_out import logged_in_sign
from crawler.sessions.login.words import LOGIN_ARGUMENT, LOGIN_PATH, LOGIN_TITLE

_TYPED: Final = frozenset({"text", "email", "tel", "password", "number", "url"})
_USER: Final = re.compile(
    r"user|login|e-?mail|account|name|benutzer|kunde|customer|member|identif|usuario|utilisateur|card", re.IGNORECASE
)
_OPENS: Final = re.compile(r"""\blocation(?:\.href|\.assign|\.replace)?\s*(?:=|\()\s*["']([^"'\s]{1,500})["']""")
_CODE: Final = re.compile(
    r"otp|totp|2fa|mfa|one.?time|(?:security|verification|auth)[-_ ]?code|\Acode\Z", re.IGNORECASE
)
_WAY_BACK: Final = re.compile(
    r"next|return|redirect|continue|back|url|goto|target|dest|ref|came_?from|r", re.IGNORECASE
)
_SCHEME: Final = re.compile(r"(?:\A|,)\s*(basic|digest)(?=\s|,|\Z)", re.IGNORECASE)
_FEW_CHARACTERS: Final = 500  # of a page that only asks for a name
USERNAME, PASSWORD, CODE = "username", "password", "otp"  #: of an account


@quick_dataclass
class LoginForm:
    """A login form, or a page that asks for credentials by HTTP authentication.

    Attributes:
        url: Address of its page, without the argument that says where to go afterwards.
        fields: The part of an account that each field takes, by name.
        asks_twice: It asks only for the name; the password is asked for on the next page, which was not fetched.
        scheme: "basic" or "digest" where the server asks for it (`asks_by_http`), and there is no form; else "".
    """

    url: str
    fields: Mapping[str, str] = field(default_factory=dict)
    asks_twice: bool = False
    scheme: str = ""


def asks_by_http(response: Response) -> LoginForm | None:
    """The login of a page that answers 401 and asks for credentials by Basic or Digest; None for other pages."""
    if response.status_code != 401:
        return None
    offered = {each[1].lower() for each in _SCHEME.finditer(response.headers.get("WWW-Authenticate", ""))}
    scheme = next((each for each in ("digest", "basic") if each in offered), "")
    return LoginForm(response.url, scheme=scheme) if scheme else None


def find_login(response: Response) -> LoginForm | None:
    """The login form of a page; None if it has none."""
    if not response.has_elements:
        return None
    try:
        forms = FormPage(response).tree.forms
    except UsageError:
        return None
    if not forms:
        return None
    best = min(forms, key=unlikeliness)
    if unlikeliness(best) == 0:
        return LoginForm(without_way_back(response.url), fields_of(best))
    is_for_it = is_login_page(response)
    for form in forms:
        if is_for_it or _goes_to_login(form):
            fields = fields_of(form)
            if USERNAME in fields.values():
                return LoginForm(without_way_back(response.url), fields, asks_twice=True)
    return None


def is_nothing_else(response: Response, login: LoginForm) -> bool:
    """Whether a page that asks for the name has little besides: it came in place of another one."""
    return login.asks_twice and len(plain_text(response.text)) <= _FEW_CHARACTERS and not logged_in_sign(response)


def _goes_to_login(form: FormElement) -> bool:
    return bool(LOGIN_PATH.search(urlsplit(form.attributes.get("action", "")).path))


def is_login_page(response: Response) -> bool:
    """Whether a page is for logging in, by its address or its title."""
    parts = urlsplit(response.url)
    title = " ".join(response.css("title::text").get("").split()).lower() if response.has_elements else ""
    return bool(LOGIN_PATH.search(parts.path) or LOGIN_ARGUMENT.search(parts.query) or LOGIN_TITLE.match(title))


def fields_of(form: FormElement) -> dict[str, str]:
    """The part of an account for each field that has to be filled in, by name."""
    typed = [each for each in form.controls if is_fillable(each) and kind_of(each) in _TYPED]
    password = next((place for place, each in enumerate(typed) if kind_of(each) == "password"), len(typed))
    before = [each for each in typed[:password] if not _is_code(each)]
    user = next((each for each in reversed(before) if _is_user(each)), before[-1] if before else None)
    found: dict[str, str] = {}
    for each in typed:
        if each is user:
            found[each.name] = USERNAME
        elif kind_of(each) == "password" and PASSWORD not in found.values():
            found[each.name] = PASSWORD
        elif _is_code(each):
            found[each.name] = CODE
        elif not each.get("value") and ("required" in each.attributes or each in before):
            found[each.name] = each.name
    return found


def _is_user(control: Control) -> bool:
    said = f"{control.name} {control.get('id')} {control.get('autocomplete')} {control.get('placeholder')}"
    return kind_of(control) == "email" or bool(_USER.search(said))


def _is_code(control: Control) -> bool:
    return control.get("autocomplete") == "one-time-code" or bool(_CODE.search(control.name))


def without_way_back(url: str) -> str:
    """The address of a login page without the argument that says where to go afterwards."""
    parts = urlsplit(url)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if not (_WAY_BACK.fullmatch(name) or unquote(value).startswith(("/", "http://", "https://")))
    ]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), ""))


def login_link(response: Response) -> str | None:
    """Target of a page's own login link; None if it has none."""
    for link in response.css("a[href]") if response.has_elements else ():
        text = " ".join(link.xpath("string()").get("").split()).lower()
        href = link.root.get("href")
        if len(text) < 40 and (LOGIN_TITLE.match(text) or LOGIN_PATH.search(urlsplit(href).path)):
            try:
                return response.urljoin(href)
            except UsageError:
                continue
    return _login_button(response)


def _login_button(response: Response) -> str | None:
    """Where a button that says "Login" leads by its script; None if there is none."""
    for button in response.css("button[onclick], input[type=button][onclick]") if response.has_elements else ():
        text = " ".join((button.xpath("string()").get("") or button.root.get("value") or "").split()).lower()
        target = _OPENS.search(button.root.get("onclick"))
        if target is not None and len(text) < 40 and LOGIN_TITLE.match(text):
            try:
                return response.urljoin(target[1])
            except UsageError:
                continue
    return None
