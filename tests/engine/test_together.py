"""The joint progress of all processes of a run: who is counted by whom, and nobody twice."""

from __future__ import annotations

from crawler.events import Event, Progress, Summary
from crawler.output.live import ProcessState
from crawler.runs.stats import Stats
from crawler.runs.together import Together


def said(number: int, pages: int, parent: int = -1) -> ProcessState:
    return ProcessState(number, f"process {number}", 1.0, pages, 0, 1, parent=parent)


def forked() -> list[Progress]:
    return [Progress(1.0, 7, 0, 0, 0, 0, 1.0)]


def pages(together: Together) -> list[int]:
    return [each.pages for each in together.others()]


def test_the_one_that_leads_counts_the_others_and_those_that_it_has_forked_once() -> None:
    together = Together(0, forked)
    together.words = [said(0, 1), said(1, 7, parent=0), said(2, 20), said(3, 30, parent=2)]

    assert pages(together) == [7, 20, 30]


def test_one_that_does_not_lead_counts_nobody_until_it_does() -> None:
    together = Together(2)
    together.words = [said(0, 1), said(2, 5)]

    assert pages(together) == []
    together.leads = True
    assert pages(together) == [1]


def test_a_process_in_the_summary_is_not_counted_again() -> None:
    together = Together(0, forked)
    together.words = [said(2, 20)]

    together.are_counted()

    assert pages(together) == []


def test_progress_is_of_all_processes_and_says_whether_these_are_all() -> None:
    told: list[Event] = []
    stats = Stats(Summary("orders", run=1, pages=5), [told.append], Together(0, forked))

    stats.progress(1.0, waiting=3, failed=0, force=True)
    stats.together.leads = False
    stats.progress(2.0, waiting=3, failed=0, force=True)

    assert [(each.pages, each.whole) for each in told if isinstance(each, Progress)] == [(12, True), (12, False)]
