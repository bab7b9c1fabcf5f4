"""A visitor for the practice site: plain requests, and just enough reading of forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import requests
from lxml import html

from crawler.testing import Site
from crawler.testing.fixtures import (  # noqa: F401  # where the package is not installed, nobody else brings them
    fake_clock,
    make_practice_site,
    make_raw_server,
    make_site_process,
    practice_site,
)


class Visitor(requests.Session):
    """A browser with one person in front of it."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.trust_env = False
        self.site = site

    def see(self, path: str, **options: object) -> requests.Response:
        """Opens a page of the first host; errors do not raise."""
        return self.get(self.site.url + path, timeout=10, **options)  # type: ignore[arg-type]

    def password_of(self, username: str) -> str:
        """The right password."""
        return next(account.password for account in self.site.accounts if account.username == username)

    def fields(self, page: requests.Response, form_id: str = "login") -> dict[str, str]:
        """The hidden fields of a form, and its first button."""
        form = html.fromstring(page.content).get_element_by_id(form_id)
        fields = {field.get("name"): field.get("value") for field in form.xpath('.//input[@type="hidden"]')}
        button = form.xpath(".//button")[0]
        return {**fields, button.get("name"): button.get("value")}

    def log_in(self, username: str = "alice", password: str | None = None, path: str = "/login") -> requests.Response:
        """Fills in the login form and sends it; returns the page that follows."""
        page = self.see(path)
        fields = self.fields(page) | {"username": username, "password": password or self.password_of(username)}
        return self.submit(page, fields)

    def submit(self, page: requests.Response, fields: dict[str, str], form_id: str = "login") -> requests.Response:
        """Sends a form as a browser does, with the page as referrer."""
        action = html.fromstring(page.content).get_element_by_id(form_id).get("action")
        target = requests.compat.urljoin(page.url, action)
        return self.post(target, data=fields, headers={"Referer": page.url}, timeout=10)


@pytest.fixture
def visit() -> Iterator[Callable[[Site], Visitor]]:
    """Makes visitors; closes them after the test."""
    with ExitStack() as visitors:
        yield lambda site: visitors.enter_context(Visitor(site))


def text_of(page: requests.Response, css_class: str) -> str | None:
    """The text of the first element with a class, or None."""
    found = html.fromstring(page.content).xpath(f'//*[@class="{css_class}"]')
    return found[0].text_content() if found else None


@pytest.fixture
def text() -> Callable[[requests.Response, str], str | None]:
    """`text_of`, for test modules that cannot import this file."""
    return text_of
