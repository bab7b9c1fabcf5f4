"""From bytes to text, as browsers do it: byte order mark, header, meta element, then UTF-8; a guess for the rest.

An unknown charset counts as not given. Names come from servers, and Python's table of codecs holds some that are
not for text (``rot13``, ``hex``) or fail on purpose (``undefined``, ``idna``); none of these may be used.

Bytes that do not fit what was declared are read in the way that loses least, and the page gets a warning: they are
UTF-8, or nearly all of them fit, or they fit what the page declares besides, or charset-normalizer says what they are.
Pure; safe from any thread. Source: WHATWG HTML, "Determining the character encoding", and WHATWG Encoding, section 4.2.
"""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from w3lib.encoding import http_content_type_encoding, read_bom, resolve_encoding

from crawler.late_pattern import late_pattern

DEFAULT = "utf-8"
#: how most pages begin: nothing before it can declare another charset
_USUAL = late_pattern(
    rb"""\s*+(?:<!doctype [a-z\s]++>\s*+)?(?:<html(?: lang="?[a-z-]++"?)?>\s*+)?(?:<head>\s*+)?"""
    rb"""<meta charset=(["']?)utf-8\1 ?/?>""",
    re.IGNORECASE,
)
_META = late_pattern(rb"<meta[\s/]([^<>]*charset[^<>]*)", re.IGNORECASE)
_ATTRIBUTE = late_pattern(rb"""(?<![a-z-])([a-z-]++)\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'|([^\s"'/>]++))""", re.IGNORECASE)
_IN_CONTENT = late_pattern(rb"""charset\s*+=\s*+["']?([^\s"';]++)""", re.IGNORECASE)
_XML = late_pattern(rb"""\s*+<\?xml\s[^<>]*?encoding\s*+=\s*+["']([^\s"'<>]++)""", re.IGNORECASE)
_TAG = late_pattern(rb"<[^<>]*+>?")
_NOT_ASCII = late_pattern(rb"[\x80-\xff]")
_MOST_METAS = 100  # the first that names a charset counts; a page whose first hundred name none has none
_PROBE = bytes(range(0x20, 0x100)) * 2
_SAMPLE_BYTES = 65_536  # of what a guess looks at; what it says is then tried on all bytes
_LONGEST_KEPT = 200  # characters of a Content-Type that is remembered with its charset
_NEARLY = 5  # one odd character per this many good ones: the charset is right, and the page has a broken place

#: labels of browsers that neither Python nor w3lib knows. Source: WHATWG Encoding, section 4.2
_LABELS = {
    "unicode-1-1-utf-8": "utf-8",
    "x-unicode20utf8": "utf-8",
    "iso-8859-8-i": "iso8859-8",
    "csiso88598i": "iso8859-8",
    "csiso88598e": "iso8859-8",
    "logical": "iso8859-8",
    "visual": "iso8859-8",
    "csisolatin9": "iso8859-15",
    "sun_eu_greek": "iso8859-7",
    "koi": "koi8-r",
    "koi8": "koi8-r",
    "koi8_r": "koi8-r",
    "koi8-ru": "koi8-u",
    "mac": "mac-roman",
    "csmacintosh": "mac-roman",
    "x-mac-cyrillic": "mac-cyrillic",
    "x-mac-ukrainian": "mac-cyrillic",
    "dos-874": "cp874",
    "windows-949": "cp949",
    "x-euc-jp": "euc_jp",
    "cseucpkdfmtjapanese": "euc_jp",
    "cn-big5": "big5hkscs",
    "x-x-big5": "big5hkscs",
    "x-gbk": "gb18030",
    "unicode": "utf-16-le",
    "ucs-2": "utf-16-le",
    "iso-10646-ucs-2": "utf-16-le",
    "csunicode": "utf-16-le",
    "unicodefffe": "utf-16-be",
    "unicodefeff": "utf-16-le",
    **{f"x-cp125{number}": f"cp125{number}" for number in range(9)},
}
#: what a guess may say: the charsets of the web, not those of old terminals
_GUESSED = [
    *("cp1252", "cp932", "euc_jp", "gb18030", "big5", "cp949", "cp1251", "koi8_r", "cp1250", "cp1253", "cp1254"),
    *("cp1255", "cp1256", "cp874"),
]
_BROWSERS_NAMES = {"cp932": "shift_jis", "cp949": "euc-kr", "euc_jp": "euc-jp", "koi8_r": "koi8-r"}


