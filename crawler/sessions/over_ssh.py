"""``crawl`` in a project on another machine, over the user's own ssh: what is sent goes in by standard input only.

Nothing secret is in an argument, where every user of a machine can see it, nor in a file on either side.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Sequence
from typing import Final

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass

_PLACE: Final = re.compile(r"(?P<host>(?:[^@:/\[\]\s]+@)?(?:\[[^\]\s]+\]|[^:/\[\]\s]+))(?::(?P<folder>.*))?", re.DOTALL)
_FAILED: Final = 255  # of ssh itself. Source: ssh(1), EXIT STATUS
_NOT_FOUND: Final = 127  # of a command. Source: POSIX, sh, EXIT STATUS


@quick_dataclass
class Place:
    """A project on another machine.

    Attributes:
        host: As ssh takes it: a name of its configuration, or ``user@host``.
        folder: Of the project there; "" for the home folder.
    """

    host: str
    folder: str = ""

    @classmethod
    def of(cls, text: str) -> Place:
        """``HOST[:FOLDER]``, as scp has it. Raises UsageError."""
        found = _PLACE.fullmatch(text)
        if found is None or text.startswith("-"):
            raise UsageError(f"{text!r} is not HOST[:FOLDER], such as me@server.example:crawls/orders")
        host = found["host"].replace("[", "").replace("]", "")  # ssh has no port in its host, so it wants no brackets
        return cls(host, found["folder"] or "")


def crawl_there(
    place: Place, arguments: Sequence[str], *, ssh: str = "ssh", crawl: str | None = None, text: str | None = None
) -> str:
    """Run ``crawl ARGUMENTS`` in the project and return what it printed. What it says on standard error is seen here.

    Args:
        ssh: The program, with options of one's own: ``ssh -p 2222``.
        crawl: Path of the program there; None: the one in the project's ``.venv`` or ``venv``, else that of the PATH.
        text: For its standard input.
    Raises:
        UsageError: ssh did not get there, or the command failed there; the text says what to do.
    """
    command = [
        *shlex.split(ssh),
        "-T",
        "--",
        place.host,
        f"sh -c {shlex.quote(_script(place.folder, arguments, crawl))}",
    ]
    try:
        done = subprocess.run(
            command, input=text or "", stdout=subprocess.PIPE, text=True, encoding="utf-8", check=False
        )
    except OSError as error:
        raise UsageError(
            f"{command[0]}: {error.strerror}: ssh is needed to reach {place.host}; --ssh names another program"
        ) from None
    if done.returncode == _FAILED:
        raise UsageError(f"ssh did not reach {place.host}: its message is above; try `ssh {place.host}` by itself")
    if done.returncode == _NOT_FOUND:
        raise UsageError(
            f"{place.host} has no `crawl` in its PATH, nor in the project's .venv: name it with --crawl PATH"
        )
    if done.returncode:
        raise UsageError(
            f"`crawl {shlex.join(arguments[:3])}` on {place.host} ended with {done.returncode}: its message is above"
        )
    return done.stdout


def _script(folder: str, arguments: Sequence[str], crawl: str | None) -> str:
    """For a POSIX shell, whatever shell the user has there."""
    where = f"cd -- {_home(folder)} && " if folder else ""
    if crawl is not None:
        return f"{where}exec {shlex.quote(crawl)} {shlex.join(arguments)}"
    look = "for c in .venv/bin/crawl venv/bin/crawl; do [ -x $c ] && break; c=crawl; done; "
    return f"{where}{{ {look}exec $c {shlex.join(arguments)}; }}"


def _home(folder: str) -> str:
    """The folder, quoted; a ``~/`` at its start means home there."""
    return f'"$HOME"/{shlex.quote(folder[2:])}' if folder.startswith("~/") else shlex.quote(folder)
