"""The programs that are compared: each opens the page of a situation, fills it in, clicks, and sends its form."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from crawler.errors import UsageError
from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.limits import Limits
from crawler.response import Response
from crawler.sessions.accounts import Account
from crawler.sessions.origins import Origins
from crawler.sessions.session import Session
from crawler.spider import Identity
from tests.form_submission.situation import Situation

Tool = Callable[[Situation, str], None]  #: sends the form of the page at an address; raises what it cannot do

CHROMIUM = "/usr/bin/chromium"


@contextmanager
def ours(url: str) -> Iterator[Tool]:
    limits = Limits()
    transport = CurlAdapter(limits=limits, response_class=Response)
    origins = Origins([url])
    session = Session(
        Identity("a"), account=Account("a", environ={}), origins=origins, transport=transport, limits=limits
    )

    def send(situation: Situation, page_url: str) -> None:
        page = session.get(page_url)
        click = page.css(f"#{situation.click}") if situation.click else False
        form = page.form(id="f") if "id=f" in situation.markup else page.form()
        try:
            session.submit(form, situation.fill, click=click)
        except UsageError as error:
            if "method=dialog" not in str(error):
                raise

    yield send
    transport.close()


@contextmanager
def form2request(url: str) -> Iterator[Tool]:
    import requests
    from form2request import form2request as made
    from parsel import Selector

    with requests.Session() as session:

        def send(situation: Situation, page_url: str) -> None:
            answer = session.get(page_url)
            page = Selector(body=answer.content, encoding=situation.charset, base_url=page_url)
            form = page.css("#f" if "id=f" in situation.markup else "form")
            click = page.css(f"#{situation.click}")[0] if situation.click else False
            request = made(form, situation.fill, click=click)
            session.request(request.method, request.url, headers=dict(request.headers), data=request.body)

        yield send


@contextmanager
def mechanicalsoup(url: str) -> Iterator[Tool]:
    import mechanicalsoup as library

    browser = library.StatefulBrowser()

    def send(situation: Situation, page_url: str) -> None:
        page = browser.open(page_url).soup
        browser.select_form("#f" if "id=f" in situation.markup else "form")
        for name, value in situation.fill.items():
            browser[name] = value
        browser.submit_selected(btnName=page.find(id=situation.click) if situation.click else False)

    yield send
    browser.close()


@contextmanager
def mechanize(url: str) -> Iterator[Tool]:
    import mechanize as library

    def send(situation: Situation, page_url: str) -> None:
        browser = library.Browser()
        browser.set_handle_robots(False)
        browser.open(page_url)
        if "id=f" in situation.markup:
            browser.select_form(id="f")
        else:
            browser.select_form(nr=0)
        for name, value in situation.fill.items():
            control = browser.form.find_control(name, nr=0 if value is not True else None, type=_type_of(value))
            if value is True:
                control.items[0].selected = True
            else:
                control.value = [value] if control.type in ("radio", "select", "checkbox") else value
        browser.submit(id=situation.click) if situation.click else browser.submit()

    yield send


def _type_of(value: Any) -> str | None:
    return "checkbox" if value is True else None


@contextmanager
def chromium(url: str) -> Iterator[Tool]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--lang=en"])
        pages = []

        def send(situation: Situation, page_url: str) -> None:
            while pages:
                pages.pop().close()
            page = browser.new_page()
            pages.append(page)
            page.goto(page_url)
            for name, value in situation.fill.items():
                _fill_in_chromium(page, name, value)
            if situation.click:
                page.evaluate("id => document.getElementById(id).click()", situation.click)
            else:
                page.evaluate("(document.getElementById('f') || document.forms[0]).submit()")

        yield send
        browser.close()


def _fill_in_chromium(page: Any, name: str, value: Any) -> None:
    fields = page.locator(f'[name="{name}"]:not([type=hidden])')
    kind = fields.first.evaluate("each => each.type")
    if kind == "checkbox":
        fields.first.set_checked(value)
    elif kind == "radio":
        page.locator(f'[name="{name}"][value="{value}"]').check()
    elif kind.startswith("select"):
        fields.first.select_option(value)
    else:
        fields.first.fill(value)


TOOLS: dict[str, Callable[[str], Any]] = {
    "ours": ours,
    "form2request": form2request,
    "MechanicalSoup": mechanicalsoup,
    "mechanize": mechanize,
}


def quiet() -> None:
    """The others warn of much; that is not what is compared."""
    warnings.simplefilter("ignore")
