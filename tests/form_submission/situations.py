"""What browsers send for a form: one situation a row, with the right request.

The situations are those of web-platform-tests (the folder in `source`; the right values follow the HTML standard and
were compared with what Chromium sends: ``python -m tests.form_submission --chromium``). The markup is written anew.
"""

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

PICK = "<select name=s{}>{}</select>"
CONTROLS = [
    Situation(
        "the-clicked-button-only",
        f"{SUBMISSION}/constructing-form-data-set.html",
        get(
            "<input name=foo><button type=button name=b value=1>b</button><button type=reset name=r value=1>r</button>"
            "<button id=go name=submit value=true>submit</button><button name=other value=1>o</button>"
        ),
        "foo=&submit=true",
        "GET",
        click="go",
    ),
    Situation(
        "unknown-type-of-a-button-submits",
        f"{SUBMISSION}/constructing-form-data-set.html",
        get("<button type=close name=close value=true id=go>c</button>"),
        "close=true",
        "GET",
        click="go",
    ),
    Situation(
        "button-without-a-value",
        f"{FORMS}/the-button-element/button-click-submits.html",
        post("<input name=u><button name=login id=go>Log in</button>"),
        "u=&login=",
        click="go",
    ),
    Situation(
        "button-without-a-name",
        f"{FORMS}/the-button-element/button-click-submits.html",
        post("<input name=u><button value=1 id=go>Log in</button>"),
        "u=",
        click="go",
    ),
    Situation(
        "submit-input",
        f"{SUBMISSION}/submit-entity-body.html",
        post("<input type=submit name=no value=nope><input type=submit name=foo value=bara id=go>"),
        "foo=bara",
        click="go",
    ),
    Situation(
        "button-with-a-value",
        f"{SUBMISSION}/submit-entity-body.html",
        post("<button name=no value=nope>x</button><button name=foo value=bara id=go>y</button>"),
        "foo=bara",
        click="go",
    ),
    Situation(
        "submit-input-urlencoded",
        f"{SUBMISSION}/submit-entity-body.html",
        post("<input name=foo value=bara><input type=submit id=go>"),
        "foo=bara",
        click="go",
    ),
    Situation(
        "textarea-multipart",
        f"{SUBMISSION}/submit-entity-body.html",
        post("<textarea name=foo>bar</textarea>", "enctype=multipart/form-data"),
        parts(("foo", "bar")),
        kind=MULTIPART,
    ),
    Situation(
        "textarea-plain",
        f"{SUBMISSION}/submit-entity-body.html",
        post(f"<textarea name=qux>baz</textarea>{GO}", "enctype=text/plain"),
        "qux=baz\r\n",
        kind=PLAIN,
        click="go",
    ),
    Situation(
        "image-button-with-a-name",
        f"{FORMS}/the-input-element/image-click-form-data.html",
        get("<input type=image name=name value=v id=go>"),
        "name.x=0&name.y=0",
        "GET",
        click="go",
    ),
    Situation(
        "image-button-without-a-name",
        f"{FORMS}/the-input-element/image-click-form-data.html",
        get("<input type=image id=go>"),
        "x=0&y=0",
        "GET",
        click="go",
    ),
    Situation(
        "image-button-that-is-not-clicked",
        f"{SUBMISSION}/form-submitters.html",
        post(f"<input type=image name=i><input name=a value=1>{GO}"),
        "a=1",
        click="go",
    ),
    Situation(
        "boxes",
        f"{FORMS}/the-input-element/checkbox.html",
        post(
            "<input type=checkbox name=a><input type=checkbox name=b checked><input type=checkbox name=c value=2 "
            "checked><input type=checkbox name=d value='' checked>"
        ),
        "b=on&c=2&d=",
    ),
    Situation(
        "radio-buttons",
        f"{FORMS}/the-input-element/radio.html",
        post("<input type=radio name=a value=1><input type=radio name=a value=2 checked><input type=radio name=b>"),
        "a=2",
    ),
    Situation(
        "two-radio-buttons-are-checked",
        f"{FORMS}/the-input-element/radio.html",
        post("<input type=radio name=a value=1 checked><input type=radio name=a value=2 checked>"),
        "a=2",
    ),
    Situation(
        "radio-groups-differ-by-case",
        f"{FORMS}/the-input-element/radio-groupname-case.html",
        post("<input type=radio name=a value=1 checked><input type=radio name=A value=2 checked>"),
        "a=1&A=2",
    ),
    Situation(
        "radio-button-without-a-value",
        f"{FORMS}/the-input-element/radio.html",
        post("<input type=radio name=a checked>"),
        "a=on",
    ),
    Situation(
        "no-name-no-entry",
        f"{SUBMISSION}/constructing-form-data-set.html",
        post("<input value=1><input name='' value=2><textarea>3</textarea><input name=d value=4>"),
        "d=4",
    ),
    Situation(
        "order-of-the-page",
        f"{SUBMISSION}/constructing-form-data-set.html",
        post(
            "<input name=a value=1><textarea name=b>2</textarea><select name=c><option>3</select><input name=a value=4>"
        ),
        "a=1&b=2&c=3&a=4",
    ),
    Situation(
        "unknown-type-is-text",
        f"{FORMS}/the-input-element/default-type.html",
        post("<input type=foo name=a value=1><input type=' checkbox ' name=b value=2>"),
        "a=1&b=2",
    ),
    Situation(
        "type-in-capitals",
        f"{FORMS}/the-input-element/default-type.html",
        post("<input type=CHECKBOX name=a value=1><input type=Hidden name=b value=2>"),
        "b=2",
    ),
    Situation(
        "empty-file-urlencoded",
        f"{SUBMISSION}/form-data-set-empty-file.window.js",
        post("<input type=file name=empty><input name=a value=1>"),
        "empty=&a=1",
    ),
    Situation(
        "empty-file-multipart",
        f"{SUBMISSION}/form-data-set-empty-file.window.js",
        post("<input name=a value=1><input type=file name=empty>", "enctype=multipart/form-data"),
        parts(("a", "1"), file="empty"),
        kind=MULTIPART,
    ),
    Situation(
        "empty-file-plain",
        f"{SUBMISSION}/form-data-set-empty-file.window.js",
        post("<input type=file name=empty>", "enctype=text/plain"),
        "empty=\r\n",
        kind=PLAIN,
    ),
    Situation(
        "empty-files-multiple",
        f"{SUBMISSION}/form-data-set-empty-file.window.js",
        post("<input type=file name=empty multiple>", "enctype=multipart/form-data"),
        parts(file="empty"),
        kind=MULTIPART,
    ),
    Situation(
        "file-with-a-value",
        f"{FORMS}/the-input-element/files.html",
        post("<input type=file name=f value=/etc/passwd>"),
        "f=",
    ),
    Situation("a-form-without-fields", f"{SUBMISSION}/form-submission-algorithm.html", post(""), ""),
    Situation(
        "readonly-is-sent", f"{COMMON}/disabled-elements-01.html", post("<input name=a value=1 readonly>"), "a=1"
    ),
    Situation(
        "disabled-is-not",
        f"{COMMON}/disabled-elements-01.html",
        post(
            "<input name=a value=1 disabled><select name=b disabled><option>1</select><textarea name=c disabled>"
            "</textarea><input name=d value=2 disabled=false><input name=e value=3>"
        ),
        "e=3",
    ),
    Situation(
        "disabled-fieldset",
        f"{FORMS}/the-fieldset-element/disabled.html",
        post(
            "<fieldset disabled><legend><input name=a value=1></legend><legend><input name=b value=2></legend>"
            "<input name=c value=3></fieldset><input name=d value=4>"
        ),
        "a=1&d=4",
    ),
    Situation(
        "disabled-fieldset-around-the-form",
        f"{FORMS}/the-fieldset-element/disabled-001.html",
        "<fieldset disabled>" + post("<input name=a value=1>") + "</fieldset>",
        "",
    ),
    Situation(
        "disabled-fieldset-in-a-legend",
        f"{FORMS}/the-fieldset-element/disabled-003.html",
        post(
            "<fieldset disabled><legend><fieldset><input name=a value=1></fieldset><fieldset disabled>"
            "<input name=b value=2></fieldset></legend></fieldset>"
        ),
        "a=1",
    ),
    Situation(
        "legend-that-is-no-child",
        f"{FORMS}/the-fieldset-element/disabled.html",
        post("<fieldset disabled><div><legend><input name=a value=1></legend></div></fieldset><input name=b>"),
        "b=",
    ),
    Situation(
        "datalist",
        f"{FORMS}/the-textarea-element/textarea-validity-valueMissing-inside-datalist.html",
        post("<input name=a list=l value=x><datalist id=l><option value=1><textarea name=t>1</textarea></datalist>"),
        "a=x",
    ),
    Situation(
        "template",
        f"{FORMS}/the-form-element/form-elements-filter.html",
        post("<template><input name=a value=1></template><input name=b value=2>"),
        "b=2",
    ),
    Situation(
        "output-and-object-send-nothing",
        f"{INFRASTRUCTURE}/form.html",
        post("<output name=o>1</output><object name=p></object><input name=a value=1>"),
        "a=1",
    ),
    Situation(
        "button-that-commands",
        f"{FORMS}/the-button-element/button-click-submits-with-commandfor.html",
        post("<input name=a value=1><button type=submit id=go commandfor=x name=b value=2>b</button>"),
        "a=1&b=2",
        click="go",
    ),
]

