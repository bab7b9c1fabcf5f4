"""A project folder with one spider, and the real `crawl` command running in it as a process that may be killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from crawler.testing import Account
from tests.forked import Forked

if TYPE_CHECKING:
    from tests.crash.warm import Warm, WarmRunning

CHECKOUT = Path(__file__).resolve().parents[2]
SPIDER = Path(__file__).with_name("members.py")
ENDED_WITHIN_S = 120.0
BARE_PATH = "/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code (minus the signal's number for a killed one) and what it said."""

    code: int
    out: str
    err: str


class Running:
    """One `crawl` process, in a process group of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def code(self) -> int | None:
        """Its exit code, None while it runs."""
        return self.process.poll()

    def ended_within(self, seconds: float) -> bool:
        """Whether it ended by itself within so many seconds."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL for the whole group, and wait for the process's end."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has just ended by itself
        self.process.wait()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = ENDED_WITHIN_S) -> Ended:
        """Wait for its end and tell what it said.

        Raises:
            TimeoutExpired: It is still running; it is killed then.
        """
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            out, err = self.process.communicate()
            sys.stderr.write(err.decode("utf-8", "replace"))
            raise
        return Ended(self.process.returncode, (out or b"").decode(), (err or b"").decode())

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process.poll() is None:
            self.kill()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()


@dataclass
class Project:
    """A folder as `crawl init` makes it, with a home of its own for the key.

    Attributes:
        site: Address of the practice site, the spider's argument.
        settings: What ``-s`` gives in every run.
        store: The database, when it is not the usual one.
    """

    folder: Path
    site: str
    account: Account | None = None
    settings: dict[str, object] = field(default_factory=dict)
    spider: Path = SPIDER
    store: Path | None = None

    def __post_init__(self) -> None:
        (self.folder / "spiders").mkdir(parents=True, exist_ok=True)
        (self.folder / "home").mkdir(mode=0o700, exist_ok=True)
        shutil.copyfile(self.spider, self.folder / "spiders" / self.spider.name)

    @property
    def name(self) -> str:
        """The spider's name: that of its file."""
        return self.spider.stem

    @property
    def database(self) -> Path:
        return self.store or self.folder / "data" / "crawl.db"

    @property
    def environment(self) -> dict[str, str]:
        """A small one, as cron gives it, with the credentials of the session, and without this machine's keyring."""
        found = {"PATH": BARE_PATH, "HOME": str(self.folder / "home"), "PYTHONPATH": str(CHECKOUT)}
        found["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"  # to choose one, it would start a compiler
        if self.account is not None:
            found["CRAWL_DEFAULT_USERNAME"] = self.account.username
            found["CRAWL_DEFAULT_PASSWORD"] = self.account.password
        return found

    def words(self, **settings: object) -> list[str]:
        """The words of a run of the spider, after ``crawl``."""
        chosen = {"store": self.database, "backoff": 0.05, "processes": 1, **self.settings, **settings}
        typed = [part for key, value in chosen.items() for part in ("-s", f"{key}={value}")]
        return ["run", self.name, "-a", f"site={self.site}", *typed]

    def start(
        self,
        words: Sequence[str] | None = None,
        *,
        prefix: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        **options: object,
    ) -> Running:
        """Start ``crawl`` in the folder, forked; as a process that begins with nothing where *prefix* is something.

        Args:
            words: The words after ``crawl``; a run of the spider when left out.
            prefix: Words in front of the command, such as ``env``.
            environment: Variables besides the project's own.
            options: Settings of the run.
        """
        process = Forked(
            [*prefix, sys.executable, "-m", "crawler.cli", *(words if words is not None else self.words(**options))],
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        return Running(process)

    def start_warm(
        self,
        warm: Warm,
        words: Sequence[str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
        trace: Callable[[int], list[str]] | None = None,
        user: int | None = None,
        **options: object,
    ) -> WarmRunning:
        """The same from a process that has imported everything; see `tests.crash.warm.Warm.start`."""
        return warm.start(
            words if words is not None else self.words(**options),
            folder=self.folder,
            environment={**self.environment, **(environment or {})},
            trace=trace,
            user=user,
        )

    def run(self, words: Sequence[str] | None = None, **options: object) -> Ended:
        """Run the command to its end."""
        with self.start(words, **options) as running:  # type: ignore[arg-type]
            return running.end()
