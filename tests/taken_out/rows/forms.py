"""Forms are what the browser makes of them."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_STANDARD: Final = "a form was taken for what two libraries make of it"
_SITUATIONS: Final = ("tests/form_submission/test_situations.py::test_a_form_sends_what_browsers_send",)
_LOGINS: Final = "tests/sessions_e2e/test_form_logins.py"

ENTRIES: Final = [
    Entry(
        "form-owner",
        _STANDARD,
        [Swap("crawler/pages/form_tree.py", "controls[number].owner = pointer", "controls[number].owner = None")],
        [*_SITUATIONS, f"{_LOGINS}::test_a_login_sends_what_a_browser_sends[closed-by-a-div]"],
    ),
    Entry(
        "form-disabled-fieldset",
        _STANDARD,
        [
            Swap(
                "crawler/pages/form_tree.py",
                'control.disabled = disabled or "disabled" in control.attributes',
                'control.disabled = "disabled" in control.attributes',
            )
        ],
        [*_SITUATIONS, f"{_LOGINS}::test_a_login_sends_what_a_browser_sends[selects]"],
    ),
    Entry(
        "form-disabled-option",
        _STANDARD,
        [
            Swap(
                "crawler/pages/form_controls.py",
                "[option for option in select.options if not option.disabled][:1]",
                "select.options[:1]",
            )
        ],
        _SITUATIONS,
    ),
    Entry(
        "form-newlines",
        _STANDARD,
        [
            Swap(
                "crawler/pages/form_encoding.py",
                '_NEWLINE: Final = re.compile(r"\\r\\n?|\\n")',
                '_NEWLINE: Final = re.compile(r"\\r\\n")',
            )
        ],
        _SITUATIONS,
    ),
    Entry(
        "form-accept-charset",
        _STANDARD,
        [
            Swap(
                "crawler/pages/form_encoding.py",
                'next((known for label in accepted.split() if (known := usable(label))), "utf-8")',
                "page",
            )
        ],
        _SITUATIONS,
    ),
    Entry(
        "form-file",
        _STANDARD,
        [
            Swap(
                "crawler/pages/form_encoding.py",
                '        yield FormEntry(name, "", file=True)\n',
                "",
            )
        ],
        _SITUATIONS,
    ),
    Entry(
        "form-button-says-where",
        _STANDARD,
        [
            Swap(
                "crawler/pages/forms.py",
                'said = button.attributes.get("formaction") if button is not None else None',
                "said = None",
            ),
            Swap(
                "crawler/pages/forms.py",
                'said = button.attributes.get(f"form{name}") if button is not None else None',
                "said = None",
            ),
        ],
        _SITUATIONS,
    ),
    Entry(
        "form-from-a-callback",
        "what `fill` gave could not be sent from a callback",
        [Swap("crawler/pagework/given.py", "elif type(produced) is Filled:", "elif False:")],
        [f"{_LOGINS}::test_a_callback_sends_a_form"],
    ),
    Entry(
        "form-hidden-twin",
        "a box with a hidden twin, a field that a script adds",
        [
            Swap(
                "crawler/pages/form_filling.py",
                "        _tick(label, name, boxes, value, values)\n",
                "        _tick(label, name, boxes, value, values)\n"
                "        values.update({control: [] for control in free})\n",
            )
        ],
        [f"{_LOGINS}::test_a_login_sends_what_a_browser_sends"],
    ),
    Entry(
        "form-field-of-a-script",
        "a box with a hidden twin, a field that a script adds",
        [
            Swap(
                "crawler/pages/forms.py",
                "entries = entry_list(self._element.controls, values, button, charset, more)",
                "entries = entry_list(self._element.controls, values, button, charset, [])",
            )
        ],
        [f"{_LOGINS}::test_a_login_sends_what_a_browser_sends"],
    ),
    Entry(
        "form-in-a-frame",
        "a form in a frame; a login by meta refresh",
        [Swap("crawler/pages/form_page.py", "    if urls:\n", "    if not urls and frames:\n")],
        [f"{_LOGINS}::test_a_login_form_in_a_frame_is_named_and_what_the_error_says_works"],
    ),
    Entry(
        "login-by-meta-refresh",
        "a form in a frame; a login by meta refresh",
        [
            Swap(
                "crawler/sessions/login/tools.py", "        return self.refreshed(answer)\n", "        return answer\n"
            ),
            Swap(
                "crawler/sessions/login/attempt.py",
                "        session.refreshed(session.last_answer)\n",
                "        pass\n",
            ),
        ],
        [
            "tests/sessions_e2e/test_accounts_not_locked.py"
            "::test_a_login_page_that_only_sends_the_browser_on_is_followed"
        ],
    ),
]
