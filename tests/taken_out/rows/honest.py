"""A run that achieved nothing says so."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_DOMAINS: Final = '`allowed_domains` with port, scheme or path: 0 pages, "finished", exit 0'
_ALLOWED: Final = "tests/frontier/test_allowed_domains.py"
_VERDICT: Final = "tests/engine/test_verdict.py"
_NOTHING: Final = '0 pages was "finished"; zero items of fetched pages was not told'
_DEAD: Final = "tests/engine/test_dead_hosts.py"

ENTRIES: Final = [
    Entry(
        "allowed-domains-as-written",
        _DOMAINS,
        [
            Swap(
                "crawler/pagework/assembly.py",
                "    made.allowed_domains = allowed_hosts(made.allowed_domains)\n",
                "    made.allowed_domains = tuple(made.allowed_domains) if allowed_hosts else ()\n",
            )
        ],
        [f"{_ALLOWED}::test_a_crawl_with_the_address_of_its_site_in_allowed_domains_brings_its_pages"],
    ),
    Entry(
        "allowed-domains-with-a-path",
        _DOMAINS,
        [
            Swap(
                "crawler/frontier/admission.py",
                '    if rest or "?" in place or "#" in place:\n',
                "    if rest is None:\n",
            )
        ],
        [f"{_ALLOWED}::test_an_invalid_host_is_refused_with_the_right_spelling"],
    ),
    Entry(
        "nothing-is-finished",
        _NOTHING,
        [
            Swap(
                "crawler/runs/verdict.py",
                "    if not facts.pages:\n        return RunVerdict(",
                "    if facts.pages < 0:\n        return RunVerdict(",
            )
        ],
        [f"{_VERDICT}::test_a_crawl_that_brought_nothing_says_so_in_its_first_line"],
    ),
    Entry(
        "no-items-is-finished",
        _NOTHING,
        [
            Swap(
                "crawler/runs/verdict.py",
                "    if facts.items < facts.wanted.min_items and not _is_right(facts):\n",
                "    if facts.items < 0 and not _is_right(facts):\n",
            )
        ],
        [f"{_VERDICT}::test_a_crawl_that_brought_nothing_says_so_in_its_first_line"],
    ),
    Entry(
        "dead-session-without-login",
        "a spider without `login()` whose imported session is dead: finished, 0 items",
        [
            Swap(
                "crawler/sessions/login/manager.py",
                "        if not self.wants_login and not self._is_by_hand() and not self._is_let_in():\n",
                "        if not self.wants_login and not self._is_let_in():\n",
            )
        ],
        ["tests/sessions_e2e/test_by_hand.py::test_a_dead_session_ends_with_code_7_and_the_command"],
    ),
    Entry(
        "export-over-a-good-file",
        "an export after a stopped or failed crawl replaced a good file by an empty one, exit 0",
        [
            Swap(
                "crawler/output/export/pipeline.py",
                "    if not target.force and _holds_something(target.place):\n",
                "    if False and _holds_something(target.place):\n",
            )
        ],
        [
            "tests/cli/test_export_keeps_files.py"
            "::test_a_good_file_is_left_as_it_was_after_a_crawl_that_did_not_end_well"
        ],
    ),
    Entry(
        "dead-host-by-robots",
        'a dead host: 7.5 minutes of "robots.txt: no good answer"',
        [
            Swap(
                "crawler/engine/robots_door.py",
                "    cause = robots.cause\n",
                "    cause = None if robots else robots.cause\n",
            )
        ],
        [
            f"{_DEAD}::test_a_refused_connection_ends_the_run_in_seconds_and_is_named_in_the_first_line[robots first]",
            f"{_DEAD}::test_an_unknown_host_ends_the_run_in_seconds_and_is_named_in_the_first_line[robots first]",
        ],
        others=[f"{_DEAD}::test_a_robots_txt_that_answers_503_is_asked_for_with_patience_and_its_status_is_reported"],
    ),
    Entry(
        "dead-hosts-hold-up-robots-txt",
        "50 dead hosts of 200 held the others up",
        [Swap("crawler/engine/workers.py", "_BLOCKING = 96  #", "_BLOCKING = 8  #")],
        [f"{_DEAD}::test_dead_hosts_do_not_delay_the_live_ones"],
    ),
    Entry(
        "dead-hosts-hold-up-pages",
        "50 dead hosts of 200 held the others up",
        [
            Swap(
                "crawler/engine/host_slots.py",
                "            scout = not slot.health.heard\n",
                "            scout = False\n",
            )
        ],
        [f"{_DEAD}::test_dead_hosts_do_not_delay_the_live_ones_without_robots_txt"],
    ),
    Entry(
        "idle-callback",
        "items of another callback counted as proof",
        [
            Swap(
                "crawler/runs/verdict.py",
                "notes = _idle_callbacks(facts) + _empty_fields(facts)",
                "notes = _empty_fields(facts)",
            )
        ],
        [f"{_VERDICT}::test_items_of_another_callback_are_no_proof"],
    ),
    Entry(
        "host-that-never-answered",
        "a host that never answered was tried again and again, for each of its pages",
        [
            Swap(
                "crawler/frontier/politeness.py",
                "        if silent and hopeless:\n",
                "        if not silent and hopeless:\n",
            )
        ],
        [f"{_DEAD}::test_a_host_that_never_answers_is_given_up_with_all_its_pages"],
    ),
]