class Text(NamedTuple):
    """A body as text.

    Attributes:
        charset: The codec that it was read with, as Python names it.
        warning: What was lost or guessed, "" for nothing.
    """

    text: str
    charset: str
    warning: str = ""


def _c1_controls(error: UnicodeError) -> tuple[str, int]:
    """The bytes that windows-125x leave open stand for themselves from 80 to 9F, as in browsers."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    byte = error.object[error.start]
    if not 0x80 <= byte <= 0x9F:
        raise error
    return chr(byte), error.start + 1


codecs.register_error("crawler.c1", _c1_controls)


@lru_cache(maxsize=512)
def usable(name: str) -> str | None:
    """The codec for a charset, as browsers name it; None when there is none that decodes any bytes."""
    if len(name) > 64:
        return None
    label = name.strip().lower()
    if label in _LABELS:
        return _LABELS[label]
    try:
        found = resolve_encoding(name)
        return found if found and isinstance(_PROBE.decode(found, "replace"), str) else None
    except (LookupError, ValueError, TypeError):  # UnicodeError is a ValueError
        return None


def declared(content_type: str | None, body: bytes) -> str | None:
    """What the header says, else what a meta element says; None for neither."""
    return _of_header(content_type) or _of_page(body)


def _of_header(content_type: str | None) -> str | None:
    if content_type is None or len(content_type) > _LONGEST_KEPT:
        return _said_by(content_type)
    return _known_header(content_type)


def _said_by(content_type: str | None) -> str | None:
    said = http_content_type_encoding(content_type)
    return usable(said) if said else None


_known_header = lru_cache(maxsize=64)(_said_by)  # a site says the same on all its pages, and the pattern takes 20 us


def _of_page(body: bytes) -> str | None:
    """What the first meta element (or XML declaration) with a usable charset says, wherever it stands.

    A declaration of UTF-16 that can be read is not in UTF-16: it means UTF-8, as in browsers.
    """
    if _USUAL.match(body):
        return DEFAULT
    if b"<?" in body[:64]:
        found = _XML.match(body)
        said = usable(found[1].decode("latin-1")) if found else None
        if said is not None:
            return DEFAULT if said.startswith(("utf-16", "utf-32")) else said
    if b"harset" not in body and b"HARSET" not in body:
        return None
    behind_comments = 0
    for tag in islice(_META.finditer(body), _MOST_METAS):
        start = tag.start()
        while behind_comments <= start and (opened := body.find(b"<!--", behind_comments, start)) >= 0:
            closed = body.find(b"-->", opened + 2)
            if closed < 0:
                return None
            behind_comments = closed + 3
        if behind_comments > start:
            continue
        behind_comments = start
        name = _of_meta(tag[1])
        said = "cp1252" if name == "x-user-defined" else usable(name) if name else None
        if said is not None:
            return DEFAULT if said.startswith(("utf-16", "utf-32")) else said
    return None


def _of_meta(attributes: bytes) -> str:
    named = {found[1].lower(): found[2] or found[3] or found[4] or b"" for found in _ATTRIBUTE.finditer(attributes)}
    said = named.get(b"charset", b"")
    if not said and named.get(b"http-equiv", b"").strip().lower() == b"content-type":
        inside = _IN_CONTENT.search(named.get(b"content", b""))
        said = inside[1] if inside else b""
    return said.strip().decode("latin-1").lower()


def read(content_type: str | None, body: bytes) -> Text:
    """*body* as text, the charset that it was read with, and a warning where something was lost or guessed.

    Never raises; bytes that mean nothing become U+FFFD.
    """
    marked, mark = read_bom(body)
    if marked is not None and mark is not None:
        return _with_losses(body[len(mark) :], marked)
    said = _of_header(content_type)
    within = _of_page(body) if said is None else None
    first = said or within
    if body.isascii() and b"\0" not in body and not (first or "").startswith(("iso2022", "hz")):
        return Text(body.decode("ascii"), first or DEFAULT)  # these bytes mean the same in all the other charsets
    wanted = first or DEFAULT
    text = _strictly(body, wanted)
    if text is not None and (wanted.startswith("utf-16") or not _is_hidden_utf_16(body)):
        return Text(text, wanted, _is_rather_utf_8(body, wanted))
    return _what_loses_least(body, first, _of_page(body) if said is not None else None)


def _strictly(body: bytes, charset: str) -> str | None:
    try:
        return body.decode(charset, "crawler.c1" if charset.startswith("cp125") else "strict")
    except ValueError:
        return None


def _is_rather_utf_8(body: bytes, charset: str) -> str:
    """A warning where the bytes beyond ASCII are UTF-8: browsers believe the declaration, and so do we."""
    if charset == DEFAULT or charset.startswith("utf") or body.isascii() or _strictly(body, DEFAULT) is None:
        return ""
    if charset in ("big5hkscs", "cp932", "cp949", "euc_jp", "gb18030") and _NOT_ASCII.search(body) is not None:
        beyond = len(body) - len(body.decode(DEFAULT))
        if beyond < 8:  # a few letters may be valid in both
            return ""
    return f"charset: {_name(charset)} is declared, but the bytes are UTF-8"


def _is_hidden_utf_16(body: bytes) -> bool:
    """Whether the bytes are UTF-16 without a mark: of markup, every second one is NUL."""
    return b"\0" in body and _utf_16(body) is not None


def _utf_16(body: bytes) -> str | None:
    sample = body[: _SAMPLE_BYTES * 2]
    half = len(sample) // 2
    for charset, high in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[0::2])):
        low = sample[0::2] if charset == "utf-16-le" else sample[1::2]
        if half >= 2 and high.count(0) * 4 > half and low.count(0) * 8 < half:
            return charset
    return None


def _what_loses_least(body: bytes, first: str | None, other: str | None) -> Text:
    """For bytes that do not fit *first*, the charset that was declared, or UTF-8 where none was.

    Args:
        other: What the page itself declares besides, or None.
    """
    found = (
        f"{_name(first)} is declared, but the bytes are not"
        if first
        else "none is declared, and the bytes are not UTF-8"
    )
    hidden = _utf_16(body) if b"\0" in body else None
    if hidden is not None:
        return _guessed(body, hidden, found)
    if first != DEFAULT and first is not None and (text := _strictly(body, DEFAULT)) is not None:
        return Text(text, DEFAULT, f"charset: {found}: read as utf-8")
    wanted = first or DEFAULT
    text = body.decode(wanted, "replace")
    lost = text.count("\ufffd")
    if lost and (len(text) - _ascii_in(text) - lost) >= lost * _NEARLY:
        return Text(text, wanted, f"charset: {lost:,} characters are not {_name(wanted)} and were lost")
    if other is not None and other != first and (text := _strictly(body, other)) is not None:
        return Text(text, other, f"charset: {found}: read as {_name(other)}, as the page says")
    return _guessed(body, _guess(body), found)


def _ascii_in(text: str) -> int:
    return len(text.encode("ascii", "ignore"))


def _guessed(body: bytes, charset: str, why: str) -> Text:
    text = _strictly(body, charset)
    lost = ""
    if text is None:
        text = body.decode(charset, "replace")
        lost = f", {text.count(chr(0xFFFD)):,} characters were lost"
    return Text(text, charset, f"charset: {why}: guessed {_name(charset)}{lost}")


def _guess(body: bytes) -> str:
    """What charset-normalizer takes the visible text for; windows-1252 where it cannot tell, as browsers do."""
    from charset_normalizer import from_bytes  # most runs never need it

    first = _NOT_ASCII.search(body)
    start = max(0, body.rfind(b"<", 0, first.start() if first else 0))
    sample = _TAG.sub(b" ", body[start : start + _SAMPLE_BYTES])
    end = max(sample.rfind(b" "), sample.rfind(b"\n")) if start + _SAMPLE_BYTES < len(body) else len(sample)
    sample = sample[:end] if end > 0 else sample  # never half a character
    found = from_bytes(sample, cp_isolation=_GUESSED)
    best = found.best()
    if best is None:
        return "cp1252"
    if best.encoding != "cp1252" and sample.decode(best.encoding, "replace") == sample.decode("cp1252", "replace"):
        return "cp1252"
    return str(best.encoding)


def _with_losses(body: bytes, charset: str) -> Text:
    text = _strictly(body, charset)
    if text is not None:
        return Text(text, charset)
    text = body.decode(charset, "replace")
    return Text(
        text, charset, f"charset: {text.count(chr(0xFFFD)):,} characters are not {_name(charset)} and were lost"
    )


def _name(charset: str) -> str:
    """A codec as the web calls it."""
    name = _BROWSERS_NAMES.get(charset, charset)
    return f"windows-{name[2:]}" if name.startswith("cp125") else name
