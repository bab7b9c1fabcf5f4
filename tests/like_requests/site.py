"""One server for both: it tells what it was asked, sets cookies, leads on, refuses."""

from __future__ import annotations

import json
from threading import Event
from typing import Any

from werkzeug import Request as Asked
from werkzeug import Response as Answer

TOLD_HEADERS = ("content-type", "authorization", "x-a", "x-late", "cookie", "range", "content-length")


def told(asked: Asked) -> Answer:
    """What was asked, as JSON: what went over the wire, without what is random."""
    headers = {name.lower(): value for name, value in asked.headers}
    kept = {name: headers.get(name) for name in TOLD_HEADERS}
    said: dict[str, Any] = {"method": asked.method, "path": asked.path, "query": asked.query_string.decode()}
    if "multipart" in (kept["content-type"] or ""):
        kept["content-type"] = kept["content-length"] = None  # a boundary is random
        said["files"] = {
            name: [file.filename, file.content_type, file.read().decode()] for name, file in asked.files.items()
        }
        said["form"] = asked.form.to_dict(flat=False)
    else:
        said["body"] = asked.get_data().decode("latin-1")
    if (kept["authorization"] or "").startswith("Digest"):
        kept["authorization"] = "Digest"
    return Answer(json.dumps(said | kept), content_type="application/json")


def _cookies(asked: Asked) -> Answer:
    answer = told(asked)
    for line in (
        "csrftoken=T1; Path=/",
        'odd="a b"; Path=/',
        "deep=1; Path=/cookies/deep",
        "foreign=1; Domain=example.com",
        "bare=; Path=/",
        "kept=1; Path=/; Max-Age=60",
    ):
        answer.headers.add("Set-Cookie", line)
    return answer


def _redirect(asked: Asked) -> Answer:
    return Answer(status=int(asked.args["code"]), headers={"Location": "/echo?from=redirect"})


def _late(asked: Asked) -> Answer:
    """Answers when its client has gone, or after half a second."""
    Event().wait(0.5)
    return told(asked)


def _cut(asked: Asked) -> Answer:
    """Fewer bytes than it says."""
    return Answer(b"half", headers={"Content-Length": "8", "Connection": "close"})


def _away(asked: Asked) -> Answer:
    """To the same server by another name: another origin."""
    there = asked.host_url.replace("localhost", "127.0.0.1")
    return Answer(status=int(asked.args.get("code", 302)), headers={"Location": f"{there}echo"})


def _digest(asked: Asked) -> Answer:
    if (asked.headers.get("Authorization") or "").startswith("Digest"):
        return told(asked)
    return Answer(status=401, headers={"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})


FIXED: dict[str, tuple[bytes, int, dict[str, str]]] = {
    "/robots.txt": (b"", 404, {}),
    "/hop": (b"one", 302, {"Location": "/hop2", "Set-Cookie": "hop=1; Path=/"}),
    "/hop2": (b"two", 301, {"Location": "/echo?landed=1", "Set-Cookie": "hop2=2; Path=/"}),
    "/forget": (b"gone", 200, {"Set-Cookie": "csrftoken=; Max-Age=0; Path=/"}),
    "/lines": (b"one\ntwo\r\n\nthree", 200, {"Content-Type": "text/plain; charset=utf-8"}),
    "/latin": ("caf\u00e9".encode("latin-1"), 200, {"Content-Type": "text/plain; charset=iso-8859-1"}),
    "/undeclared": ("caf\u00e9".encode(), 200, {"Content-Type": "text/html"}),
    "/german": ("gr\u00fc\u00dfe aus k\u00f6ln".encode() * 9, 200, {"Content-Type": "text/plain"}),
    "/links": (b"x", 200, {"Link": '</p2>; rel="next", </p9>; rel="last"'}),
    "/broken.json": (b"{", 200, {"Content-Type": "application/json"}),
    "/empty": (b"", 204, {}),
    "/refused": (b"no entry", 403, {"Content-Type": "text/plain"}),
    "/gone": (b"no page", 404, {"Content-Type": "text/plain"}),
    "/trouble": (b"trouble", 500, {"Content-Type": "text/plain"}),
    "/fragment": (b"", 302, {"Location": "/echo?x=1#part"}),
    "/nowhere": (b"no address", 302, {}),
    "/unchanged": (b"", 304, {}),
}


_MADE = {
    "/cookies": _cookies,
    "/redirect": _redirect,
    "/digest": _digest,
    "/away": _away,
    "/late": _late,
    "/cut": _cut,
}


def answer(asked: Asked) -> Answer:
    """The page of one request."""
    if asked.path in FIXED:
        body, status, headers = FIXED[asked.path]
        return Answer(body, status=status, headers=headers)
    if asked.path == "/loop":
        return Answer(status=302, headers={"Location": f"/loop?n={int(asked.args.get('n', 0)) + 1}"})
    return _MADE.get(asked.path, told)(asked)
