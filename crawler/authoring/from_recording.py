"""A first spider from recorded requests: how the browser logged in, and what it requested. Pure.

No secret gets into the source: user name and password, tokens, cookies, keys in headers and in addresses become fields
of an account (`Recording.secrets`), which the login step reads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from crawler.authoring.asking import is_mutation, only_asks
from crawler.authoring.first_spider import FirstSpider, reading_of
from crawler.authoring.login_forms import without_way_back
from crawler.authoring.parse_method import ParseMethod
from crawler.authoring.recorded_requests import SentRequest
from crawler.authoring.repeating import quoted
from crawler.errors import UsageError
from crawler.fetching.kept import response_of
from crawler.outcome import KeptPage
from crawler.quick_dataclass import quick_dataclass
from crawler.redaction import HIDDEN, is_secret_name
from crawler.request import Request
from crawler.sessions.accounts_file import account_place
from crawler.urls import host_of, redact, site_of

_PASSWORD: Final = re.compile(
    r"passw|pwd|passphrase|\Apass\Z|\Apw\Z|kennwort|contrase|senha|mot_?de_?passe", re.IGNORECASE
)
_USER: Final = re.compile(r"user|login|e-?mail|account|\Aname\Z|identif|member|customer", re.IGNORECASE)
_OF_A_BROWSER: Final = re.compile(
    r"(?:sec-.*|accept-(?:encoding|language)|connection|host|content-(?:length|type)|origin|referer|pragma|cache-control"
    r"|priority|upgrade-insecure-requests|dnt|if-.*|te|user-agent|keep-alive|transfer-encoding|cookie|authorization)\Z",
    re.IGNORECASE,
)
_IS_USUAL: Final = re.compile(r"\A(?!.*json).*(?:\*/\*|text/html)", re.DOTALL)  #: an Accept that browsers send
_ASKS: Final = re.compile(r"graphql|search|query|find|list|filter|lookup", re.IGNORECASE)
_MOST_REQUESTS: Final = 20
_BASIC_BY_HEADER: Final = (
    "from base64 import b64encode",
    "",
    'pair = f"{session.account.username}:{session.account.password}"',
    'session.headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"',
)
_SHORTEST_SECRET: Final = 6  #: in characters: a shorter one may be any word

Known = Callable[[str], Iterable[str]]


@quick_dataclass(frozen=False)
class Recording:
    """What was found in recorded requests.

    Attributes:
        secrets: Values of the account's fields, by name.
        site: Site of the account.
        told: What was found and what was left out, a sentence each.
        begins: Place, among the spider's first requests, of one that can be sent once more to look at its answer;
            None if each of them may change something.
    """

    spider: FirstSpider
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    site: str = ""
    told: list[str] = field(default_factory=list)
    begins: int | None = None


def from_recording(
    name: str, requests: Sequence[SentRequest], left_out: Sequence[str] = (), *, known: Known = lambda place: ()
) -> Recording:
    """Makes a first spider from the requests.

    Args:
        known: The fields that the account has already, by its place.
    Raises:
        UsageError: There is no request in them.
    """
    if not requests:
        raise UsageError("the recording holds no http request")
    login = next((each for each in requests if _credentials(each)), None)
    home = site_of(host_of((login or requests[0]).url))
    own = [each for each in requests if site_of(host_of(each.url)) == home]
    made = _Putting(name, home, login, frozenset(known(account_place(own[0].url))))
    made.take(own, len(requests))
    made.recording.told += [f"left out: {each}" for each in left_out]
    if starts := made.recording.spider.start_urls:
        made.recording.site = account_place(starts[0])
    return made.recording


def source_of(recording: Recording) -> str:
    """The spider's file. A secret that occurs elsewhere in the recording is blanked out there, too."""
    source = recording.spider.source()
    for name, value in recording.secrets.items():
        pieces = [pair.partition("=")[2] for pair in value.split("; ")] if name == "cookie" else [value]
        for secret in pieces if name != "username" else ():
            if len(secret) >= _SHORTEST_SECRET:
                source = source.replace(secret, HIDDEN)
    return source


