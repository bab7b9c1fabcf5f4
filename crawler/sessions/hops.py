"""A request on its way: its redirects, each with the cookies and credentials of its own origin and no others.

One routine for login steps and crawled pages alike, as a flow (`sessions.flow`); the rules are in `sessions.redirects`.
"""

from __future__ import annotations

import dataclasses
import time
from functools import partial
from typing import Any

import requests
from requests.structures import CaseInsensitiveDict

from crawler.errors import BetweenProxies, FetchError, GuardRefused, InvalidURL, RedirectError
from crawler.response import Response
from crawler.sessions.auth.schemes import sendable
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.rules import from_wire
from crawler.sessions.flow import Call, Enter, Flow, Send, run
from crawler.sessions.foreign_answers import (
    TOO_LONG,
    as_ours,
    late_answers,
    own_copy,
    refuses_cookies,
    set_cookie_lines,
)
from crawler.sessions.known_errors import as_known
from crawler.sessions.lent import Lent
from crawler.sessions.login.tools import LoginTools
from crawler.sessions.origins import Origins
from crawler.sessions.prepared import Prepared
from crawler.sessions.quota import Allowance
from crawler.sessions.redirects import Hop, Steps, location_of, next_hop, surviving_headers
from crawler.sessions.sending import Sending
from crawler.sessions.sent_headers import SentHeaders, address_cookies, put_cookies
from crawler.sessions.storage import Storage
from crawler.urls import is_private, redact, same_origin


