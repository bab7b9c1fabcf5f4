"""Nothing is lost in silence; as strict as browsers, not stricter."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_CHARSETS: Final = "tests/content/test_charsets.py"
_BROWSERS: Final = "tests/borders/test_as_browsers.py"
_INSIDE: Final = "tests/borders/test_inside.py"
_WINDOWS: Final = "windows of 4,096 and 16,384 bytes: what stood below was not seen"
_LIMITS: Final = (
    "limits that turned pages into failures: 8 kB of cookies, 100 header lines, two equal Locations, `Secure` on"
    " localhost, latin-1"
)
_SIGN_ON: Final = "a private start host could not lead to its private single sign-on"

ENTRIES: Final = [
    Entry(
        "after-the-end-of-html",
        "rows and links after `</html>` were lost",
        [
            Swap(
                "crawler/pages/parsing.py",
                "        _gather(root)\n    return root, cut",
                "        pass\n    return root, cut",
            )
        ],
        ["tests/content/test_end_of_html.py::test_rows_and_links_after_the_end_are_crawled"],
        others=["tests/content/test_content.py::test_only_the_beginning_of_a_robots_txt_of_two_megabytes_counts"],
    ),
    Entry(
        "bytes-that-do-not-fit",
        "bytes that no declared charset fits were dropped",
        [
            Swap(
                "crawler/pages/charsets.py",
                "    return _what_loses_least(body, first, _of_page(body) if said is not None else None)\n",
                '    return Text(body.decode(wanted, "ignore"), wanted)\n',
            )
        ],
        [
            f"{_CHARSETS}::test_bytes_that_do_not_fit_are_read_in_the_way_that_loses_least",
            f"{_CHARSETS}::test_a_run_counts_pages_whose_bytes_did_not_fit_and_status_names_one",
        ],
    ),
    Entry(
        "window-of-the-meta-element",
        _WINDOWS,
        [Swap("crawler/pages/charsets.py", "islice(_META.finditer(body), _MOST_METAS)", "_META.finditer(body[:4096])")],
        [f"{_CHARSETS}::test_a_meta_element_counts_however_far_down_it_is"],
    ),
    Entry(
        "window-of-the-base",
        _WINDOWS,
        [
            Swap(
                "crawler/response.py",
                "or _BASE.search(self.body) is not None",
                "or _BASE.search(self.body[:16384]) is not None",
            )
        ],
        [f"{_CHARSETS}::test_base_href_counts_wherever_it_is[far-down]"],
    ),
    Entry(
        "query-in-the-charset-of-its-page",
        "queries were sent in UTF-8 whatever the page's charset",
        [
            Swap(
                "crawler/urls.py",
                "    if query.isascii():\n        return link\n",
                "    if query:\n        return link\n",
            )
        ],
        [f"{_CHARSETS}::test_the_server_is_asked_for_the_query_in_the_charset_of_the_page"],
    ),
    Entry(
        "generator-in-a-field",
        '"<generator object at 0x...>" in a field',
        [
            Swap("crawler/items.py", '    if isinstance(value, Iterator):\n        return "write list(...)"\n', ""),
            Swap("crawler/items.py", '    if " at 0x" in text:\n', "    if not text:\n"),
        ],
        [
            "tests/content/test_content.py"
            "::test_an_item_with_a_generator_is_kept_out_and_counted_and_the_rest_of_the_page_stays"
        ],
    ),
    Entry(
        "limit-of-cookies",
        _LIMITS,
        [
            Swap(
                "crawler/sessions/cookies/view.py",
                'MAX_HEADER_BYTES: Final = 65_536 - len("Cookie: ")',
                'MAX_HEADER_BYTES: Final = 8_190 - len("Cookie: ")',
            )
        ],
        [
            "tests/docs/test_limits_page.py::test_a_limit_in_the_code_is_explained_in_the_table_with_its_value",
            f"{_BROWSERS}::test_what_browsers_open_is_crawled_with_default_settings",
        ],
    ),
    Entry(
        "limit-of-equal-locations",
        _LIMITS,
        [
            Swap("crawler/sessions/redirects.py", "    given = {value for name", "    given = list(value for name"),
            Swap("crawler/sessions/redirects.py", 'if name.lower() == "location"}', 'if name.lower() == "location")'),
        ],
        [f"{_BROWSERS}::test_what_browsers_open_is_crawled_with_default_settings"],
    ),
    Entry(
        "limit-secure-on-localhost",
        _LIMITS,
        [
            Swap(
                "crawler/sessions/cookies/scope.py",
                "        return ip_address(host).is_loopback\n",
                "        return ip_address(host) is None\n",
            )
        ],
        [f"{_BROWSERS}::test_what_browsers_open_is_crawled_with_default_settings"],
    ),
    Entry(
        "same-address-same-cookie",
        "the same address with the same cookie twice was a loop",
        [Swap("crawler/sessions/redirects.py", "SAME_STEPS = 2  #", "SAME_STEPS = 1  #")],
        [f"{_BROWSERS}::test_U1_the_same_address_with_the_same_cookie_may_come_twice"],
    ),
    Entry(
        "private-single-sign-on",
        _SIGN_ON,
        [Swap("crawler/sessions/hops.py", 'inside = self.leads_inside and not options["proxies"]', "inside = False")],
        [
            f"{_INSIDE}::test_X8_a_private_start_host_may_lead_to_its_private_single_sign_on",
            f"{_INSIDE}::test_X8_only_a_session_that_logs_in_may_be_led_to_a_private_host",
        ],
    ),
    Entry(
        "private-single-sign-on-only-to-log-in",
        _SIGN_ON,
        [
            Swap(
                "crawler/sessions/hops.py",
                'inside = self.leads_inside and not options["proxies"]',
                'inside = not options["proxies"]',
            )
        ],
        [f"{_INSIDE}::test_X8_only_a_session_that_logs_in_may_be_led_to_a_private_host"],
    ),
    Entry(
        "limit-latin-1-credentials",
        _LIMITS,
        [
            Swap(
                "crawler/sessions/auth/schemes.py",
                'return auth if "".join(pair).isascii() else tuple(each.encode("utf-8", "replace") for each in pair)',
                "return auth",
            )
        ],
        ["tests/borders/test_auth.py::test_basic_auth_is_utf_8_whichever_way_it_is_given"],
    ),
]