class _Putting:
    """Assembles the parts. Used once."""

    def __init__(self, name: str, site: str, login: SentRequest | None, known: frozenset[str]) -> None:
        self.recording = Recording(FirstSpider(name, [], ParseMethod([])), site=site)
        self._login = login
        self._known = known
        self._lines: list[str] = []

    def take(self, requests: list[SentRequest], of: int) -> None:
        """Take all of the site's requests, in order."""
        spider, told = self.recording.spider, self.recording.told
        place = requests.index(self._login) if self._login is not None else -1
        if self._login is not None:
            self._take_login(self._login, requests[:place], requests[place + 1 :])
        later = list(_worth(requests[place + 1 :], self._login))
        if self._login is None:
            self._take_keys(later or requests[:1])
        kept = list({_asked(each): each for each in later}.values())
        changes = [each for each in requests[place + 1 :] if _may_change(each)]
        if not kept:
            if self._login is None and len(requests) == 1 == of:  # a curl command: a person chose this one
                kept, changes = requests, []
            elif self._login is not None:
                kept = [_start_of(self._login)]
        if len(kept) > _MOST_REQUESTS:
            told.append(f"left out: {len(kept) - _MOST_REQUESTS} more requests")
        told += [f"left out, since it may change something: {_shown(each)}" for each in changes[:5]]
        self._take_requests(kept[:_MOST_REQUESTS])
        spider.login = self._lines

    # --- logging in -----------------------------------------------------------------------------------------------

    def _take_login(self, login: SentRequest, before: list[SentRequest], after: list[SentRequest]) -> None:
        user, password = _credentials(login) or ("", "")
        if login.fields:
            self._form_login(login, before, user, password)
        else:
            self._json_login(login, after, user, password)
        self.recording.told.append(f"login: {login.method} {redact(login.url)} with {user or 'no name'}, {password}")

    def _form_login(self, login: SentRequest, before: list[SentRequest], user: str, password: str) -> None:
        values = dict(login.fields)
        self._keep("username", values.get(user, ""))
        self._keep("password", values[password])
        pairs = [
            f"{quoted(name)}: session.account.{part}"
            for name, part in ((user, "username"), (password, "password"))
            if name
        ]
        page = _page_of_form(login, before)
        if page:
            self._lines += [f"page = session.get({quoted(without_way_back(page))})"]
            self._lines += [f"session.submit(page.form(), {{{', '.join(pairs)}}})"]
            return
        others = [
            f"{quoted(name)}: {quoted(value)}"
            for name, value in login.fields
            if name not in (user, password) and not is_secret_name(name)
        ]
        self._lines.append(f"session.post({quoted(login.url)}, data={{{', '.join([*pairs, *others])}}})")

    def _json_login(self, login: SentRequest, after: list[SentRequest], user: str, password: str) -> None:
        values = login.json
        self._keep("username", str(values.get(user, "")))
        self._keep("password", str(values[password]))
        parts = {user: "session.account.username", password: "session.account.password"}
        pairs = [
            f"{quoted(name)}: {parts.get(name) or repr(value)}"
            for name, value in values.items()
            if name in parts or not is_secret_name(name)
        ]
        self._lines.append(f"answer = session.post({quoted(login.url)}, json={{{', '.join(pairs)}}})")
        sent = next((each.header("authorization") for each in after if each.header("authorization")), "")
        scheme, _, token = sent.partition(" ")
        path = _path_to(_parsed(login.answer), token) if token else None
        if path is not None:
            self._bearer(f"answer.json(){path}", scheme)
        elif token:
            self._take_authorization(sent)

    def _bearer(self, expression: str, scheme: str) -> None:
        more = "" if scheme.lower() == "bearer" else f", scheme={quoted(scheme)}"
        self._lines.append(f"session.auth = BearerAuth({expression}{more})")
        self.recording.spider.imports = [*self.recording.spider.imports, "BearerAuth"]

    def _take_authorization(self, value: str) -> None:
        scheme, _, token = value.partition(" ")
        self._keep("token", token or scheme)
        if token and self._is_another_kind({"token"}):
            value = f'{scheme} {{session.account.get("token")}}'
            self._lines.append(f"session.headers[\"Authorization\"] = f'{value}'")
        elif token:
            self._bearer('session.account.get("token")', scheme)
        else:
            self._lines.append('session.headers["Authorization"] = session.account.get("token")')

    def _take_keys(self, requests: Sequence[SentRequest]) -> None:
        """Tokens, cookies and keys with which the browser is let in without a login in the recording."""
        first = requests[-1] if requests else None
        if first is None:
            return
        if first.basic is not None:
            self._keep("username", first.basic[0])
            self._keep("password", first.basic[1])
            if self._is_another_kind({"username", "password"}):
                self._lines += _BASIC_BY_HEADER
            else:
                self._lines.append("session.auth = (session.account.username, session.account.password)")
        elif first.header("authorization"):
            self._take_authorization(first.header("authorization"))
        for name, value in first.headers:
            if is_secret_name(name) and not _OF_A_BROWSER.match(name):
                self._lines.append(
                    f"session.headers[{quoted(name)}] = session.account.get({quoted(self._keep(name, value))})"
                )
        for name, value in parse_qsl(urlsplit(first.url).query, keep_blank_values=True):
            if is_secret_name(name):
                self._lines.append(
                    f"session.params[{quoted(name)}] = session.account.get({quoted(self._keep(name, value))})"
                )
        if first.cookies:
            self._keep("cookie", "; ".join(f"{name}={value}" for name, value in first.cookies))
            host = host_of(first.url)
            self._lines += [
                'for pair in session.account.get("cookie").split("; "):',
                '    name, _, value = pair.partition("=")',
                f"    session.cookies.set(name, value, domain={quoted(host)})",
            ]
        if self._lines:
            self.recording.told.append(f"what lets it in: {', '.join(self.recording.secrets)}")

    def _is_another_kind(self, fields: Set[str]) -> bool:
        """Whether the account is that of spiders which set `session.auth` from other fields: a step that set it, too,
        would share their session, and with it what they send. One that sets a header has a session of its own.
        """
        return bool(self._known - fields) and self._known <= {"username", "password", "token"}

    def _keep(self, name: str, value: str) -> str:
        """Put a secret into the account. Returns the name of its field."""
        words = "_".join(re.findall(r"[A-Za-z0-9]+", name)).lower() or "key"
        self.recording.secrets[words] = value
        return words

    # --- what is requested ------------------------------------------------------------------------------------------

    def _take_requests(self, requests: Sequence[SentRequest]) -> None:
        spider = self.recording.spider
        spider.start_urls = [_without_secrets(each.url) for each in requests]
        if any(each.method != "GET" or _own_headers(each) for each in requests):
            spider.requests = [_source(each) for each in requests]
            spider.imports = [*spider.imports, "Request"]
        spider.about = "what a browser has requested"
        last = requests[-1] if requests else None
        self.recording.begins = next((place for place, each in enumerate(requests) if only_asks(each)), None)
        answered = next((each for each in reversed(requests) if each.answer), None)
        if answered is not None:
            spider.reading = reading_of(response_in(answered))
            self.recording.told += [f"in {redact(answered.url)}: {each}" for each in spider.reading.found]
        else:
            spider.reading = ParseMethod(['yield {"url": response.url, "size": len(response.body)}'], is_guess=True)
            if last is not None and self.recording.begins is None:
                self.recording.told.append(f"not looked at, since it may change something: {_shown(last)}")
        if last is not None:
            self.recording.told.append(
                f"requested: {len(requests)} recorded {'request' if len(requests) == 1 else 'requests'}"
            )


