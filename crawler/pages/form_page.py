"""A page as its forms see it: which forms there are, which one a selector means, and where else a form may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from crawler.errors import InvalidURL, UsageError
from crawler.pages.form_controls import kind_of
from crawler.pages.form_tree import FormElement, FormTree, TooMuchMarkup, numbers_of, read_forms
from crawler.pages.parsing import tree_of
from crawler.urls import redact

if TYPE_CHECKING:
    from crawler.pages.page import Page

MOST_NAMED: Final = 30  #: fields, buttons or forms in one error
_SAID_CHARACTERS: Final = 80


class FormPage:
    """What a form needs to know of its page."""

    def __init__(self, response: Page) -> None:
        """Read its forms. Raises UsageError if it is not a page, or too large."""
        if response.selector.type != "html":  # XHTML is read as HTML; other XML has no forms
            raise UsageError(f"no form on {redact(response.url)}: not a web page ({response.content_type})")
        self.url, self.base_url, self.charset = response.url, response.base_url, response.charset
        self.session = response.asked.session if response.asked is not None else None
        self.asked_url = str(response.history[0].url) if response.history else response.url
        self.response = response
        try:
            self.tree = read_forms(response.text, deep=any(each.startswith("tree cut") for each in response.warnings))
        except TooMuchMarkup as error:
            raise UsageError(f"forms of {redact(response.url)} are not looked for: the page has {error}") from None

    @cached_property
    def numbers(self) -> Mapping[Any, int]:
        """The numbers of the elements that selectors find on the page."""
        return numbers_of(self.response.text, self.response.selector.root, tree_of)


def hit(hits: Any, tree: FormTree, numbers: Mapping[Any, int]) -> Iterator[FormElement]:
    """The forms in what a selector has found, each once."""
    forms: dict[int, FormElement | None] = {form.number: form for form in tree.forms}
    for control in tree.controls:
        forms[control.number] = control.owner
    seen: set[int] = set()
    for hit in hits:
        element = hit.root
        if not hasattr(element, "iterancestors"):
            continue
        for each in (element, *element.iterancestors(), *element.iterdescendants()):
            form = forms.get(numbers.get(each, 0))
            if form is not None:
                if form.number not in seen:
                    seen.add(form.number)
                    yield form
                break


def elsewhere(response: Page, tree: FormTree) -> str:
    """Where the form of a page without one may be, or what the page says instead."""
    frames = [link for link in response.xpath("//iframe/@src | //frame/@src").getall() if link.strip()]
    urls = []
    for link in frames[:5]:
        try:
            urls.append(redact(response.urljoin(link)))
        except InvalidURL:
            continue
    if urls:
        return f". The page has frames, and a form may be in one: session.get({urls[0]!r}).form()" + (
            f"; the others: {', '.join(urls[1:])}" if urls[1:] else ""
        )
    if tree.forms:
        return ""
    refresh = response.xpath("//meta[translate(@http-equiv, 'REFSH', 'refsh')='refresh']/@content").get("")
    link = refresh.partition("=")[2].strip(" '\"") if ";" in refresh or "," in refresh else ""
    if link:
        try:
            return (
                f". The page sends browsers on (meta refresh): session.get({redact(response.urljoin(link))!r}).form()"
            )
        except InvalidURL:
            pass
    said = _said(response)
    if response.css("script"):
        return (
            f"{said}. The page has scripts, which may make its form: post what they post (session.post), or log in with"
            " a browser (crawl login --browser)"
        )
    return said


def _said(response: Page) -> str:
    """What a page without a form is about, as its heading or its title says: a notice stands in place of a form."""
    for each in [*response.xpath("//h1 | //h2"), *response.xpath("//title")]:
        text = " ".join(each.xpath("string()").get("").split())
        if text and len(text) <= _SAID_CHARACTERS:
            return f". The page says {redact(text)!r}"
    return ""


def described(form: FormElement) -> str:
    names = [each.name for each in form.controls if each.name]
    return f"{form.attributes.get('id') or form.attributes.get('name') or 'unnamed'} ({', '.join(names[:8])})"


def listed(names: list[str]) -> str:
    unique = list(dict.fromkeys(names))
    return ", ".join(unique[:MOST_NAMED]) + (" ..." if len(unique) > MOST_NAMED else "") or "none"


def unlikeliness(form: FormElement) -> int:
    passwords = sum(kind_of(each) == "password" and not each.disabled for each in form.controls)
    if passwords:
        return 0 if passwords == 1 else 1  # two and more: sign up, or change the password
    return 2 if form.attributes.get("method", "").lower() == "post" else 3
