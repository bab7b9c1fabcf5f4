"""The charts of a report, each with its heading; one without data says so, or is left out. Pure."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from statistics import median

from crawler.output.report.charts import COLOURS, Series, bar, columns_chart, legend, lines_chart, number, spans
from crawler.output.report.gathering import Night, Report

_HOSTS = 12
_FIELDS = 16
_TABLES = COLOURS - 1
_SESSIONS = 10
_NO_ANSWER = "no answer"
_CLASSES = {2: ("2xx", 2), 3: ("3xx", 1), 4: ("4xx", 3), 5: ("5xx", 4), 0: (_NO_ANSWER, 6)}


def charts_of(report: Report) -> Iterator[str]:
    """One panel each."""
    yield from _pages_a_minute(report)
    yield from _queue(report)
    yield from _statuses(report)
    yield from _hosts(report)
    yield from _items(report.nights)
    yield from _fields(report.nights)
    yield from _sessions(report)
    yield from _logins(report.nights)


def panel(title: str, content: str, note: str = "", *, wide: bool = False) -> str:
    """A chart with its heading."""
    said = f'<p class="note">{escape(note)}</p>' if note else ""
    return f'<section class="panel{" wide" if wide else ""}"><h2>{escape(title)}</h2>{content}{said}</section>'


def span(seconds: float) -> str:
    """``0.04 s``, ``0.4 s``, ``12 s``, ``3 min``, ``2 h 5 min``, ``3 d 4 h``."""
    whole = round(seconds)
    if 0 < seconds < 0.1:
        return f"{seconds:.2g} s"
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    if whole < 120:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def _pages_a_minute(report: Report) -> Iterator[str]:
    answers = report.answers
    if answers is None or not answers.pages:
        yield panel("Pages a minute", '<p class="none">The newest run has no page.</p>')
        return
    labels = [_clock(answers.began + place * answers.bin_s) for place in range(len(answers.pages))]
    rates = Series("pages a minute", answers.a_minute())
    chart = columns_chart("Pages a minute of the newest run", labels, [rates])
    yield panel("Pages a minute", chart, f"the newest run; each column is {span(answers.column_s)}")


def _queue(report: Report) -> Iterator[str]:
    points = report.timeline
    if len(points) < 2:
        return
    waiting = Series("waiting", [float(point.waiting) for point in points], 1)
    done = Series("pages", [float(point.pages) for point in points], 2)
    failed = Series("failed", [float(point.failed) for point in points], 4)
    series = [waiting, done, *([failed] if any(failed.values) else [])]
    times = [point.after_s for point in points]
    labels = ["start", span(times[-1] / 2), span(times[-1])]
    chart = lines_chart("What waited and what was done during the newest run", times, labels, series)
    yield panel("Queue", legend(series) + chart, "the newest run, all its processes together")


def _statuses(report: Report) -> Iterator[str]:
    nights = [night for night in report.nights if night.statuses]
    if not nights:
        return
    series = []
    for first, (name, colour) in _CLASSES.items():
        values = [float(_of_class(night.statuses, first)) for night in nights]
        if any(values):
            series.append(Series(name, values, colour))
    chart = columns_chart("Answers by status, run by run", _names(nights), series, _dates(nights))
    newest: Counter[int] = Counter(dict(nights[-1].statuses))
    said = ", ".join(f"{count:,} x {status or _NO_ANSWER}" for status, count in newest.most_common(8))
    yield panel("Answers by status", legend(series) + chart, f"run {nights[-1].run.id}: {said}")


def _of_class(statuses: Mapping[int, int], first: int) -> int:
    return sum(count for status, count in statuses.items() if status // 100 == first)


def _hosts(report: Report) -> Iterator[str]:
    hosts = report.answers.hosts if report.answers is not None else ()
    if not hosts:
        return
    shown = hosts[:_HOSTS]
    slowest = max(each.slow_ms for each in shown) or 1.0
    rows = "".join(
        f"<tr><th>{escape(each.name)}</th><td>"
        + bar(
            each.median_ms / slowest,
            mark=each.slow_ms / slowest,
            title=f"half within {number(each.median_ms)} ms, 95 of 100 within {number(each.slow_ms)} ms",
        )
        + f"</td><td>{_ms(each.median_ms)}</td><td>{_ms(each.slow_ms)}</td></tr>"
        for each in shown
    )
    heading = "<tr><th>host</th><th></th><th>half</th><th>95 %</th></tr>"
    more = f"; {len(hosts) - len(shown):,} more hosts" if len(hosts) > len(shown) else ""
    note = f"the newest run: half of the answers came within the bar, 95 of 100 up to the mark{more}"
    yield panel("Latency by host", f'<table class="rows">{heading}{rows}</table>', note)


def _ms(value: float) -> str:
    return f"{value / 1000:.3g} s" if value >= 1000 else f"{value:.3g} ms"


def _items(nights: Sequence[Night]) -> Iterator[str]:
    totals: Counter[str] = Counter()
    for night in nights:
        totals.update(night.items)
    if not totals:
        yield panel("Items by run", '<p class="none">No run has brought an item.</p>')
        return
    named = [table for table, _ in totals.most_common(_TABLES)]
    series = [
        Series(table, [float(night.items.get(table, 0)) for night in nights], place + 1)
        for place, table in enumerate(named)
    ]
    if len(totals) > len(named):
        others = [
            float(sum(night.items.values()) - sum(night.items.get(each, 0) for each in named)) for night in nights
        ]
        series.append(Series("others", others, COLOURS))
    yield panel(
        "Items by run", legend(series) + columns_chart("Items, run by run", _names(nights), series, _dates(nights))
    )


def _fields(nights: Sequence[Night]) -> Iterator[str]:
    figures = [night.figures for night in nights if night.figures is not None and night.figures.filled]
    if not figures:
        return
    newest, before = figures[-1], figures[:-1]
    rows = []
    for table, fields in newest.filled.items():
        for name in fields:
            share = newest.rate(table, name)
            usual = median(each.rate(table, name) for each in before) if before else None
            rows.append((share - (usual or share), share, usual, name if table == "items" else f"{table}.{name}"))
    rows.sort(key=lambda row: (row[0], row[1], row[3]))
    drawn = "".join(
        f"<tr><th>{escape(name)}</th><td>"
        + bar(share, colour=4 if usual is not None and share <= usual / 2 else 2, mark=usual, title=f"{share:.0%}")
        + f"</td><td>{share:.0%}</td></tr>"
        for _, share, usual, name in rows[:_FIELDS]
    )
    more = f"; {len(rows) - _FIELDS:,} more fields" if len(rows) > _FIELDS else ""
    note = f"the newest crawl{', the mark is the median of those before it' if before else ''}{more}"
    yield panel("Filled fields", f'<table class="rows">{drawn}</table>', note)


def _sessions(report: Report) -> Iterator[str]:
    logins = [login for night in report.nights for login in night.logins if login.outcome == "ok"]
    names = sorted({login.name for login in logins} | {row.name for row in report.sessions if row.name})
    if not names:
        return
    states = {row.name: row for row in report.sessions}
    begin = min([login.started_at for login in logins], default=report.made_at - 1)
    width = max(report.made_at - begin, 1.0)
    rows = []
    for name in names[:_SESSIONS]:
        own = [login for login in logins if login.name == name]
        parts = []
        for place, login in enumerate(own):
            since = login.ended_at or login.started_at
            following = own[place + 1].started_at if place + 1 < len(own) else None
            proved = states[name].proved_at if name in states and following is None else None
            until = login.expired_at or following or proved or since
            lived = (
                f"lived {span(until - since)}" if login.expired_at else f"known to be good for {span(until - since)}"
            )
            colour = 3 if login.expired_at else 2
            parts.append(((since - begin) / width, (until - begin) / width, colour, f"login {_day(since)}, {lived}"))
        state = states[name].state if name in states else "-"
        title = f"{name}: {len(own)} logins"
        rows.append(f"<tr><th>{escape(name)}</th><td>{spans(parts, title=title)}</td><td>{escape(state)}</td></tr>")
    more = f"; {len(names) - _SESSIONS:,} more sessions" if len(names) > _SESSIONS else ""
    note = f"from {_day(begin)} to now{more}; one that was found logged out ends in another colour"
    yield panel("Life of the sessions", f'<table class="rows">{"".join(rows)}</table>', note)


def _logins(nights: Sequence[Night]) -> Iterator[str]:
    if not any(night.run.logins for night in nights):
        return
    good = [float(sum(login.outcome == "ok" for login in night.logins)) for night in nights]
    bad = [float(sum(login.outcome not in ("ok", "") for login in night.logins)) for night in nights]
    series = [Series("good", good, 2), *([Series("failed", bad, 4)] if any(bad) else [])]
    yield panel(
        "Logins by run", legend(series) + columns_chart("Logins, run by run", _names(nights), series, _dates(nights))
    )


def _names(nights: Sequence[Night]) -> list[str]:
    return [f"run {night.run.id}, {_day(night.run.started_at)}" for night in nights]


def _dates(nights: Sequence[Night]) -> list[str]:
    """Day and month; with the time of day where two runs began on one day."""
    days = [time.strftime("%m-%d", time.localtime(night.run.started_at)) for night in nights]
    return days if len(set(days)) == len(days) else [_day(night.run.started_at) for night in nights]


def _day(at: float) -> str:
    return time.strftime("%m-%d %H:%M", time.localtime(at))


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))
