"""The user's crontab: the lines of a project stand between our own marks, and no other line is ever touched.

`changed` is pure; `read_crontab` and `write_crontab` call the program `crontab`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from crawler.errors import UsageError
from crawler.schedule.lines import crawl_command
from crawler.schedule.plan import Entry, overlap_of

_BEGIN = "# >>> crawl-sessions {project} >>> made by `crawl schedule install`: lines between these marks are replaced"
_END = "# <<< crawl-sessions {project} <<<"
_LONGEST = 900  #: characters; Debian's cron takes lines of 998
#: Variables of ours that a cron job lacks. Credentials are not among them: they belong in the accounts file.
_KEPT = ("XDG_CONFIG_HOME", "CRAWL_ACCOUNTS", "CRAWL_STORE")


def block(
    project: Path, entries: Sequence[Entry], environ: Mapping[str, str], schedule: Sequence[Entry] = ()
) -> list[str]:
    """The lines for *entries*. Those with a zone or with jitter are handled by `crawl schedule run-due`.

    Args:
        schedule: All entries of the project, if *entries* are only some of them.

    Raises:
        UsageError: A line would be longer than cron takes, or holds a line end.
    """
    before = f"cd {shlex.quote(str(project.absolute()))} && {_variables(environ)}"
    lines = []
    for entry in entries:
        if not entry.needs_us:
            words = crawl_command(entry.spider, entry.extra(), quiet=True)
            words[words.index("--if-running") + 1] = overlap_of(entry, schedule or entries)
            lines.append(f"{entry.cron} {_escaped(before + shlex.join(words))}")
    if any(entry.needs_us for entry in entries):
        program = crawl_command("x", quiet=True)
        words = [*program[: program.index("run")], "schedule", "run-due", "--ours"]
        lines.append(f"* * * * * {_escaped(before + shlex.join(words))}")
    for line in lines:
        if len(line) > _LONGEST:
            raise UsageError(f"a line of {len(line)} characters is too long for cron; shorten paths or arguments")
        if any(character in line for character in "\r\n\0"):
            raise UsageError("a crontab line cannot hold a line end; give the option another way")
    return lines


def variables_of(environ: Mapping[str, str]) -> dict[str, str]:
    """What a job is given besides the little that cron or systemd gives: a PATH, and where our own files are."""
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    return {"PATH": path, **places_of(environ)}


def places_of(environ: Mapping[str, str]) -> dict[str, str]:
    """Where the accounts file, the key and the store are, if a job would look for them elsewhere.

    The machine's scheduler takes HOME from the password database, whatever it is in this shell.
    """
    found = {name: environ[name] for name in _KEPT if environ.get(name)}
    home = environ.get("HOME", "")
    if "XDG_CONFIG_HOME" not in found and os.path.isabs(home) and os.path.realpath(home) != _home_of_jobs():
        found["XDG_CONFIG_HOME"] = os.path.join(home, ".config")
    return found


def _home_of_jobs() -> str:
    import pwd  # not on every system

    try:
        return os.path.realpath(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        return ""


def lost_variables(environ: Mapping[str, str], settings: Iterable[str]) -> list[str]:
    """Variables of ours that are set here but not in a job: settings, and the key. Credentials are reported elsewhere.

    Args:
        settings: The names of all settings.
    """
    ours = {"CRAWL_KEY", *(f"CRAWL_{name.upper()}" for name in settings)} - set(_KEPT)
    return sorted(name for name in ours if environ.get(name))


def _variables(environ: Mapping[str, str]) -> str:
    """``env PATH=... ``: only for the one command, never for the user's lines below it."""
    return f"env {' '.join(f'{name}={shlex.quote(value)}' for name, value in variables_of(environ).items())} "


def _escaped(command: str) -> str:
    return command.replace("%", "\\%")  # a bare % is a line end to cron


def changed(crontab: str, project: Path, lines: Sequence[str]) -> str:
    """*crontab* with the block of *project* replaced by *lines*; without lines it is removed. All else stays.

    Raises:
        UsageError: The marks are damaged: where the block ends cannot be known.
    """
    name = str(project.absolute())
    begin, end = _BEGIN.format(project=name), _END.format(project=name)
    rows = crontab.splitlines(keepends=True)
    begins = [place for place, row in enumerate(rows) if row.rstrip("\r\n") == begin]
    ends = [place for place, row in enumerate(rows) if row.rstrip("\r\n") == end]
    if len(begins) != len(ends) or len(begins) > 1 or (begins and begins[0] > ends[0]):
        raise UsageError(
            f"the marks of {name} in your crontab are damaged: remove its lines with `crontab -e`, then try again"
        )
    made = [f"{begin}\n", *(f"{line}\n" for line in lines), f"{end}\n"] if lines else []
    if begins:
        rows[begins[0] : ends[0] + 1] = made
    elif made:
        if rows and not rows[-1].endswith("\n"):
            rows[-1] += "\n"
        rows += made
    return "".join(rows)


def read_crontab() -> str:
    """The user's crontab as it is; "" where there is none.

    Raises:
        UsageError: There is no cron on this machine, or it refuses this user.
    """
    done = _crontab("-l")
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "surrogateescape")
    said = done.stderr.decode("utf-8", "replace").strip()
    if "no crontab for" in said:
        return ""
    raise UsageError(f"crontab -l: {said or 'it failed'}")


def write_crontab(text: str) -> None:
    """Replace the user's crontab.

    Raises:
        UsageError: cron did not take it; the old one is still there.
    """
    done = _crontab("-", text=text.encode("utf-8", "surrogateescape"))
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise UsageError(f"crontab did not accept the lines; the old ones are still there: {said}")


def _crontab(word: str, text: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["crontab", word], input=text, capture_output=True, timeout=30, env={**os.environ, "LC_ALL": "C"}
        )
    except FileNotFoundError:
        raise UsageError(
            "there is no crontab on this machine: use `crawl schedule install --systemd`, or call"
            " `crawl schedule run-due` every few minutes"
        ) from None
    except subprocess.TimeoutExpired:
        raise UsageError("crontab did not answer within 30 s") from None
