"""A situation: a page with a form, what is done on it, and the request that is right; and what many have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

FORMS = "html/semantics/forms"
SUBMISSION = f"{FORMS}/form-submission-0"
COMMON = f"{FORMS}/attributes-common-to-form-controls"
INFRASTRUCTURE = f"{FORMS}/form-control-infrastructure"


@dataclass(frozen=True)
class Situation:
    """A page with a form, what is done on it, and the request that is right.

    Attributes:
        name: Unique, a few words.
        source: Path in web-platform-tests.
        markup: After a doctype and the charset.
        want: The query of a GET or the body of a POST; in a multipart body the boundary is written ``=B=``. None:
            nothing is sent.
        method, to: Of the request; *to* is a path, with its query for a POST.
        kind: Content-Type of a POST.
        click: Id of the button that is clicked; "" for a form that is sent without one.
        fill: Fields to values, filled in before.
        charset: Of the page.
    """

    name: str
    source: str
    markup: str
    want: str | None
    method: str = "POST"
    to: str = "/to"
    kind: str = "application/x-www-form-urlencoded"
    click: str = ""
    fill: dict[str, Any] = field(default_factory=dict)
    charset: str = "utf-8"


def post(inner: str, attributes: str = "") -> str:
    return f"<form id=f method=post action=/to {attributes}>{inner}</form>"


def get(inner: str, attributes: str = "") -> str:
    return f"<form id=f action=/to {attributes}>{inner}</form>"


def parts(*pairs: tuple[str, str], file: str = "") -> str:
    """A multipart body: names (as they are escaped) and values, then an empty file."""
    lines = []
    for name, value in pairs:
        lines += ["--=B=", f'Content-Disposition: form-data; name="{name}"', "", value]
    if file:
        head = f'Content-Disposition: form-data; name="{file}"; filename=""'
        lines += ["--=B=", head, "Content-Type: application/octet-stream", "", ""]
    return "\r\n".join([*lines, "--=B=--", ""])


HIDDEN = '<input type=hidden name="{}" value="{}">'
GO = "<button id=go>Go</button>"
MULTIPART, PLAIN = "multipart/form-data", "text/plain"
PICK = "<select name=s{}>{}</select>"
PAGE = "/dir/page?x=1"
