"""Auth that keeps nothing for each thread, and the one way in which it sends a request once more."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import Any

import requests
from requests.auth import AuthBase
from requests.utils import rewind_body

from crawler.sessions.prepared import Prepared

Again = Generator[requests.PreparedRequest, requests.Response, None]
"""Yields a request to send once more, at most one, and is sent its answer."""


class SharedAuth(AuthBase):
    """An auth that any thread may call, also to go on with what another has begun.

    Requests of a session with another kind of auth stay on one thread each, from the first byte to the last: requests'
    own digest, for one, keeps its nonce in variables of the thread.
    """

    def after(self, response: requests.Response) -> Again:
        """What is to be sent once more after an answer, if anything. Sends nothing itself."""
        yield from ()

    def _watch(self, request: requests.PreparedRequest) -> None:
        """Look at the answer to *request*."""
        # a new dict: the session may lend its own to all its requests
        request.hooks = {**request.hooks, "response": [*request.hooks.get("response", ()), self._look_at]}

    def _look_at(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        adapter = getattr(response, "connection", None)  # tests and other programs make responses without one
        if adapter is None:
            return response
        flow = self.after(response)
        again = next(flow, None)
        if again is None:
            return response
        response.content  # noqa: B018 - read to its end, so that the connection can be used again
        response.close()
        answer: requests.Response = adapter.send(again, **kwargs)
        answer.history = [*answer.history, response]
        answer.request = again
        with contextlib.suppress(StopIteration):
            flow.send(answer)
        return answer


def was_sent_again(request: requests.PreparedRequest) -> bool:
    """Whether *request* is the second try that an auth has made."""
    return isinstance(request, Prepared) and request.sent_again


def once_more(request: requests.PreparedRequest) -> Prepared:
    """*request* for its second try, its body at the beginning."""
    again = Prepared.of(request).copy()  # with what it carries for us, which requests' own copy would forget
    again.sent_again = True
    if getattr(again, "_body_position", None) is not None:
        rewind_body(again)
    return again
