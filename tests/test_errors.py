"""The errors as a spider's author writes them: with a text, with both parts, or without a word; and through a pipe."""

from __future__ import annotations

import inspect
import pickle

import pytest
import requests

import crawler
from crawler import errors
from crawler.sessions.known_errors import as_known

EXPORTED = [
    value
    for value in (getattr(crawler, name) for name in crawler.__all__)
    if inspect.isclass(value) and issubclass(value, crawler.CrawlError)
]
OF_SESSIONS = [
    each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.SessionError)
]
OF_FETCHING = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.FetchError)]
WITH_TEXT = [each for each in OF_FETCHING if each is not errors.StatusError]  # that takes a number
ALL = sorted({*EXPORTED, *OF_SESSIONS, *OF_FETCHING}, key=lambda kind: kind.__name__)


def kept(error: Exception) -> tuple[type, str, dict[str, object]]:
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own
    return type(back), str(back), vars(back)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_an_error_takes_a_text_alone_and_shows_it_as_it_is(kind: type[crawler.CrawlError]) -> None:
    error = kind("the site says: no entry")

    assert str(error) == "the site says: no entry"
    assert kept(error) == (kind, "the site says: no entry", vars(error))


@pytest.mark.parametrize("kind", [*OF_SESSIONS, *OF_FETCHING], ids=lambda kind: kind.__name__)
def test_an_error_raised_without_a_word_says_what_its_kind_means(kind: type[crawler.CrawlError]) -> None:
    with pytest.raises(kind) as raised:
        raise kind

    assert len(str(raised.value)) > 10
    assert kept(raised.value) == (kind, str(raised.value), vars(raised.value))


@pytest.mark.parametrize("kind", OF_SESSIONS, ids=lambda kind: kind.__name__)
def test_an_error_of_a_session_with_its_name_shows_both(kind: type[errors.SessionError]) -> None:
    error = kind("buyer", "it was too late")

    assert str(error) == "session 'buyer': it was too late"
    assert kept(error) == (kind, str(error), vars(error))


@pytest.mark.parametrize("kind", WITH_TEXT, ids=lambda kind: kind.__name__)
def test_an_error_of_a_request_with_its_address_shows_both(kind: type[errors.FetchError]) -> None:
    error = kind("http://shop.test/p", "it was too late")

    assert str(error) == "it was too late (http://shop.test/p)"
    assert kept(error) == (kind, str(error), vars(error))


def test_an_error_of_a_status_keeps_its_numbers_through_a_pipe() -> None:
    error = errors.StatusError("http://shop.test/p", 503, 7.0)

    assert kept(error) == (errors.StatusError, "503 from http://shop.test/p", vars(error))
    assert "retry_after_s" in vars(error)


def test_an_error_of_a_status_that_a_spider_raises_with_a_text_has_no_status() -> None:
    error = errors.StatusError("the balance is not shown today")

    assert (error.status, error.url, error.why) == (0, "", "the balance is not shown today")
    assert str(errors.StatusError("", 503)) == "status 503"


EVERY = [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, crawler.CrawlError)]


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_error_goes_through_a_pipe_whole(kind: type[crawler.CrawlError]) -> None:
    error = kind(*(("where", 503) if kind is errors.StatusError else ("where", "why")))

    assert kept(error) == (kind, str(error), vars(error))
    assert "where" in str(error)


@pytest.mark.parametrize("kind", [errors.ConnectFailed, errors.TimedOut, errors.TLSFailed, errors.InvalidURL])
def test_an_error_that_is_one_of_requests_too_goes_through_a_pipe_whole(kind: type[errors.FetchError]) -> None:
    error = as_known(kind("http://shop.test/p", "why"))
    back = pickle.loads(pickle.dumps(error))  # noqa: S301 - its own

    assert isinstance(back, kind)
    assert isinstance(back, requests.RequestException)
    assert (str(back), back.url, back.why) == (str(error), "http://shop.test/p", "why")
