"""Which fields of a form are sent, and what for."""

from __future__ import annotations

from tests.form_submission.situation import (
    COMMON,
    FORMS,
    GO,
    INFRASTRUCTURE,
    MULTIPART,
    PLAIN,
    SUBMISSION,
    Situation,
    get,
    parts,
    post,
)

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
