"""What is different on purpose: a call, what requests gives, and what a session of ours gives.

`docs/reference/like-requests.md` has the same rows, by the same titles, with the reasons.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any, NamedTuple

import requests

from .calls import Call


class Different(NamedTuple):
    """One difference.

    Attributes:
        call: What is called on both.
        theirs: What requests gives.
        ours: What a session of ours gives.
    """

    call: Call
    theirs: Any
    ours: Any


def _put(s: Any, u: str) -> Any:
    told = s.put(f"{u}/redirect?code=302", data={"a": "1"}).json()
    return told["method"], told["body"]


def _undeclared(s: Any, u: str) -> Any:
    r = s.get(f"{u}/undeclared")
    return r.text, r.encoding


def _latin(s: Any, u: str) -> Any:
    return s.get(f"{u}/latin").encoding.lower()


def _streamed_twice(s: Any, u: str) -> Any:
    r = s.get(f"{u}/lines", stream=True)
    list(r.iter_content(4))
    return r.content[:3]


def _copied(s: Any, u: str) -> Any:
    s.cookies.set("a", "1")
    copy.copy(s.cookies).set("b", "2")
    return sorted(s.cookies.get_dict())


def _elsewhere(s: Any, u: str) -> Any:
    s.headers["X-A"], s.auth, s.params = "mine", ("ann", "pw"), {"key": "secret"}
    told = s.get(u.replace("localhost", "127.0.0.1") + "/echo").json()
    return told["x-a"], told["authorization"], told["query"]


def _elsewhere_by_redirect(s: Any, u: str) -> Any:
    s.headers["X-A"] = "mine"
    return s.get(f"{u}/away").json()["x-a"]


def _body_elsewhere(s: Any, u: str) -> Any:
    return s.post(f"{u}/away?code=307", data={"pw": "secret"}).json()["body"]


def _accent(s: Any, u: str) -> Any:
    return s.get(f"{u}/echo", auth=("andr\u00e9", "p\u00e4ss")).json()["authorization"]


def _pickled(s: Any, u: str) -> Any:
    return pickle.loads(pickle.dumps(s)).get(f"{u}/echo").status_code  # noqa: S301 - our own bytes


def _too_many(s: Any, u: str) -> Any:
    s.max_redirects = 3
    s.get(f"{u}/loop")


def _environment(s: Any, u: str) -> Any:
    return s.trust_env


def _policy(s: Any, u: str) -> Any:
    s.cookies.set_policy(requests.cookies.RequestsCookieJar().get_policy())
    return "followed"


def _unsendable(s: Any, u: str) -> Any:
    s.cookies.set("a", "1;b=2")
    return s.get(f"{u}/echo").json()["cookie"]


def _user_in_url(s: Any, u: str) -> Any:
    answer = s.get(u.replace("://", "://ann:pw@") + "/echo")
    return answer.json()["authorization"], "ann:pw" in answer.url + answer.request.url


DIFFERENT: dict[str, Different] = {
    "a redirect of PUT, PATCH or DELETE": Different(_put, ("GET", ""), ("PUT", "a=1")),
    "a page that declares no charset": Different(
        _undeclared, ("caf\u00c3\u00a9", "ISO-8859-1"), ("caf\u00e9", "utf-8")
    ),
    "the name of latin-1": Different(_latin, "iso-8859-1", "cp1252"),
    "a streamed body that was read": Different(_streamed_twice, "RuntimeError", b"one"),
    "copy.copy of the jar": Different(_copied, ["a", "b"], ["a"]),
    "headers, auth and params of the session to another host": Different(
        _elsewhere, ("mine", "Basic YW5uOnB3", "key=secret"), (None, None, "")
    ),
    "a header of the session on a redirect to another host": Different(_elsewhere_by_redirect, "mine", None),
    "a body on a redirect to another host": Different(
        _body_elsewhere,
        "pw=secret",
        ("TooManyRedirects", "status 307 would send the body of a POST to another origin"),
    ),
    "auth with an accent": Different(_accent, "Basic YW5kcuk6cORzcw==", "Basic YW5kcsOpOnDDpHNz"),
    "pickling a session": Different(_pickled, 200, "TypeError"),
    "texts of errors": Different(
        _too_many, ("TooManyRedirects", "Exceeded 3 redirects."), ("TooManyRedirects", "more than 3 redirects")
    ),
    "a user name and password in the address of a call": Different(
        _user_in_url, ("Basic YW5uOnB3", True), ("Basic YW5uOnB3", False)
    ),
    "netrc and proxies of the environment": Different(_environment, True, False),
    "policies of the jar": Different(_policy, "followed", "TypeError"),
    "a cookie that cannot be sent as it is": Different(_unsendable, "a=1;b=2", "ValueError"),
}
