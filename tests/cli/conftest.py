"""A project of its own for each test, and the command run in this process."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crawler.cli import exits, main

SPIDER = '''
from crawler import Spider


class Orders(Spider):
    """The orders of a shop."""

    name = "orders"
    start_urls = ["http://127.0.0.1:9/orders"]
    custom_settings = {"DOWNLOAD_DELAY": 0.5}

    def login(self, session):
        session.get("http://127.0.0.1:9/login")

    def parse(self, response):
        yield {"url": response.url}
'''


@dataclass(frozen=True)
class Result:
    """What one command left behind."""

    code: int
    out: str
    err: str


Crawl = Callable[..., Result]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take back what a command changes for the whole process."""
    path = list(sys.path)
    forget_spiders()  # a test that cleans up nothing may have come before
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(False)
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()  # a log file
    root.handlers[:], root.level = handlers, level
    sys.path[:] = path
    forget_spiders()
    exits.show_tracebacks = False


def forget_spiders() -> None:
    """Take back that modules of a ``spiders`` folder were imported: the next test has another folder."""
    for name in [name for name in sys.modules if name == "spiders" or name.startswith("spiders.")]:
        del sys.modules[name]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that the command runs in, with a configuration folder of its own."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TERM", "dumb")
    return folder


@pytest.fixture
def orders(project: Path) -> Path:
    """The same with one spider, "orders"."""
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER)
    return project


@pytest.fixture
def crawl(capsys: pytest.CaptureFixture[str]) -> Crawl:
    """Runs ``crawl WORDS`` in this process."""

    def run(*words: str) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        captured = capsys.readouterr()
        code = ended.value.code
        return Result(code if isinstance(code, int) else int(code is not None), captured.out, captured.err)

    return run
