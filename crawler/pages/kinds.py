"""What a file is, by its first bytes: its media type, and the size of an image. Nothing is decoded.

Source: the WHATWG standard "MIME Sniffing" for web pages, images, fonts, sound and archives; the formats themselves for
where an image says its size.
"""

from __future__ import annotations

import re
from typing import Final

from crawler.late_pattern import late_pattern
from crawler.quick_dataclass import quick_dataclass

HEAD_BYTES: Final = 65_536  #: of a file that are looked at; a photograph may have a preview before its size

_MARKUP: Final = late_pattern(
    rb"(?:\xef\xbb\xbf)?[\s\0]*+(?:<!--(?:(?!-->)[\s\S])*+-->[\s\0]*+)*+(?:<!doctype\s+html|<(?:html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p"
    rb"|form|meta|link|center)[\s>/])",
    re.IGNORECASE,
)
_MAGIC: Final = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\1\0", "image/x-icon"),
    (b"PK\3\4", "application/zip"),
    (b"PK\5\6", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "application/ogg"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
)
_ISO_BRANDS: Final = {b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"mif1": "image/heif"}
#: types that are ZIP or OLE files inside: the bytes do not say which
_CONTAINED: Final = {
    "application/zip": late_pattern(
        r"application/(?:vnd\.(?:openxmlformats-|oasis\.|android|ms-(?:excel|word|powerpoint)\..*macro)|epub\+zip"
        r"|java-archive|x-zip|zip)"
    ),
    "application/x-ole-storage": late_pattern(r"application/(?:msword|vnd\.ms-|x-msi|x-ole-storage|vnd\.visio)"),
}
_PLAIN_ZIP: Final = ("application/zip", "application/x-zip")  #: say nothing about what is in it
_SNIFFED: Final = frozenset(kind for _, kind in _MAGIC) - _CONTAINED.keys()
_VAGUE: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/force-download"})
MARKUP_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_BEGINNINGS: Final = tuple(magic for magic, _ in _MAGIC)
#: bytes that no text has. Source: WHATWG "MIME Sniffing", binary data bytes
_BINARY: Final = late_pattern(rb"[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_LOOKED_AT: Final = 1_445  #: bytes, as browsers look at before they call something text
_MARKS: Final = (b"\xfe\xff", b"\xff\xfe", b"\xef\xbb\xbf")  #: with which text begins


def is_markup(head: bytes) -> bool:
    """Whether these bytes open a web page."""
    return _MARKUP.match(head[:1_024]) is not None


def media_type(content_type: str | None) -> str:
    """Of a Content-Type header: lower case, without parameters."""
    return (content_type or "").partition(";")[0].partition(",")[0].strip().lower()


def sniffed(head: bytes) -> str:
    """The media type by the first bytes; "" where they do not say it."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(head[8:12], "")
    if head[4:8] == b"ftyp":
        return _ISO_BRANDS.get(head[8:12], "video/mp4")
    if (
        head[:2] == b"BM"
        and len(head) > 18
        and head[14:18] in (b"\x28\0\0\0", b"\x0c\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0")
    ):
        return "image/bmp"
    return "text/html" if is_markup(head) else ""


def type_of(head: bytes, declared: str, by_name: str) -> str:
    """The media type that a file has: by its bytes, else as the server says, else by its name.

    A ZIP file that is said to be a kind of document kept in ZIP files is that document.
    """
    found = sniffed(head)
    for said in (declared, by_name):
        if found in _CONTAINED and not said.startswith(_PLAIN_ZIP) and _CONTAINED[found].match(said):
            return said
    if found:
        return found
    return declared if declared not in _VAGUE else by_name or "application/octet-stream"


def file_type(declared: str, body: bytes) -> str:
    """The media type of an answer that is a file and no text (an archive, a picture, a font); "" for text.

    What the server calls text is text, unless it begins as a file does and cannot be read. Quick for pages.
    """
    if declared in MARKUP_TYPES or declared.startswith("text/") or not declared or declared.endswith(("xml", "json")):
        if not body.startswith(_BEGINNINGS):  # nearly always
            return ""
        return sniffed(body) if not _is_text(body) else ""
    head = body[:_LOOKED_AT]
    found = sniffed(head)
    if found == "text/html" or head.startswith(_MARKS):
        return ""
    if found or _BINARY.search(head) is not None:
        return type_of(head, declared, "")
    return ""


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return _BINARY.search(body[:_LOOKED_AT]) is None


def why_not(wanted: str, head: bytes, declared: str) -> str:
    """Why a file is surely not of the wanted type; "" where it is, or may be.

    Args:
        wanted: Media types with commas between, each like ``image/png`` or ``image/*``.
        head: Its first bytes.
        declared: What the server calls it.
    """
    patterns = [each.strip().lower() for each in wanted.split(",") if each.strip()]
    if not patterns:
        return ""
    found = sniffed(head)
    if found:
        if any(_fits(found, each) or _contained(found, each, declared) for each in patterns):
            return ""
        if found == "text/html" and any(each.startswith("text/") or each.endswith("xml") for each in patterns):
            return "" if declared not in MARKUP_TYPES else f"it is {found}, not {wanted}"
        return f"it is {found}, not {wanted}"
    if declared in MARKUP_TYPES and not any(_fits(declared, each) for each in patterns):
        return f"it is {declared}, not {wanted}"
    if all(each in _SNIFFED for each in patterns):
        return f"it does not begin as {wanted} does (the server calls it {declared or 'nothing'})"
    return ""


def _fits(kind: str, pattern: str) -> bool:
    return kind == pattern or (pattern.endswith("/*") and kind.startswith(pattern[:-1]))


def _contained(found: str, pattern: str, declared: str) -> bool:
    """Whether a container may hold what is wanted."""
    rule = _CONTAINED.get(found)
    return rule is not None and (
        rule.match(pattern) is not None or (pattern.endswith("/*") and _fits(declared, pattern))
    )


# --- images -----------------------------------------------------------------------------------------------------------


@quick_dataclass
class Size:
    """Of an image, in pixels, as its head says."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


def image_size(head: bytes) -> Size | None:
    """How large an image says it is; None for what is no image, or does not say it in its first bytes."""
    reader = {
        "image/png": _png,
        "image/gif": _gif,
        "image/jpeg": _jpeg,
        "image/webp": _webp,
        "image/bmp": _bmp,
        "image/tiff": _tiff,
        "image/avif": _iso,
        "image/heic": _iso,
        "image/heif": _iso,
    }.get(sniffed(head))
    try:
        return reader(head) if reader is not None else None
    except IndexError:
        return None


def _number(head: bytes, at: int, count: int, order: str = "big") -> int:
    piece = head[at : at + count]
    if len(piece) < count:
        raise IndexError
    return int.from_bytes(piece, "little" if order == "little" else "big")


def _png(head: bytes) -> Size | None:
    return Size(_number(head, 16, 4), _number(head, 20, 4)) if head[12:16] == b"IHDR" else None


def _gif(head: bytes) -> Size:
    return Size(_number(head, 6, 2, "little"), _number(head, 8, 2, "little"))


def _jpeg(head: bytes) -> Size | None:
    at = 2
    while True:
        while _number(head, at, 1) != 0xFF:  # padding that some cameras write
            at += 1
        while _number(head, at, 1) == 0xFF:
            at += 1
        marker = _number(head, at, 1)
        at += 1
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return Size(_number(head, at + 5, 2), _number(head, at + 3, 2))
        if marker in (0xD9, 0xDA):  # the picture itself begins, or the file ends
            return None
        if not 0xD0 <= marker <= 0xD8 and marker != 0x01:
            at += max(_number(head, at, 2), 2)


def _webp(head: bytes) -> Size | None:
    form = head[12:16]
    if form == b"VP8X":
        return Size(1 + _number(head, 24, 3, "little"), 1 + _number(head, 27, 3, "little"))
    if form == b"VP8L":
        bits = _number(head, 21, 4, "little")
        return Size(1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if form == b"VP8 ":
        return Size(_number(head, 26, 2, "little") & 0x3FFF, _number(head, 28, 2, "little") & 0x3FFF)
    return None


def _bmp(head: bytes) -> Size:
    if _number(head, 14, 4, "little") == 12:
        return Size(_number(head, 18, 2, "little"), _number(head, 20, 2, "little"))
    height = _number(head, 22, 4, "little")
    return Size(_number(head, 18, 4, "little"), height if height < 2**31 else 2**32 - height)  # top-down: negative


def _tiff(head: bytes) -> Size | None:
    order = "little" if head[:2] == b"II" else "big"
    at = _number(head, 4, 4, order)
    found: dict[int, int] = {}
    for entry in range(min(_number(head, at, 2, order), 200)):
        start = at + 2 + 12 * entry
        tag = _number(head, start, 2, order)
        if tag in (256, 257):
            width = 2 if _number(head, start + 2, 2, order) == 3 else 4
            found[tag] = _number(head, start + 8, width, order)
    return Size(found[256], found[257]) if len(found) == 2 else None


def _iso(head: bytes) -> Size | None:
    """The largest picture of an AVIF or HEIC file: previews and parts have their sizes there, too."""
    sizes = []
    at = head.find(b"ispe")
    while at >= 0 and len(head) >= at + 16:
        sizes.append(Size(_number(head, at + 8, 4), _number(head, at + 12, 4)))
        at = head.find(b"ispe", at + 16)
    return max(sizes, key=lambda size: size.pixels, default=None)