SELECTS = [
    Situation(
        "select-first-option",
        f"{FORMS}/the-select-element/select-value.html",
        post(PICK.format("", "<option value=1>a<option value=2>b")),
        "s=1",
    ),
    Situation(
        "select-marked-option",
        f"{FORMS}/the-select-element/select-value.html",
        post(PICK.format("", "<option value=1>a<option value=2 selected>b")),
        "s=2",
    ),
    Situation(
        "select-two-marked",
        f"{FORMS}/the-option-element/option-selected.html",
        post(PICK.format("", "<option selected>a<option selected>b<option>c")),
        "s=b",
    ),
    Situation(
        "select-multiple",
        f"{FORMS}/the-select-element/select-selectedOptions.html",
        post(PICK.format(" multiple", "<option selected>a<option>b<option selected>c")),
        "s=a&s=c",
    ),
    Situation(
        "select-multiple-none",
        f"{FORMS}/the-select-element/select-selectedOptions.html",
        post(PICK.format(" multiple", "<option>a<option>b")),
        "",
    ),
    Situation(
        "select-placeholder",
        f"{FORMS}/the-select-element/select-validity.html",
        post(PICK.format("", "<option value='' disabled selected>Choose<option value=de>DE")),
        "",
    ),
    Situation(
        "select-first-is-disabled",
        f"{FORMS}/the-select-element/select-value.html",
        post(PICK.format("", "<option disabled>a<option>b")),
        "s=b",
    ),
    Situation(
        "select-disabled-group",
        f"{FORMS}/the-select-element/customizable-select/option-disabled-optgroup.html",
        post(PICK.format("", "<optgroup disabled><option>a</optgroup><option>b")),
        "s=b",
    ),
    Situation(
        "select-all-disabled",
        f"{FORMS}/the-select-element/select-value.html",
        post(PICK.format("", "<option disabled>a<option disabled>b") + "<input name=z value=1>"),
        "z=1",
    ),
    Situation(
        "select-of-three-lines",
        f"{FORMS}/the-select-element/select-selectedOptions.html",
        post(PICK.format(" size=3", "<option>a<option>b") + "<input name=z value=1>"),
        "z=1",
    ),
    Situation(
        "select-of-one-line",
        f"{FORMS}/the-select-element/select-attribute-change-reset.html",
        post(PICK.format(" size=1", "<option>a<option>b")),
        "s=a",
    ),
    Situation(
        "select-of-zero-lines",
        f"{FORMS}/the-select-element/select-attribute-change-reset.html",
        post(PICK.format(" size=0", "<option>a<option>b")),
        "s=a",
    ),
    Situation(
        "select-without-options",
        f"{FORMS}/the-select-element/select-value.html",
        post(PICK.format("", "") + "<input name=z value=1>"),
        "z=1",
    ),
    Situation(
        "option-without-a-value",
        f"{FORMS}/the-option-element/option-value.html",
        post(PICK.format("", "<option> two \n  words ")),
        "s=two+words",
    ),
    Situation(
        "option-with-an-empty-value",
        f"{FORMS}/the-option-element/option-value.html",
        post(PICK.format("", "<option value>text")),
        "s=",
    ),
    Situation(
        "option-label",
        f"{FORMS}/the-option-element/option-label.html",
        post(PICK.format("", "<option label=other>text")),
        "s=text",
    ),
    Situation(
        "option-in-a-group",
        f"{FORMS}/the-select-element/select-value.html",
        post(PICK.format("", "<optgroup label=g><option>a</optgroup>")),
        "s=a",
    ),
    Situation(
        "option-with-markup",
        f"{FORMS}/the-option-element/option-text-recurse.html",
        post(PICK.format("", "<option>a<b>c</b>d")),
        "s=acd",
    ),
    Situation(
        "select-is-filled",
        f"{FORMS}/the-select-element/select-value.html",
        post(PICK.format("", "<option value=1>a<option value=2>b")),
        "s=2",
        fill={"s": "2"},
    ),
]

