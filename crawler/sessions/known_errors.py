"""Our errors as the users of requests catch them: ``except requests.ConnectionError`` catches a `ConnectFailed`.

Each class here is one of ours and one of requests'. They are not in `crawler.errors`, which the command line loads for
each ``--help``: requests takes longer to load than all that it prints.
"""

from __future__ import annotations

from typing import Final

import requests
from requests import exceptions as theirs

from crawler import errors

__all__: list[str] = []


class FetchError(errors.FetchError, requests.RequestException):
    """As `crawler.errors.FetchError`."""


class Refused(errors.Refused, requests.RequestException):
    """As `crawler.errors.Refused`."""


class GuardRefused(errors.GuardRefused, requests.RequestException):
    """As `crawler.errors.GuardRefused`."""


class BadAnswer(errors.BadAnswer, theirs.ContentDecodingError, requests.ConnectionError):
    """As `crawler.errors.BadAnswer`."""


class TooLarge(errors.TooLarge, requests.RequestException):
    """As `crawler.errors.TooLarge`."""


class RedirectError(errors.RedirectError, requests.TooManyRedirects):
    """As `crawler.errors.RedirectError`."""


class TLSFailed(errors.TLSFailed, theirs.SSLError):
    """As `crawler.errors.TLSFailed`."""


class UnknownHost(errors.UnknownHost, requests.ConnectionError):
    """As `crawler.errors.UnknownHost`."""


class ConnectFailed(errors.ConnectFailed, requests.ConnectionError):
    """As `crawler.errors.ConnectFailed`."""


class Unreachable(errors.Unreachable, requests.ConnectionError):
    """As `crawler.errors.Unreachable`."""


class TimedOut(errors.TimedOut, requests.ReadTimeout):
    """As `crawler.errors.TimedOut`."""


class Incomplete(errors.Incomplete, theirs.ChunkedEncodingError, requests.ConnectionError):
    """As `crawler.errors.Incomplete`."""


class InvalidURL(errors.InvalidURL, theirs.InvalidURL, theirs.MissingSchema, theirs.InvalidSchema):
    """As `crawler.errors.InvalidURL`."""


_KNOWN: Final[dict[type[Exception], type[Exception]]] = {
    kind.__bases__[0]: kind
    for kind in (
        *(FetchError, Refused, GuardRefused, BadAnswer, TooLarge, RedirectError, TLSFailed, UnknownHost, Unreachable),
        *(ConnectFailed, TimedOut, Incomplete, InvalidURL),
    )
}


def as_known(error: errors.CrawlError) -> errors.CrawlError:
    """*error* as one of requests' kind, too, with its traceback; itself where requests has none like it."""
    kind = _KNOWN.get(type(error))
    if kind is None:
        return error
    twin = kind(*error.args)
    assert isinstance(twin, errors.CrawlError)
    twin.__dict__.update(error.__dict__)
    twin.__cause__ = error.__cause__
    return twin.with_traceback(error.__traceback__)
