"""How names and values are written, by the encoding of the form and by the charset."""

from __future__ import annotations

from tests.form_submission.situation import (
    FORMS,
    HIDDEN,
    MULTIPART,
    PLAIN,
    SUBMISSION,
    Situation,
    get,
    parts,
    post,
)

# name, name of the field, value of it, and both as they are urlencoded, in multipart, and as text
_TEXTS = [
    ("basic", "basic", "test", "basic=test", ("basic", "test"), "basic=test"),
    ("lf-in-name", "a&#10;b", "c", "a%0D%0Ab=c", ("a%0D%0Ab", "c"), "a\r\nb=c"),
    ("cr-in-name", "a&#13;b", "c", "a%0D%0Ab=c", ("a%0D%0Ab", "c"), "a\r\nb=c"),
    ("crlf-in-name", "a&#13;&#10;b", "c", "a%0D%0Ab=c", ("a%0D%0Ab", "c"), "a\r\nb=c"),
    ("lfcr-in-name", "a&#10;&#13;b", "c", "a%0D%0A%0D%0Ab=c", ("a%0D%0A%0D%0Ab", "c"), "a\r\n\r\nb=c"),
    ("lf-in-value", "a", "b&#10;c", "a=b%0D%0Ac", ("a", "b\r\nc"), "a=b\r\nc"),
    ("cr-in-value", "a", "b&#13;c", "a=b%0D%0Ac", ("a", "b\r\nc"), "a=b\r\nc"),
    ("crlf-in-value", "a", "b&#13;&#10;c", "a=b%0D%0Ac", ("a", "b\r\nc"), "a=b\r\nc"),
    ("lfcr-in-value", "a", "b&#10;&#13;c", "a=b%0D%0A%0D%0Ac", ("a", "b\r\n\r\nc"), "a=b\r\n\r\nc"),
    ("quote-in-name", "a&quot;b", "c", "a%22b=c", ("a%22b", "c"), 'a"b=c'),
    ("quote-in-value", "a", "b&quot;c", "a=b%22c", ("a", 'b"c'), 'a=b"c'),
    ("apostrophe-in-name", "a'b", "c", "a%27b=c", ("a'b", "c"), "a'b=c"),
    ("apostrophe-in-value", "a", "b'c", "a=b%27c", ("a", "b'c"), "a=b'c"),
    ("backslash-in-name", "a\\b", "c", "a%5Cb=c", ("a\\b", "c"), "a\\b=c"),
    ("backslash-in-value", "a", "b\\c", "a=b%5Cc", ("a", "b\\c"), "a=b\\c"),
    ("not-ascii", "áb", "ç", "%C3%A1b=%C3%A7", ("áb", "ç"), "áb=ç"),
    ("not-in-the-plane", "a", "\U0001f4a9", "a=%F0%9F%92%A9", ("a", "\U0001f4a9"), "a=\U0001f4a9"),
    ("marks", "a", "~*-._ +&amp;=%", "a=%7E*-._+%2B%26%3D%25", ("a", "~*-._ +&=%"), "a=~*-._ +&=%"),
]
_FILES = {
    "urlencoded": f"{SUBMISSION}/urlencoded2.window.js",
    "multipart": f"{SUBMISSION}/multipart-formdata.window.js",
    "plain": f"{SUBMISSION}/text-plain.window.js",
}
ENCODED = [
    situation
    for name, field_name, value, encoded, multipart, plain in _TEXTS
    for situation in (
        Situation(f"urlencoded-{name}", _FILES["urlencoded"], post(HIDDEN.format(field_name, value)), encoded),
        Situation(
            f"multipart-{name}",
            _FILES["multipart"],
            post(HIDDEN.format(field_name, value), "enctype=multipart/form-data"),
            parts(multipart),
            kind=MULTIPART,
        ),
        Situation(
            f"plain-{name}",
            _FILES["plain"],
            post(HIDDEN.format(field_name, value), "enctype=text/plain"),
            f"{plain}\r\n",
            kind=PLAIN,
        ),
    )
]

LATIN = "accept-charset=windows-1252"
CHARSETS = [
    Situation(
        "urlencoded-not-in-the-charset",
        _FILES["urlencoded"],
        post(HIDDEN.format("aəb", "c\ufffdd"), LATIN),
        "a%26%23601%3Bb=c%26%2365533%3Bd",
    ),
    Situation(
        "multipart-not-in-the-charset",
        _FILES["multipart"],
        post(HIDDEN.format("aəb", "c\ufffdd"), f"{LATIN} enctype=multipart/form-data"),
        parts(("a&#601;b", "c&#65533;d")),
        kind=MULTIPART,
    ),
    Situation(
        "plain-not-in-the-charset",
        _FILES["plain"],
        post(HIDDEN.format("a", "\ufffdb"), f"{LATIN} enctype=text/plain"),
        "a=&#65533;b\r\n",
        kind=PLAIN,
    ),
    Situation(
        "charset-field",
        f"{SUBMISSION}/constructing-form-data-set.html",
        get("<input type=hidden name=_charset_>", "accept-charset=iso-8859-1"),
        "_charset_=windows-1252",
        "GET",
    ),
    Situation(
        "charset-field-any-case",
        f"{FORMS}/the-input-element/hidden-charset-case-sensitive.html",
        post("<input type=hidden name=_CharSet_ value=x>"),
        "_CharSet_=UTF-8",
    ),
    Situation(
        "charset-field-is-hidden-only",
        f"{FORMS}/the-input-element/hidden-charset-case-sensitive.html",
        post("<input name=_charset_ value=x>"),
        "_charset_=x",
    ),
    Situation(
        "charset-of-the-page",
        f"{SUBMISSION}/enctypes-helper.js",
        post(HIDDEN.format("n", "é€ə")),
        "n=%E9%80%26%23601%3B",
        charset="windows-1252",
    ),
    Situation(
        "charset-of-the-page-in-a-query",
        f"{SUBMISSION}/enctypes-helper.js",
        get(HIDDEN.format("n", "é")),
        "n=%E9",
        "GET",
        charset="windows-1252",
    ),
    Situation(
        "accept-charset-goes-before-the-page",
        f"{SUBMISSION}/enctypes-helper.js",
        post(HIDDEN.format("n", "é"), "accept-charset=utf-8"),
        "n=%C3%A9",
        charset="windows-1252",
    ),
    Situation(
        "accept-charset-list",
        f"{SUBMISSION}/enctypes-helper.js",
        post(HIDDEN.format("n", "é"), "accept-charset='no-such latin1 utf-8'"),
        "n=%E9",
    ),
    Situation(
        "accept-charset-utf-16",
        f"{SUBMISSION}/enctypes-helper.js",
        post(HIDDEN.format("n", "é"), "accept-charset=utf-16"),
        "n=%C3%A9",
    ),
    Situation(
        "charset-koi8-r",
        f"{SUBMISSION}/enctypes-helper.js",
        post(HIDDEN.format("n", "да")),
        "n=%C4%C1",
        charset="koi8-r",
    ),
    Situation(
        "charset-shift-jis",
        f"{SUBMISSION}/enctypes-helper.js",
        post(HIDDEN.format("n", "日本")),
        "n=%93%FA%96%7B",
        charset="shift_jis",
    ),
]
