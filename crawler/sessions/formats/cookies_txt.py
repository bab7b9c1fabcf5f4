"""Netscape cookies.txt, the format of curl, wget, yt-dlp and browser extensions. Pure.

The format knows neither SameSite nor the time of creation, and it has no escape: a TAB in a value would end the column,
and other programs refuse such a file whole. A cookie that the columns cannot hold is therefore written as a comment,
``# crawl-cookie: {...}``. Other programs pass over it; we read it back, nothing lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from crawler.errors import UsageError
from crawler.sessions.cookies.records import Record

MAGIC: Final = "# Netscape HTTP Cookie File"

_HTTP_ONLY: Final = "#HttpOnly_"
_OURS: Final = "# crawl-cookie: "
_COLUMNS: Final = 7


def read_cookies_txt(text: str) -> list[Record]:
    """The cookies of a cookies.txt file as records, unchecked.

    Args:
        text: The file, decoded as UTF-8. Lines end with LF or CR LF; other line ends of Unicode may stand in values.
    Raises:
        UsageError: A line is neither a comment nor a cookie; names the line, not what it holds.
    """
    records: list[Record] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.removesuffix("\r")
        http_only = line.startswith(_HTTP_ONLY)
        if line.startswith(_OURS):
            try:
                records.append(json.loads(line.removeprefix(_OURS)))
            except (ValueError, RecursionError):
                raise UsageError(f"line {number} of the cookies.txt file is damaged") from None
        elif http_only or (line.strip() and not line.lstrip().startswith("#")):
            records.append(_read_line(line.removeprefix(_HTTP_ONLY), number, http_only))
    return records


def _read_line(line: str, number: int, http_only: bool) -> Record:
    columns = line.split("\t")
    if len(columns) == _COLUMNS - 1:  # editors like to take away the TAB before an empty value
        columns.append("")
    if len(columns) != _COLUMNS:
        raise UsageError(
            f"line {number} of the cookies.txt file has {len(columns)} columns, not {_COLUMNS} between TABs"
        )
    domain, subdomains, path, secure, expires, name, value = columns
    try:
        end = float(expires or 0)
    except ValueError:
        raise UsageError(f"line {number} of the cookies.txt file: the fifth column is no number of seconds") from None
    return {
        "name": name,
        "value": value,
        "domain": domain.removeprefix("."),
        "host_only": subdomains.strip().upper() != "TRUE",
        "path": path,
        "secure": secure.strip().upper() == "TRUE",
        "http_only": http_only,
        "expires": end if end > 0 else None,
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
