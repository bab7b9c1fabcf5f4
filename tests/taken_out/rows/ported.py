"""What a user of Scrapy met: requests that were lost, errbacks that were not called, values that had no effect."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_AGAIN: Final = "tests/front_door/test_asked_again.py"
_LOST: Final = (
    "of several requests with `dont_filter` for one URL, with different `cb_kwargs`, one was sent and the others were"
    " not even counted"
)

_ERRBACKS: Final = "tests/engine/test_errbacks.py"
_UNSENT: Final = (
    "an errback was not called where robots.txt met a host that refuses connections, nor for what waited for a host"
    " that was given up: the row that it would have written was missing"
)

_META: Final = "tests/front_door/test_scrapy_meta.py"
_PROXY: Final = (
    '`meta={"proxy": ...}` of Scrapy had no effect, and the request went out directly; so had `cookiejar` and'
    " `bindaddress`"
)

ENTRIES: Final = [
    Entry(
        "errback-of-unsent",
        _UNSENT,
        [
            Swap(
                "crawler/pagework/errbacks.py",
                "return outcome.verdict is Verdict.FAIL and not outcome.is_answered",
                "return not outcome.verdict and not outcome.is_answered",
            )
        ],
        [
            f"{_ERRBACKS}::test_the_errback_is_called_where_a_host_refuses_connections_whoever_meets_it[robots first]",
            f"{_ERRBACKS}::test_the_errback_is_called_for_what_waits_for_a_host_that_is_given_up",
        ],
    ),
    Entry(
        "silent-host-its-own-cause",
        '"127.0.0.1:1 never answered, 1 request failed because of it: 404 from http://127.0.0.1:8000/nope": the'
        " cause was one of another host",
        [
            Swap(
                "crawler/runs/verdict.py",
                "causes = [each for each in facts.failed if _kind(each.text) in _UNREACHED]",
                "causes = [each for each in facts.failed if _kind(each.text) not in _UNREACHED]",
            )
        ],
        [
            "tests/engine/test_dead_hosts.py::"
            "test_the_line_of_a_host_that_never_answered_names_its_own_cause_and_then_what_else_failed"
        ],
    ),
    Entry(
        "meta-refused",
        _PROXY,
        [Swap("crawler/habits.py", 'if value is not None and value != "" and not own:', "if value is None and own:")],
        [f"{_META}::test_a_request_that_must_not_go_out_without_it_is_refused"],
    ),
    Entry(
        "meta-of-ones-own",
        _PROXY,
        [Swap("crawler/habits.py", 'if value is not None and value != "" and not own:', "if not own or value:")],
        [f"{_META}::test_a_value_that_scrapy_would_not_take_is_the_users_own"],
    ),
    Entry(
        "meta-without-effect",
        "`download_timeout`, `dont_retry` and other keys of Scrapy's meta had no effect, in silence",
        [Swap("crawler/frontier/admission.py", "self.ignored.update(ignored_meta(request.meta))", "pass")],
        [f"{_META}::test_what_has_no_effect_is_said_once_in_one_line"],
    ),
    Entry(
        "redirect-that-is-wanted",
        "a redirect in `handle_httpstatus_list` was followed, and the callback got the login page as 200;"
        " `dont_redirect` and `handle_httpstatus_all` were ignored",
        [
            Swap(
                "crawler/sessions/hops.py",
                "if location is None or not follow or answer.status_code in stops_at:",
                "if location is None or not follow:",
            )
        ],
        [f"{_META}::test_redirects_and_errors_that_a_callback_wants_to_see_are_given_to_it"],
    ),
    Entry(
        "errback-keeps-the-cause",
        "an errback that raised (`failure.value`, as in Scrapy) hid why its request had failed",
        [Swap("crawler/judge.py", "if note.startswith(IN_ERRBACK)]", 'if note == ""]')],
        [f"{_ERRBACKS}::test_an_errback_that_raises_keeps_the_cause_and_the_run_goes_on"],
    ),
    Entry(
        "asked-again-each",
        _LOST,
        [
            Swap(
                "crawler/frontier/admission.py",
                'return mark + b" " + json.dumps(own, sort_keys=True).encode() if own else mark',
                "return mark",
            )
        ],
        [f"{_AGAIN}::test_requests_that_differ_in_anything_are_each_sent_once"],
    ),
    Entry(
        "asked-again-counted",
        _LOST,
        [
            Swap(
                "crawler/frontier/admission.py",
                "self.count += row.fingerprint in self._marks",
                "self.count += row.fingerprint in ()",
            )
        ],
        [f"{_AGAIN}::test_equal_ones_are_sent_once_and_counted"],
    ),
]
