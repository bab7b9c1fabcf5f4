"""Foreign formats; several processes."""

from __future__ import annotations

from typing import Final

from tests.taken_out.entries import Entry, Swap

_FORMATS: Final = "tests/sessions/test_foreign_formats.py"
_FENCING: Final = "tests/stores/test_contract_fencing.py"
_COOKIES_TXT: Final = "cookies.txt of wget, curl, extensions, yt-dlp; UTF-16, milliseconds, blanks, host:port"
_RECORDED: Final = "HAR and storage_state of several producers"
_NAMES: Final = "`filename*`, UTF-8 and latin-1 names"
_NAME_TEST: Final = ("tests/security/test_download_names.py::test_the_name_is_what_the_server_means",)

ENTRIES: Final = [
    Entry(
        "cookies-txt-with-blanks",
        _COOKIES_TXT,
        [
            Swap(
                "crawler/sessions/formats/cookies_txt.py",
                "    if len(columns) == 1:\n        columns = line.split(None, _COLUMNS - 1)\n",
                "",
            )
        ],
        [f"{_FORMATS}::test_a_line_of_another_program_is_read"],
    ),
    Entry(
        "cookies-txt-in-milliseconds",
        _COOKIES_TXT,
        [
            Swap(
                "crawler/sessions/formats/reading.py",
                "    if number < _LAST_SECOND:\n        return number\n",
                "    if number:\n        return number\n",
            )
        ],
        [f"{_FORMATS}::test_a_line_of_another_program_is_read"],
    ),
    Entry(
        "cookies-txt-in-utf-16",
        _COOKIES_TXT,
        [
            Swap(
                "crawler/sessions/formats/reading.py",
                '    encoding = next((known for mark, known in _MARKS if data.startswith(mark)), "")\n',
                '    encoding = "utf-8-sig" if _MARKS else ""\n',
            )
        ],
        [f"{_FORMATS}::test_a_file_is_read_in_the_encoding_that_its_program_wrote"],
    ),
    Entry(
        "har-without-headers-of-cookies",
        _RECORDED,
        [
            Swap(
                "crawler/sessions/formats/har.py",
                "    if not records:\n        records = [record for name, text in headers",
                "    if records:\n        records = [record for name, text in headers",
            )
        ],
        [f"{_FORMATS}::test_the_recording_of_a_producer_gives_the_session"],
    ),
    Entry(
        "json-of-other-producers",
        _RECORDED,
        [
            Swap(
                "crawler/sessions/formats/browser_records.py",
                '_ENDS: Final = ("expirationDate", "expires", "expiry", "Expires", "expires_utc", "expirationTime")',
                '_ENDS: Final = ("expires",)',
            )
        ],
        [f"{_FORMATS}::test_the_json_of_a_producer_gives_the_same_cookie"],
    ),
    Entry(
        "extended-file-name",
        _NAMES,
        [
            Swap(
                "crawler/pages/downloads.py",
                "        _of_extended(extended)\n        or _of_pieces(pieces)\n",
                "        _of_pieces(pieces)\n",
            )
        ],
        _NAME_TEST,
    ),
    Entry(
        "raw-file-name",
        _NAMES,
        [
            Swap(
                "crawler/pages/downloads.py",
                '        return raw.decode("cp1252", "crawler.c1")\n',
                '        return raw.decode("utf-8", "replace")\n',
            ),
        ],
        _NAME_TEST,
    ),
    Entry(
        "login-beyond-its-lease",
        "a deleted claim counted as ours: a paused login overwrote the newer session",
        [
            Swap(
                "crawler/stores/sql/login_rows.py",
                "        return freed.rowcount == 1\n",
                "        return freed.rowcount >= 0\n",
            ),
            Swap(
                "crawler/stores/sql/login_rows.py",
                "current = ours and (snapshot is None or self._stored_epoch(raw, key) < snapshot.epoch)",
                "current = ours",
            ),
        ],
        [f"{_FENCING}::test_a_login_paused_beyond_its_lease_does_not_overwrite_the_newer_session"],
    ),
    Entry(
        "owner-of-one-incarnation",
        "two containers with one process number were both granted",
        [
            Swap(
                "crawler/stores/calls.py",
                'return f"{role}-{socket.gethostname()[:40]}-{os.getpid()}-{os.urandom(16).hex()}"',
                'return f"{role}-{os.getpid()}" if socket else role',
            )
        ],
        ["tests/engine/test_fencing.py::test_owners_are_of_one_incarnation"],
    ),
    Entry(
        "page-of-a-login-that-is-over",
        "an unproven page of the lost epoch, committed after the quarantine, stayed done",
        [
            Swap(
                "crawler/stores/sql/page_commit.py",
                "        late = over(outcomes, epochs)\n",
                "        late = over([], epochs)\n",
            )
        ],
        [f"{_FENCING}::test_an_unproven_page_of_a_login_that_is_over_waits_again_with_nothing_of_it_kept"],
    ),
    Entry(
        "jars-are-joined",
        "the jar of the last writer won: a cookie was lost",
        [
            Swap(
                "crawler/stores/sql/session_rows.py",
                "                snapshot = _with_changes_of_others(snapshot, stored)\n",
                "                pass\n",
            )
        ],
        [f"{_FENCING}::test_two_processes_that_set_different_cookies_lose_none"],
    ),
]
