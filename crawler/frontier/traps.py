"""Rules against endless URL spaces: growing paths, calendars, session ids in links, exploding arguments.

Each rule is loose: it should never hit a real site, and always end a crawl of an endless one. What it refuses is kept
in the frontier with the name of the rule, so a run can say which one stopped it.

The rules that look at one URL are pure. Those that count keep their counts in bounded tables: least recently used paths
are forgotten, and numbers of distinct values above a few hundred are estimated. Processes that work on one crawl add
their counts up, see `trap_counts`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final

from crawler.clock import unix_now
from crawler.frontier.trap_counts import TrapCounts, mark_of
from crawler.late_pattern import late_pattern
from crawler.quick_dataclass import quick_dataclass

_YEAR_S: Final = 365.2425 * 86_400

_SHARES: Final = (1, 1, 2, 5, 10)  # of `max_values`, by number of arguments: those of facets multiply
_PLACEHOLDERS: Final = frozenset(("", "-", "_", "all", "any", "*", "~"))  # filters that are not set
_YEAR: Final = late_pattern(r"(?:19|20|21)\d\d")
_DATE_IN_PATH: Final = late_pattern(
    r"/((?:19|20|21)\d\d)([/-])(0?[1-9]|1[0-2])(?:[/-](?:0?[1-9]|[12]\d|3[01]))?(?=[/.?]|\Z)"
)
_DATE_IN_QUERY: Final = late_pattern(
    r"(?:\A|[&;])(?:"
    r"(?:[\w%]*[_.%-])?(?:year|jahr|annee)=((?:19|20|21)\d\d)(?=[&;]|\Z)|"
    r"(?=[\w.%-]*?(?:date|day|month|week|from|start|until|end|time|cal|datum|monat|tag|fecha|mes|mois))[\w.%-]*+="
    r"((?:19|20|21)\d\d)(?:(?:[-/.]|%2[dDfF])(?:0?[1-9]|1[0-2])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\d)[^&;]*)",
    re.IGNORECASE,
)
# a year whose name does not say so, and a month: "y=2026&m=1"; not a place on a map, which has an x
_SHORT_YEAR: Final = late_pattern(
    r"(?:\A|[&;])(?:[\w%]*[_.%-])?(?:y|yr|yy|yyyy|anno|ano|an|jaar|aar|rok)=((?:19|20|21)\d\d)(?=[&;]|\Z)",
    re.IGNORECASE,
)
_SHORT_MONTH: Final = late_pattern(
    r"(?:\A|[&;])(?:[\w%]*[_.%-])?(?:m|mo|mn|mon|mm|mth|month|monat|mois|mes|mese|maand|mnd|maaned|miesiac)="
    r"(0?\d|1[0-2])(?=[&;]|\Z)",
    re.IGNORECASE,
)
_X: Final = late_pattern(r"(?:\A|[&;])(?:x|lng|lon)=", re.IGNORECASE)
_MONTHS: Final = 12  # that one path has had before such a pair is taken for a date

_CALENDAR: Final = late_pattern(
    r"calend|kalend|agenda|event|schedule|timetable|veranstaltung|termin|booking|availab|month|week|evenement",
    re.IGNORECASE,
)
_SESSION_ARGUMENT: Final = late_pattern(
    r"(?:\A|[&;])((?:[\w-]*sess(?:ion)?[_-]?(?:id|key|token)?|[\w-]*sid|zenid|s|session[\w-]*))"
    r"=(?=[^&;]*\d)([\w.,~+-]{16,})(?=[&;]|\Z)",
    re.IGNORECASE,
)
_SESSION_SEGMENT: Final = late_pattern(r"/\((?:[A-Z]\([A-Za-z0-9_-]{16,}\))+\)(?=/|\Z)")  # ASP.NET without cookies
_DEEP_ESCAPE: Final = late_pattern("%252525", re.IGNORECASE)


@quick_dataclass
class TrapLimits:
    """Bounds of the rules; 0 turns a rule off.

    Attributes:
        max_characters: Of a URL.
        max_depth: Links from a start URL.
        max_segments: Of a path.
        max_repeats: How often one segment may stand in a path (numbers: twice as often).
        max_arguments: Of a query.
        max_same_argument: How often one name may stand in a query.
        max_combinations: Sets of argument names that one path may have.
        max_values: Queries that one path may have with the same argument names; fewer where several of them multiply.
        max_session_ids: Values that an argument which looks like a session id may have on one path.
        years_ahead: How far calendars are followed into the future.
        years_back: How far pages that call themselves a calendar are followed into the past.
        max_dates: Dates that one calendar may have.
        max_pages_per_host: Pages of one host in one crawl.
    """

    max_characters: int = 4_096
    max_depth: int = 10_000
    max_segments: int = 40
    max_repeats: int = 3
    max_arguments: int = 40
    max_same_argument: int = 12
    max_combinations: int = 200
    max_values: int = 100_000
    max_session_ids: int = 3
    years_ahead: int = 2
    years_back: int = 30
    max_dates: int = 20_000
    max_pages_per_host: int = 200_000


class TrapGuard:
    """The rules with their counts. Safe from any thread.

    Attributes:
        counts: What is counted, by this process and by others that it has heard from.
    """

    def __init__(self, limits: TrapLimits | None = None, *, clock: Callable[[], float] = unix_now) -> None:
        self.limits = limits or TrapLimits()
        self._clock = clock
        self.counts = TrapCounts()

    def refuses(self, url: str, depth: int, now: float | None = None) -> str | None:
        """Why *url* looks like part of a trap, or None.

        Args:
            url: Absolute http or https URL, best in its canonical form.
            depth: Links from a start URL.
            now: Seconds since 1970; None: what the clock says.
        Returns:
            The name of the rule, the same text for all URLs that it refuses.
        """
        limits = self.limits
        if limits.max_characters and len(url) > limits.max_characters:
            return f"URL longer than {limits.max_characters} characters"
        if limits.max_depth and depth > limits.max_depth:
            return f"deeper than {limits.max_depth} links"
        address, _, query = (url.partition("#")[0] if "#" in url else url).partition("?")
        start = address.find("/", 8)
        path = address[start:] if start > 0 else address
        reason = self._path_refuses(path) or (self._query_refuses(address, query) if query else None)
        if reason is None and (len(query) > 17 or "(" in path):
            reason = self._session_refuses(address, path, query)
        if reason is None and (_YEAR.search(path) or (query and _YEAR.search(query))):  # hardly ever, and quickly seen
            reason = self._date_refuses(address, path, query, self._clock() if now is None else now)
        return reason

    def refuses_host(self, host: str, mark: bytes, admitted: Collection[bytes]) -> str | None:
        """Why one more page of a host is not taken, or None: then it is counted.

        Args:
            mark: The fingerprint of its request.
            admitted: Those of the host that this process has taken in this crawl.
        """
        limit = self.limits.max_pages_per_host
        if not limit:
            return None
        if len(admitted) < limit and not (self.counts.shared and self._others_fill(host, mark, admitted)):
            return None
        return f"more than {limit} pages of one host (`max_pages_per_host`)"

    def _others_fill(self, host: str, mark: bytes, admitted: Collection[bytes]) -> bool:
        """Whether all processes together have taken the most pages of a host."""
        limit, key = self.limits.max_pages_per_host, ("pages", host)
        if self.counts.known_to_others(key) >= limit:
            return True
        self.counts.count(key, _number(mark), limit, before=map(_number, admitted))
        return False

    def _path_refuses(self, path: str) -> str | None:
        limits = self.limits
        segments = path.split("/")
        if limits.max_segments and len(segments) > limits.max_segments + 1:
            return f"path of more than {limits.max_segments} segments"
        if limits.max_repeats and len(segments) - len(set(segments)) >= limits.max_repeats:
            for segment in set(segments) - _PLACEHOLDERS:
                most = limits.max_repeats * (2 if segment.isdigit() else 1)
                if segments.count(segment) > most:
                    return "repeated path segments"
        if "%25" in path and _DEEP_ESCAPE.search(path):
            return "escapes within escapes"
        return None

    def _query_refuses(self, address: str, query: str) -> str | None:
        limits = self.limits
        names = [argument.partition("=")[0] for argument in query.split("&")]
        if limits.max_arguments and len(names) > limits.max_arguments:
            return f"more than {limits.max_arguments} arguments"
        different = set(names)
        repeated = len(names) - len(different)
        limit = limits.max_same_argument
        if limit and repeated >= limit and any(names.count(name) > limit for name in different):
            return "one argument many times"
        if "%25" in query and _DEEP_ESCAPE.search(query):
            return "escapes within escapes"
        combination = "&".join(sorted(different))
        if limits.max_combinations and not self.counts.is_one_of_few(
            ("names", address), mark_of(combination), limits.max_combinations
        ):
            return f"more than {limits.max_combinations} combinations of arguments on one path"
        most = limits.max_values // _SHARES[min(len(different), len(_SHARES) - 1)]
        if limits.max_values and self.counts.count(("values", address, combination), mark_of(query), most) > most:
            return f"more than {most} queries on one path"
        return None

    def _session_refuses(self, address: str, path: str, query: str) -> str | None:
        limit = self.limits.max_session_ids
        if not limit:
            return None
        found = _SESSION_ARGUMENT.search(query) if len(query) > 17 else None
        if found is not None and not self.counts.is_one_of_few(
            ("session", address, found[1]), mark_of(found[2]), limit
        ):
            return "session id in URL"
        if "(" in path:
            segment = _SESSION_SEGMENT.search(path)
            rest = path.replace(segment[0], "", 1) if segment else ""
            if segment and not self.counts.is_one_of_few(
                ("session", address[: -len(path)], rest), mark_of(segment[0]), limit
            ):
                return "session id in URL"
        return None

    def _date_refuses(self, address: str, path: str, query: str, now: float) -> str | None:
        limits = self.limits
        found = _DATE_IN_QUERY.search(query) if query else None
        if found is None and query and (pair := _pair_of(query)) is not None:
            year, this_year = pair[0], 1970 + int(now / _YEAR_S)
            if not limits.years_ahead or year < this_year:
                return None
            months = self.counts.count(("months", address), year * 100 + pair[1], _MONTHS)
            if year > this_year + limits.years_ahead and months > _MONTHS:
                return f"calendar more than {limits.years_ahead} years ahead"
            return None
        if found is None:
            found = _DATE_IN_PATH.search(path)
            if found is None:
                return None
            place = address[: -len(path)] + path[: found.start()]
            certain = len(found[3]) == 2 or bool(_CALENDAR.search(path))  # /2150/7 may be two numbers
        else:
            place, certain = address, True
        year, this_year = int(found[1] or found[2]), 1970 + int(now / _YEAR_S)
        if limits.years_ahead and certain and year > this_year + limits.years_ahead:
            return f"calendar more than {limits.years_ahead} years ahead"
        if not _CALENDAR.search(path) and not _CALENDAR.search(query):
            return None
        if limits.years_back and year < this_year - limits.years_back:
            return f"calendar more than {limits.years_back} years back"
        most = limits.max_dates
        if most and self.counts.count(("dates", place), mark_of(found[0]), most) > most:
            return f"more than {most} dates of one calendar"
        return None


def _pair_of(query: str) -> tuple[int, int] | None:
    """Year and month in two arguments with short names, which may be something else."""
    year = _SHORT_YEAR.search(query)
    month = _SHORT_MONTH.search(query) if year is not None else None
    if year is None or month is None or _X.search(query):
        return None
    return int(year[1]), int(month[1])


def _number(fingerprint: bytes) -> int:
    return int.from_bytes(fingerprint[:8])
