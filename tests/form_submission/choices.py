"""Selects, text areas and typed fields: the value that is sent."""

from __future__ import annotations

from tests.form_submission.situation import (
    FORMS,
    PICK,
    SUBMISSION,
    Situation,
    post,
)

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
