"""The clock, the one-time codes, and the package as pytest and users load it."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import crawler.testing
from crawler.testing import FakeClock, totp
from crawler.testing.codes import MailBox, is_totp

ROOT = Path(__file__).resolve().parents[2]
RFC_SECRET = base64.b32encode(b"12345678901234567890").decode()


def test_a_fake_clock_stands_still_until_it_is_moved(fake_clock) -> None:
    before = fake_clock.now(), fake_clock.monotonic()
    same = fake_clock.now(), fake_clock.monotonic()
    fake_clock.advance(90)

    assert before == same
    assert (fake_clock.now() - before[0], fake_clock.monotonic() - before[1]) == (90, 90)


def test_P1_a_jump_moves_the_wall_clock_only(fake_clock) -> None:
    wall, steady = fake_clock.now(), fake_clock.monotonic()
    fake_clock.jump(-86400)

    assert (fake_clock.now() - wall, fake_clock.monotonic() - steady) == (-86400, 0)


def test_waiting_passes_the_time_at_once_and_is_remembered(fake_clock) -> None:
    started = fake_clock.monotonic()
    event = threading.Event()

    fake_clock.sleep(600)
    timed_out = fake_clock.wait(event, 60)
    event.set()

    assert not timed_out
    assert fake_clock.wait(event, 60)  # nothing to wait for: no time passes
    assert fake_clock.wait(event, None)
    assert fake_clock.waits == [600, 60]
    assert fake_clock.monotonic() - started == 660


def test_a_fake_clock_refuses_what_would_hang_or_run_backwards(fake_clock) -> None:
    with pytest.raises(RuntimeError, match="for ever"):
        fake_clock.wait(threading.Event(), None)
    with pytest.raises(ValueError, match="backwards"):
        fake_clock.advance(-1)


def test_two_clocks_start_at_the_same_time() -> None:
    assert FakeClock().now() == FakeClock().now() == 1767225600.0


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(at_s, code) -> None:
    assert totp(RFC_SECRET, at_s) == code  # appendix B, SHA-1, the last six digits
    assert totp(RFC_SECRET.lower().rstrip("="), at_s) == code


def test_a_code_is_accepted_one_step_early_or_late_and_no_further() -> None:
    accepted = [is_totp(RFC_SECRET, totp(RFC_SECRET, 1000 * 30 + drift), 1000 * 30) for drift in (-60, -30, 0, 30, 60)]

    assert accepted == [False, True, True, True, False]
    assert not is_totp(RFC_SECRET, "ünsinn", 30_000)


def test_a_mailed_code_is_good_once_and_until_the_next_mail() -> None:
    box = MailBox()
    first = box.send("alice")
    second = box.send("alice")
    while second == first:  # one in a million
        second = box.send("alice")

    assert box.read("bob") is None
    assert not box.accept("alice", first)
    assert box.accept("alice", second)
    assert not box.accept("alice", second)


def test_every_public_name_is_there() -> None:
    assert all(getattr(crawler.testing, name) is not None for name in crawler.testing.__all__)
    assert set(crawler.testing.__all__) <= set(dir(crawler.testing))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = crawler.testing.nonsense


def test_importing_the_fixtures_loads_nothing_of_weight() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import crawler.testing.fixtures; "
        "print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )

    names = loaded.stdout.split()
    assert {name for name in names if name.startswith("crawler.")} == {"crawler.testing", "crawler.testing.fixtures"}
    assert not {"requests", "urllib3", "lxml", "sqlite3", "ssl"} & set(names)


def test_the_plugin_gives_its_fixtures_to_a_test_of_a_user(tmp_path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import requests\n"
        "def test_site(practice_site):\n"
        "    assert requests.get(practice_site.url + '/', timeout=10).status_code == 200\n"
        "def test_more(make_practice_site, make_raw_server, make_site_process, fake_clock):\n"
        "    assert make_practice_site(books=3).options.books == 3\n"
    )
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "crawler.testing.fixtures", "-W", "error"]
    ran = subprocess.run(
        [*command, "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "2 passed" in ran.stdout, ran.stdout + ran.stderr