TEXTAREAS = [
    Situation(
        "textarea-line-breaks",
        f"{FORMS}/the-textarea-element/textarea-lf.html",
        post("<textarea name=t>a\nb</textarea>"),
        "t=a%0D%0Ab",
    ),
    Situation(
        "textarea-first-line-break",
        f"{FORMS}/the-textarea-element/value-defaultValue-textContent.html",
        post("<textarea name=t>\na</textarea>"),
        "t=a",
    ),
    Situation(
        "textarea-two-first-line-breaks",
        f"{FORMS}/the-textarea-element/value-defaultValue-textContent.html",
        post("<textarea name=t>\n\na</textarea>"),
        "t=%0D%0Aa",
    ),
    Situation(
        "textarea-all-kinds-of-line-breaks",
        f"{SUBMISSION}/textarea.window.js",
        post("<textarea name=t>a&#10;b&#13;c&#13;&#10;d&#10;&#13;e</textarea>"),
        "t=a%0D%0Ab%0D%0Ac%0D%0Ad%0D%0A%0D%0Ae",
    ),
    Situation(
        "textarea-markup",
        f"{FORMS}/the-textarea-element/value-defaultValue-textContent.html",
        post("<textarea name=t><input name=x> </form> <!-- &amp;</textarea>"),
        "t=%3Cinput+name%3Dx%3E+%3C%2Fform%3E+%3C%21--+%26",
    ),
    Situation(
        "textarea-is-filled",
        f"{SUBMISSION}/textarea.window.js",
        post("<textarea name=t>x</textarea>"),
        "t=a%0D%0Ab",
        fill={"t": "a\nb"},
    ),
    Situation(
        "text-field-drops-line-breaks",
        f"{FORMS}/the-input-element/text.html",
        post("<input name=t value='a&#10;b&#13;c'>"),
        "t=abc",
    ),
]


