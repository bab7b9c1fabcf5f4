"""Whether a crawl brought what the last ones did: numbers in, sentences out. Pure.

A site that was redesigned answers every request, and the selectors find nothing: the run is done and worth nothing.
A comparison with the last complete crawls shows it, without any setting. It uses the median of up to ten of them, so
that one odd night changes nothing; a crawl that was reported is not among them until a person accepts it. A handful
of items tells nothing, nor do those of a spider whose items have had all other fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final

from crawler.output.figures import Figures, own_fields
from crawler.quick_dataclass import quick_dataclass
from crawler.stores.told import Sample

COMPARED: Final = 10  #: complete crawls that one is compared with
_MOSTLY: Final = 0.5  #: a field that is filled in more than this share of the items is mostly filled
_TELLING: Final = 5  #: items of a kind that all of them together had, from which they tell what fields are usual
_NAMED: Final = 5  #: fields that are named one by one


@quick_dataclass
class Expected:
    """What a crawl has to bring.

    Attributes:
        min_items: Items that it has to have stored.
        min_share: Share of the last crawls' median at or below which it is reported; 0: nothing is compared.
        fields: Field (or ``table.field``) to the share of the items in which it has to be filled.
        max_error_rate: Share of its requests that may fail, 0 to 1.
        accepted: A person says that its results are right.
    """

    min_items: int = 1
    min_share: float = 0.5
    fields: Mapping[str, float] = field(default_factory=dict)
    max_error_rate: float = 0.0
    accepted: bool = False


@quick_dataclass
class Shortfall:
    """One thing that a crawl lacks: a short word for programs, and a sentence."""

    reason: str
    sentence: str


def shortfalls(now: Figures, before: Sequence[Figures], wanted: Expected) -> list[Shortfall]:
    """What *now* lacks, gravest first: items, a kind of item, empty fields, required fields.

    Args:
        before: The last complete crawls, at most `COMPARED`; none: nothing is compared.
    """
    if wanted.accepted:
        return []
    if not before or not wanted.min_share:
        return list(_fields_below(now, wanted.fields))
    fewer = _fewer_items(now, before, wanted.min_share)
    kinds = [] if fewer else list(_fewer_of_a_kind(now, before, wanted.min_share))
    return [*fewer, *kinds, *_emptied(now, before, wanted), *_fields_below(now, wanted.fields)]


def more_stand_ins(now: Figures, before: Sequence[Figures], wanted: Expected, one: Sample | None) -> list[Shortfall]:
    """That more pages than in any of the last crawls came in place of others, where somebody has counted them.

    Args:
        one: Such a page; None where there is none.
    """
    counted = [each.stand_ins for each in before if each.stand_ins is not None]
    if one is None or wanted.accepted or not wanted.min_share or not counted or (now.stand_ins or 0) <= max(counted):
        return []
    which = "a page stands" if one.count == 1 else f"{one.count:,} pages stand"
    said = one.text.removeprefix(one.kind).removeprefix(": ")
    return [Shortfall("stand-ins", f"{which} in for what was asked for: {said}, and nothing came of it ({one.url})")]


def usual_items(before: Sequence[Figures]) -> float:
    """How many items the last crawls brought: their median, 0 where there are none."""
    return _median([each.total for each in before]) if before else 0.0


def last_ones(before: Sequence[Figures]) -> str:
    """``the last 10 complete crawls``, for use in a sentence."""
    return "the last complete crawl" if len(before) == 1 else f"the last {len(before)} complete crawls"


# --- items --------------------------------------------------------------------------------------------------------


def _fewer_items(now: Figures, before: Sequence[Figures], share: float) -> list[Shortfall]:
    usual = usual_items(before)
    if not usual or now.total > share * usual:
        return []
    pages = _median([each.pages for each in before])
    told = f"{_counted(now.total, 'item')} from {_counted(now.pages, 'page')}; {_had(before)} {_number(usual)}"
    return [Shortfall("fewer-items", f"{told} from {_number(pages)}")]


def _fewer_of_a_kind(now: Figures, before: Sequence[Figures], share: float) -> Iterable[Shortfall]:
    known = {table for each in before for table in each.items}
    if now.total and not known & {table for table, count in now.items.items() if count}:
        return  # all items are of other kinds: the spider was written anew
    for table in sorted(known):
        if sum(each.items.get(table, 0) for each in before) == 1:
            continue
        usual = _median([each.items.get(table, 0) for each in before])
        count = now.items.get(table, 0)
        if usual and count <= share * usual:
            told = f"{_counted(count, 'item')} of kind {table!r}; {_had(before)} {_number(usual)}"
            yield Shortfall("kind-gone" if not count else "fewer-of-a-kind", told)


# --- fields -------------------------------------------------------------------------------------------------------


def _emptied(now: Figures, before: Sequence[Figures], wanted: Expected) -> Iterable[Shortfall]:
    """Fields that were mostly filled and are now mostly empty, in tables that have items now."""
    found = []
    for table, count in sorted(now.seen.items()):
        earlier = [each for each in before if each.seen.get(table)]
        if sum(each.seen[table] for each in earlier) < _TELLING or _is_another(now, earlier, table):
            continue
        whole = [each for each in earlier if 2 * each.seen[table] >= each.items.get(table, 0)]
        known = {name for each in earlier for name in each.filled.get(table, {})}
        names = sorted(known - own_fields(known))
        for name in names if count else ():
            usual = _median([each.rate(table, name) for each in whole or earlier])
            rate = _rate_of_all(now, table, name, usual)
            if usual > _MOSTLY and rate <= wanted.min_share * usual:
                found.append((rate - usual, _emptied_field(now, table, name, usual)))
    found.sort(key=lambda pair: (pair[0], pair[1].sentence))
    yield from (shortfall for _, shortfall in found[:_NAMED])
    if len(found) > _NAMED:
        yield Shortfall("field-emptied", f"{len(found) - _NAMED:,} further fields are empty that were filled before")


def _is_another(now: Figures, earlier: Sequence[Figures], table: str) -> bool:
    """Whether the items have all other fields than before, with values: the spider was written anew."""
    fields = now.filled.get(table, {})
    return any(fields.values()) and not any(each.filled.get(table, {}).keys() & fields.keys() for each in earlier)


def _rate_of_all(now: Figures, table: str, name: str, usual: float) -> float:
    """Share of all items in which the field is filled; items of unchanged pages are as they were."""
    seen, items = now.seen[table], max(now.items.get(table, 0), now.seen[table])
    return (now.rate(table, name) * seen + usual * (items - seen)) / items


def _emptied_field(now: Figures, table: str, name: str, usual: float) -> Shortfall:
    filled = now.filled.get(table, {}).get(name, 0)
    items = _counted(now.seen[table], "item")
    told = f"{_named(table, name)} is filled in {filled:,} of {items} ({_percent(now.rate(table, name))})"
    return Shortfall("field-emptied", f"{told}; before it was in {_percent(usual)}")


def _fields_below(now: Figures, fields: Mapping[str, float]) -> Iterable[Shortfall]:
    for wanted, share in fields.items():
        table, dot, name = wanted.rpartition(".")
        tables = [table] if dot else [each for each in now.seen if wanted in now.filled.get(each, {})] or [*now.seen]
        seen = sum(now.seen.get(each, 0) for each in tables)
        filled = sum(min(now.filled.get(each, {}).get(name, 0), now.seen.get(each, 0)) for each in tables)
        if seen and filled < share * seen:
            told = f"{wanted!r} is filled in {filled:,} of {_counted(seen, 'item')} ({_percent(filled / seen)})"
            yield Shortfall("field-below", f"{told}; `fields` wants {_percent(share)}")


# --- words --------------------------------------------------------------------------------------------------------


def _named(table: str, name: str) -> str:
    return repr(name) if table == "items" else repr(f"{table}.{name}")


def _had(before: Sequence[Figures]) -> str:
    return f"{last_ones(before)} had{' usually' if len(before) > 1 else ''}"


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _median(values: Sequence[float]) -> float:
    """Like `statistics.median`, which would import fractions and decimals: 2 ms at each start."""
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
