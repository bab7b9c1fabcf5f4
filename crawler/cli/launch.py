"""`crawl workers start`, `crawl worker --processes`: the command lines of workers, and keeping them running."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from crawler.cli.text import tell
from crawler.errors import UsageError
from crawler.quick_dataclass import quick_dataclass

if TYPE_CHECKING:
    from crawler.launching.on_dask import DaskWorkers
    from crawler.settings import Settings


@quick_dataclass
class WorkerWords:
    """What `crawl worker` was given, or is to be given."""

    spider: str
    wait: bool
    until_empty: bool
    arguments: tuple[str, ...]
    settings: tuple[str, ...]
    store: str | None
    quiet: bool = False
    as_json: bool = False

    def words(self, *more: str) -> list[str]:
        """The words of the command, after ``crawl``."""
        flags = {"--wait": self.wait, "--until-empty": self.until_empty, "--quiet": self.quiet, "--json": self.as_json}
        given = [word for each in self.arguments for word in ("-a", each)]
        given += [word for each in self.settings for word in ("-s", each)]
        given += ["--store", self.store] if self.store else []
        return ["worker", self.spider, *(flag for flag, on in flags.items() if on), *given, *more]


class KeptGoing(Protocol):
    """Workers that were started, and are kept running."""

    def leave(self, signal_number: int = 0) -> None: ...

    def run(self) -> int: ...


def local(wanted: WorkerWords, settings: Settings, name: str, count: int) -> KeptGoing:
    """Workers as processes on this machine. Each has its own port for metrics, counted up from that of the setting."""
    from crawler.launching.children import Children

    port = settings.metrics_port
    words = {
        f"{name}-{number}": wanted.words(*(["-s", f"metrics_port={port + number - 1}"] if port else []))
        for number in range(1, count + 1)
    }
    return Children(words, tell=_said)


def on_dask(wanted: WorkerWords, address: str, folder: str, names: list[str]) -> KeptGoing:
    """Workers on a Dask cluster, kept running from here."""
    return _dask(wanted, address, folder, names)


def left_on_dask(wanted: WorkerWords, address: str, folder: str, names: list[str]) -> None:
    """The same, without waiting for them here."""
    _dask(wanted, address, folder, names).start_and_leave()


def _dask(wanted: WorkerWords, address: str, folder: str, names: list[str]) -> DaskWorkers:
    from crawler.launching.on_dask import DaskWorkers, OnDask

    for given in (wanted.store or "", *wanted.settings):
        _refuse_password(given)
    return DaskWorkers(OnDask(address, wanted.words(), folder, names), tell=_said)


def _refuse_password(given: str) -> None:
    """What goes through the scheduler of a cluster can be read by everyone who uses it."""
    _, _, value = given.rpartition("store=")
    if "://" in value and urlsplit(value).password:
        raise UsageError(
            "the address of the store has a password, which the scheduler would show: put it into a file that"
            " PGPASSFILE names on the machines of the cluster"
        )


def launched(workers: KeptGoing) -> int:
    """Keep workers until they end. Ctrl-C or SIGTERM lets them finish their pages; a second one ends those here."""
    from crawler.engine.stopping import handled_signals

    with handled_signals(workers.leave):
        return workers.run()


def _said(line: str) -> None:
    tell(f"crawl: {line}")