def response_in(sent: SentRequest) -> Any:
    """The recorded answer as a response."""
    page = KeptPage(
        sent.answer.encode(), [("Content-Type", f"{sent.kind or 'text/html'}; charset=utf-8")], sent.url, sent.status
    )
    return response_of(page, Request(sent.url, method=sent.method, body=sent.body, headers=_own_headers(sent)), "")


def _credentials(sent: SentRequest) -> tuple[str, str] | None:
    """The names of the user and password fields; None if the request is not a login."""
    if sent.method != "POST":
        return None
    given = dict(sent.fields) if sent.fields else sent.json
    if not isinstance(given, Mapping):
        return None
    names = [name for name, value in given.items() if isinstance(value, str) and value]
    password = next((name for name in names if _PASSWORD.search(name)), None)
    if password is None:
        return None
    others = [name for name in names if name != password]
    user = next((name for name in others if _USER.search(name) and not is_secret_name(name)), "")
    return user, password


def _page_of_form(login: SentRequest, before: list[SentRequest]) -> str:
    """The page whose form was sent: the one named by the browser, else the last page before it; "" for none."""
    pages = [each.url for each in before if each.method == "GET" and "html" in each.kind and each.status < 400]
    referer = login.header("referer")
    if referer.startswith(("http://", "https://")) and site_of(host_of(referer)) == site_of(host_of(login.url)):
        exact = next((url for url in reversed(pages) if url.partition("?")[0] == referer.partition("?")[0]), "")
        path = urlsplit(referer).path
        return exact or (referer if path not in ("", "/") else login.url)
    return pages[-1] if pages else ""


