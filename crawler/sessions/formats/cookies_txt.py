"""Netscape cookies.txt, the format of curl, wget, yt-dlp and browser extensions. Pure.

The format knows neither SameSite nor the time of creation, and it has no escape: a TAB in a value would end the column,
and other programs refuse such a file whole. A cookie that the columns cannot hold is therefore written as a comment,
``# crawl-cookie: {...}``. Other programs skip it; we read it back without loss.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from crawler.errors import UsageError
from crawler.sessions.cookies.cookie_records import Record
from crawler.sessions.formats.curl_command import Captured
from crawler.sessions.formats.reading import Unreadable, end_of, host_of_column

MAGIC: Final = "# Netscape HTTP Cookie File"

_HTTP_ONLY: Final = "#HttpOnly_"
_OURS: Final = "# crawl-cookie: "
_COLUMNS: Final = 7
_YES: Final = frozenset(("TRUE", "1", "YES"))
_FLAGS: Final = _YES | {"FALSE", "0", "NO"}


def read_cookies_txt(text: str) -> Captured:
    """The cookies of a cookies.txt file as records, unchecked.

    Args:
        text: The file. Lines end with LF, CR LF or CR; other line ends of Unicode may stand in values. Columns are
            divided by TABs, or by blanks where a copy has lost the TABs.
    Returns:
        The cookies, and the lines that are neither a comment nor a cookie, by their numbers.
    Raises:
        UsageError: No line could be read, though there are some; says why of the first, not what it holds.
    """
    records: list[Record] = []
    left_out: list[str] = []
    text = text.removeprefix("\ufeff")
    for number, whole in enumerate(text.split("\n" if "\n" in text else "\r"), start=1):
        line = whole.removesuffix("\r")
        http_only = line[: len(_HTTP_ONLY)].lower() == _HTTP_ONLY.lower()
        try:
            if line.startswith(_OURS):
                records.append(_read_ours(line))
            elif http_only or (line.strip() and not line.lstrip().startswith("#")):
                records.append(_read_line(line[len(_HTTP_ONLY) :] if http_only else line, http_only))
        except ValueError as error:
            left_out.append(f"line {number} of the cookies.txt file {error}")
    if left_out and not records:
        more = f"; so are {len(left_out) - 1:,} more lines" if len(left_out) > 1 else ""
        raise UsageError(left_out[0] + more)
    return Captured(records, left_out=tuple(left_out))


def _read_ours(line: str) -> Record:
    try:
        record = json.loads(line.removeprefix(_OURS))
    except (ValueError, RecursionError):
        raise ValueError("is damaged") from None
    if not isinstance(record, dict):
        raise ValueError("is damaged")
    return record


def _read_line(line: str, http_only: bool) -> Record:
    """One cookie. Raises ValueError, whose text goes on from "line 7 of the file"."""
    columns = line.split("\t")
    if len(columns) == 1:
        columns = line.split(None, _COLUMNS - 1)
    if len(columns) == _COLUMNS - 1:  # editors like to take away the TAB before an empty value
        columns.append("")
    if len(columns) != _COLUMNS:
        raise ValueError(f"has {len(columns)} columns, not {_COLUMNS} between TABs")
    domain, subdomains, path, secure, expires, name, value = columns
    if not {subdomains.strip().upper(), secure.strip().upper()} <= _FLAGS:
        raise ValueError("has something other than TRUE or FALSE in its second or fourth column")
    try:
        end = end_of(expires)
    except Unreadable:
        raise ValueError("has no number of seconds in its fifth column") from None
    host, _ = host_of_column(domain)
    return {
        "name": name,
        "value": value,
        "domain": host,
        "host_only": subdomains.strip().upper() not in _YES,
        "path": path if path.startswith("/") else "/",
        "secure": secure.strip().upper() in _YES,
        "http_only": http_only,
        "expires": end,
    }


def write_cookies_txt(records: Iterable[Record]) -> str:
    """A cookies.txt file of records as `Jar.dump` gives them; 0 in the fifth column is a cookie without an end."""
    lines = [MAGIC, "# It lets in whoever reads it.", ""]
    for record in records:
        if not record["domain"]:
            continue  # belongs to no host yet
        columns = [record["path"], record["name"], record["value"]]
        if record.get("latin1") or any(mark in column for column in columns for mark in "\t\n\r"):
            lines.append(_OURS + json.dumps(record, sort_keys=True))
            continue
        wide = not record["host_only"]
        end = record["expires"]
        lines.append(
            (_HTTP_ONLY if record["http_only"] else "")
            + "\t".join(
                [
                    f".{record['domain']}" if wide else record["domain"],
                    "TRUE" if wide else "FALSE",
                    record["path"],
                    "TRUE" if record["secure"] else "FALSE",
                    "0" if end is None else str(max(1, int(end))),
                    record["name"],
                    record["value"],
                ]
            )
        )
    return "\n".join(lines) + "\n"