def typed(kind: str, value: str, want: str, more: str = "", source: str = "") -> Situation:
    return Situation(
        f"{kind}-{value or 'empty'}{'-' if more else ''}{more}".replace(" ", "_"),
        f"{FORMS}/the-input-element/{source or kind}.html",
        post(f'<input type={kind} name=t value="{value}" {more}>'),
        f"t={want}",
    )


TYPED = [
    typed("password", "a&#10;b", "ab"),
    typed("search", "a&#13;b", "ab", source="search_input"),
    typed("tel", " a&#10;b ", "+ab+", source="telephone"),
    typed("url", " http://x/ ", "http%3A%2F%2Fx%2F", source="url"),
    typed("email", " a@b ", "a%40b"),
    typed("email", " a@b , c@d ", "a%40b%2Cc%40d", "multiple"),
    typed("hidden", " a ", "+a+"),
    typed("number", "12.5", "12.5"),
    typed("number", "-1e3", "-1e3"),
    typed("number", "1,5", ""),
    typed("number", "+1", ""),
    typed("number", ".5", ".5"),
    typed("number", "abc", ""),
    typed("date", "2026-11-28", "2026-11-28"),
    typed("date", "2026-02-30", ""),
    typed("date", "28.11.2026", ""),
    typed("month", "2026-11", "2026-11"),
    typed("month", "2026-13", ""),
    typed("week", "2026-W53", "2026-W53", source="datetime-weekmonth"),
    typed("week", "2025-W53", "", source="datetime-weekmonth"),
    typed("time", "23:59:59", "23%3A59%3A59"),
    typed("time", "24:00", ""),
    typed("datetime-local", "2026-11-28T12:00", "2026-11-28T12%3A00"),
    typed("datetime-local", "2026-11-28 12:00:00", "2026-11-28T12%3A00"),
    typed(
        "datetime-local", "2026-11-28T12:00:30.500", "2026-11-28T12%3A00%3A30.5", source="datetime-local-trailing-zeros"
    ),
    typed("datetime-local", "2026-11-28", ""),
    typed("color", "#AABBCC", "%23aabbcc"),
    typed("color", "red-ish", "%23000000"),
    typed("range", "", "50"),
    typed("range", "200", "100"),
    typed("range", "3", "3", "min=0 max=10"),
    typed("range", "", "5", "min=0 max=10"),
    typed("range", "7", "8", "min=0 max=10 step=4"),
    typed("range", "7", "5", "min=5 max=2"),
]

