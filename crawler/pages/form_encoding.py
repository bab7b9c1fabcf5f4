"""From what the controls hold to the bytes that are sent: the entry list and its three encodings. Pure.

Source: HTML standard, 4.10.21.4 (constructing the entry list), 4.10.21.5 (selecting an encoding), 4.10.21.6 and later
(converting, URL-encoded, multipart and plain text form data); URL standard, 5.2 (urlencoded serializing).
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote_plus

from crawler.pages.charsets import usable
from crawler.pages.form_controls import kind_of
from crawler.pages.form_filling import Values
from crawler.pages.form_tree import Control
from crawler.quick_dataclass import quick_dataclass

URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
PLAIN: Final = "text/plain"
_HAVE_DIRECTION: Final = frozenset(
    {"hidden", "text", "search", "tel", "url", "email", "password", "submit", "textarea"}
)
_NEWLINE: Final = re.compile(r"\r\n?|\n")
_LABELS: Final = {"utf-8": "UTF-8", "cp932": "Shift_JIS", "cp949": "EUC-KR", "gb18030": "gb18030", "big5": "Big5"}


@quick_dataclass
class FormEntry:
    """A name with a text. A file input in which nothing was chosen sends an empty file."""

    name: str
    value: str
    file: bool = False


def entry_list(
    controls: list[Control], values: Values, button: Control | None, charset: str, extra: list[tuple[str, str]]
) -> list[FormEntry]:
    """What a form sends, in the order of the page.

    Args:
        values: What the fields hold; a field that is not in it sends nothing.
        button: The one that was clicked.
        charset: What a hidden field ``_charset_`` is given.
        extra: Names and texts that the form does not have; sent last.
    """
    own = [entry for control in controls for entry in _entries(control, values, control is button, charset)]
    return own + [FormEntry(name, text) for name, text in extra]


def _entries(control: Control, values: Values, clicked: bool, charset: str) -> Iterator[FormEntry]:
    kind, name = kind_of(control), control.name
    if control.disabled or control.offered or (kind in ("submit", "image", "reset", "button") and not clicked):
        return
    if kind == "image":  # the place of the click, and not its value
        prefix = f"{name}." if name else ""
        yield FormEntry(f"{prefix}x", "0")
        yield FormEntry(f"{prefix}y", "0")
        return
    if not name:
        return
    if kind == "file":
        yield FormEntry(name, "", file=True)
        return
    texts = [control.get("value")] if kind == "submit" else values.get(control, [])
    if kind == "hidden" and name.lower() == "_charset_" and texts:
        texts = [charset_label(charset)]
    for text in texts:
        yield FormEntry(name, text)
    if control.get("dirname") and kind in _HAVE_DIRECTION and texts:
        yield FormEntry(control.get("dirname"), _direction(control, kind, texts[0]))


def _direction(control: Control, kind: str, text: str) -> str:
    said = control.get("dir").lower()
    if said in ("ltr", "rtl"):
        return said
    if said != "auto":
        return "ltr" if kind == "tel" else control.direction
    strong = (unicodedata.bidirectional(letter) for letter in text)
    return next(("ltr" if each == "L" else "rtl" for each in strong if each in ("L", "R", "AL")), "ltr")


def output_charset(accepted: str | None, page: str) -> str:
    """The charset that a form is sent in.

    Args:
        accepted: Its attribute accept-charset, None for none.
        page: Charset of the page.
    """
    if accepted is None:
        found = page
    else:
        found = next((known for label in accepted.split() if (known := usable(label))), "utf-8")
    return "utf-8" if found.startswith(("utf-16", "utf-32", "utf-7")) else found


def charset_label(codec: str) -> str:
    """The name that browsers have for a charset (``_charset_`` is sent with it)."""
    if re.fullmatch(r"cp125\d", codec):
        return f"windows-{codec[2:]}"
    return _LABELS.get(codec, codec.upper().replace("ISO8859", "ISO-8859"))


def urlencoded(entries: list[FormEntry], charset: str) -> str:
    """Always ASCII."""
    return "&".join(f"{_escaped(each.name, charset)}={_escaped(each.value, charset)}" for each in entries)


def _escaped(text: str, charset: str) -> str:
    return quote_plus(_encoded(_NEWLINE.sub("\r\n", text), charset), safe="*").replace("~", "%7E")


def multipart(entries: list[FormEntry], charset: str) -> tuple[bytes, str]:
    """The body and its Content-Type."""
    boundary = f"----WebKitFormBoundary{secrets.token_hex(8)}"  # no field can hold it: it is made anew each time
    lines: list[bytes] = []
    for each in entries:
        name = _encoded(_NEWLINE.sub("\r\n", each.name), charset)
        name = name.replace(b"\r", b"%0D").replace(b"\n", b"%0A").replace(b'"', b"%22")
        lines.append(b"--" + boundary.encode())
        head = b'Content-Disposition: form-data; name="' + name + b'"'
        lines += [head + b'; filename=""', b"Content-Type: application/octet-stream"] if each.file else [head]
        lines += [b"", _encoded(_NEWLINE.sub("\r\n", each.value), charset)]
    lines += [b"--" + boundary.encode() + b"--", b""]
    return b"\r\n".join(lines), f"{MULTIPART}; boundary={boundary}"


def plain(entries: list[FormEntry], charset: str) -> bytes:
    """The body as text/plain, which cannot be read back in every case."""
    text = "".join(f"{each.name}={each.value}\n" for each in entries)
    return _encoded(_NEWLINE.sub("\r\n", text), charset)


def _encoded(text: str, charset: str) -> bytes:
    """As bytes; a lone surrogate becomes U+FFFD, and what the charset lacks becomes a character reference."""
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.encode(charset, "xmlcharrefreplace")
