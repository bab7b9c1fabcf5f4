"""What a hostile site, host or neighbour could do."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_ORIGINS: Final = "crawler/sessions/origins.py"
_LIMITS: Final = "tests/content/test_page_limits.py"
_NEIGHBOURS: Final = "tests/cli/test_neighbours.py"
_FORMS: Final = "tests/sessions_e2e/test_where_passwords_may_go.py"
_NOTHING: Final = "gzip in gzip in gzip of empty members stopped the whole crawl"
_RICH: Final = "three million `<p>`, 50,000 attributes, a million unclosed `<a>`, 300,000 forms, 1.2 million links"
_SUBDOMAINS: Final = "bearer, secret headers and `params` went to every subdomain of a start host, also over http"
_POSTED: Final = "the password was posted to another site, or to another port, when the login page redirects there"
_PLANTED: Final = "a planted symlink `data/crawl.db`; a folder that anybody may write"
_ROBOTS: Final = "`Crawl-delay` ended a group of robots.txt; UTF-16 was not read"
_SITEMAPS: Final = "sitemaps with odd nesting, several `<loc>`, a guid of RSS"
_ORDERS: Final = "retire, remove, trash, ban, `op=del`, `@action=retire` were followed"
_FRONT_DOOR: Final = "rows on transport and borders held at the transport alone"

ENTRIES: Final = [
    Entry(
        "streams-of-nothing",
        _NOTHING,
        [
            Swap(
                "crawler/fetching/decoding.py",
                "        if self._members[level] > MEMBERS:\n",
                "        if self._members[level] > MEMBERS**9:\n",
            )
        ],
        ["tests/security/test_hostile_answers.py::test_Z1_answers_that_decode_to_nothing_stop_no_crawl[members]"],
    ),
    Entry(
        "deadline-while-decoding",
        _NOTHING,
        [
            Swap(
                "crawler/fetching/decoding.py",
                "                self._still()\n                self._count(level, piece)\n",
                "                self._count(level, piece)\n",
            )
        ],
        ["tests/fetching/test_limits.py::test_Z1_the_deadline_holds_while_an_answer_decodes_to_nothing"],
    ),
    Entry(
        "too-many-elements",
        _RICH,
        [
            Swap(
                "crawler/pages/page_limits.py",
                "MAX_ELEMENTS: Final = 1_000_000  #",
                "MAX_ELEMENTS: Final = 100_000_000  #",
            )
        ],
        [f"{_LIMITS}::test_three_million_elements_fail_by_name_and_take_no_memory"],
    ),
    Entry(
        "too-many-attributes",
        _RICH,
        [
            Swap(
                "crawler/pages/page_limits.py",
                "if end < len(body) and _TOO_MANY.match(body, end):",
                "if end > len(body) and _TOO_MANY.match(body, end):",
            )
        ],
        [f"{_LIMITS}::test_too_many_attributes_in_a_tag_are_found_before_parsing"],
    ),
    Entry(
        "too-many-links",
        _RICH,
        [Swap("crawler/pages/page_limits.py", "MAX_LINKS: Final = 100_000  #", "MAX_LINKS: Final = 10_000_000  #")],
        [f"{_LIMITS}::test_the_first_hundred_thousand_links_of_a_page_are_followed_and_the_others_counted"],
    ),
    Entry(
        "large-pages-take-turns",
        _RICH,
        [
            Swap(
                "crawler/pages/page_limits.py",
                "while self._taken and self._taken + wanted > self._most_bytes and",
                "while self._taken < 0 and",
            )
        ],
        [f"{_LIMITS}::test_large_pages_take_turns"],
    ),
    Entry(
        "quadratic-pattern",
        "60 kB of `zz:-eyJ-eyJ...` held the interpreter for 6 to 10 s",
        [
            Swap(
                "crawler/redaction.py",
                '_DOTTED: Final = late_pattern(r"[\\w.-]{8,}+")',
                '_DOTTED: Final = late_pattern(r"(?<!\\w)eyJ[\\w-]{5,}\\.[\\w.-]+")',
            )
        ],
        [
            "tests/security/test_redaction.py::test_the_text_that_held_the_interpreter_for_seconds_takes_milliseconds",
            "tests/content/test_patterns.py::test_twice_the_text_takes_twice_the_time",
        ],
    ),
    Entry(
        "credentials-to-subdomains",
        _SUBDOMAINS,
        [
            Swap(
                _ORIGINS,
                "        if origin in self._exact:\n            return True\n",
                "        if any(f'.{host_of(origin)}'.endswith(f'.{host_of(each)}') for each in self._exact):\n"
                "            return True\n",
            )
        ],
        ["tests/borders/test_exact_origins.py::test_B3_a_subdomain_of_a_start_host_gets_no_credentials"],
    ),
    Entry(
        "credentials-over-http",
        _SUBDOMAINS,
        [
            Swap(
                _ORIGINS,
                'if scheme != "https" or rest.rpartition(":")[2] != "443":',
                'if scheme and rest.rpartition(":")[2] not in ("80", "443"):',
            )
        ],
        ["tests/sessions/test_origins.py::test_B5_a_domain_is_never_covered_over_http_whatever_the_start_urls_use"],
    ),
    Entry(
        "secret-in-params",
        "a secret in `params` landed in crawl.db after redirects",
        [
            Swap(
                "crawler/sessions/session.py",
                "return without_params(url, self.params) if self.params else url",
                "return url if without_params else url",
            )
        ],
        ["tests/borders/test_exact_origins.py::test_X9_a_secret_in_params_is_in_no_row_whatever_the_server_writes"],
    ),
    Entry(
        "form-of-another-origin",
        _POSTED,
        [
            Swap(
                "crawler/sessions/login/tools.py",
                "own = self.origins.may_fill_in(page) if self.origins else same_origin(page, asked)",
                "own = bool(page) or same_origin(page, asked)",
            )
        ],
        [
            f"{_FORMS}::test_a_password_is_not_posted_to_another_port_that_the_login_page_leads_to",
            f"{_FORMS}::test_naming_another_host_permits_nothing",
        ],
    ),
    Entry(
        "third-host-is-named",
        _POSTED,
        [
            Swap(
                "crawler/sessions/login/tools.py",
                "                self._check_page(form, allow, form.target(data, click=click))\n",
                "",
            )
        ],
        ["tests/sessions_e2e/test_third_host.py::test_the_first_message_names_both_hosts_and_what_it_says_is_enough"],
    ),
    Entry(
        "failure-of-tls",
        "TLS failures took 7.5 minutes",
        [
            Swap(
                "crawler/engine/robots_door.py",
                "    cause = robots.cause\n",
                "    cause = None if robots else robots.cause\n",
            )
        ],
        [
            "tests/engine/test_dead_hosts.py"
            "::test_a_certificate_that_nobody_trusts_is_named_when_robots_txt_meets_it_first"
        ],
        others=[
            "tests/engine/test_dead_hosts.py"
            "::test_a_robots_txt_that_answers_503_is_asked_for_with_patience_and_its_status_is_reported"
        ],
    ),
    Entry(
        "rebinding",
        "a start host that was public turned private",
        [
            Swap(
                "crawler/fetching/addresses.py",
                "        if trusted and host in self._public:\n",
                "        if not host and host in self._public:\n",
            )
        ],
        ["tests/borders/test_inside.py::test_X8_a_trusted_host_that_was_public_and_turns_private_is_refused"],
    ),
    Entry(
        "meta-of-utf-16",
        "`<meta charset=utf-16>` on UTF-8 lost the page",
        [
            Swap(
                "crawler/pages/charsets.py",
                "        name = _of_meta(tag[1])\n",
                '        if (name := _of_meta(tag[1])).startswith("utf-16"):\n            return usable(name)\n',
            )
        ],
        ["tests/content/test_charsets.py::test_bytes_that_do_not_fit_are_read_in_the_way_that_loses_least"],
    ),
    Entry(
        "endless-queries",
        "endless spaces of URLs: 430,000 known in 40 s",
        [
            Swap(
                "crawler/frontier/traps.py",
                'if limits.max_values and self.counts.count(("values",',
                'if not limits.max_values and self.counts.count(("values",',
            )
        ],
        ["tests/urls_and_traps/test_endless.py::test_an_endless_space_ends_and_the_rule_has_a_name"],
    ),
    Entry(
        "cookies-are-secrets",
        "a spider's exception with a cookie stood in log, status, audit and crawl.db",
        [
            Swap(
                "crawler/sessions/cookie_secrets.py",
                "        if not by_start:\n            return text\n",
                "        if by_start is self._by_start:\n            return text\n",
            )
        ],
        ["tests/security/test_secrets.py::test_X11_no_secret_except_those_in_addresses_is_in_the_raw_files"],
    ),
    Entry(
        "sealed-for-its-place",
        "two sealed blobs could be swapped",
        [
            Swap(
                "crawler/sessions/vault.py",
                "        bound = head + place.encode(",
                "        bound = head + place[:0].encode(",
            ),
            Swap(
                "crawler/sessions/vault.py",
                "_WITHOUT_PLACE else head + place.encode(",
                "_WITHOUT_PLACE else head + place[:0].encode(",
            ),
        ],
        ["tests/stores/test_contract_sealed.py::test_the_cookies_of_two_sessions_cannot_be_swapped"],
    ),
    Entry(
        "export-at-a-terminal",
        "`crawl export -o -` to a terminal obeyed escapes",
        [
            Swap(
                "crawler/output/export/places.py",
                "ForTerminal(out) if sys.stdout.isatty() else out)",
                "out if sys.stdout.isatty() else out)",
            )
        ],
        [f"{_NEIGHBOURS}::test_export_at_a_terminal_shows_what_a_page_wrote"],
    ),
    Entry(
        "planted-link",
        _PLANTED,
        [Swap("crawler/stores/sqlite/database_file.py", "    if os.path.islink(path):\n", "    if not path:\n")],
        [f"{_NEIGHBOURS}::test_a_run_refuses_a_planted_link_in_the_place_of_its_store"],
    ),
    Entry(
        "folder-of-anybody",
        _PLANTED,
        [
            Swap(
                "crawler/stores/sqlite/database_file.py",
                "    if not mode & stat.S_IWOTH:\n",
                "    if mode & stat.S_IRWXU:\n",
            )
        ],
        [f"{_NEIGHBOURS}::test_a_run_names_a_folder_that_anybody_may_write_to"],
    ),
    Entry(
        "tight-memory",
        "`ulimit -v`: a hang, or a disk I/O error",
        [
            Swap(
                "crawler/engine/workers.py",
                '            raise UsageError(f"no worker can be started: {TOO_TIGHT}") from None\n',
                "            raise\n",
            )
        ],
        ["tests/engine/test_tight_memory.py::test_a_crawl_has_fewer_workers_or_says_at_once_why_not"],
    ),
    Entry(
        "full-disk",
        "`status` and `audit` failed on a full disk",
        [
            Swap(
                "crawler/stores/sqlite/sqlite_driver.py",
                "            self.raw = self._connect_without_room()\n",
                "            raise\n",
            )
        ],
        [f"{_NEIGHBOURS}::test_looking_at_a_crawl_works_on_a_full_disk"],
    ),
    Entry(
        "stopped-child",
        "the end of a run waited for a stopped child",
        [Swap("crawler/engine/processes.py", "_STOPPED_S = 2.0  #", "_STOPPED_S = 2_000.0  #")],
        [
            "tests/engine/test_processes.py::test_a_stopped_process_is_ended_after_two_seconds_and_the_others_end_by_themselves"
        ],
        hangs=True,
    ),
    Entry(
        "undeclared-import",
        "certifi was imported and not declared",
        [Swap("pyproject.toml", '    "certifi>=2024.7.4",\n', "")],
        ["tests/test_dependencies.py::test_what_is_imported_is_declared"],
    ),
    Entry(
        "orders-in-queries",
        _ORDERS,
        [
            Swap(
                "crawler/frontier/guard.py",
                '            if _orders(verbs) and "".join(tokens(name)) not in SHOWING_NAMES:\n',
                '            if _orders(verbs) and "".join(tokens(name)) in SHOWING_NAMES:\n',
            )
        ],
        ["tests/frontier/test_guard_orders.py::test_a_link_that_does_something_is_refused"],
    ),
    Entry(
        "orders-that-only-read",
        _ORDERS,
        [
            Swap(
                "crawler/frontier/guard.py",
                "            if numbered:\n",
                "            if last or numbered:\n",
            )
        ],
        ["tests/frontier/test_guard_orders.py::test_a_page_that_only_reads_is_not_refused"],
    ),
    Entry(
        "crawl-delay-ends-no-group",
        _ROBOTS,
        [
            Swap(
                "crawler/frontier/robots.py",
                "written, is_split, in_agents = len(group), True, not is_rule",
                "written, is_split, in_agents = len(group), True, False",
            )
        ],
        ["tests/frontier/test_robots.py::test_a_record_that_is_not_a_rule_does_not_end_the_list_of_agents"],
    ),
    Entry(
        "robots-txt-in-utf-16",
        _ROBOTS,
        [
            Swap(
                "crawler/frontier/robots.py",
                "    text = body[:MAX_BYTES].decode(charset, ",
                '    text = body[:MAX_BYTES].decode("utf-8" if charset else charset, ',
            )
        ],
        ["tests/frontier/test_robots.py::test_robots_txt_in_utf_16_is_read"],
    ),
    Entry(
        "sitemap-of-odd-nesting",
        _SITEMAPS,
        [
            Swap(
                "crawler/sitemaps.py", '            if name == "loc":  # around', '            if name == "":  # around'
            )
        ],
        ["tests/test_sitemaps.py::test_odd_nesting_loses_no_page"],
    ),
    Entry(
        "guid-that-is-no-address",
        _SITEMAPS,
        [
            Swap(
                "crawler/sitemaps.py",
                '"" if attributes.get("isPermaLink") == "false" else _FIELDS.get(name, "")',
                '_FIELDS.get(name, "")',
            )
        ],
        ["tests/test_sitemaps.py::test_a_guid_that_is_not_an_address_is_counted"],
    ),
    Entry(
        "promise-without-a-test",
        "a sentence of SECURITY.md had no test",
        [Swap("SECURITY.md", "No port is opened but where", "Not one port is opened but where")],
        ["tests/security/test_promises.py::test_a_sentence_of_the_security_page_is_held_by_tests_that_are_there"],
        others=["tests/docs/test_links.py::test_every_link_of_a_page_leads_somewhere"],
    ),
    Entry(
        "bomb-through-the-front-door",
        _FRONT_DOOR,
        [
            Swap(
                "crawler/fetching/decoding.py",
                "self._decoded_bytes[level] > self._max_bytes:",
                "self._decoded_bytes[level] < 0:",
            )
        ],
        ["tests/front_door/test_transport_rows.py::test_T_Z_a_row_through_the_front_door"],
    ),
    Entry(
        "credentials-through-the-front-door",
        _FRONT_DOOR,
        [Swap(_ORIGINS, "            known = self._decide(origin)\n", "            known = bool(self._decide)\n")],
        ["tests/front_door/test_border_rows.py::test_B_nothing_secret_comes_to_another_origin"],
    ),
    Entry(
        "redacted-after-the-cut",
        "60 kB of `zz:-eyJ-eyJ...` held the interpreter for 6 to 10 s",
        [
            Swap(
                "crawler/redaction.py",
                '_DOTTED: Final = late_pattern(r"[\\w.-]{8,}+")',
                '_DOTTED: Final = late_pattern(r"(?<!\\w)eyJ[\\w-]{5,}\\.[\\w.-]+")',
            ),
            Swap("crawler/sessions/redirects.py", "    text = location[:_LOOKED_AT]\n", "    text = location\n"),
        ],
        ["tests/security/test_linear.py::test_Z6_twice_the_text_of_a_server_costs_about_twice_the_time"],
    ),
    Entry(
        "heavy-page-of-password-fields",
        _RICH,
        [
            Swap(
                "crawler/sessions/login/page_marks.py",
                "    for field in islice(passwords, _MOST_FIELDS):\n",
                "    for field in islice(passwords, _MOST_FIELDS**3):\n",
            ),
            Swap(
                "crawler/sessions/login/page_marks.py",
                "        while holder is not None and holder not in self._known:\n",
                "        while holder is not None:\n",
            ),
        ],
        [f"{_LIMITS}::test_a_logged_in_worker_is_not_lost_to_a_heavy_page"],
    ),
]
