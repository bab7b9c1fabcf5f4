"""Whoever knows requests knows a session of ours: each call is made on both, against one server, and compared."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from pytest_httpserver import HTTPServer

from crawler import Session, Spider
from crawler.engine import application

from . import calls_cookies, calls_errors, calls_requests, calls_responses
from .calls import ALIKE, Call
from .differences import DIFFERENT
from .site import answer

CALLS = (calls_cookies, calls_responses, calls_requests, calls_errors)  # each adds its own to ALIKE
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "like-requests.md"


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with HTTPServer(threaded=True) as server:
        server.expect_request(re.compile(".*")).respond_with_handler(answer)
        yield server.url_for("").rstrip("/")


@pytest.fixture
def ours(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    spider = type("Shop", (Spider,), {"name": "shop", "start_urls": [f"{site}/"]})
    store = tmp_path_factory.mktemp("store") / "crawl.db"
    with application.visitor(spider, settings={"store": str(store), "allow_private": True}) as visitor:
        yield visitor.session()


def outcome(call: Call, session: Any, site: str) -> Any:
    """What the call gives, or the kind of what it raised as requests knows it, and its text."""
    try:
        return call(session, site)
    except requests.RequestException as error:
        kind = next(each for each in type(error).__mro__ if each.__module__.startswith("requests"))
        return kind.__name__, str(error)
    except (KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        return type(error).__name__


@pytest.fixture
def theirs() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.mark.parametrize("name", ALIKE)
def test_as_in_requests(name: str, ours: Session, theirs: requests.Session, site: str) -> None:
    theirs.trust_env = False  # the proxies of this machine are not what is compared

    assert outcome(ALIKE[name], ours, site) == outcome(ALIKE[name], theirs, site)


@pytest.mark.parametrize("title", DIFFERENT)
def test_different_on_purpose(title: str, ours: Session, theirs: requests.Session, site: str) -> None:
    call, expected_theirs, expected_ours = DIFFERENT[title]
    got = outcome(call, ours, site)
    if isinstance(expected_ours, tuple) and isinstance(got, tuple) and got[0] == "TooManyRedirects":
        got = got[0], got[1][: len(expected_ours[1])]  # the rest of the text names an address

    assert outcome(call, theirs, site) == expected_theirs
    assert got == expected_ours


def test_the_page_has_a_row_for_each_difference_and_no_other() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]

    assert rows[2:] == list(DIFFERENT)
