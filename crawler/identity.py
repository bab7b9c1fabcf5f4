"""Identity: what a session of a spider is made of, where its name alone is not enough."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crawler.errors import SpiderError

_LISTS = ("secret_headers", "origins", "keeps")


@dataclass(frozen=True, slots=True)
class Identity:
    """One session that a spider asks for, where its name alone is not enough.

    Attributes:
        name: Requests are pinned to it, and ``CRAWL_<NAME>_USERNAME`` is looked up by it.
        headers: Sent with each request of this session to its own sites.
        secret_headers: Names among *headers* whose values are credentials: sent to the session's origins only.
        user_agent: Fixed for the life of the session; "" for the setting's.
        proxy: Proxy of this session, and of the robots.txt of its pages; "" for the setting's.
        proxies: Several of them: the session stays with one, from run to run, until it fails; then that one rests, and
            an account logs in anew through the next.
        auth: Anything that requests takes as auth; sent to the session's origins only.
        verify: As requests' ``verify``; None for the setting's.
        cert: As requests' ``cert``.
        params: Query parameters added to each request.
        delay: Least seconds between two requests of this session to one host; 0 for the setting's.
        serial: One request at a time, for servers that change the session id with every answer.
        login: False for a session that never logs in.
        origins: Where its credentials may go besides the exact origins of the start URLs and the hosts of
            `allowed_domains`: ``https://api.shop.example``, or ``shop.example`` for all that is below it, over https.
        transport: Name of what sends its requests; "" for the setting's.
        http: Version to speak: ``"1.1"``; ``"2"`` or ``"3"`` where the server offers it over TLS; ``"auto"`` for the
            newest; "" for the setting's.
        quota: Requests that the account may send, as ``"100/hour"`` or ``"5000/day"``: counted over processes and runs.
            When it is spent the account rests, and the others go on.
        keeps: Names of cookies that stay when it logs in anew, such as the one of a trusted device.
    """

    name: str
    headers: dict[str, str] = field(default_factory=dict)
    secret_headers: tuple[str, ...] = ()
    user_agent: str = ""
    proxy: str = ""
    auth: Any = None
    verify: bool | str | None = None
    cert: str | tuple[str, str] | None = None
    params: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    serial: bool = False
    login: bool = True
    origins: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    transport: str = ""
    http: str = ""
    proxies: tuple[str, ...] = ()
    quota: str = ""


def identities_of(given: Any) -> list[Identity]:
    """What a spider gives as its `sessions`, one by one: names, `Identity` objects, or one of them without brackets.

    Raises:
        SpiderError: It is something else, or a field of an Identity would fail with the first request. No value of a
            field is shown.
    """
    if isinstance(given, str | Identity):
        given = [given]
    if isinstance(given, Mapping) or not isinstance(given, Iterable):
        what = "a dict" if isinstance(given, Mapping) else f"of type {type(given).__name__}"
        raise SpiderError(f"`sessions` is {what}; write a list of names or Identity objects: {_example(given)}")
    found = []
    for each in given:
        if not isinstance(each, str | Identity):
            kind = "the class Identity itself" if each is Identity else f"something of type {type(each).__name__}"
            raise SpiderError(
                f"`sessions` has {kind} in it; write a list of names or Identity objects: {_example(given)}"
            )
        found.append(Identity(each) if isinstance(each, str) else each)
    for identity in found:
        _check(identity)
    return found


def _example(given: Any) -> str:
    names = [each for each in given if isinstance(each, str)] if isinstance(given, Mapping) else []
    return f"[{', '.join(f'Identity({name!r})' for name in names[:3] or ['default'])}]"


def _check(identity: Identity) -> None:
    if not isinstance(identity.name, str):
        raise SpiderError(f"the name of a session is a text, not of type {type(identity.name).__name__}")
    for name in _LISTS:
        if isinstance(getattr(identity, name), str):
            raise SpiderError(f"{name} of session {identity.name!r} is a text; write a list: [...]")
    auth = identity.auth
    if auth is None or (callable(auth) and not isinstance(auth, type)) or (isinstance(auth, tuple) and len(auth) == 2):
        return
    what = "a text" if isinstance(auth, str | bytes) else f"of type {type(auth).__name__}"
    what = f"the class {auth.__name__} itself" if isinstance(auth, type) else what
    raise SpiderError(
        f"auth of session {identity.name!r} is {what}; write two texts in round brackets, ('user', 'password'), or an"
        " object such as BearerAuth('token')"
    )