def _start_of(login: SentRequest) -> SentRequest:
    """The root page of the site, for when nothing was requested after the login."""
    parts = urlsplit(login.url)
    return SentRequest("GET", urlunsplit((parts.scheme, parts.netloc, "/", "", "")))


def _worth(requests: Sequence[SentRequest], login: SentRequest | None) -> Iterator[SentRequest]:
    """Requests that fetched data: pages and JSON; of POST requests only queries."""
    for each in requests:
        is_login = login is not None and each.url.partition("?")[0] == login.url.partition("?")[0]
        if is_login or each.status >= 300 or not (each.status == 0 or "html" in each.kind or "json" in each.kind):
            continue
        if each.method == "GET" or (each.method == "POST" and not _may_change(each) and each.status):
            yield each


def _shown(sent: SentRequest) -> str:
    return f"{sent.method} {redact(sent.url)}"


def _may_change(sent: SentRequest) -> bool:
    if is_mutation(sent):
        return True
    if sent.method in ("GET", "HEAD", "OPTIONS") or _credentials(sent):
        return False
    return not ("json" in sent.kind and sent.method == "POST" and _ASKS.search(urlsplit(sent.url).path))


def _asked(sent: SentRequest) -> tuple[str, str, str]:
    return sent.method, sent.url, sent.body or ""


def _without_secrets(url: str) -> str:
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not is_secret_name(pair[0])]
    if len(kept) == len(parse_qsl(parts.query, keep_blank_values=True)):
        return url
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), ""))


def _own_headers(sent: SentRequest) -> dict[str, str]:
    """Headers that an application has set and that contain no secret."""
    found = {n: v for n, v in sent.headers if not _OF_A_BROWSER.match(n) and not is_secret_name(n)}
    return {n: v for n, v in found.items() if n.lower() != "accept" or not _IS_USUAL.search(v)}


def _source(sent: SentRequest) -> str:
    words = [quoted(_without_secrets(sent.url))]
    if sent.json is not None and sent.method != "GET":
        words.append(f"json={_masked(sent.json)!r}")
    elif sent.fields:
        words.append(f"data={[(name, value) for name, value in sent.fields if not is_secret_name(name)]!r}")
    elif sent.body:
        words.append(f"body={sent.body!r}")
    if sent.method not in ("GET", "POST") or (sent.method == "POST" and len(words) == 1):
        words.append(f"method={quoted(sent.method)}")
    elif sent.method == "POST" and not (sent.fields or sent.json is not None):
        words.append('method="POST"')
    if headers := _own_headers(sent):
        words.append(f"headers={headers!r}")
    return f"Request({', '.join(words)})"


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _masked(each, str(key)) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(each, name) for each in value]
    return "" if isinstance(value, str) and is_secret_name(name) else value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _path_to(data: Any, value: str) -> str | None:
    """Where a text is in JSON, as Python source to append; None if it is not there."""
    if data == value:
        return ""
    pairs = data.items() if isinstance(data, Mapping) else enumerate(data) if isinstance(data, list) else ()
    for key, inner in pairs:
        found = _path_to(inner, value)
        if found is not None:
            return f"[{quoted(key) if isinstance(key, str) else key}]{found}"
    return None
