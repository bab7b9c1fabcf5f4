"""What two users found in nights of files, wrong selectors and wrong keys."""

from __future__ import annotations

from tests.taken_out.entries import Entry, Swap

_NAMES = (
    "a file that was fetched again after a login got a second readable name, and the first one kept leading to an old"
    " version"
)

_MARKS = '`logged_in_css = "div..menu"`, or "" in a subclass, was a failed login, after the password had been sent'
_KEY = (
    "a header of the session with an `api_key` that the account does not have: \"'NoneType' object has no attribute"
    " 'decode'\""
)
_EMPTY = "tests/engine/test_empty_fields.py"
_COMPARED = "tests/engine/test_comparison.py::test_what_a_crawl_lacks_is_reported_and_nothing_else"

ENTRIES = [
    Entry(
        "records-that-stay",
        "records that only a start URL listed which the spider does not name any more stayed in each export, and"
        " nothing said so",
        [Swap("crawler/runs/ending.py", "summary.notes.append(_told_of_unmet(unmet))", "_told_of_unmet(unmet)")],
        [
            "tests/front_door/test_changed_start.py"
            "::test_records_below_a_start_url_that_is_not_given_any_more_stay_and_are_told"
        ],
    ),
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
    Entry(
        "counted-once",
        '"files 159 new, 76 unchanged" for 200 files: those that were fetched again after a login counted twice',
        [Swap("crawler/runs/stats.py", "self._uncertain.take_back(outcome", "0 and self._uncertain.take_back(outcome")],
        ["tests/files/test_readable_names.py::test_files_and_pages_that_are_fetched_again_count_once"],
    ),
    Entry(
        "mark-no-selector",
        _MARKS,
        [Swap("crawler/spider_checks.py", "if why := why_no_css(value):", "if why := why_no_css(value) and None:")],
        [
            "tests/sessions_e2e/test_marks_checked.py::test_a_mark_that_is_no_selector_is_refused_before_anything_is_sent"
        ],
    ),
    Entry(
        "mark-empty",
        _MARKS,
        [Swap("crawler/spider_checks.py", "setattr(of, mark, None)", "continue")],
        ["tests/sessions_e2e/test_marks_checked.py::test_an_empty_mark_switches_off_that_of_a_parent"],
    ),
    Entry(
        "key-missing",
        _KEY,
        [Swap("crawler/sessions/accounts.py", "        if field:\n", "        if field and not looked:\n")],
        ["tests/sessions_e2e/test_keys_missing.py::test_a_key_that_is_missing_is_named_with_where_to_put_it"],
    ),
    Entry(
        "header-of-none",
        _KEY,
        [Swap("crawler/sessions/sent_headers.py", "if value is not None", "if True")],
        [
            "tests/sessions_e2e/test_keys_missing.py"
            "::test_a_key_that_is_there_is_sent_and_a_header_without_a_value_is_left_out"
        ],
        raises=["AttributeError"],
        others=["tests/sessions_e2e/test_marks_checked.py::test_an_empty_mark_switches_off_that_of_a_parent"],
    ),
    Entry(
        "only-empty-items",
        '100 items with nothing but None were "finished", exit 0',
        [Swap("crawler/runs/verdict.py", "if (empty := _empty_tables(facts)) and", "if (empty := []) and")],
        [f"{_EMPTY}::test_items_without_a_single_value_are_no_good_end[{case}]" for case in ("all", "one", "a-kind")],
    ),
    Entry(
        "own-fields-empty",
        "`crawl run -q` printed that `files.width` and `files.height` are empty after each good night with PDFs",
        [Swap("crawler/output/figures.py", "if not count and name not in own_fields(fields)", "if not count")],
        [f"{_EMPTY}::test_files_alone_and_files_without_a_size_in_pixels_are_good"],
    ),
    Entry(
        "compared-with-one-item",
        "a spider written anew ended with exit 11, compared with one item of what `crawl new` had written",
        [
            Swap(
                "crawler/output/comparison.py",
                "for each in earlier) < _TELLING or _is_another",
                "for each in earlier) < 0 or _is_another",
            )
        ],
        [f"{_COMPARED}[one item tells nothing]"],
    ),
    Entry(
        "compared-with-other-fields",
        "a spider written anew ended with exit 11, compared with one item of what `crawl new` had written",
        [
            Swap(
                "crawler/output/comparison.py",
                "return any(fields.values()) and not any(each.filled",
                "return not fields and not any(each.filled",
            )
        ],
        [f"{_COMPARED}[all fields are others]"],
    ),
]
