"""The verdict of a run: from counts to an ending, an exit code, a reason and one plain sentence. Pure.

A run whose requests have all been dealt with is not necessarily good: it may have brought nothing, because everything
was off-site, forbidden, refused or missing, or because the pages do not hold what the callbacks look for. The counts
are those of the whole crawl, with the runs that this one continues; what a resumed run finds done counts as something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Final
from urllib.parse import urlsplit

from crawler.items import DICT_TABLE
from crawler.output.comparison import Expected, last_ones, more_stand_ins, shortfalls, usual_items
from crawler.output.figures import Figures
from crawler.output.reasons import kind_of_failure, short_reason
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.told import Sample
from crawler.urls import printable, redact

#: Ending to exit code; `crawler.cli.exits` says what each means.
CODES: Final = {
    "finished": 0,
    "failures": 1,
    "usage": 2,
    "login failed": 3,
    "limit": 5,
    "store": 6,
    "needs human": 7,
    "nothing": 8,
    "no items": 9,
    "less than before": 11,
    "interrupted": 130,
    "terminated": 143,
}
WALLED: Final = "asks-to-log-in"  #: the reason of a run whose pages mostly ask to log in
_EMPTY: Final = ("only-empty-items",)
_FEW: Final = 0.1  #: share of failed requests below which what a crawl lacks is graver
_MANY: Final = 0.5  #: share of pages that ask to log in from which a crawl is not good
_UNREACHED: Final = (
    "Refused",
    "Unreachable",
    "UnknownHost",
    "TLSFailed",
    "ConnectFailed",
    "TimedOut",
    "Incomplete",
    "BadAnswer",
)
_MOST_FIELDS: Final = 10  #: that are named
_RULES: Final = {
    "off-site": ("off-site", "off-site: `allowed_domains` is {domains}"),
    "off-site: redirected": ("redirected off-site", "redirected to another site; add its host to `allowed_domains`"),
    "robots": ("robots", "forbidden by robots.txt; `-s robots=false` ignores it"),
    "guard": (
        "guarded",
        "left out by the logout guard; `-s guard_allow=PATH` fetches URLs with PATH in them, `-s logout_guard=false`"
        " all of them",
    ),
    "trap": ("traps", "left out as endless URLs; `-s traps=false` fetches them"),
    "depth": ("depth", "deeper than `max_depth`"),
}


@quick_dataclass
class Yield:
    """What a callback brought in this run: pages it was given, items and requests that it yielded."""

    pages: int = 0
    items: int = 0
    requests: int = 0


@quick_dataclass
class Facts:
    """What a verdict is made from.

    Attributes:
        pages, items, waiting, parked: Of the whole crawl.
        wanted: What a crawl has to bring.
        figures: What it brought.
        before: What the last complete crawls brought, newest first.
        silent: Host that never answered to how many requests failed for it.
        failed: Requests that failed, by error (class and text), most first.
        skipped: Requests that were left out, by rule, most first.
        callbacks: Callback to what it brought in this run.
        dropped: Reason to number of items that a step of the spider left out.
        walled: Pages that ask a spider without a login to log in; None where there are none, or it has one.
        stood_in: Pages that came in place of others, and gave nothing; None where there are none.
        kept_aside: Number of items that this run has kept aside as no valid ones.
        empty_fields: Fields that are empty in every item of this run.
        may_be_empty: Fields that are not reported when empty.
        domains: Hosts that belong to the crawl.
        login: The ending caused by a session that could not be used, such as "login failed"; "" for none.
        stopped_by: The limit that ended the run, "" for none.
        interrupted_by: Number of the signal that ended it, 0 for none.
    """

    pages: int = 0
    items: int = 0
    waiting: int = 0
    parked: int = 0
    wanted: Expected = field(default_factory=Expected)
    figures: Figures = field(default_factory=Figures)
    before: Sequence[Figures] = ()
    silent: Mapping[str, int] = field(default_factory=dict)
    failed: Sequence[Sample] = ()
    skipped: Sequence[Sample] = ()
    callbacks: Mapping[str, Yield] = field(default_factory=dict)
    dropped: Mapping[str, int] = field(default_factory=dict)
    walled: Sample | None = None
    stood_in: Sample | None = None
    kept_aside: int = 0
    empty_fields: Sequence[str] = ()
    may_be_empty: Sequence[str] = ()
    domains: Sequence[str] = ()
    login: str = ""
    stopped_by: str = ""
    interrupted_by: int = 0


@quick_dataclass
class RunVerdict:
    """What a run is to be called.

    Attributes:
        ending: A key of `CODES`.
        exit_code: The code for it.
        reason: A short word for programs; "" after a good run.
        sentence: The same for a person, with an example where there is one; "" after a good run.
        notes: What else should be reported, even after a good run.
        shortfalls: In what respects it brought less than it should, whatever the ending is named after.
    """

    ending: str
    exit_code: int
    reason: str = ""
    sentence: str = ""
    notes: tuple[str, ...] = ()
    shortfalls: tuple[str, ...] = ()


def verdict_of_run(facts: Facts) -> RunVerdict:
    """The verdict; the gravest problem names it, and a run that brought nothing is never "finished"."""
    notes = _idle_callbacks(facts) + _empty_fields(facts)
    if facts.interrupted_by:
        ending = "interrupted" if facts.interrupted_by == 2 else "terminated"
        return RunVerdict("interrupted", CODES[ending], ending, "", notes)
    if facts.login:
        reason = {"failures": "not-reached"}.get(facts.login, facts.login.replace(" ", "-"))
        sentence = "the site could not be reached to log in" if reason == "not-reached" else ""
        return RunVerdict(facts.login, CODES[facts.login], reason, sentence, notes)
    if facts.stopped_by and facts.waiting:
        return RunVerdict("limit", CODES["limit"], "limit", "", notes)
    if facts.waiting:
        return RunVerdict("failures", CODES["failures"], "left-waiting", _left_waiting(facts.waiting), notes)
    lacking = shortfalls(facts.figures, facts.before, facts.wanted) if facts.pages else []
    lacking += more_stand_ins(facts.figures, facts.before, facts.wanted, facts.stood_in)
    reasons = tuple(dict.fromkeys(each.reason for each in lacking))
    said = tuple(each.sentence for each in lacking)
    if facts.failed:
        reason, sentence = _failures(facts)
        share = _failed(facts) / (_failed(facts) + facts.pages)
        if share > facts.wanted.max_error_rate and not (lacking and share < _FEW):
            return RunVerdict("failures", CODES["failures"], reason, sentence, (*said, *notes), reasons)
        notes = (sentence, *notes)
    if (learned := next((each for each in facts.skipped if each.text == "guard: learned"), None)) is not None:
        what = f"{_number(learned.count, 'page')} left out for ending the session when fetched ({learned.url})"
        return RunVerdict("failures", CODES["failures"], "page-ends-session", f"{what}; not confirmed yet", notes)
    if not facts.pages:
        return RunVerdict("nothing", CODES["nothing"], *_nothing(facts), notes)
    walled = facts.walled.count / facts.pages if facts.walled is not None else 0.0
    if facts.walled is not None and walled >= _MANY and walled > facts.wanted.max_error_rate:
        return RunVerdict("failures", CODES["failures"], WALLED, _walled(facts.walled, facts.pages), notes)
    if facts.items < facts.wanted.min_items and not _is_right(facts):
        return RunVerdict("no items", CODES["no items"], *_too_few_items(facts), (), reasons or ("no-items",))
    if lacking:
        code = CODES["less than before"]
        return RunVerdict("less than before", code, reasons[0], said[0], (*said[1:], *notes), reasons)
    if (empty := _empty_tables(facts)) and not _may_be_all_empty(facts, empty):
        return RunVerdict("no items", CODES["no items"], "only-empty-items", _only_empty(facts, empty), (), _EMPTY)
    return RunVerdict("finished", CODES["finished"], notes=notes)


def shown(samples: Sequence[Sample]) -> list[Sample]:
    """*samples* with URLs as they may be shown."""
    return [replace(each, url=printable(redact(each.url)), text=redact(each.text)) for each in samples]


def _left_waiting(count: int) -> str:
    were = "request is still waiting" if count == 1 else "requests are still waiting"
    return f"{count:,} {were}: a process that worked on the crawl ended too early, and the next run goes on with it"


# --- requests that failed ---------------------------------------------------------------------------------------


def _failed(facts: Facts) -> int:
    return sum(each.count for each in facts.failed)


def _failures(facts: Facts) -> tuple[str, str]:
    total = _failed(facts)
    sample = max(facts.failed, key=lambda each: each.count)
    error = sample.text
    example = _example(error, sample.url)
    if facts.pages:
        if facts.silent:
            return "host-never-answered", _silent(facts)
        same = sum(each.count for each in facts.failed if kind_of_failure(each.text) == kind_of_failure(error))
        most = "" if same == total else ", most of them with"
        return "some-failed", f"{_number(total, 'request')} failed{most or ':'} {example}"
    kinds = {_kind(each.text) for each in facts.failed}
    if kinds <= {"status 404", "status 410"}:
        return "all-missing", f"no page: {_all(total)} got {_status(error)} ({sample.url})"
    if kinds <= {"status 401", "status 403", "status 407", "status 451", "status 429"}:
        return "all-refused", f"no page: {_all(total)} {_were(total)} refused with {_status(error)} ({sample.url})"
    if kinds <= {f"status {number}" for number in range(500, 600)}:
        return "all-broken", f"no page: {_all(total)} got {_status(error)} ({sample.url})"
    if kinds <= {"RobotsUnreachable"}:
        return "robots-not-read", f"no page: {_number(total, 'request')} not sent, since {example}"
    if kinds <= {"LoggedOutPage"}:
        return "all-logged-out", f"no page: {_all(total)} {_were(total)} fetched logged out ({sample.url})"
    if kinds <= set(_UNREACHED):
        return "not-reached", f"no page: {example}"
    return "all-failed", f"no page: {_number(total, 'request')} failed: {example}"


def _kind(error: str) -> str:
    name = error.partition("\n")[0].partition(":")[0]
    return f"status {_status(error)}" if name == "StatusError" else name


def _status(error: str) -> str:
    words = error.split()
    return words[1] if len(words) > 1 else ""


def _example(error: str, url: str) -> str:
    """The text of an error without the name of its class where that says nothing, with a URL.

    An error in the spider's own code is shown with its file and line.
    """
    name, _, text = error.partition("\n")[0].partition(": ")
    is_of_web = text and (name in _UNREACHED or name == "StatusError" or name.startswith("Robots"))
    said = text if is_of_web else short_reason(error)
    return said if not url or "://" in said else f"{said} ({url})"


def _walled(walled: Sample, pages: int) -> str:
    said = walled.text.removeprefix(walled.kind)
    return f"{walled.count:,} of {_number(pages, 'page')} ask{'s' if pages == 1 else ''} to log in{said} ({walled.url})"


# --- nothing was fetched -----------------------------------------------------------------------------------------


def _nothing(facts: Facts) -> tuple[str, str]:
    total = sum(each.count for each in facts.skipped)
    if facts.parked:
        return (
            "all-parked",
            f"no page: {_all(facts.parked)} {_were(facts.parked)} left for a session that this run cannot use",
        )
    if not total:
        return "no-requests", "no page: the spider gave no request to start with"
    sample = max(facts.skipped, key=lambda each: each.count)
    rule = sample.text
    reason, said = next(
        (_RULES[begin] for begin in sorted(_RULES, key=len, reverse=True) if rule.startswith(begin)),
        ("all-skipped", f"left out: {rule}"),
    )
    said = said.replace("{domains}", ", ".join(facts.domains) or "empty")  # no format: a rule may quote a page
    where = rule.partition("redirected to ")[2]
    example = f"{sample.url} leads to {where}" if where else sample.url
    count = f"{_all(total)} {_were(total)}" if sample.count == total else f"{sample.count:,} of {total:,} requests were"
    return reason, f"no page: {count} {said}{f' ({example})' if example else ''}"


# --- pages, but no items ----------------------------------------------------------------------------------------


def _too_few_items(facts: Facts) -> tuple[str, str]:
    ours = " (`min_items = 0` in `custom_settings` says that this is right)"
    if facts.items:
        least = facts.wanted.min_items
        return "too-few-items", f"{_number(facts.items, 'item')} stored, at least {least:,} are wanted"
    usual = usual_items(facts.before)
    if usual:
        ours = f"; {last_ones(facts.before)} had {usual:,.0f}"
    if facts.dropped:
        most = max(facts.dropped.items(), key=lambda each: each[1])[0]
        dropped = _number(sum(facts.dropped.values()), "item")
        return "all-dropped", f"no item: {dropped} left out by `on_item`, most of them for: {most}{ours}"
    if facts.kept_aside:
        aside = f"{_number(facts.kept_aside, 'item')} {'was' if facts.kept_aside == 1 else 'were'} kept aside"
        return "all-kept-aside", f"no item was stored: {aside}{ours if usual else ''}"
    names = ", ".join(sorted(facts.callbacks)) or "the callbacks"
    if facts.callbacks and set(facts.callbacks) == {"parse_sitemap"}:
        return "empty-sitemap", f"no item: nothing that the sitemap names is followed{ours}"
    if facts.callbacks and not any(each.requests for each in facts.callbacks.values()):
        return "no-items-no-links", f"no item and no link came from {_number(facts.pages, 'page')}: see {names}{ours}"
    return "no-items", f"no item came from {_number(facts.pages, 'page')}: see {names}{ours}"


def _empty_tables(facts: Facts) -> list[str]:
    """Kinds whose items have no value at all: no selector found anything. One item beside others proves nothing."""
    found = facts.figures.empty_tables
    is_all = len(found) == len(facts.figures.items.keys() | facts.figures.seen.keys())
    return found if is_all else [each for each in found if facts.figures.seen[each] > 1]


def _may_be_all_empty(facts: Facts, tables: Sequence[str]) -> bool:
    """Whether a person said that such items are right, for this crawl or those before it."""
    if facts.wanted.accepted or not facts.wanted.min_items or "*" in facts.may_be_empty:
        return True
    names = {_field(table, name) for table in tables for name in facts.figures.filled[table]}
    return names <= {*facts.may_be_empty} or any(set(tables) <= {*each.empty_tables} for each in facts.before)


def _only_empty(facts: Facts, tables: Sequence[str]) -> str:
    kind = "" if tables == [DICT_TABLE] else f" of kind {', '.join(map(repr, tables))}"
    count = sum(facts.figures.items.get(table, 0) or facts.figures.seen[table] for table in tables)
    names = sorted(_field(table, name) for table in tables for name in facts.figures.filled[table])
    fields = f" ({_listed(names)})" if names else ""
    see = f": see {', '.join(sorted(facts.callbacks))}" if facts.callbacks else ""
    if count == 1:
        return f"the only item{kind} has no value in any field{fields}{see}"
    return f"all {count:,} items{kind} have no value in any field{fields}{see}"


def _field(table: str, name: str) -> str:
    return name if table == DICT_TABLE else f"{table}.{name}"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_FIELDS
    return ", ".join(map(repr, names[:_MOST_FIELDS])) + (f" and {more:,} more" if more > 0 else "")


def _is_right(facts: Facts) -> bool:
    """Whether a person said that having no items is right, for this crawl or those before it."""
    return facts.wanted.accepted or bool(facts.before and facts.wanted.min_items == 1 and not usual_items(facts.before))


def _idle_callbacks(facts: Facts) -> tuple[str, ...]:
    """Callbacks that yielded nothing at all; items of others do not prove that these do what they should."""
    if not facts.wanted.min_items or facts.items < facts.wanted.min_items:
        return ()
    idle = {name: each.pages for name, each in facts.callbacks.items() if each.pages and not each.items + each.requests}
    return tuple(f"{name} yielded nothing from {_number(pages, 'page')}" for name, pages in sorted(idle.items()))


def _silent(facts: Facts) -> str:
    """Hosts that never answered, with the cause; then what else failed, which has nothing to do with them."""
    silent = facts.silent
    host, count = max(silent.items(), key=lambda pair: pair[1])
    more = f" (and {_number(len(silent) - 1, 'further host')})" if len(silent) > 1 else ""
    said = f"{host} never answered{more}, {_number(count, 'request')} failed because of it"
    causes = [each for each in facts.failed if _kind(each.text) in _UNREACHED]
    if causes:
        cause = max(causes, key=lambda each: (urlsplit(each.url).netloc == host, each.count))
        its_own = urlsplit(cause.url).netloc == host
        said += f": {_example(cause.text, cause.url) if its_own else _example(kind_of_failure(cause.text), '')}"
    others = _failed(facts) - sum(silent.values())
    rest = [each for each in facts.failed if urlsplit(each.url).netloc not in silent and each not in causes]
    if others > 0:
        sample = max(rest, key=lambda each: each.count, default=None)
        example = f": {_example(sample.text, sample.url)}" if sample is not None else ""
        said += f"; {_number(others, 'other request')} failed{example}"
    return said


def _empty_fields(facts: Facts) -> tuple[str, ...]:
    """Fields in which no item has a value: the page now names it differently, or the selector is wrong."""
    if "*" in facts.may_be_empty:
        return ()
    found = [name for name in facts.empty_fields if name not in facts.may_be_empty]
    if not found:
        return ()
    names = _listed(found)
    are = "fields are" if len(found) > 1 else "field is"
    return (f"{are} empty in every item of this run: {names} (`may_be_empty` in `custom_settings` accepts that)",)


def _number(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _all(count: int) -> str:
    return "the only request" if count == 1 else f"all {count:,} requests"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
