"""Shared by all tests: nothing of the machine's user is read, and nothing is written into their home."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections.abc import Iterator
from functools import partial
from itertools import compress, groupby

import pytest
from hypothesis import HealthCheck, settings

from crawler.sessions import secrets
from crawler.testing import SiteProcess
from tests import forked

# A busy machine makes drawing examples slow, which says nothing about the code; and a check must say the same twice.
settings.register_profile("project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")

MEMORY = "/dev/shm"  #: a file system in memory, on Linux
ROOM_BYTES = 4 << 30

gc.disable()  # until all tests are there: none of them is garbage


def pytest_configure(config: pytest.Config) -> None:
    """The workers of pytest-xdist fork their commands from one process, and have their folders in memory."""
    if not hasattr(config, "workerinput"):
        config.add_cleanup(partial(shutil.rmtree, forked.share(os.getpid()), ignore_errors=True))
        if has_room(MEMORY):
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", MEMORY)


def has_room(folder: str) -> bool:
    """Whether the folders of all tests fit, and programs in them may be run.

    A crawl of one page waits for the disk eleven times, which proves nothing: what a power cut leaves is worked out
    from the calls (`tests.crash.power`), and a process that is killed leaves the same in memory as on a disk.
    """
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    may = os.access(folder, os.W_OK) and not found.f_flag & os.ST_NOEXEC
    return may and found.f_bavail * found.f_frsize >= ROOM_BYTES


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each worker begins with tests that take long: of short ones, the last are easier to share out."""
    items[:] = long_ones_first(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def long_ones_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """In as many equal parts as pytest-xdist hands out; the tests of a file stay together."""
    files = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
    is_long = [any(item.get_closest_marker(name) for item in file for name in ("slow", "crash")) for file in files]
    long_files = list(compress(files, is_long))
    others = [item for file, is_one in zip(files, is_long, strict=True) if not is_one for item in file]
    ordered: list[pytest.Item] = []
    for part in range(workers):
        ordered += [item for file in long_files[part::workers] for item in file]
        room = max(0, len(items) * (part + 1) // workers - len(ordered))
        ordered += others[:room]
        del others[:room]
    return ordered + others


def pytest_collection_finish() -> None:
    """Ten thousand tests stay to the end; going through them for garbage would take a tenth of the time."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _own_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Key and accounts come from an empty folder, no keyring is asked; variables of the crawler are forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("configuration")))
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))  # browsers write there
        patch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
        for name in [name for name in os.environ if name.startswith("CRAWL_")]:
            patch.delenv(name)
        yield


@pytest.fixture(scope="session", autouse=True)
def _sites_start_at_once() -> Iterator[None]:
    """The process of a practice site is forked (`tests.forked`); tests of its start take the real one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SiteProcess, "_start_process", forked.Forked)
        yield


@pytest.fixture(autouse=True)
def _own_secrets() -> Iterator[None]:
    """A process remembers what it must never show; another test may well show the same word."""
    known, pattern, cookies = set(secrets._known), secrets._pattern, secrets.COOKIES
    last = {key: values.copy() for key, values in cookies._last.items()}
    uses, by_start = cookies._uses.copy(), cookies._by_start.copy()
    yield
    with secrets._lock:
        secrets._known.clear()
        secrets._known.update(known)
        secrets._pattern = pattern
    with cookies._lock:
        cookies._last.clear()
        cookies._last.update(last)
        cookies._uses, cookies._by_start = uses, by_start


@pytest.fixture(autouse=True)
def _own_log_levels() -> Iterator[None]:
    """Commands that run in this process choose what is logged; the next test must not find that."""
    loggers = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    before = {each: each.level for each in (logging.root, *loggers)}
    yield
    for each in logging.root.manager.loggerDict.values():
        if isinstance(each, logging.Logger):
            each.setLevel(before.get(each, logging.NOTSET))
    logging.root.setLevel(before[logging.root])
