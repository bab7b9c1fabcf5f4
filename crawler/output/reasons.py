"""Why requests failed, short enough for a line: the error, and the place in the user's own file that it came from.

The store keeps the traceback below the error. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from types import MappingProxyType
from typing import Any

from crawler.habits import of_text
from crawler.late_pattern import late_pattern
from crawler.loading import is_users_code

_BY_SITE = late_pattern(
    r"the site refused (?:the|these) (?:user name|credentials)|\bsays \w+ to the grant (?P<secret>client_credentials)?"
)
_BY_SPIDER = late_pattern(r"\A\S+\.is_logged_out failed on .*?(?: \((?P<place>[^()\s]+, line \d+)\))?\Z", re.DOTALL)
_FRAME = re.compile(r'^  File "([^"\n]+)", line (\d+), in (\S+)', re.MULTILINE)
_OWN_URL = re.compile(r" (?:from |(?P<bracket>\())(?P<url>https?://[^\s()]+)(?(bracket)\))\Z")
_NUMBER = re.compile(r"\d+(?=, in )")


def parked_words(session: str, why: str) -> str:
    """What is said of a session that cannot log in by itself, for the reason *why*."""
    if (refused := _BY_SITE.search(why.partition("; before: ")[0])) is not None:
        what = "client secret" if refused["secret"] else "user name or password"
        return f"the site refused the {what} of session {session}"
    broken = _BY_SPIDER.search(why)
    if broken is not None:
        place = f" ({broken['place']})" if broken["place"] else ""
        return f"session {session} waits until the spider's own is_logged_out is mended{place}"
    return f"session {session} waits for a person"


def short_reason(text: str) -> str:
    """``KeyError: 'id' at spiders/orders.py, line 12, in parse`` for an error that is kept with its traceback."""
    error, _, trace = text.partition("\n")
    hint = f"; {found}" if (found := of_text(error)) else ""
    places = [found for found in _FRAME.findall(trace) if is_users_code(found[0])]
    if not places:
        return error + hint
    file, line, function = places[-1]
    path = PurePath(file)
    return f"{error} at {path.parent.name}/{path.name}, line {line}, in {function}{hint}"


def next_step(command: str, causes: Sequence[Mapping[str, Any]]) -> str:
    """What a person should do next: `command`, preceded by what has to be fixed for it to help.

    Args:
        causes: Why requests failed, most first, as `Summary.causes`.
    """
    before, _, after = str(causes[0].get("cause")).rpartition(", line ") if causes else ("", "", "")
    _, at, file = before.rpartition(" at ")
    line = _NUMBER.match(after)
    if not at or line is None or not command.startswith("crawl retry "):
        return command
    return f"fix {file}, line {line[0]}, then {command}"


def kind_of_failure(error: str) -> str:
    """What failures of one cause have in common: the first line, without a URL at its end."""
    line = error.partition("\n")[0]
    end = _OWN_URL.search(line)
    return line[: end.start()] if end is not None else line


def failed_for(cause: str, error: str) -> bool:
    """Whether *cause* names *error*: its status or the name of its class, or words of its first line."""
    line = error.partition("\n")[0]
    wanted = cause.strip().casefold()
    name, _, text = line.partition(":")
    if name == "StatusError" and wanted.isdecimal():
        return text.split()[:1] == [wanted]
    return bool(wanted) and (wanted == name.casefold() or wanted in short_reason(error).casefold())


def short_reasons(counted: Mapping[str, int]) -> dict[str, int]:
    """Short reason to number of requests; those that differ only in what was left out are merged."""
    found: dict[str, int] = {}
    for text, count in counted.items():
        reason = short_reason(text)
        found[reason] = found.get(reason, 0) + count
    return found


def kinds(
    counted: Mapping[str, int], examples: Mapping[str, str] = MappingProxyType({})
) -> tuple[dict[str, int], dict[str, str]]:
    """Merge short reasons that differ only in the URL at the end, with an example each.

    Args:
        counted: Reason to number of requests.
        examples: Short reason to the URL of one such request.
    """
    found: dict[str, int] = {}
    shown = dict(examples)
    for reason, count in short_reasons(counted).items():
        end = _OWN_URL.search(reason)
        kind = reason[: end.start()] if end is not None else reason
        found[kind] = found.get(kind, 0) + count
        if end is not None:
            shown.setdefault(kind, examples.get(reason) or end["url"])
    return found, shown
