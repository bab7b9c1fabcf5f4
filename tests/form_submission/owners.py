"""Fields outside their form, directions of text, and fields of one name."""

from __future__ import annotations

from tests.form_submission.situation import (
    COMMON,
    FORMS,
    INFRASTRUCTURE,
    SUBMISSION,
    Situation,
    post,
)

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