PAGE = "/dir/page?x=1"
TARGETS = [
    Situation(
        "action-missing",
        f"{SUBMISSION}/form-submit-action.html",
        f"<form method=post><input name=a>{GO}</form>",
        "a=",
        to=PAGE,
        click="go",
    ),
    Situation(
        "action-empty",
        f"{FORMS}/the-form-element/form-action-submission.html",
        "<form method=post action=''><input name=a></form>",
        "a=",
        to=PAGE,
    ),
    Situation(
        "action-empty-with-a-base",
        f"{FORMS}/the-form-element/form-action-submission-with-base-url.html",
        "<base href=/other/><form method=post action=''><input name=a></form>",
        "a=",
        to=PAGE,
    ),
    Situation(
        "action-with-a-base",
        f"{FORMS}/the-form-element/form-action-base-url.html",
        "<base href=/other/><form method=post action=x><input name=a></form>",
        "a=",
        to="/other/x",
    ),
    Situation(
        "action-relative",
        f"{FORMS}/the-form-element/form-action.html",
        "<form method=post action='../x?y=1#z'><input name=a></form>",
        "a=",
        to="/x?y=1",
    ),
    Situation(
        "action-with-space-around",
        f"{FORMS}/the-form-element/form-action.html",
        "<form method=post action=' \n/x '><input name=a></form>",
        "a=",
        to="/x",
    ),
    Situation(
        "get-replaces-the-query",
        f"{FORMS}/the-form-element/form-action-submission.html",
        "<form action='/x?old=1'><input name=a value=1></form>",
        "a=1",
        "GET",
        to="/x",
    ),
    Situation(
        "get-without-action-replaces-the-query",
        f"{FORMS}/the-form-element/form-action-submission.html",
        "<form><input name=a value=1></form>",
        "a=1",
        "GET",
        to="/dir/page",
    ),
    Situation(
        "get-without-fields",
        f"{FORMS}/the-form-element/form-action-submission.html",
        "<form action='/x?old=1'></form>",
        "",
        "GET",
        to="/x",
    ),
    Situation(
        "get-with-multipart",
        f"{SUBMISSION}/submit-entity-body.html",
        get("<input name=a value=1>", "enctype=multipart/form-data"),
        "a=1",
        "GET",
    ),
    Situation(
        "method-unknown-is-get",
        f"{FORMS}/the-form-element/form-action.html",
        "<form method=put action=/x><input name=a></form>",
        "a=",
        "GET",
        to="/x",
    ),
    Situation(
        "method-in-capitals",
        f"{FORMS}/the-form-element/form-action.html",
        "<form method=POST action=/x><input name=a></form>",
        "a=",
        to="/x",
    ),
    Situation(
        "method-with-space",
        f"{FORMS}/the-form-element/form-action.html",
        "<form method=' post' action=/x><input name=a></form>",
        "a=",
        "GET",
        to="/x",
    ),
    Situation(
        "enctype-unknown",
        f"{SUBMISSION}/submit-entity-body.html",
        post("<input name=a>", "enctype=application/json"),
        "a=",
    ),
    Situation(
        "enctype-in-capitals",
        f"{SUBMISSION}/submit-entity-body.html",
        post("<input name=a value=1>", "enctype=Multipart/Form-Data"),
        parts(("a", "1")),
        kind=MULTIPART,
    ),
    Situation(
        "formaction",
        f"{COMMON}/formaction.html",
        post("<input name=a><button id=go formaction=/b>b</button>"),
        "a=",
        to="/b",
        click="go",
    ),
    Situation(
        "formaction-of-an-input",
        f"{SUBMISSION}/form-submit-action.html",
        post("<input name=a><input type=submit id=go formaction=b>"),
        "a=",
        to="/dir/b",
        click="go",
    ),
    Situation(
        "formaction-empty",
        f"{COMMON}/formAction_document_address.html",
        post("<input name=a><button id=go formaction=''>b</button>"),
        "a=",
        to=PAGE,
        click="go",
    ),
    Situation(
        "formaction-of-an-image",
        f"{COMMON}/formaction.html",
        post("<input type=image id=go formaction=/b>"),
        "x=0&y=0",
        to="/b",
        click="go",
    ),
    Situation(
        "formmethod",
        f"{COMMON}/formaction.html",
        post("<input name=a><button id=go formmethod=get>b</button>"),
        "a=",
        "GET",
        click="go",
    ),
    Situation(
        "formmethod-post",
        f"{COMMON}/formaction.html",
        get("<input name=a><button id=go formmethod=post>b</button>"),
        "a=",
        click="go",
    ),
    Situation(
        "formmethod-unknown-is-get",
        f"{COMMON}/formaction.html",
        post("<input name=a><button id=go formmethod=x>b</button>"),
        "a=",
        "GET",
        click="go",
    ),
    Situation(
        "formenctype",
        f"{COMMON}/formaction.html",
        post("<input name=a value=1><button id=go formenctype=text/plain>b</button>"),
        "a=1\r\n",
        kind=PLAIN,
        click="go",
    ),
    Situation(
        "formenctype-multipart",
        f"{COMMON}/formaction.html",
        post("<input name=a value=1><button id=go formenctype=multipart/form-data>b</button>"),
        parts(("a", "1")),
        kind=MULTIPART,
        click="go",
    ),
    Situation(
        "method-dialog",
        "html/semantics/interactive-elements/the-dialog-element/dialog-form-submission.html",
        post("<input name=a><button id=go formmethod=dialog>b</button>"),
        None,
        click="go",
    ),
    Situation(
        "form-of-the-owner-not-of-the-parent",
        f"{SUBMISSION}/form-submit-action.html",
        "<form id=f method=post action=/to><input name=a value=1></form><form action=/no><button id=go form=f "
        "name=b value=2>x</button></form>",
        "a=1&b=2",
        click="go",
    ),
]

