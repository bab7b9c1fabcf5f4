"""SECURITY.md, sentence by sentence: each names tests that try to break it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: how a sentence begins, to the tests that hold it
HELD = {
    "`session.auth`, `session.params`, a client certificate": "test_B_nothing_secret_comes_to_another_origin"
    " test_B23_secret_headers_of_a_session_go_to_its_own_sites_only"
    " test_parameters_of_a_session_go_to_its_own_sites_only test_a_client_certificate_is_shown_only_where_it_was_given",
    "A subdomain of a start host": "test_B3_a_subdomain_of_a_start_host_gets_no_credentials",
    "What `session.params` adds": "test_X9_a_secret_in_params_is_in_no_row_whatever_the_server_writes",
    "Robots.txt files are fetched": "test_B3_robots_txt_is_asked_for_without_anybodys_credentials",
    "Redirects follow one routine": "test_B15_a_login_body_never_goes_to_another_origin",
    "When the origin changes": "test_B4_auth_is_dropped_on_a_redirect_to_another_host"
    " test_B13_a_redirect_to_another_origin_carries_no_custom_header",
    "The body of a login": "test_B15_a_login_body_never_goes_to_another_origin",
    "Cookies live in a strict jar": "test_B2_B21_B25_each_name_gets_the_cookies_that_a_browser_would_send",
    "A cookie set by hand": "test_B22_a_cookie_set_by_hand_without_a_host_goes_to_the_sessions_own_site_only",
    "A form is filled in": "test_a_password_is_not_posted_to_another_port_that_the_login_page_leads_to",
    "Forms that post to another": "test_B20_a_login_form_that_posts_elsewhere_is_refused_and_both_hosts_are_named",
    "What may be more is named": "test_the_first_message_names_both_hosts_and_what_it_says_is_enough",
    "Of a file input": "test_B17_a_login_form_cannot_make_us_send_a_file",
    "Nothing is taken from `.netrc`": "test_B12_neither_netrc_nor_variables_of_the_environment_change_what_is_sent",
    "**TLS** is verified": "test_T8_an_unknown_issuer_is_not_trusted",
    "A failure is permanent": "test_T8_a_bad_certificate_is_permanent_and_says_why",
    "`verify=False` in one call": "test_B11_a_call_without_verification_does_not_loosen_the_next_one",
    "**Only http and https**": "test_a_login_step_cannot_ask_for_another_scheme",
    "The connected address": "test_X8_a_page_cannot_send_us_to_a_private_address"
    " test_X8_a_trusted_host_that_was_public_and_turns_private_is_refused",
    "A private host of ours": "test_X8_which_hosts_may_redirect_to_which"
    " test_X8_only_a_session_that_logs_in_may_be_led_to_a_private_host",
    "`allow_private` switches": "test_X8_only_hosts_of_start_urls_may_be_private_unless_a_setting_says_so",
    "Behind a proxy only": "test_X8_behind_a_proxy_only_a_written_address_can_be_checked",
    "There is no eval": "test_X1_no_text_becomes_code_anywhere_in_the_source"
    " test_X3_no_module_that_unpickles_or_unpacks_is_imported"
    " test_X2_a_stored_name_of_a_callback_calls_nothing_but_methods_of_the_spider",
    "Plugins see pages only": "test_an_installed_plugin_that_nobody_has_named_sees_no_page",
    "Requests cannot be injected": "test_X14_line_ends_in_a_url_add_no_line_to_the_request"
    " test_X14_headers_and_cookies_of_a_request_cannot_end_their_line test_X14_an_invalid_method_is_refused",
    "Names of items": "test_S11_hostile_keys_become_columns_that_read_back_under_their_name",
    "No port is opened": "test_X4_a_crawl_opens_no_port",
    "`metrics_port` serves figures": "test_names_and_labels_are_bounded_whatever_happens"
    " test_prometheus_finds_the_figures_while_a_run_goes_on_and_nobody_there_after_it"
    " test_no_password_cookie_or_token_is_in_any_table_page_or_file"
    " test_only_requests_with_the_token_and_by_this_machines_names_are_let_in",
    "Logs at any level": "test_X9_no_log_line_event_or_summary_of_a_failing_run_shows_a_secret"
    " test_X9_an_export_shows_no_secret_of_an_address test_no_password_cookie_or_token_is_on_the_page"
    " test_top_after_the_end_says_how_it_went_and_shows_no_secret"
    " test_each_page_is_a_trace_with_its_times_sent_to_a_collector_without_its_token",
    "A user name and password in a URL": "test_a_crawl_keeps_and_shows_no_user_of_a_url"
    " test_a_spider_that_names_such_a_url_ends_with_2_before_anything",
    "`repr` masks": "test_X9_X10_no_repr_shows_the_password test_the_repr_shows_no_cookie",
    "Sessions, jars and accounts": "test_X3_a_session_and_what_it_holds_cannot_be_pickled",
    "Cookies, tokens, headers and request bodies": "test_X11_no_secret_except_those_in_addresses_is_in_the_raw_files"
    " test_the_cookies_of_two_sessions_cannot_be_swapped"
    " test_X11_files_and_folder_are_for_their_owner_only_whatever_the_umask",
    "`crawl sessions clear` removes": "test_X11_clear_leaves_nothing_of_a_session_in_the_raw_file",
    "Decoded size, total time": "test_T_Z_a_row_through_the_front_door"
    " test_three_million_elements_fail_by_name_and_take_no_memory"
    " test_Z5_a_slow_answer_ends_by_its_deadline_and_others_are_not_held_up",
    "What reads foreign bytes is fuzzed": "test_mutated_inputs_do_no_harm"
    " test_an_input_that_takes_too_long_is_a_finding",
    "Downloads go into the folder": "test_X6_a_download_stays_in_its_folder_whatever_it_is_called"
    " test_X6_nothing_is_overwritten_and_no_link_is_followed",
    "A link in the place of the store": "test_a_run_refuses_a_planted_link_in_the_place_of_its_store"
    " test_a_run_names_a_folder_that_anybody_may_write_to",
    "Terminal escapes": "test_X12_a_title_of_a_page_is_one_harmless_line_wherever_it_is_shown"
    " test_export_at_a_terminal_shows_what_a_page_wrote"
    " test_X13_cells_from_pages_are_exact_in_json_and_harmless_in_a_safe_csv",
}  # fmt: skip
_OF_THE_LIST = re.compile(r"Each promise has tests|`python -m tests\.faults` lists|\*\*[\w ]+\*\* \(.*\)\.?\Z")


def sentences() -> list[str]:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    promised = text.partition("## What is promised\n")[2].partition("\n## ")[0]
    paragraphs = re.sub(r"\n(?!\n|- |\*\*)\s*", " ", promised).splitlines()
    found = [each for line in paragraphs for each in re.split(r"(?<=[.:])\s+(?=[A-Z`])", line.strip().lstrip("- "))]
    found = [re.sub(r"^\*\*[\w ]+\*\* \([^)]*\)\.?\s*", "", each) or each for each in found]
    return [each for each in found if each and not _OF_THE_LIST.match(each)]


@cache
def defined() -> frozenset[str]:
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for source in sources for name in re.findall(r"^ *def (test_\w+)", source, re.MULTILINE))


@pytest.mark.parametrize("sentence", sentences(), ids=lambda sentence: sentence[:50])
def test_a_sentence_of_the_security_page_is_held_by_tests_that_are_there(sentence: str) -> None:
    named = [names.split() for begin, names in HELD.items() if sentence.startswith(begin)]

    assert len(named) == 1, f"no test is named for: {sentence}"
    missing = [name for name in named[0] if name not in defined()]
    assert not missing


def test_no_test_is_named_for_a_sentence_that_is_gone() -> None:
    assert [begin for begin in HELD if not any(each.startswith(begin) for each in sentences())] == []
