"""Session: one identity. A real `requests.Session` with a name, an account, a strict jar and one redirect routine.

All worker threads share it. Attributes that requests leaves open to its users (headers, auth, params, proxies, verify,
cert, mounted adapters) are meant to be set before a crawl or in the login step; requests in flight see the change or
not. Cookies may change at any time from any thread.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import requests
from requests.adapters import BaseAdapter
from requests.sessions import merge_hooks
from requests.structures import CaseInsensitiveDict

from crawler.errors import FetchError, GuardRefused, InvalidURL, RedirectError, StatusError
from crawler.pages.downloads import name_of, new_file, renamed
from crawler.response import Request, Response
from crawler.sessions.accounts import Account
from crawler.sessions.answers import TOO_LONG, as_ours, late_answers, own_copy, refuses_cookies, set_cookie_lines
from crawler.sessions.auth.schemes import of_url, sendable
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.rules import from_wire
from crawler.sessions.fittings import fittings, given_to, merged_params, without_params
from crawler.sessions.flow import Call, Enter, Flow, Send, Serial, run
from crawler.sessions.known_errors import as_known
from crawler.sessions.login.tools import LoginTools
from crawler.sessions.origins import Origins
from crawler.sessions.prepared import HopGuard, Prepared
from crawler.sessions.redirects import Hop, Steps, location_of, next_hop, surviving_headers
from crawler.sessions.secrets import remember_secret
from crawler.sessions.sent_headers import SentHeaders, address_cookies, put_cookies
from crawler.spider import Identity
from crawler.urls import absolute, is_private, is_secret_name, redact, same_origin


class Session(LoginTools, requests.Session):  # type: ignore[misc]  # its `cookies` is an attribute, ours a property
    """One identity, shared by all worker threads.

    Attributes:
        name: What requests are pinned with.
        key: The row in the store: sessions with one key share cookies and logins.
        account: Its credentials.
        origins: Where its auth and headers may go.
        epoch: How many times it has logged in; guarded by the keeper of the session (`sessions.login.keeper`).
        serial: One request at a time.
        leads_inside: A private host of ours may redirect to others of its network, as to a single sign-on.
        login_urls: Pages with a password form that the login step met.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        account: Account,
        origins: Origins,
        transport: BaseAdapter,
        limits: Any,
        key: str = "",
        user_agent: str = "",
        headers: Mapping[str, str] | None = None,
        proxy: str = "",
        verify: bool | str = True,
        timeout_s: float = 30.0,
        deadline_s: float = 120.0,
        max_redirects: int = 20,
    ) -> None:
        """Make a session without any I/O.

        Args:
            transport: Adapter for http and https, shared by sessions: closed by its owner and not by `close`.
            limits: Dataclass with a field ``deadline_s``, put on each prepared request for the transport.
            timeout_s: Seconds to connect and between two reads, where a call names none.
            deadline_s: Seconds for a request with all its redirects.
        """
        super().__init__()
        self.trust_env = False  # no netrc, no proxy variables: a credential must come from its own place
        self.name, self.key, self.identity = identity.name, key or identity.name, identity
        self.account, self.origins, self.serial = account, origins, identity.serial
        self.timeout_s, self.deadline_s, self.max_redirects = timeout_s, deadline_s, max_redirects
        self.epoch = 0
        self.leads_inside = False
        self.note: dict[str, Any] = {}  #: kept with the session, for login steps; JSON-able
        self._limits, self._transport = limits, transport
        self.cookies = Jar(home=origins.first)
        self.headers = CaseInsensitiveDict(
            {
                "User-Agent": identity.user_agent or user_agent,
                "Accept-Encoding": "gzip, deflate",
                "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                "Accept-Language": "en",
            }
        )
        self.headers.update(headers or {})
        self.headers.update(identity.headers)
        self._sent = SentHeaders(frozenset(name.lower() for name in identity.secret_headers))
        for name, value in identity.headers.items():
            if name.lower() in self._sent.secret:
                remember_secret(value)
        for name, value in identity.params.items():
            if is_secret_name(name):
                remember_secret(str(value))
        self.auth, self.verify, self.cert = identity.auth, verify if identity.verify is None else identity.verify, None
        self.cert = identity.cert
        self.params = dict(identity.params)
        chosen = identity.proxy or proxy
        password = chosen.rpartition("@")[0].rpartition("://")[2].partition(":")[2]
        for spelling in (password, unquote(password)):
            remember_secret(spelling)
        self.proxies = {"http": chosen, "https": chosen} if chosen else {}
        for adapter in self.adapters.values():
            adapter.close()
        self.adapters.clear()
        self.mount("https://", transport)
        self.mount("http://", transport)
        self.as_made = fittings(self)  #: a login step may fit it with more, which cannot be stored
        self.given = given_to(self)  #: what a login begins with, whatever the last one has left
        self.pace: Callable[[str], None] | None = None  #: waits for the turn of a request that has none yet
        self._one_at_a_time = Serial()  # for a serial session

    # --- what requests does, by our rules ---------------------------------------------------------------------
    def prepare_request(self, request: requests.Request) -> Prepared:
        """As in requests, with headers, auth and params only for our own origins, and cookies by our jar."""
        own = self.origins.covers(str(request.url))
        signed = own and not request.auth and self.auth is not None
        headers = self._sent.of(self.headers, own=own)
        for name, value in (request.headers or {}).items():
            if value is None:
                headers.pop(name, None)
            else:
                headers[name] = value
        params: Any = request.params
        if self.params and own:
            params = merged_params(self.params, params)
        prepared, hooks = Prepared(), merge_hooks(request.hooks, self.hooks)  # type: ignore[no-untyped-call]
        try:
            prepared.prepare(
                method=(request.method or "GET").upper(),
                url=request.url,
                files=request.files,
                data=request.data,
                json=request.json,
                headers=headers,
                params=params,
                auth=sendable((self.auth if signed else request.auth) or of_url(str(request.url))),
                cookies=None,
                hooks=hooks,
            )
            absolute("", prepared.url or "")  # requests lets file: and mailto: pass
        except (ValueError, requests.RequestException) as error:
            if isinstance(error, InvalidURL):
                raise as_known(error) from error.__cause__
            why = f"cannot be sent: {type(error).__name__}: {error}"
            raise as_known(InvalidURL(str(request.url), why)) from error
        prepared.unsigned_hooks = own_copy(hooks) if signed else None
        address_cookies(prepared, self.cookies, request.cookies)
        return prepared

    def prepare_link(self, request: Request, hop_guard: HopGuard | None = None) -> Prepared:
        """The quick way for a crawled request: its URL is absolute and checked already.

        Args:
            hop_guard: Asked before each redirect; a reason refuses it.
        """
        if self.params or request.body is not None:
            prepared = self.prepare_request(
                requests.Request(
                    request.method, request.url, headers=request.headers, data=request.body, cookies=request.cookies
                )
            )
            prepared.hop_guard, prepared.has_turn = hop_guard, True
            return prepared
        own = self.origins.covers(request.url)
        prepared = Prepared()
        prepared.method, prepared.url = request.method, request.url
        prepared.headers = self._sent.of(self.headers, own=own)
        if request.headers:
            prepared.headers.update(request.headers)
        prepared.hooks, prepared.body = own_copy(self.hooks), None
        prepared.hop_guard, prepared.has_turn = hop_guard, True
        if own and self.auth is not None:
            prepared.unsigned_hooks = prepared.hooks
            prepared.hooks = own_copy(self.hooks)
            prepared.prepare_auth(sendable(self.auth), request.url)
        address_cookies(prepared, self.cookies, request.cookies)
        return prepared

    def bare(self, url: str) -> str:
        """*url* as it may be kept: without what this session adds to each URL (`params`)."""
        return without_params(url, self.params) if self.params else url

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> Response:
        """As in requests, with a default timeout and this project's errors.

        Raises:
            FetchError: No usable answer came; a `requests.RequestException` of the kind that requests raises, too.
            InvalidURL: It is not a URL that can be fetched; the same.
        """
        kwargs.setdefault("timeout", self.timeout_s)
        if isinstance(url, bytes):
            url = url.decode()
        if isinstance(method, bytes):
            method = method.decode()
        answer = super().request(method, url, *args, **kwargs)
        assert isinstance(answer, Response)
        return answer

    def get(self, url: str | bytes, **kwargs: Any) -> Response:
        """As in requests."""
        return self.request("GET", url, **kwargs)

    def post(self, url: str | bytes, data: Any = None, json: Any = None, **kwargs: Any) -> Response:
        """As in requests."""
        return self.request("POST", url, data=data, json=json, **kwargs)

    def download(self, url: str, folder: Path | str, name: str | None = None, **kwargs: Any) -> Path:
        """Fetch *url* into a new file in *folder*, in constant memory; nothing is overwritten (`Response.save`).

        Args:
            name: None: what the server proposes, or the last part of the address. Cleaned in any case.
            kwargs: Of `requests.Request`: params, headers, auth ...
        Raises:
            StatusError: The answer is no success; nothing is kept.
            FetchError: No usable answer came; nothing is kept.
            UsageError: The folder is a symbolic link, or no folder.
        """
        prepared = self.prepare_request(requests.Request("GET", url, **kwargs))
        with new_file(folder, name or name_of(url, None)) as (file, path):
            prepared.sink = file
            answer = self.send(prepared)
            if not answer.ok:
                raise StatusError(answer.url, answer.status_code)
            file.write(answer.body)  # from adapters that know no sink; else empty
        proposed = answer.headers.get("Content-Disposition")
        return path if name or not proposed else renamed(path, name_of(url, proposed))

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
        yield Enter(self._one_at_a_time)
        try:  # the answer's cookies are in the jar before the next request takes its own
            if prepared.given_cookies is not None:
                prepared.headers.pop("Cookie", None)
                put_cookies(prepared, self.cookies)
            return (yield from self._hops(prepared, kwargs))
        finally:
            self._one_at_a_time.leave()

    def _hops(self, request: Prepared, kwargs: dict[str, Any]) -> Flow[Response]:
        follow = kwargs.pop("allow_redirects", True)
        options: dict[str, Any] = {
            "stream": kwargs.get("stream", self.stream),
            "timeout": kwargs.get("timeout", self.timeout_s),
            "verify": kwargs.get("verify", self.verify),
            "cert": kwargs.get("cert", self.cert),
            "proxies": kwargs.get("proxies") or self.proxies,
        }
        jar = self.cookies  # a login swaps the jar: late answers write into the old one
        ends = time.monotonic() + self.deadline_s
        history: list[Response] = []
        steps = Steps()
        inside = self.leads_inside and not options["proxies"]
        guard = request.hop_guard
        while True:
            steps.take(request)
            if self.pace is not None and not request.has_turn:
                yield Call(partial(self.pace, str(request.url)))
            if options["cert"] == self.cert and not self.origins.covers(str(request.url)):
                options["cert"] = None  # a client certificate says who we are: it stays at home as auth does
            answer = yield from self._exchange_with_cookies(request, jar, options, ends)
            location = location_of(answer, strict=follow)
            if location is None or not follow:
                break
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
            inside = inside and bool(address) and is_private(address)  # whoever was outside once leads nowhere inside
            request.led_by = address if inside else ""
        answer.history = [*history, *answer.history] if history else answer.history
        if location is not None:
            answer._next = self._following(request, answer, location)  # type: ignore[attr-defined]
        self._watch(answer)
        return answer

    def _following(self, request: Prepared, answer: Response, location: str) -> Prepared | None:
        """The request that a redirect leads to, for who follows it by hand; None where it may not be followed."""
        try:
            hop = next_hop(str(request.url), str(request.method), bool(request.body), answer.status_code, location)
        except FetchError:
            return None
        return self._redirected(request, hop)

    def _exchange_with_cookies(
        self, request: Prepared, jar: Jar, options: dict[str, Any], ends: float
    ) -> Flow[Response]:
        """One exchange, and where the server may have refused the length of our cookies a second one with fewer."""
        answer = yield from self._exchange(request, jar, options, ends)
        if not refuses_cookies(answer.status_code, request):
            return answer
        url = str(request.url)
        jar.shorten(url)
        request.headers.pop("Cookie", None)
        put_cookies(request, self.cookies)
        if self.pace is not None:
            yield Call(partial(self.pace, url))
        again = yield from self._exchange(request, jar, options, ends)
        if again.status_code in TOO_LONG:
            jar.shorten(url, False)  # it was something else: whoever leaves out a part of a session is logged out
        return again

    def _exchange(self, request: Prepared, jar: Jar, options: dict[str, Any], ends: float) -> Flow[Response]:
        url = str(request.url)
        left_s = ends - time.monotonic()
        limits = self._limits
        if limits.deadline_s is None or not 0 <= limits.deadline_s - left_s < 0.01:  # a redirect has less time left
            limits = dataclasses.replace(limits, deadline_s=max(left_s, 0.001))
        request.limits = limits
        ticket = jar.ticket()
        try:
            answer = yield Send(self.get_adapter(url), request, options)
        except (ValueError, requests.RequestException, OSError) as error:  # from an adapter that a user mounted
            if isinstance(error, FetchError | InvalidURL):
                raise
            raise FetchError(url, f"{type(error).__name__}: {error}") from error
        for each in (answer, *late_answers(answer, request, options)):
            self._receive(each, jar, ticket)
            answer = each
        if not isinstance(answer, Response):
            answer = as_ours(answer)
        return answer

    def _receive(self, answer: requests.Response, jar: Jar, ticket: int) -> None:
        lines = set_cookie_lines(answer)
        if lines:
            lines = [from_wire(line) for line in lines]
            jar.receive(str(answer.url), lines, ticket=ticket, date=answer.headers.get("Date"))

    def _redirected(self, request: Prepared, hop: Hop) -> Prepared:
        following = Prepared()
        following.method, following.url = hop.method, hop.url
        following.sink = request.sink
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
        if own and self.auth is not None and "Authorization" not in following.headers:
            following.unsigned_hooks = own_copy(hooks)
            following.prepare_auth(sendable(self.auth), hop.url)
        address_cookies(following, self.cookies)
        return following

    def close(self) -> None:
        """Close adapters that were mounted here; the shared transport stays open."""
        for adapter in self.adapters.values():
            if adapter is not self._transport:
                adapter.close()

    def __repr__(self) -> str:
        return f"<Session {self.name} epoch {self.epoch}, {len(self.cookies)} cookies>"

    def __reduce__(self) -> Any:
        raise TypeError("a session holds secrets and connections: it cannot be pickled; its state is in the store")

    __getstate__: Callable[..., Any] = __reduce__