OWNERS = [
    Situation(
        "form-attribute",
        f"{FORMS}/the-form-element/form-attribute-form-owner.html",
        "<input form=f name=a value=1>" + post("<input name=b value=2>") + "<textarea form=f name=c>3</textarea>",
        "a=1&b=2&c=3",
    ),
    Situation(
        "form-attribute-of-another-form",
        f"{FORMS}/the-form-element/form-attribute-form-owner.html",
        post("<input name=a value=1><input form=g name=b value=2>") + "<form id=g></form>",
        "a=1",
    ),
    Situation(
        "form-attribute-of-no-form",
        f"{FORMS}/the-form-element/form-attribute-form-owner.html",
        post("<input name=a value=1><input form=nothing name=b value=2><input form='' name=c>"),
        "a=1",
    ),
    Situation(
        "form-attribute-of-an-id-twice",
        f"{FORMS}/the-form-element/form-attribute-form-owner.html",
        "<p id=g></p>" + post("<input name=a value=1>") + "<form id=g></form><input form=g name=b>",
        "a=1",
    ),
    Situation(
        "form-in-a-table",
        f"{INFRASTRUCTURE}/form.html",
        "<table><form id=f method=post action=/to><tr><td><input name=a value=1></td></tr></form></table>",
        "a=1",
    ),
    Situation(
        "form-in-a-table-and-after-it",
        f"{INFRASTRUCTURE}/form_owner_and_table_3.html",
        "<table><form id=f method=post action=/to><tr><td><input name=a value=1></table><input name=b value=2>",
        "a=1&b=2",
    ),
    Situation(
        "form-in-a-row",
        f"{INFRASTRUCTURE}/form.html",
        "<table><tr><form id=f method=post action=/to><td><input name=a value=1></td><td><input name=b value=2></td>"
        "</form></tr><tr><td><input name=c value=3></td></tr></table>",
        "a=1&b=2",
    ),
    Situation(
        "form-closed-by-a-div",
        "html/syntax/parsing/html5lib_tests26.html",
        "<div><form id=f method=post action=/to><input name=a value=1></div><div><input name=b value=2></div>"
        "<div><input type=submit name=go value=Go id=go></form></div><input name=z>",
        "a=1&b=2&go=Go",
        click="go",
    ),
    Situation(
        "form-closed-in-a-div",
        "html/syntax/parsing/html5lib_tests26.html",
        "<form id=f method=post action=/to><div><input name=a value=1></form><input name=b value=2></div>"
        "<input name=c value=3>",
        "a=1&b=2",
    ),
    Situation(
        "form-in-a-form",
        "html/syntax/parsing/html5lib_tests6.html",
        "<form id=f method=post action=/to><input name=a value=1><form id=g action=/no><input name=b value=2></form>"
        "<input name=c value=3>",
        "a=1&b=2",
    ),
    Situation(
        "form-that-is-not-closed",
        "html/syntax/parsing/html5lib_tests6.html",
        "<form id=f method=post action=/to><p><input name=a value=1><p><input name=b value=2>",
        "a=1&b=2",
    ),
    Situation(
        "form-in-a-paragraph",
        "html/syntax/parsing/html5lib_tests1.html",
        "<p><form id=f method=post action=/to><input name=a value=1></p><input name=b value=2></form>",
        "a=1&b=2",
    ),
    Situation(
        "form-around-a-table",
        "html/syntax/parsing/html5lib_tests6.html",
        "<form id=f method=post action=/to><table><tr><td><input name=a value=1></form></td><td>"
        "<input name=b value=2></td></tr></table>",
        "a=1&b=2",
    ),
    Situation(
        "misnested-formatting",
        "html/syntax/parsing/html5lib_tests1.html",
        "<b><form id=f method=post action=/to><input name=a value=1></b><input name=b value=2></form>",
        "a=1&b=2",
    ),
    Situation(
        "end-tag-in-a-comment",
        "html/syntax/parsing/html5lib_comments01.html",
        post("<input name=a value=1><!-- </form> --><input name=b value=2>"),
        "a=1&b=2",
    ),
    Situation(
        "end-tag-in-a-script",
        "html/syntax/parsing/html5lib_scriptdata01.html",
        post("<input name=a value=1><script>var x = '</form><input name=x>'</script><input name=b value=2>"),
        "a=1&b=2",
    ),
    Situation(
        "end-tag-in-an-attribute",
        "html/syntax/parsing/html5lib_entities01.html",
        post("<input name=a value='</form><input name=x>'><input name=b value=2>"),
        "a=%3C%2Fform%3E%3Cinput+name%3Dx%3E&b=2",
    ),
    Situation(
        "end-tag-in-a-template",
        "html/syntax/parsing/template/additions-to-the-in-template-insertion-mode",
        post("<template><form></form></template><input name=b value=2>"),
        "b=2",
    ),
    Situation(
        "input-closes-a-select",
        "html/syntax/parsing/html5lib_tests7.html",
        post("<select name=s><option>a<input name=b value=2>"),
        "s=a&b=2",
    ),
]

