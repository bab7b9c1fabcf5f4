"""What is documented or suggested works."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_WORKS: Final = 'a public name, an example, a "try ..." of a message did not work'
_REQUESTS: Final = (
    '"as in requests" was not so: `cookies`, `history`, `auth` tuples, `files=`, `hooks`, `json=`, `stream`, '
    "`raise_for_status`"
)
_ALIKE: Final = ("tests/like_requests/test_like_requests.py::test_as_in_requests",)

ENTRIES: Final = [
    Entry(
        "name-without-use",
        _WORKS,
        [Swap("crawler/__init__.py", '    "Filled",\n', '    "Filled",\n    "FilledIn",\n')],
        ["tests/test_public_names.py::test_a_public_name_is_used_by_a_page_of_the_docs_or_a_test"],
    ),
    Entry(
        "suggested-word-ignored",
        _WORKS,
        [
            Swap(
                "crawler/pages/forms.py",
                "entries = entry_list(self._element.controls, values, button, charset, more)",
                "entries = entry_list(self._element.controls, values, button, charset, [])",
            )
        ],
        ["tests/cli/test_suggestions.py::test_what_a_message_says_to_do_works"],
    ),
    Entry(
        "suggested-command-not-there",
        _WORKS,
        [
            Swap(
                "crawler/cli/schedule.py",
                "`crawl schedule install` takes it out of cron or systemd, too",
                "`crawl schedule install --now` takes it out of cron or systemd, too",
            )
        ],
        ["tests/docs/test_what_is_suggested.py::test_every_command_that_a_message_names_can_be_typed"],
    ),
    Entry(
        "requests-cookies",
        _REQUESTS,
        [Swap("crawler/response_text.py", "                take_cookies(jar, self.request, self.raw)\n", "")],
        _ALIKE,
    ),
    Entry(
        "requests-auth-tuple",
        _REQUESTS,
        [
            Swap(
                "crawler/sessions/session.py",
                "auth=sendable((self.auth if signed else request.auth) or of_url(str(request.url))),",
                "auth=sendable(self.auth if signed else None),",
            )
        ],
        _ALIKE,
    ),
    Entry(
        "errors-in-a-pipe",
        "exceptions lost their text in a pipe",
        [
            Swap(
                "crawler/errors.py",
                'why: str = "not an http or https URL") -> None:\n        super().__init__(url, why)\n',
                'why: str = "not an http or https URL") -> None:\n        super().__init__()\n',
            )
        ],
        ["tests/test_errors.py::test_every_error_goes_through_a_pipe_whole"],
        raises=["TypeError"],
    ),
    Entry(
        "reference-parameters",
        "the reference showed no parameters",
        [
            Swap(
                "docs/reference/python.md",
                "- `fill(data: Mapping[str, Any] | None = None, *, click: Any = None, extra: Mapping[str, Any] | None"
                " = None, allow: Collection[str] = ()) -> Filled`",
                "- `fill`",
            )
        ],
        ["tests/docs/test_what_is_suggested.py::test_the_reference_shows_the_parameters_of_every_public_method"],
    ),
    Entry(
        "schedule-needs-no-time",
        "README: `crawl schedule orders` printed \"Missing option '--cron'\"",
        [Swap("crawler/cli/schedule.py", '    ] = "0 3 * * *",\n', "    ],\n")],
        ["tests/cli/test_what_next.py::test_a_schedule_needs_no_time"],
    ),
    Entry(
        "is-logged-out-on-json",
        "README's own `is_logged_out` failed on JSON",
        [Swap("crawler/sessions/login/watch.py", "    if response.has_elements:\n", "    if spider is not None:\n")],
        ["tests/sessions_e2e/test_marks_on_data.py::test_a_check_that_looks_for_elements_says_nothing_of_json"],
    ),
    Entry(
        "readme-numbers-a-run",
        'README: "run 1" was run 2 after `make demo`, which leaves its store',
        [Swap("README.md", "orders  finished, run ...\n", "orders  finished, run 1\n")],
        ["tests/docs/test_pages.py::test_the_readme_promises_no_number_of_a_run"],
        others=["tests/docs/test_links.py::test_every_link_of_a_page_leads_somewhere"],
    ),
]
