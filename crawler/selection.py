"""Which results are wanted, and how they pass from a store to an exporter: in portions, column by column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crawler.quick_dataclass import quick_dataclass

#: What a store adds to an item, in front of its fields.
OURS = ("_run", "_url", "_time", "_request", "_position", "_crawl", "_spider")


@quick_dataclass
class Selection:
    """Items of one spider. By default, the current ones.

    These are the records that are there, and the newest crawl's items without a key.

    Attributes:
        runs: Instead, those that these runs have stored.
        crawl: Instead, those that this crawl has stored (records: was the last to change).
        since: Of all crawls, those stored, and the records changed, at this moment or later, seconds since 1970.
        after: The same for what crawls after this one have stored.
        where: A condition in SQL over the columns of the table.
    """

    spider: str
    runs: tuple[int, ...] | None = None
    crawl: int | None = None
    since: float | None = None
    after: int | None = None
    where: str = ""

    @property
    def is_latest(self) -> bool:
        """Whether it is the current items, or a part of them."""
        return self.runs is None and self.crawl is None and self.since is None and self.after is None


@quick_dataclass
class Column:
    """A field of the items that are selected.

    Attributes:
        name: The field's name.
        kind: "text", "integer", "real", "bool", "decimal", "datetime", "date", "time", "blob" or "json": the kind
            of every value; "" where they differ.
        zoned: For "datetime": every value has an offset from UTC; None when some have and some have not.
        scale: For "decimal": the most digits that a value has after the point; None when
            one has an exponent.
        stored_as: Its column in the table; "" for a field that has none of its own.
    """

    name: str
    kind: str = ""
    zoned: bool | None = None
    scale: int | None = None
    stored_as: str = ""


@quick_dataclass(frozen=False)
class Portion:
    """Some rows of one table, as columns.

    Attributes:
        names: Names of the fields.
        values: The values of each field, as they were yielded.
        kinds: For each field, the kind of all values here besides None; "" when nothing is known.
    """

    table: str
    names: tuple[str, ...]
    values: list[Sequence[Any]]
    kinds: tuple[str, ...]
    size: int

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Row by row."""
        return zip(*self.values, strict=True) if self.values else iter([()] * self.size)