DIRNAME = [
    Situation(
        "dirname-ltr", f"{COMMON}/dirname-ltr.html", post("<input name=a value=x dirname=a.dir>"), "a=x&a.dir=ltr"
    ),
    Situation(
        "dirname-rtl",
        f"{COMMON}/dirname-rtl-manual.html",
        post("<input name=a value=x dirname=a.dir dir=rtl>"),
        "a=x&a.dir=rtl",
    ),
    Situation(
        "dirname-inherited",
        f"{COMMON}/dirname-rtl-inherited.html",
        post("<div dir=rtl><textarea name=a dirname=a.dir>x</textarea></div>"),
        "a=x&a.dir=rtl",
    ),
    Situation(
        "dirname-auto",
        f"{COMMON}/dirname-rtl-auto.html",
        post("<input name=a value='שלום' dirname=a.dir dir=auto>"),
        "a=%D7%A9%D7%9C%D7%95%D7%9D&a.dir=rtl",
    ),
    Situation(
        "dirname-empty", f"{COMMON}/dirname-only-if-applies.html", post("<input name=a value=x dirname=''>"), "a=x"
    ),
    Situation(
        "dirname-where-it-applies",
        f"{COMMON}/dirname-only-if-applies.html",
        post(
            "<input type=number name=a value=1 dirname=d1><input type=checkbox name=b checked dirname=d2>"
            "<input type=hidden name=c value=1 dirname=d3><input type=password name=d value=1 dirname=d4>"
        ),
        "a=1&b=on&c=1&d3=ltr&d=1&d4=ltr",
    ),
    Situation(
        "dirname-of-a-telephone",
        f"{COMMON}/dirname-ltr.html",
        post("<div dir=rtl><input type=tel name=a value=1 dirname=d></div>"),
        "a=1&d=ltr",
    ),
]

