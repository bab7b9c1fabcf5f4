"""HTTP digest authentication, with one state per host for all threads.

requests keeps the server's nonce and its count once per thread, so eight threads on one session ask eight times and
look like eight clients. Here a nonce belongs to the session: its count grows under a lock, and whoever renews it
renews it for all.

Source: RFC 7616; RFC 2069 for servers without qop.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final, NoReturn
from urllib.parse import quote, urlsplit

import requests

from crawler.late_pattern import late_pattern
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.auth.shared import Again, SharedAuth, once_more, was_sent_again
from crawler.sessions.secrets import Secret
from crawler.urls import origin_of

_HASHES: Final = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}  # the strongest first
_SCHEME: Final = late_pattern(r"(?:\A|,)\s*Digest\s+", re.IGNORECASE)
_PARAMETER: Final = late_pattern(r'\s*([\w*-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|\Z)', re.ASCII)
_NONCE_SENT: Final = late_pattern(r'\bnonce="((?:[^"\\]|\\.)*)"')


@quick_dataclass(frozen=False)
class Challenge:
    """What a server wants answered.

    Attributes:
        algorithm: A name in the RFC's spelling, "-sess" included.
        qop: "auth", "auth-int", or "" for the old way without counts.
        stale: The password is right as far as the server can tell; only the nonce is too old.
    """

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: str = ""
    opaque: str | None = None
    stale: bool = False
    utf8: bool = False
    hashes_names: bool = False


@quick_dataclass(frozen=False)
class _DigestState:
    """A challenge in use. The client nonce stays with it, so that "-sess" means the same on both sides."""

    challenge: Challenge
    count: int = 0
    client_nonce: str = field(default_factory=lambda: os.urandom(16).hex())
    proved: bool = False  # the server has accepted an answer
    refused: bool = False  # it has refused the very first one: the password is wrong


class DigestAuth(SharedAuth):
    """``session.auth = DigestAuth(user, password)``. Safe from any thread; share one among all requests of a session.

    The first request to a host is answered 401 and sent again; later ones carry their answer at once. A refused answer
    is repeated only when the server says that the nonce was stale, or when the same password was accepted before; a
    password that was refused is not sent again.
    """

    def __init__(self, username: str, password: str) -> None:
        self.username, self.password = username, Secret(password)
        self._lock = threading.Lock()  # guards _states and what is in them
        self._states: dict[str, _DigestState] = {}  # by origin: a nonce of one server means nothing to another

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        header = self._answer(request)
        if header is not None:
            request.headers["Authorization"] = header
        self._watch(request)
        return request

    def after(self, response: requests.Response) -> Again:
        """Answer a challenge, once."""
        request = response.request
        sent = _NONCE_SENT.search(_header(request.headers.get("Authorization")))
        if response.status_code != 401:
            self._accepted(response, sent)
            return
        challenge = strongest(response.headers.get("WWW-Authenticate", ""))
        if challenge is None or not self._take(origin_of(str(response.url)), challenge, sent):
            return
        if was_sent_again(request):
            return
        again = once_more(request)
        header = self._answer(again)
        if header is None:
            return  # refused meanwhile
        again.headers["Authorization"] = header
        _add_cookies(again, response)
        answer = yield again
        sent = _NONCE_SENT.search(header)
        self._accepted(answer, sent)
        if answer.status_code == 401:
            refusal = strongest(answer.headers.get("WWW-Authenticate", ""))
            if refusal is not None:
                self._take(origin_of(str(answer.url)), refusal, sent)

    def _take(self, origin: str, challenge: Challenge, sent: re.Match[str] | None) -> bool:
        """Take up a challenge. False when another answer would only repeat a wrong password."""
        with self._lock:
            state = self._states.get(origin)
            if state is not None and state.challenge.realm == challenge.realm:
                if state.refused:
                    return False
                if sent is None or _unescaped(sent[1]) != state.challenge.nonce:
                    return True  # another thread has taken one up meanwhile: that one will do
                if not challenge.stale and not state.proved:
                    state.refused = True
                    return False
            self._states[origin] = _DigestState(challenge)
            return True

    def _accepted(self, response: requests.Response, sent: re.Match[str] | None) -> None:
        if sent is None or response.status_code == 401:
            return
        following = re.search(r'\bnextnonce="([^"]*)"', response.headers.get("Authentication-Info", ""))
        with self._lock:
            state = self._states.get(origin_of(str(response.url)))
            if state is not None and state.challenge.nonce == _unescaped(sent[1]):
                state.proved = True
                if following is not None and following[1]:
                    state.challenge.nonce, state.count = following[1], 0

    def _answer(self, request: requests.PreparedRequest) -> str | None:
        """The Authorization header for *request*; None while the server has not asked."""
        with self._lock:
            state = self._states.get(origin_of(str(request.url)))
            if state is None or state.refused:
                return None
            state.count += 1
            challenge, count, client_nonce = copy.copy(state.challenge), state.count, state.client_nonce
        asked = Digested(
            username=self.username,
            password=self.password,
            method=str(request.method),
            url=str(request.url),
            body=request.body if isinstance(request.body, bytes) else str(request.body or "").encode(),
            count=count,
            client_nonce=client_nonce,
        )
        return answer(challenge, asked)

    def dump(self) -> dict[str, Any]:
        """What `sessions.auth.schemes.load_auth` takes, with the password. Nonces are not kept: one costs a request."""
        return {"kind": "digest", "username": self.username, "password": str.__str__(self.password)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `dump` gave; anything else is ignored."""
        if state.get("kind") == "digest" and state.get("username"):
            self.username, self.password = str(state["username"]), Secret(str(state.get("password", "")))

    def __repr__(self) -> str:
        return f"<DigestAuth of {self.username!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an auth cannot be pickled: it holds a secret")


