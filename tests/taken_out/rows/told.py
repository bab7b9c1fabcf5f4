"""The cause is shown; what is read and watched."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_NEXT: Final = "tests/cli/test_what_next.py"
_HABITS: Final = "tests/cli/test_habits.py"
_REDACTION: Final = "tests/security/test_redaction.py"
_CAUSES: Final = "failures of a proxy or of robots.txt named no cause"
_LIMIT: Final = '"1970-01-01", "limit by limit"'
_PROOF: Final = '"last proof" was not the last; sessions that the spider never used were listed'
_HABIT: Final = (
    'a spider without a name, `run("orders")`, `run(Orders())`, `processes=2`, `start_requests`, `ITEM_PIPELINES`,'
    " `FEEDS`, `FormRequest`"
)
_PLAIN: Final = '"items 1 items", "died", "login human", "Followed"'
_BAR: Final = "the bar began in the middle, and prints of a spider broke it"
_FULL_BAR: Final = "a progress bar is nearly full all the time, since more is found than done"
_BROWSE: Final = (
    "a web page on results lets anybody on the machine, or a page of another site by a name that leads to 127.0.0.1,"
    " ask for secrets"
)
_COLLECTOR: Final = "a collector of traces, or of metrics, that is not there held up the end of a run"
_LOOKING: Final = "tests/looking"
_FEED: Final = (
    "a feed whose elements are in a namespace gave nothing, in silence;"
    " `crawl new` wrote one item without a title for it"
)
_WAITS: Final = (
    "a login that waits was named in the log of its run only; a session that was over had an expected end ahead"
)

ENTRIES: Final = [
    Entry(
        "redaction-hides-secrets-only",
        "redaction hid words of ours, names of exceptions, ports, hosts",
        [
            Swap(
                "crawler/redaction.py",
                "    if is_talk or _is_class(name):\n        return _said(text, end, name)\n",
                "",
            )
        ],
        [
            f"{_REDACTION}::test_words_names_of_exceptions_hosts_and_ports_are_shown",
            f"{_REDACTION}::test_no_message_of_ours_hides_itself",
        ],
    ),
    Entry(
        "failure-of-the-proxy",
        _CAUSES,
        [
            Swap(
                "crawler/fetching/error_map.py",
                '        return f"the proxy {proxy} wants other credentials (status 407)"\n'
                '    return f"the proxy {proxy} refused to connect us (status {status})"\n',
                '        return "status 407"\n    return f"no answer ({status})"\n',
            )
        ],
        ["tests/borders/test_proxies.py::test_a_failure_of_the_proxy_is_reported_as_one"],
    ),
    Entry(
        "status-of-robots-txt",
        _CAUSES,
        [
            Swap(
                "crawler/engine/robots_door.py",
                'said = f"answers {robots.status}" if robots.status else "gives no answer"',
                'said = "gives no good answer"',
            )
        ],
        [
            "tests/engine/test_dead_hosts.py"
            "::test_a_robots_txt_that_answers_503_is_asked_for_with_patience_and_its_status_is_reported"
        ],
    ),
    Entry(
        "next-keeps-what-was-typed",
        "`next` lost `-a` and `--store`; `status` after a failed login had no reason",
        [
            Swap(
                "crawler/runs/ending.py",
                'words = [word for name, value in arguments.items() for word in ("-a", f"{name}={value}")]',
                "words: list[str] = []",
            )
        ],
        [f"{_NEXT}::test_after_a_failed_login_the_command_has_all_that_was_typed_and_status_says_the_same"],
    ),
    Entry(
        "limit-by-limit",
        _LIMIT,
        [
            Swap(
                "crawler/cli/summary.py",
                'return f"{summary.ending} reached ({summary.stopped_by})" if summary.stopped_by else summary.ending',
                'return f"{summary.ending} by limit: {summary.stopped_by}" if summary.stopped_by else summary.ending',
            )
        ],
        [f"{_NEXT}::test_a_limit_is_named_once_and_waiting_pages_have_no_date_of_1970"],
    ),
    Entry(
        "date-of-1970",
        _LIMIT,
        [
            Swap("crawler/cli/status_commands.py", "    if found.next_due is not None:\n", "    if found.spider:\n"),
            Swap(
                "crawler/cli/status_commands.py", "{local_time(found.next_due)}", "{local_time(found.next_due or 0.0)}"
            ),
        ],
        [f"{_NEXT}::test_a_limit_is_named_once_and_waiting_pages_have_no_date_of_1970"],
    ),
    Entry(
        "last-proof",
        _PROOF,
        [
            Swap(
                "crawler/stores/sql/session_rows.py",
                "SET proved_at = {self._db.dialect.greatest}(coalesce(proved_at, 0), ?)",
                "SET proved_at = coalesce(proved_at, 0) + 0 * ?",
            )
        ],
        [f"{_NEXT}::test_the_last_proof_is_the_last_one_and_other_spiders_sessions_are_not_listed"],
    ),
    Entry(
        "sessions-of-other-spiders",
        _PROOF,
        [
            Swap(
                "crawler/cli/status_commands.py",
                "        sessions = [row for row in source.sessions.all() if row.key in used]\n",
                "        sessions = [row for row in source.sessions.all() if row.key or used]\n",
            )
        ],
        [f"{_NEXT}::test_the_last_proof_is_the_last_one_and_other_spiders_sessions_are_not_listed"],
    ),
    Entry(
        "whole-trace",
        "`--traceback` cut the trace",
        [
            Swap(
                "crawler/cli/logs.py",
                'logging.getLogger("crawler.trace").setLevel(logging.DEBUG if traces else logging.ERROR)',
                'logging.getLogger("crawler.trace").setLevel(logging.ERROR)',
            )
        ],
        [f"{_NEXT}::test_traceback_shows_the_whole_trace_of_a_page_and_of_a_login_step"],
        raises=["AttributeError"],
    ),
    Entry(
        "method-without-effect",
        _HABIT,
        [
            Swap(
                "crawler/spider_checks.py",
                '        if name in own and not (name == "start_requests" and "start" in own):',
                "        if name not in dir(cls) and name in own:",
            )
        ],
        [f"{_HABITS}::test_a_spider_that_cannot_work_is_told_what_to_write"],
    ),
    Entry(
        "setting-of-scrapy",
        _HABIT,
        [Swap("crawler/settings.py", "    if key in SETTINGS:\n", "    if key in SETTINGS and not SETTINGS[key]:\n")],
        [f"{_HABITS}::test_a_scrapy_setting_that_does_not_exist_here_names_what_to_use"],
    ),
    Entry(
        "run-takes-a-class",
        _HABIT,
        [Swap("crawler/engine/application.py", "    if isinstance(spider, Spider):\n", "    if spider is None:\n")],
        [f"{_HABITS}::test_run_takes_no_object_and_no_setting_by_its_name"],
        raises=["AttributeError", "TypeError"],
    ),
    Entry(
        "one-item",
        _PLAIN,
        [Swap("crawler/cli/text.py", "{'' if count == 1 else 's'}\"", 's"')],
        ["tests/cli/test_plain_words.py::test_what_a_person_reads_is_in_plain_words"],
    ),
    Entry(
        "links-in-one-piece",
        _PLAIN,
        [Swap("crawler/items.py", "        if isinstance(item, Followed):\n", "        if item is Followed:\n")],
        [f"{_NEXT}::test_links_yielded_as_one_object_are_reported_in_plain_words"],
    ),
    Entry(
        "bar-of-a-run-that-goes-on",
        _BAR,
        [
            Swap(
                "crawler/cli/progress.py",
                "self._failed_before = None if event.resumed else 0",
                "self._failed_before = 0",
            )
        ],
        [f"{_NEXT}::test_the_bar_of_a_run_that_goes_on_begins_at_nothing"],
    ),
    Entry(
        "prints-above-the-bar",
        _BAR,
        [Swap("crawler/cli/progress.py", "redirect_stdout=sys.stdout.isatty(),", "redirect_stdout=False,")],
        ["tests/cli/test_bar_at_a_terminal.py::test_output_of_a_spider_is_above_the_bar_which_takes_one_row"],
    ),
    Entry(
        "end-in-sight",
        _FULL_BAR,
        [
            Swap(
                "crawler/output/time_left.py",
                "        if took_s < _LEAST_S or shrunk <= 0 or shrunk < _SHARE * (done - done_then):\n"
                "            return None\n",
                "        shrunk = max(shrunk, done - done_then, 1)\n",
            )
        ],
        [
            "tests/cli/test_live_line.py::test_a_live_line_shows_the_newest_numbers_and_an_end_where_one_is_in_sight",
            "tests/cli/test_live_line.py::test_no_end_is_shown_when_none_is_in_sight",
        ],
    ),
    Entry(
        "watched-by-the-store",
        "a run that cron started is to be watched",
        [
            Swap(
                "crawler/runs/heartbeat.py",
                "            self._values.set(self._name, word, ttl_s=_KEPT_S, hot=True)\n",
                "            self._word(now, under_way, state)\n",
            )
        ],
        [f"{_LOOKING}/test_top.py::test_a_run_is_watched_from_another_terminal_and_its_end_is_seen"],
    ),
    Entry(
        "browse-by-name",
        _BROWSE,
        [
            Swap(
                "crawler/output/browse/serving.py",
                'if headers.get("host", "") not in self._names:',
                'if not headers.get("host", "x"):',
            )
        ],
        [f"{_LOOKING}/test_browse.py::test_only_requests_with_the_token_and_by_this_machines_names_are_let_in"],
    ),
    Entry(
        "browse-without-secrets",
        _BROWSE,
        [
            Swap(
                "crawler/output/browse/copying.py",
                "return printable(hide(cell)) if isinstance(cell, str) else cell",
                "return printable(cell) if isinstance(cell, str) and hide else cell",
            )
        ],
        [f"{_LOOKING}/test_browse.py::test_no_password_cookie_or_token_is_in_any_table_page_or_file"],
    ),
    Entry(
        "event-with-a-slip",
        "a word with a slip in `notify_on` told nothing, in silence",
        [
            Swap(
                "crawler/runs/telling.py",
                "unknown = sorted(self._events - set(EVENTS))",
                "unknown = sorted(self._events - self._events)",
            )
        ],
        [f"{_LOOKING}/test_told_changes.py::test_an_event_that_nobody_knows_is_an_error_before_anything_is_sent"],
    ),
    Entry(
        "collector-of-traces",
        _COLLECTOR,
        [Swap("crawler/runs/traces.py", "        sending.join(_FLUSH_S)\n", "        sending.join()\n")],
        [f"{_LOOKING}/test_metrics_and_traces.py::test_a_collector_that_is_not_there_holds_up_no_run"],
    ),
    Entry(
        "port-of-metrics",
        _COLLECTOR,
        [
            Swap(
                "crawler/runs/metrics_endpoint.py",
                'log.error("metrics_port %d: %s; this run has no metrics"',
                'log.debug("metrics_port %d: %s; this run has no metrics"',
            )
        ],
        [f"{_LOOKING}/test_metrics_and_traces.py::test_a_port_that_is_taken_is_reported_and_fails_nothing"],
    ),
    Entry(
        "frame-that-comes-back",
        "what a frame of a rendered page loads after it has come back from another host failed without a word, so that"
        " a hidden frame renewed no token",
        [Swap("crawler/rendering/launched.py", "args=[*_USUAL, *_ONE_PROCESS_A_PAGE, ", "args=[*_USUAL, ")],
        ["tests/logins/test_renewals.py::test_a_hidden_frame_at_another_host_renews_a_token_once_for_all"],
    ),
    Entry(
        "request-past-the-crawl",
        "what a frame of a rendered page loads after it has come back from another host failed without a word, so that"
        " a hidden frame renewed no token",
        [Swap("crawler/rendering/browser_tab.py", 'if _BY_ITSELF in (request.failure or ""):', "if not request.url:")],
        [
            "tests/rendering/test_parts.py"
            "::test_what_the_browser_tried_to_send_by_itself_is_reported_and_what_the_crawl_refused_is_not"
        ],
    ),
    Entry(
        "guest-that-is-refused",
        "a spider without `login` that was refused with 401 or 403 heard nothing of a login",
        [
            Swap(
                "crawler/pagework/page_work.py",
                "() if logs_in else refusals.turned_away(self._spider, fetched.response)",
                "()",
            )
        ],
        ["tests/front_door/test_first_hours.py::test_a_spider_without_a_login_that_is_refused_is_told_what_to_do"],
    ),
    Entry(
        "options-of-a-killed-run",
        "what goes on with a killed run was proposed without the options that were typed",
        [Swap("crawler/output/history.py", 'if again := summary_of(run).get("again"):', 'if again := "":')],
        [
            "tests/cli/test_killed_runs.py"
            "::test_a_killed_run_is_reported_with_what_is_stored_of_it_and_the_command_to_resume_it"
        ],
    ),
    Entry(
        "name-in-proposed-commands",
        "`crawl new` proposed the literal `crawl login NAME`",
        [Swap("crawler/cli/exits.py", '{shlex.quote(spider)}", text) if spider else text', 'NAME", text)')],
        [
            "tests/authoring/test_new_from_a_page.py"
            "::test_a_refused_password_is_tried_once_and_the_spider_is_written_anyway"
        ],
    ),
    Entry(
        "namespaces-said",
        _FEED,
        [Swap("crawler/pages/xml_selectors.py", "                names.missed(query)", "                pass")],
        ["tests/content/test_xml_namespaces.py::test_a_plain_name_that_misses_elements_of_a_namespace_is_named_once"],
    ),
    Entry(
        "namespaces-new",
        _FEED,
        [
            Swap(
                "crawler/authoring/first_spider.py", 'response.selector.type == "xml"', 'response.selector.type == "no"'
            )
        ],
        [
            "tests/authoring/test_new_from_a_feed.py"
            "::test_the_spider_made_from_an_atom_feed_reads_all_its_entries_on_all_its_pages"
        ],
        others=["tests/authoring/test_new_from_a_page.py::test_a_table_heading_that_is_not_a_word_gives_no_name"],
    ),
    Entry(
        "file-in-place-of-a-page",
        "a ZIP that a link led to was stored as an item without a title, with a guessed charset",
        [
            Swap(
                "crawler/response_text.py",
                "self._file_type = file_type(self.content_type, self.body)",
                'self._file_type = ""',
            )
        ],
        [
            "tests/content/test_answers_that_are_files.py"
            "::test_a_file_that_a_rule_leads_to_is_counted_and_named_and_is_no_item"
        ],
    ),
    Entry(
        "waiting-login",
        _WAITS,
        [Swap("crawler/runs/heartbeat.py", "waits = until > now and", "waits = until < 0.0 and")],
        [
            f"{_LOOKING}/test_logins_that_wait.py"
            "::test_a_login_that_waits_is_named_with_its_reason_and_time_by_each_command"
        ],
    ),
    Entry(
        "waiting-login-end-ahead",
        _WAITS,
        [Swap("crawler/output/snapshots.py", "if row.state in _WORDS and", "if not row.state and")],
        [f"{_LOOKING}/test_logins_that_wait.py::test_a_session_that_is_over_has_no_expected_end_ahead"],
    ),
]