TWINS = [
    Situation(
        "twin-rails-off",
        f"{FORMS}/the-input-element/checkbox.html",
        post("<input type=hidden name=r value=0><input type=checkbox name=r value=1>"),
        "r=0",
    ),
    Situation(
        "twin-rails-on",
        f"{FORMS}/the-input-element/checkbox.html",
        post("<input type=hidden name=r value=0><input type=checkbox name=r value=1>"),
        "r=0&r=1",
        fill={"r": True},
    ),
    Situation(
        "twin-mvc-on",
        f"{FORMS}/the-input-element/checkbox.html",
        post("<input type=checkbox name=r value=true><input type=hidden name=r value=false>"),
        "r=true&r=false",
        fill={"r": True},
    ),
    Situation(
        "text-is-filled",
        f"{SUBMISSION}/form-submission-algorithm.html",
        post("<input name=u><input type=password name=p>"),
        "u=ann&p=%C3%A9+%26",
        fill={"u": "ann", "p": "é &"},
    ),
    Situation(
        "radio-is-filled",
        f"{FORMS}/the-input-element/radio.html",
        post("<input type=radio name=a value=1 checked><input type=radio name=a value=2>"),
        "a=2",
        fill={"a": "2"},
    ),
]

SITUATIONS: list[Situation] = [
    *ENCODED,
    *CHARSETS,
    *CONTROLS,
    *SELECTS,
    *TEXTAREAS,
    *TYPED,
    *TARGETS,
    *OWNERS,
    *DIRNAME,
    *TWINS,
]