@quick_dataclass
class Digested:
    """Who asks for what, with which nonce of ours for the *count*-th time."""

    username: str
    password: str = field(repr=False)
    method: str
    url: str
    body: bytes = b""
    count: int = 1
    client_nonce: str = ""


def answer(challenge: Challenge, asked: Digested) -> str:
    """The value of the Authorization header. Pure; RFC 7616 section 3.4."""
    username, method, count, client_nonce = asked.username, asked.method, asked.count, asked.client_nonce
    name = _name_of(challenge.algorithm)
    is_session = challenge.algorithm.lower().endswith("-sess")

    def digest(text: str | bytes) -> str:
        raw = text.encode() if isinstance(text, str) else text
        return hashlib.new(_HASHES[name], raw, usedforsecurity=False).hexdigest()

    parts = urlsplit(asked.url)
    uri = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    first = digest(f"{username}:{challenge.realm}:{asked.password}")
    if is_session:
        first = digest(f"{first}:{challenge.nonce}:{client_nonce}")
    second = f"{method}:{uri}" + (f":{digest(asked.body)}" if challenge.qop == "auth-int" else "")
    middle = f"{count:08x}:{client_nonce}:{challenge.qop}:" if challenge.qop else ""
    response = digest(f"{first}:{challenge.nonce}:{middle}{digest(second)}")

    fields = [_named(challenge, username, digest), f'realm="{_escaped(challenge.realm)}"']
    fields += [f'nonce="{_escaped(challenge.nonce)}"', f'uri="{_escaped(uri)}"', f'response="{response}"']
    fields.append(f"algorithm={challenge.algorithm}")
    if challenge.opaque is not None:
        fields.append(f'opaque="{_escaped(challenge.opaque)}"')
    if challenge.qop:
        fields += [f"qop={challenge.qop}", f"nc={count:08x}"]
    if challenge.qop or is_session:
        fields.append(f'cnonce="{client_nonce}"')
    if challenge.hashes_names:
        fields.append("userhash=true")
    return "Digest " + ", ".join(fields)


def _named(challenge: Challenge, username: str, digest: Any) -> str:
    if challenge.hashes_names:
        return f'username="{digest(f"{username}:{challenge.realm}")}"'
    if not username.isascii() and challenge.utf8:
        return f"username*=UTF-8''{quote(username, safe='')}"
    return f'username="{_escaped(username.encode().decode("latin-1"))}"'


def strongest(header: str) -> Challenge | None:
    """The challenge to answer, of all in a WWW-Authenticate header: the one with the best hash that we know."""
    best: Challenge | None = None
    at = 0
    while (found := _SCHEME.search(header, at)) is not None:
        challenge, end = _parsed(header, found.end())
        at = max(end - 1, found.end())  # its last comma may open the next one; what was read once is not read again
        if challenge is not None and (best is None or _rank(challenge) < _rank(best)):
            best = challenge
    return best


def _parsed(header: str, at: int) -> tuple[Challenge | None, int]:
    """The challenge whose parameters begin at *at*, None for one that we cannot answer; and where they end."""
    values: dict[str, str] = {}
    while (found := _PARAMETER.match(header, at)) is not None:
        values.setdefault(found[1].lower(), found[3] if found[2] is None else _unescaped(found[2]))
        at = found.end()
    algorithm = values.get("algorithm", "MD5")
    offered = [each.strip().lower() for each in values.get("qop", "").split(",") if each.strip()]
    qop = next((each for each in ("auth", "auth-int") if each in offered), "")
    if "nonce" not in values or _name_of(algorithm) not in _HASHES or (offered and not qop):
        return None, at
    made = Challenge(
        realm=values.get("realm", ""),
        nonce=values["nonce"],
        algorithm=algorithm,
        qop=qop,
        opaque=values.get("opaque"),
        stale=values.get("stale", "").lower() == "true",
        utf8=values.get("charset", "").upper() == "UTF-8",
        hashes_names=values.get("userhash", "").lower() == "true",
    )
    return made, at


def _name_of(algorithm: str) -> str:
    return algorithm.upper().removesuffix("-SESS")


def _rank(challenge: Challenge) -> int:
    return list(_HASHES).index(_name_of(challenge.algorithm))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _header(value: str | bytes | None) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value or ""


def _add_cookies(request: requests.PreparedRequest, response: requests.Response) -> None:
    """Cookies that came with the 401 go with the second try: some servers tie the nonce to one."""
    lines = [value for name, value in getattr(response, "raw_headers", ()) if name.lower() == "set-cookie"]
    getlist = getattr(getattr(response.raw, "headers", None), "getlist", None)
    if not lines and getlist is not None:
        lines = list(getlist("Set-Cookie"))
    fresh = dict(line.partition(";")[0].strip().partition("=")[::2] for line in lines)
    if fresh:
        old = [pair.strip() for pair in _header(request.headers.get("Cookie")).split(";")]
        kept = [pair for pair in old if pair and pair.partition("=")[0] not in fresh]
        request.headers["Cookie"] = "; ".join(kept + [f"{name}={value}" for name, value in fresh.items() if name])
