"""What a format of exports is, and which there are."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass
from crawler.selection import Column, Portion


@quick_dataclass
class Look:
    """The options for how it should look.

    Attributes:
        safe: For CSV and Excel: see `text_formats.Csv`.
        bom: For CSV: with the mark by which Excel knows UTF-8.
    """

    safe: bool = False
    bom: bool = False


class TableHead(Protocol):
    """What a writer has to know about a table before its first row."""

    @property
    def table(self) -> str: ...
    @property
    def columns(self) -> Sequence[Column]: ...


class Writer(Protocol):
    """Takes portions, table after table, and then its end."""

    def write(self, portion: Portion) -> None: ...

    def finish(self) -> None:
        """Write what belongs at the end of such a file."""

    def abandon(self) -> None:
        """Release what it has opened itself: something went wrong before the end."""


@quick_dataclass
class Format:
    """A kind of file.

    Attributes:
        module: Where its writer is, of this package; loaded when it is needed.
        writer: Made with the place (an open file, or a path), the heads of all tables and the look.
        suffixes: By which files of this kind are recognised.
        on_disk: It is written to a path of this machine, not to a stream.
        in_place: It changes the file in a transaction of its own, keeping whatever else is in it.
        many: It keeps tables separate; other formats have all rows in one, and then a field ``_table``.
        typed: It needs to know the kinds of all columns beforehand.
        extra: Which extra of this package it needs, and that extra's modules.
    """

    name: str
    module: str
    writer: str
    suffixes: tuple[str, ...]
    on_disk: bool = False
    in_place: bool = False
    many: bool = False
    typed: bool = False
    extra: str = ""
    needs: tuple[str, ...] = ()

    def start(self, place: BinaryIO | Path, heads: Sequence[TableHead], look: Look) -> Writer:
        """A writer at the beginning of such a file."""
        made: Writer = self._loaded()(place, heads, look)
        return made

    def check(self) -> None:
        """Raise UsageError when what it needs is not installed."""
        require(f"the format {self.name}", self.extra, self.needs)

    def _loaded(self) -> Any:
        return getattr(import_module(f"{__package__}.{self.module}"), self.writer)


def require(what: str, extra: str, modules: Sequence[str]) -> None:
    """Raise UsageError when a module of an extra is not installed."""
    for module in modules:
        try:
            import_module(module)
        except ImportError:
            raise UsageError(f"{what} needs {module}: pip install 'crawl-sessions[{extra}]'") from None


FORMATS: tuple[Format, ...] = (
    Format("jsonl", "text_formats", "JsonLinesFile", (".jsonl", ".ndjson", ".jl")),
    Format("json", "text_formats", "Json", (".json",)),
    Format("csv", "text_formats", "Csv", (".csv",)),
    Format("sqlite", "sqlite_file", "SQLiteFile", (".db", ".sqlite", ".sqlite3"), on_disk=True, many=True, typed=True),
    Format("parquet", "arrow", "Parquet", (".parquet", ".pq"), typed=True, extra="parquet", needs=("pyarrow",)),
    Format("xlsx", "excel", "Excel", (".xlsx",), on_disk=True, many=True, extra="excel", needs=("xlsxwriter",)),
    Format(
        "duckdb",
        "arrow",
        "DuckDB",
        (".duckdb", ".ddb"),
        on_disk=True,
        in_place=True,
        many=True,
        typed=True,
        extra="duckdb",
        needs=("duckdb", "pyarrow"),
    ),
)
_COMPRESSED = {".gz": "gz", ".zst": "zst"}


def compression_of(path: str) -> str:
    """ "gz", "zst" or "": what the last suffix asks for."""
    return _COMPRESSED.get(Path(path).suffix.lower(), "")


def format_of(path: str, chosen: str | None = None) -> Format:
    """The format of a file by its suffix, or the one that was *chosen*; JSON lines for "-", standard output.

    Raises:
        UsageError: The suffix says nothing, or there is no such format.
    """
    names = ", ".join(each.name for each in FORMATS)
    compressed = compression_of(path)
    if chosen is not None:
        found = next((each for each in FORMATS if each.name == chosen), None)
        if found is None:
            raise UsageError(f"no format {chosen!r}; there are {names}")
    elif path == "-":
        return FORMATS[0]
    else:
        inner = Path(path).with_suffix("") if compressed else Path(path)
        found = next((each for each in FORMATS if inner.suffix.lower() in each.suffixes), None)
        if found is None:
            suffixes = ", ".join(each.suffixes[0] for each in FORMATS)
            raise UsageError(f"{path}: the suffix names no format; use one of {suffixes}, or --format")
    if compressed and found.on_disk:
        raise UsageError(f"{path}: a file of the format {found.name} cannot be compressed while it is written")
    return found