class Hops(LoginTools, requests.Session):  # type: ignore[misc]  # its `cookies` is an attribute, ours a property
    """The half of `Session` that sends. Safe from any thread.

    Attributes:
        origins: Where its auth and headers may go.
        serial: One request at a time.
        leads_inside: A private host of ours may redirect to others of its network, as to a single sign-on.
        max_redirects: More are refused.
        sending: The time each may take, whose turn it is, how many there may be and which way.
        storage: What the site's scripts keep in a browser, by origin: of sessions that a browser has logged in.
        lends: What its auth needs to ask for tokens.
    """

    origins: Origins
    serial: bool
    leads_inside: bool
    sending: Sending
    storage: Storage
    lends: Lent
    _sent: SentHeaders

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> Response:
        """Send a prepared request and follow its redirects by the rules of `sessions.redirects`.

        Every hop gets the cookies and credentials of its own origin and no others. Safe from any thread.

        Raises:
            FetchError: No usable answer came, or a redirect may not be followed; a `requests.RequestException`, too.
        """
        try:
            return run(self.flow(request, **kwargs))
        except FetchError as error:
            self._unanswered(request, error)
            raise as_known(error) from error.__cause__

    def flow(self, request: requests.PreparedRequest, **kwargs: Any) -> Flow[Response]:
        """What `send` does, as steps for whoever carries them out (`sessions.flow`)."""
        prepared = Prepared.of(request)
        if not self.serial:
            return (yield from self._hops(prepared, kwargs))
        yield Enter(self.sending.one_at_a_time)
        try:  # the answer's cookies are in the jar before the next request takes its own
            if prepared.given_cookies is not None:
                prepared.headers.pop("Cookie", None)
                put_cookies(prepared, self.cookies)
            return (yield from self._hops(prepared, kwargs))
        finally:
            self.sending.one_at_a_time.leave()

    def _hops(self, request: Prepared, kwargs: dict[str, Any]) -> Flow[Response]:
        follow, stops_at = kwargs.pop("allow_redirects", True), kwargs.pop("stops_at", ())
        options: dict[str, Any] = {
            "stream": kwargs.get("stream", self.stream),
            "timeout": kwargs.get("timeout", self.sending.timeout_s),
            "verify": kwargs.get("verify", self.verify),
            "cert": kwargs.get("cert", self.cert),
            "proxies": kwargs.get("proxies") or self.proxies,
        }
        jar = self.cookies  # a login swaps the jar: late answers write into the old one
        own = request.own_limits
        ends = time.monotonic() + (self.sending.deadline_s if own is None else own.deadline_s)
        history: list[Response] = []
        steps: Steps | None = None
        inside = self.leads_inside and not options["proxies"]
        guard = request.hop_guard
        if self.sending.proxy_pool is not None and self.sending.proxy_pool.is_between and request.has_turn:
            raise BetweenProxies(str(request.url), "its session logs in again through another proxy")
        while True:
            if steps is not None:
                steps.take(request)
            if self.sending.pace is not None and not request.has_turn:
                yield Call(partial(self.sending.pace, str(request.url)))
            if options["cert"] == self.cert and not self.origins.covers(str(request.url)):
                options["cert"] = None  # a client certificate says who we are: it is held back as auth is
            answer = yield from self._exchange_with_cookies(request, jar, options, ends)
            location = location_of(answer, strict=follow)
            if location is None or not follow or answer.status_code in stops_at:
                break
            if steps is None:  # most requests are not redirected
                steps = Steps()
                steps.take(request)
            hop = next_hop(str(request.url), str(request.method), bool(request.body), answer.status_code, location)
            if guard is not None and (reason := guard(hop.url, "", "")):
                raise GuardRefused(str(request.url), f"guard: redirect to {redact(hop.url)}: {reason}")
            if len(history) >= self.max_redirects:
                raise RedirectError(str(request.url), f"more than {self.max_redirects} redirects")
            answer.history = [*history, *answer.history]
            history.append(answer)
            if not same_origin(str(request.url), hop.url):  # what the call said of TLS is about the origin it named
                options |= {"verify": self.verify, "cert": self.cert}
            request = self._redirected(request, hop)
            address = getattr(answer, "address", "")
            inside = inside and bool(address) and is_private(address)  # once outside, it leads nowhere inside
            request.led_by = address if inside else ""
        answer.history = [*history, *answer.history] if history else answer.history
        if location is not None:
            answer._next = self._following(request, answer, location)
        self._watch(answer)
        return answer

    def _following(self, request: Prepared, answer: Response, location: str) -> Prepared | None:
        """The request that a redirect leads to, for those who follow it by hand; None where it may not be followed."""
        try:
            hop = next_hop(str(request.url), str(request.method), bool(request.body), answer.status_code, location)
        except FetchError:
            return None
        return self._redirected(request, hop)

    def _exchange_with_cookies(
        self, request: Prepared, jar: Jar, options: dict[str, Any], ends: float
    ) -> Flow[Response]:
        """One exchange, and a second one with fewer cookies where the server may have refused their length."""
        answer = yield from self._exchange(request, jar, options, ends)
        if not refuses_cookies(answer.status_code, request):
            return answer
        url = str(request.url)
        jar.shorten(url)
        request.headers.pop("Cookie", None)
        put_cookies(request, self.cookies)
        if self.sending.pace is not None:
            yield Call(partial(self.sending.pace, url))
        again = yield from self._exchange(request, jar, options, ends)
        if again.status_code in TOO_LONG:
            jar.shorten(url, False)  # it was something else: leaving out a part of a session would log it out
        return again

    def _exchange(self, request: Prepared, jar: Jar, options: dict[str, Any], ends: float) -> Flow[Response]:
        url = str(request.url)
        left_s = ends - time.monotonic()
        limits = request.own_limits or self.sending.limits
        if limits.deadline_s is None or not 0 <= limits.deadline_s - left_s < 0.01:  # a redirect has less time left
            limits = dataclasses.replace(limits, deadline_s=max(left_s, 0.001))
        request.limits = limits
        ticket = jar.ticket()
        counted = self.sending.allowance if self.sending.allowance is not None and self.origins.covers(url) else None
        if counted is not None and not counted.take():
            yield Call(partial(counted.before_sending, url))
        began = time.monotonic()
        try:
            answer = yield Send(self.get_adapter(url), request, options)
        except (FetchError, ValueError, requests.RequestException, OSError) as error:
            failed = self._no_answer(error, url, options, counted)
            if self.sending.recorder is not None:
                self.sending.recorder.failed(request, failed, time.monotonic() - began, self.name)
            if failed is error:
                raise
            raise failed from error
        except GeneratorExit:  # it has missed its turn, and was not sent
            if counted is not None:
                counted.unsent()
            raise
        if self.sending.proxy_pool is not None:
            self.sending.proxy_pool.connected(options["proxies"])
        for number, each in enumerate((answer, *late_answers(answer, request, options))):
            self._receive(each, jar, ticket)
            answer = each
            if counted is not None and (not number or counted.take()):  # an auth has sent it once more
                counted.answered(each.headers)
            if self.sending.recorder is not None:
                self.sending.recorder.answered(each, self.name)
        if not isinstance(answer, Response):
            answer = as_ours(answer)
        return answer

    def _no_answer(self, error: Exception, url: str, options: dict[str, Any], counted: Allowance | None) -> Exception:
        """No answer came to a request: count it, look at the proxy, and say what is to be raised."""
        if counted is not None:
            counted.answered(None)
        if self.sending.proxy_pool is not None:
            error = self.sending.proxy_pool.look_at(error, options["proxies"])
        if isinstance(error, FetchError | InvalidURL):
            return error
        return FetchError(url, f"{type(error).__name__}: {error}")  # from an adapter that a user mounted

    def _receive(self, answer: requests.Response, jar: Jar, ticket: int) -> None:
        lines = set_cookie_lines(answer)
        if lines:
            lines = [from_wire(line) for line in lines]
            jar.receive(str(answer.url), lines, ticket=ticket, date=answer.headers.get("Date"))

    def _lend_storage(self, prepared: Prepared) -> None:
        """Give *prepared* what an auth needs whose token came from a browser, or that asks for tokens by itself."""
        prepared.storage, prepared.lends = self.storage, self.lends

    def _redirected(self, request: Prepared, hop: Hop) -> Prepared:
        following = Prepared()
        following.method, following.url = hop.method, hop.url
        following.sink, following.own_limits = request.sink, request.own_limits
        following.headers = CaseInsensitiveDict(surviving_headers(request.headers, hop))
        for name in self._sent.secret if not hop.keeps_headers else ():
            following.headers.pop(name, None)
        own = self.origins.covers(hop.url)
        if own and not hop.keeps_headers:
            following.headers = self._sent.of(self.headers, own=True)
        following.body = request.body if hop.keeps_body else None
        unsigned = request.unsigned_hooks
        hooks = (unsigned or request.hooks) if hop.keeps_headers else self.hooks if own else {}
        following.hooks = own_copy(hooks)
        if unsigned is not None:
            following.headers.pop("Authorization", None)  # made for another URL: digest signs each one
        following.signs_itself = request.signs_itself
        self._lend_storage(following)
        signed = request.signs_itself or "Authorization" in following.headers
        if own and self.auth is not None and not signed:
            following.unsigned_hooks = own_copy(hooks)
            following.prepare_auth(sendable(self.auth), hop.url)
        address_cookies(following, self.cookies)
        return following
