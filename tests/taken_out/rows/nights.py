"""What two users found in nights of files, wrong selectors and wrong keys."""

from __future__ import annotations

from tests.taken_out.entries import Entry, Swap

_NAMES = (
    "a file that was fetched again after a login got a second readable name, and the first one kept leading to an old"
    " version"
)

ENTRIES = [
    Entry(
        "readable-name-kept",
        _NAMES,
        [
            Swap(
                "crawler/pagework/file_work.py",
                'outcome.file_before = job.left or (f"{before.link}',
                'outcome.file_before = "" or (f"{before.link}',
            )
        ],
        ["tests/files/test_readable_names.py::test_files_that_are_fetched_again_after_a_login_keep_their_only_name"],
    ),
    Entry(
        "readable-name-audited",
        _NAMES,
        [Swap("crawler/output/readable_names.py", "if digest != right and link", "if not digest and link")],
        [
            "tests/files/test_readable_names.py"
            "::test_the_audit_sees_a_name_that_leads_to_an_older_version_and_prune_mends_it"
        ],
    ),
]
