"""Our errors as the users of requests catch them: ``except requests.ConnectionError`` catches a `ConnectFailed`.

Each class here is one of ours and one of requests', with the name of ours. They are not in `crawler.errors`, which the
command line loads for each ``--help``: requests takes longer to load than all that it prints.
"""

from __future__ import annotations

from typing import Final

import requests
from requests import exceptions as theirs

from crawler import errors

__all__: list[str] = []

_ALSO: Final[dict[type[Exception], tuple[type[Exception], ...]]] = {
    errors.FetchError: (requests.RequestException,),
    errors.Refused: (requests.RequestException,),
    errors.ProxyRefused: (requests.exceptions.ProxyError,),
    errors.ProxyFailed: (requests.exceptions.ProxyError,),
    errors.GuardRefused: (requests.RequestException,),
    errors.BadAnswer: (theirs.ContentDecodingError, requests.ConnectionError),
    errors.TooLarge: (requests.RequestException,),
    errors.RedirectError: (requests.TooManyRedirects,),
    errors.TLSFailed: (theirs.SSLError,),
    errors.UnknownHost: (requests.ConnectionError,),
    errors.Unreachable: (requests.ConnectionError,),
    errors.ConnectFailed: (requests.ConnectionError,),
    errors.TimedOut: (requests.ReadTimeout,),
    errors.Incomplete: (theirs.ChunkedEncodingError, requests.ConnectionError),
    errors.InvalidURL: (theirs.InvalidURL, theirs.MissingSchema, theirs.InvalidSchema),
}
_KNOWN: Final[dict[type[Exception], type[Exception]]] = {
    ours: type(
        ours.__name__, (ours, *also), {"__module__": __name__, "__doc__": f"As `crawler.errors.{ours.__name__}`."}
    )
    for ours, also in _ALSO.items()
}


def __getattr__(name: str) -> type[Exception]:
    """One of these classes by its name: where pickle looks for it."""
    for kind in _KNOWN.values():
        if kind.__name__ == name:
            return kind
    raise AttributeError(name)


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
