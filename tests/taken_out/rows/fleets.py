"""What was found with several machines on one database."""

from __future__ import annotations

from tests.taken_out.entries import Entry, Swap

_FEW = (
    "three members on one host were slower than one: the first to ask took all pages that waited, for its third of the"
    " connections, and another did not get a page"
)
_AWAY = (
    "the database was away for ten seconds, and no log of three machines said so; a run that waited in vain for one"
    " that did not come back took six minutes instead of `busy_timeout`"
)
_LINE = "crawler/stores/postgres/postgres_line.py"

ENTRIES = [
    Entry(
        "few-pages-shared-out",
        _FEW,
        [Swap("crawler/engine/leasing.py", "portion=None if self._leases.alone else", "portion=None if settings else")],
        ["tests/fleet/test_few_pages.py::test_members_share_the_few_pages_that_wait_and_none_keeps_them_for_later"],
    ),
    Entry(
        "few-pages-portions",
        _FEW,
        [Swap("crawler/frontier/portions.py", "if more or self.members == 1:", "if more or self.members:")],
        ["tests/frontier/test_portions.py::test_few_are_shared_out_whoever_asks_first"],
    ),
    Entry(
        "few-pages-told-by-the-store",
        _FEW,
        [Swap("crawler/stores/policy/sharing.py", "if terms.portion is not None:", "if terms.portion == 0:")],
        [
            "tests/stores/test_contract_leases.py"
            "::test_the_caller_decides_how_many_of_a_slot_it_takes_and_hears_whether_more_wait"
        ],
    ),
    Entry(
        "away-waited-for-once",
        _AWAY,
        [Swap(_LINE, "if not self._away_since or now - self._asked_at > _FORGOTTEN_S:", "if wait_s < 0.03:")],
        ["tests/fleet/test_away.py::test_it_is_waited_for_once_and_then_asked_once_for_each_call"],
    ),
    Entry(
        "away-twice",
        "a database that was away for a second time, an hour after it had been given up, was not waited for at all",
        [Swap(_LINE, "if not self._away_since or now - self._asked_at > _FORGOTTEN_S:", "if not self._away_since:")],
        ["tests/fleet/test_away.py::test_a_second_time_away_is_waited_for_where_nobody_asked_in_between"],
    ),
    Entry(
        "members-that-could-not-say-so",
        "members that an outage of their database had ended were told as working, for ever (`crawl status`)",
        [Swap("crawler/output/run_members.py", '("" if member.until > now else "silent")', '""')],
        ["tests/cli/test_status_examples.py::test_a_process_that_could_not_say_that_it_ended_does_not_work_for_ever"],
    ),
    Entry(
        "away-said",
        _AWAY,
        [Swap(_LINE, "if away_s > _TOLD_AFTER_S and not self._told:", "if away_s < 0 and not self._told:")],
        ["tests/fleet/test_away.py::test_a_run_says_that_its_database_is_away_and_back_and_that_it_waited_in_vain"],
    ),
    Entry(
        "nothing-left-by-others",
        "a worker that got nothing of what an earlier run had left, because another one had put all aside, was"
        ' "finished", exit 0',
        [
            Swap(
                "crawler/engine/crawl.py",
                "if not counts.pages or not stopped or has_ended(store, self._run):",
                "if not counts.pages:",
            )
        ],
        [
            "tests/fleet/test_put_aside.py"
            "::test_a_worker_that_got_nothing_of_what_an_earlier_run_had_left_names_the_cause_as_well"
        ],
    ),
    Entry(
        "key-of-this-machine",
        "`crawl store copy` without CRAWL_KEY proposed a new key, which could not open the sessions that were to be"
        " copied",
        [Swap("crawler/stores/project.py", "if vault.file is not None", "if vault.file is None")],
        [
            "tests/fleet/test_copy.py"
            "::test_without_a_key_in_the_variable_that_of_the_machine_is_named_and_the_session_goes_along"
        ],
    ),
]
