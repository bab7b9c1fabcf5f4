"""From bytes to text: byte order mark, header, meta element, then UTF-8; a charset that is none counts as not given.

Names come from servers, and Python's table of codecs holds some that are not for text (``rot13``, ``hex``) or fail on
purpose (``undefined``, ``idna``); none of these may be asked. Pure; safe from any thread.
"""

from __future__ import annotations

import re
from functools import lru_cache

from w3lib.encoding import (
    html_body_declared_encoding,
    http_content_type_encoding,
    read_bom,
    resolve_encoding,
    to_unicode,
)

DEFAULT = "utf-8"
#: how most pages begin: nothing before it can declare another charset
_USUAL = re.compile(
    rb"""\s*(?:<!doctype [a-z\s]+>\s*)?(?:<html(?: lang="?[a-z-]+"?)?>\s*)?(?:<head>\s*)?"""
    rb"""<meta charset=(["']?)utf-8\1 ?/?>""",  # no two \s* side by side: a page of spaces would take for ever
    re.IGNORECASE,
)
_PROBE = bytes(range(0x20, 0x100)) * 2


@lru_cache(maxsize=512)
def usable(name: str) -> str | None:
    """The codec for a charset, as browsers name it; None when there is none that decodes any bytes."""
    if len(name) > 64:
        return None
    try:
        found = resolve_encoding(name)
        return found if found and isinstance(_PROBE.decode(found, "replace"), str) else None
    except (LookupError, ValueError, TypeError):  # UnicodeError is a ValueError
        return None


def declared(content_type: str | None, body: bytes) -> str | None:
    """What the header says, else what a meta element says; None for neither."""
    said = http_content_type_encoding(content_type)
    found = usable(said) if said else None
    if found is None:
        if _USUAL.match(body):
            return DEFAULT
        said = html_body_declared_encoding(body[:4096])
        found = usable(said) if said else None
    return found


def to_text(content_type: str | None, body: bytes) -> str:
    """*body* as text. Never raises; bytes that mean nothing become U+FFFD."""
    marked, mark = read_bom(body)
    if marked is not None and mark is not None:
        return to_unicode(body[len(mark) :], marked)
    return to_unicode(body, declared(content_type, body) or DEFAULT)
