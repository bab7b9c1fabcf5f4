"""Session ids in addresses: where programs write them, and how to remove them. Pure.

A program that cannot rely on cookies writes the id of the session into all links of a page: behind a semicolon (Java),
in a folder (ASP.NET, library catalogues), as an argument (PHP, ColdFusion, forums, shops). The next login would make
every page a new one. An id is recognised by a name that means nothing else, or by a name that may mean one together
with the shape of its value: ``sid=7`` and ``sid=8`` are two pages, and both are wanted.

Source: Java Servlet 4.0, section 7.1.3; ASP.NET, "cookieless"; PHP, "session.use_trans_sid"; ColdFusion,
    "URLSessionFormat"; Oracle APEX, "f?p syntax"; rules by which web archives leave out session ids.
"""

from __future__ import annotations

import re
from typing import Final

from crawler.late_pattern import late_pattern

_NAMES: Final = (  # of a session, and of nothing else
    r"(?:jsessionid|jservsessionid\w*|phpsessid|cgisessid|sessid|aspsessionid[a-z]*|cfid|cftoken|\w*oscsid|osadminid|xtcsid"
    r"|zenid|wosid|bv_sessionid|bv_engineid|sap-contextid)"
)
_SHAPED: Final = r"sid(?:=|%3D)[0-9a-z]{32}(?=[;/]|\Z)"  # phpBB and others, behind a semicolon
_BEHIND: Final = late_pattern(rf"(?:;|%3B)(?:{_NAMES}(?:=|%3D)[^;/]*|{_SHAPED})", re.IGNORECASE)
_FOLDER: Final = late_pattern(
    r"\((?:[AFSX]\([^()/]*\))+\)|\([0-9a-z]{24}\)"  # ASP.NET: /(S(lit3py55t21z5v55vlm25s55))/, and its first version
    rf"|(?i:{_NAMES}[=,])[^/]+"  # /PHPSESSID=77a1/
)
_NAME: Final = late_pattern(rf"(?:{_NAMES}|sid)", re.IGNORECASE)
_MADE: Final = late_pattern(r"(?=[^/]*\d)[\w.!-]{20,}", re.ASCII)  # /PHPSESSID/0f1e.../: else it may be a page about it
_NUMBERS: Final = late_pattern(r"(?i:cfid)/\d+|(?i:cftoken)/[0-9a-f-]+")
_CATALOGUE: Final = late_pattern(r"[0-9A-Z]{40,60}-\d{5}", re.ASCII)  # Aleph: /F/X6V1...K5-01234?func=item

_ARGUMENT: Final = late_pattern(_NAMES, re.IGNORECASE)
_SHORT_ARGUMENTS: Final = {b"sid": late_pattern(rb"[0-9A-Za-z]{32}"), b"s": late_pattern(rb"[0-9a-f]{32}")}
_APEX: Final = late_pattern(rb"(\w+:\w+):\d+(:.*)?", re.DOTALL)  # f?p=APPLICATION:PAGE:SESSION:...
#: in a text that is shown; "***" stands for an id that is hidden already
_SHOWN_FOLDER: Final = late_pattern(r"/\((?:[AFSX]\([^()/\s]*\))+\)(?=/)|/\([0-9a-z]{24}\)(?=/)")
_SHOWN_NAME: Final = late_pattern(rf"(/(?:{_NAMES}|sid)[/,])(?=[^/\s]*\d)[\w.!-]+", re.ASCII | re.IGNORECASE)


def may_hold(url: str) -> bool:
    """Whether an address may hold a session id: quick, and now and then True where there is none."""
    low = url.lower()
    return (
        "sessid" in low
        or "sessionid" in low
        or "sid=" in low
        or "/sid/" in low
        or ")/" in low
        or "?s=" in low
        or "&s=" in low
        or "cfid" in low
        or "cftoken" in low
        or "zenid" in low
        or "f?p=" in low
        or "/f/" in low
        or "bv_" in low
        or "osadminid" in low
        or "contextid" in low
    )


def masked(text: str) -> str:
    """A text with session ids in folders of an address hidden, where no name and no "=" marks them."""
    if ")/" in text:
        text = _SHOWN_FOLDER.sub("/(***)", text)
    return _SHOWN_NAME.sub(r"\1***", text)


def path_without(path: str) -> str:
    """A path without session ids. Applied to its own result, it changes nothing."""
    if ";" in path or "%3B" in path:
        path = _BEHIND.sub("", path)
    kept: list[str] = []
    first, *segments = path.split("/")
    last = len(segments) - 1
    for number, segment in enumerate(segments):
        before = kept[-1] if kept else ""
        if number != last and _FOLDER.fullmatch(segment):
            continue
        if before == "F" and _CATALOGUE.fullmatch(segment):
            continue
        if before and _NAME.fullmatch(before) and _is_id(before, segment):
            kept.pop()
            continue
        kept.append(segment)
    return "/".join((first, *kept)) or "/"


def _is_id(name: str, value: str) -> bool:
    if name.lower() == "sid":
        return _SHORT_ARGUMENTS[b"sid"].fullmatch(value.encode()) is not None
    return _MADE.fullmatch(value) is not None or _NUMBERS.fullmatch(f"{name}/{value}") is not None


def argument_without(path: str, name: bytes, value: bytes, *, only: bool = False) -> bytes | None:
    """The value of a query argument without a session id; None where nothing of the argument is left.

    Args:
        only: It is the only argument: then a short name such as ``s`` distinguishes one page from another.
    """
    if _ARGUMENT.fullmatch(name.decode("latin-1")):
        return None
    shape = _SHORT_ARGUMENTS.get(name.lower())
    if shape is not None and shape.fullmatch(value) and not (only and name.lower() == b"s"):
        return None
    if name == b"p" and path.endswith("/f"):
        found = _APEX.fullmatch(value)
        return value if found is None else found[1] + b":" + (found[2] or b"")
    return value
