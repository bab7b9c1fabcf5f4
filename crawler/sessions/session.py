"""Session: one identity. A real `requests.Session` with a name, an account and a strict jar; sending is in `hops`.

All worker threads share it. Attributes that requests leaves open to its users (headers, auth, params, proxies, verify,
cert, mounted adapters) are meant to be set before a crawl or in the login step; requests in flight see the change or
not. Cookies may change at any time from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from crawler.errors import InvalidURL, QuotaSpent, StatusError
from crawler.identity import Identity
from crawler.pages.downloads import name_of, new_file, renamed
from crawler.response import Request, Response
from crawler.sessions.accounts import Account
from crawler.sessions.auth.schemes import of_url, sendable
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.foreign_answers import own_copy
from crawler.sessions.hops import Hops
from crawler.sessions.known_errors import as_known
from crawler.sessions.lent import Lent
from crawler.sessions.origins import Origins
from crawler.sessions.prepared import HopGuard, Prepared
from crawler.sessions.proxy_pool import ProxyPool
from crawler.sessions.quota import Allowance
from crawler.sessions.secrets import remember_secret
from crawler.sessions.sending import Sending
from crawler.sessions.sent_headers import SentHeaders, address_cookies
from crawler.sessions.session_setup import given_to, merged_params, without_params
from crawler.sessions.storage import Storage
from crawler.untyped import merge_hooks
from crawler.url_users import without_user
from crawler.urls import absolute, is_secret_name

_USUAL = {
    "User-Agent": "",  # comes first
    "Accept-Encoding": "gzip, deflate",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en",
}


class Session(Hops):
    """One identity, shared by all worker threads.

    Attributes:
        name: What requests are pinned with.
        key: The row in the store: sessions with one key share cookies and logins.
        account: Its credentials.
        origins: Where its auth and headers may go.
        epoch: How many times it has logged in; guarded by its login manager (`sessions.login.manager`).
        serial: One request at a time.
        sending: How its requests are sent: times, turns, what its account may send, proxies.
        storage: What the site's scripts keep in a browser, by origin: of sessions that a browser has logged in.
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
        own_headers_alone: bool = False,
    ) -> None:
        """Make a session without any I/O.

        Args:
            transport: Adapter for http and https, shared by sessions: closed by its owner and not by `close`.
            limits: Dataclass with a field ``deadline_s``, put on each prepared request for the transport.
            timeout_s: Seconds to connect and between two reads, where a call names none.
            deadline_s: Seconds for a request with all its redirects.
            own_headers_alone: The transport sends the headers of a browser: of ours only those that somebody asked for.
        """
        super().__init__()
        self.trust_env = False  # no netrc, no proxy variables: a credential must come from its own place
        self.name, self.key, self.identity = identity.name, key or identity.name, identity
        self.account, self.origins, self.serial = account, origins, identity.serial
        self.max_redirects = max_redirects
        self.epoch = 0
        self.leads_inside = False
        self.note: dict[str, Any] = {}  #: kept with the session, for login steps; JSON-able
        self._transport = transport
        self.cookies = Jar(home=origins.first)
        self.storage = Storage()
        self.lends = Lent(self)
        self.headers = CaseInsensitiveDict({} if own_headers_alone else _USUAL)
        if identity.user_agent or not own_headers_alone:
            self.headers["User-Agent"] = identity.user_agent or user_agent
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
        pool = ProxyPool(identity.name, identity.proxies) if identity.proxies else None
        self.sending = Sending(limits, timeout_s, deadline_s, proxy_pool=pool)
        for each in identity.proxies or (identity.proxy or proxy,):
            password = each.rpartition("@")[0].rpartition("://")[2].partition(":")[2]
            for spelling in (password, unquote(password)):
                remember_secret(spelling)
        self.go_through(pool.current if pool is not None else identity.proxy or proxy)
        for adapter in self.adapters.values():
            adapter.close()
        self.adapters.clear()
        self.mount("https://", transport)
        self.mount("http://", transport)
        self.begins_as_it_is()

    # --- what requests does, by our rules ---------------------------------------------------------------------
    def prepare_request(self, request: requests.Request) -> Prepared:
        """As in requests, with headers, auth and params only for our own origins, and cookies by our jar."""
        own = self.origins.covers(str(request.url))
        signed = own and not request.auth and self.auth is not None
        headers = self._sent_headers(own=own)
        if isinstance(auth := self.auth if signed else request.auth, tuple) and None in auth:
            self.account.tell_lacking()
        for name, value in (request.headers or {}).items():
            if value is None:
                headers.pop(name, None)
            else:
                headers[name] = value
        params: Any = request.params
        if self.params and own:
            params = merged_params(self.params, params)
        prepared, hooks = Prepared(), merge_hooks(request.hooks, self.hooks)
        self._lend_storage(prepared)
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
            prepared.url = without_user(prepared.url or "")  # its auth has them: an address is stored and shown
        except (ValueError, requests.RequestException) as error:
            if isinstance(error, InvalidURL):
                raise as_known(error) from error.__cause__
            why = f"cannot be sent: {type(error).__name__}: {error}"
            raise as_known(InvalidURL(str(request.url), why)) from error
        prepared.unsigned_hooks = own_copy(hooks) if signed else None
        address_cookies(prepared, self.cookies, request.cookies)
        return prepared

    def _sent_headers(self, *, own: bool) -> CaseInsensitiveDict[str]:
        """Those of one request. Raises NoCredentials where one is None, and the account lacks what was asked of it."""
        headers = self._sent.of(self.headers, own=own)
        if self._sent.has_none:
            self.account.tell_lacking()
        return headers

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
        prepared.headers = self._sent_headers(own=own)
        if request.headers:
            prepared.headers.update(request.headers)
        prepared.hooks, prepared.body = own_copy(self.hooks), None
        prepared.hop_guard, prepared.has_turn = hop_guard, True
        if own and self.auth is not None:
            prepared.unsigned_hooks = prepared.hooks
            prepared.hooks = own_copy(self.hooks)
            self._lend_storage(prepared)
            prepared.prepare_auth(sendable(self.auth), request.url)
        address_cookies(prepared, self.cookies, request.cookies)
        return prepared

    def begins_as_it_is(self) -> None:
        """What it has now it has before any login: its adapters and hooks are no obstacle to a stored session."""
        self.given = given_to(self, self.cookies.dump())  #: what a login begins with, whatever the last one has left

    def go_through(self, proxy: str) -> None:
        """From the next request on send all through *proxy*; "" for none."""
        self.proxies = {"http": proxy, "https": proxy} if proxy else {}

    def rest(self, spent: QuotaSpent) -> bool:
        """A spider says that this session has sent enough. False when it has said so too often without a page between.

        Safe from any thread.
        """
        if self.sending.allowance is None:  # a guest, whom nobody has counted so far
            self.sending.allowance = Allowance(self.name)
        return self.sending.allowance.rest(spent.wait_s, spent.why)

    def bare(self, url: str) -> str:
        """*url* as it may be kept: without what this session adds to each URL (`params`)."""
        return without_params(url, self.params) if self.params else url

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> Response:
        """As in requests, with a default timeout and this project's errors.

        Raises:
            FetchError: No usable answer came; a `requests.RequestException` of the kind that requests raises, too.
            InvalidURL: It is not a URL that can be fetched; the same.
        """
        kwargs.setdefault("timeout", self.sending.timeout_s)
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
