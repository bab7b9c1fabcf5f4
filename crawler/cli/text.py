"""What the commands write: lines that are safe on any terminal, in any locale, and on a stream that has been closed.

Results go to standard output, everything else to standard error. Nothing that came from the network is written without
`safe`: control characters are shown, secrets are hidden.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from collections.abc import Iterable, Sequence
from typing import TextIO


def safe(text: object, *, after: str = "") -> str:
    """*text* on one line, without secrets, control characters shown as ``\\x1b``.

    Args:
        after: The name of the spider with which a line of ours begins: what follows its colon is no value of it.
    """
    from crawler.sessions.secrets import hide, hide_after  # a tenth of a second that `--help` does not need
    from crawler.urls import printable

    return printable(hide_after(after, str(text)) if after else hide(str(text)))


def prepare_streams() -> None:
    """Make the standard streams usable whatever the caller has done to them. Call it once, before any file is opened.

    A closed descriptor is opened on the null device: otherwise the next file, perhaps the database, would get its
    number and our messages would be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one, since the ones below are taken
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def mute(stream: TextIO) -> None:
    """Let *stream*, whose reader has gone, swallow the rest: ``crawl ... | head`` is no error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


def drain(stream: TextIO) -> None:
    """Write what waits in *stream*, or drop it where that fails: else Python ends with a complaint and its own code."""
    try:
        stream.flush()
    except (OSError, ValueError):
        mute(stream)


def say(line: str = "") -> None:
    """Write one line of a result to standard output. The exit code stays that of the command when nobody reads."""
    _write(sys.stdout, line)


def tell(line: str) -> None:
    """Write one line for the person to standard error. Where that is full or gone, only the line is lost."""
    try:
        _write(sys.stderr, line)
    except OSError:
        mute(sys.stderr)


def tell_recording(file: object, *, unmasked: bool) -> None:
    """Say that a HAR file was written, and whether anybody may read it."""
    tell(
        f"crawl: {safe(file)}{', which logs in whoever reads it' if unmasked else ', without cookies, secrets masked'}"
    )


def _write(stream: TextIO, line: str) -> None:
    try:
        stream.write(line + "\n")
        stream.flush()
    except BrokenPipeError:
        mute(stream)
    except OSError as error:
        if error.errno != errno.EIO or not _is_device(stream):
            raise  # a file that cannot be written is no small thing
        mute(stream)  # a terminal that was closed


def _is_device(stream: TextIO) -> bool:
    """Whether it is, or was, a terminal: one that was closed does not say so itself any more."""
    return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)


def columns(rows: Iterable[Sequence[object]], heading: Sequence[str] = ()) -> list[str]:
    """Lines with the cells of *rows* below one another, two blanks apart; numbers to the right; every cell `safe`."""
    cells = [[safe(cell) for cell in row] for row in rows]
    numeric = [all(_is_number(row[place]) for row in cells) for place in range(len(cells[0]))] if cells else []
    if heading:
        cells.insert(0, list(heading))
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))] if cells else []
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(row, widths, numeric or [False] * len(row), strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").isdigit() or cell in ("", "-")


def local_time(moment_s: float | None) -> str:
    """Seconds since 1970 as ``2026-11-23 03:00:10`` in the zone of this machine; "-" for None."""
    return "-" if moment_s is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment_s))


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def about(seconds: float) -> str:
    """An estimate: ``~24 s``, ``~3 min``, ``~2 h``, ``~4 d``; no part of it is more exact than it is."""
    for unit_s, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"~{seconds / unit_s:.0f} {name}"
    return f"~{max(seconds, 1):.0f} s"


def counted(count: int, noun: str) -> str:
    """``1 page``, ``1,200 pages``: *noun* is the word for one."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def size(count_bytes: float) -> str:
    """``512 B``, ``3.4 kB``, ``1.2 MB``: powers of 1,000."""
    amount = float(count_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
