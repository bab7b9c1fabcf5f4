"""What users of Scrapy met."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_LOST: Final = "tests/front_door/test_links_lost.py::"
_RULES: Final = "tests/test_rules_checked.py::"
_PLACES: Final = "tests/front_door/test_places_of_output.py::"
_MISREAD: Final = "tests/front_door/test_callbacks_misread.py::"

ENTRIES: Final = [
    Entry(
        "restricted-to-the-links",
        '`restrict_css="a.next"` found nothing, in silence',
        [Swap("crawler/links.py", "descendant-or-self::{step}", ".//{step}")],
        [f"{_LOST}test_a_rule_that_is_restricted_to_the_links_themselves_follows_them"],
    ),
    Entry(
        "elements-that-hold-links",
        '`restrict_css="a.next"` found nothing, in silence',
        [Swap("crawler/response.py", "if abouts and not any(hrefs) and (tag", "if not abouts and (tag")],
        ["tests/test_links.py::test_elements_that_hold_links_and_are_none_are_named"],
    ),
    Entry(
        "a-parse-of-its-own",
        'a `CrawlSpider` with a `parse` of its own followed no rule and was "finished"',
        [
            Swap(
                "crawler/spider_checks.py",
                "if parse is plain_parse or not rules or",
                "if parse is plain_parse or rules or",
            )
        ],
        [f"{_RULES}test_a_parse_of_its_own_would_replace_the_rules"],
    ),
    Entry(
        "a-parse-that-applies-rules",
        'a `CrawlSpider` with a `parse` of its own followed no rule and was "finished"',
        [Swap("crawler/spider_checks.py", "return bool(names & _APPLIES_RULES) or", "return not names and")],
        [f"{_RULES}test_a_parse_that_applies_the_rules_itself_or_calls_the_one_above_is_left_alone"],
    ),
    Entry(
        "one-rule-without-a-comma",
        "`rules = (Rule(...))` without the comma: a traceback, exit code 70",
        [
            Swap("crawler/spider.py", "return (rules,) if isinstance(rules, Rule) else rules", "return rules"),
            Swap("crawler/spider.py", '            cls.rules = (vars(cls)["rules"],)\n', "            pass\n"),
        ],
        [f"{_RULES}test_one_rule_needs_no_comma"],
        raises=["TypeError"],
    ),
    Entry(
        "rules-of-a-sitemap",
        "`sitemap_rules` that name a missing method lost all URLs of the sitemap",
        [Swap("crawler/spider.py", "            check_sitemap_rules(cls, cls.sitemap_rules)\n", "            pass\n")],
        [f"{_RULES}test_rules_of_a_sitemap_are_checked_when_the_class_is_defined"],
    ),
    Entry(
        "meta-refresh-in-a-crawl",
        "a meta refresh in a crawled page was not followed, in silence, and the empty page became an item",
        [Swap("crawler/pagework/page_work.py", "sent_on = sent_on_by(page, request)", "sent_on = None")],
        [
            f"{_LOST}test_what_a_page_leads_to_by_meta_refresh_is_crawled_in_its_place_and_counted",
            f"{_LOST}test_pages_that_send_each_other_on_are_fetched_twice_each_and_then_fail",
        ],
    ),
    Entry(
        "calendar-of-y-and-m",
        "a calendar of `?y=2026&m=1` had no end (year 2116 after 1,085 pages)",
        [
            Swap(
                "crawler/frontier/traps.py",
                "if found is None and query and (pair",
                "if found is None and not query and (pair",
            )
        ],
        ["tests/frontier/test_traps.py::test_U4_a_trap_ends_by_itself[calendar_of_y_and_m-40]"],
    ),
    Entry(
        "places-on-maps",
        "a calendar of `?y=2026&m=1` had no end (year 2116 after 1,085 pages)",
        [Swap("crawler/frontier/traps.py", " or month is None or _X.search(query):", " or month is None:")],
        ["tests/frontier/test_traps.py::test_numbers_that_look_like_years_among_others_are_no_calendar"],
    ),
    Entry(
        "a-link-of-a-script",
        "one `javascript:void(0)` among the links failed the start page",
        [Swap("crawler/pagework/given.py", "if link.url.startswith(NO_LINK):", "if link.url.startswith(NO_LINK * 2):")],
        [f"{_LOST}test_a_link_that_cannot_be_fetched_ends_no_page"],
    ),
    Entry(
        "a-place-that-is-not-there",
        "`crawl run -o` into a missing folder crawled everything and ended with exit code 70",
        [
            Swap(
                "crawler/output/export/pipeline.py",
                "places.check_place(_path(target.place), in_place=form.in_place)",
                "_path(target.place)",
            )
        ],
        [
            f"{_PLACES}test_a_place_that_cannot_be_written_is_refused_before_anything_is_sent"
            "[-o-nowhere/out.json-nowhere/out.json: there is no folder]"
        ],
    ),
    Entry(
        "a-place-that-is-lost",
        "`crawl run -o` into a missing folder crawled everything and ended with exit code 70",
        [
            Swap(
                "crawler/output/export/pipeline.py",
                "places.check_place(_path(target.place), in_place=form.in_place)",
                "_path(target.place)",
            ),
            Swap(
                "crawler/cli/export.py",
                "(exits.code_of_system(error) if isinstance(error, OSError) else exits.code_for(error))",
                "exits.code_for(error)",
            ),
        ],
        [f"{_PLACES}test_a_place_that_is_lost_meanwhile_is_no_bug_of_the_crawler"],
    ),
    Entry(
        "a-check-to-be-mended",
        "an `is_logged_out` that raises was said to wait for a person",
        [Swap("crawler/output/reasons.py", "    if broken is not None:\n", "    if broken is not None and not why:\n")],
        [
            "tests/sessions_e2e/test_broken_steps.py"
            "::test_a_run_with_a_check_that_fails_waits_for_the_spider_to_be_mended_and_for_no_person"
        ],
    ),
    Entry(
        "a-spider-in-a-folder-within",
        "a spider in `spiders/sub/` was not found, without a word",
        [Swap("crawler/loading.py", "    if name in (below", "    if not name and name in (below")],
        [f"{_MISREAD}test_a_spider_in_a_folder_within_is_named_where_it_is_missed"],
    ),
    Entry(
        "an-object-in-meta",
        "an object in `meta` was refused without a line",
        [Swap("crawler/pagework/given.py", "place = stands_at(results)\n", 'place = ""\n')],
        [f"{_MISREAD}test_what_cannot_go_with_a_request_is_refused_at_its_line"],
    ),
]
