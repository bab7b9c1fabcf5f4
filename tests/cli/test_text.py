"""Lines for people: aligned, safe, and written whatever the standard streams are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crawler.cli.text import columns, duration, local_time, safe, size

COMMAND = [sys.executable, "-m", "crawler.cli"]


def environment(**changes: str) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd()), **changes}


def test_columns_are_aligned_and_numbers_are_to_the_right() -> None:
    assert columns([("a", 1, "x"), ("bcd", 1_000, "")], ("name", "count", "rest")) == [
        "name  count  rest",
        "a         1  x",
        "bcd    1000",
    ]


def test_without_rows_only_the_heading_is_printed() -> None:
    assert columns([]) == []
    assert columns([], ("a", "b")) == ["a  b"]


def test_X12_a_cell_from_a_page_cannot_move_the_cursor_or_make_a_line() -> None:
    assert columns([("\x1b[2Jtitle\nline",)]) == ["\\x1b[2Jtitle\\x0aline"]


def test_X9_what_looks_like_a_secret_is_not_shown() -> None:
    assert "s3cret" not in safe("https://u:s3cret@a.example/ password=s3cret Cookie: sid=s3cret")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.96, "10.0 s"), (12.4, "12 s"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (273_600, "3 d 4 h")],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (3_400, "3.4 kB"), (1.2e6, "1.2 MB"), (5e13, "50.0 TB")]
)
def test_a_size_has_powers_of_a_thousand(count: float, text: str) -> None:
    assert size(count) == text


def test_an_unknown_time_is_a_dash() -> None:
    assert local_time(None) == "-"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"], ids=["in", "out", "err", "all"])
def test_P7_with_standard_streams_closed_the_command_ends_well_and_no_file_gets_their_number(
    tmp_path: Path, closed: str
) -> None:
    program = (
        "from crawler.cli.text import prepare_streams, say, tell\n"
        "prepare_streams(); say('out'); tell('err')\n"
        f"file = open({str(tmp_path / 'number')!r}, 'w'); file.write(str(file.fileno())); file.close()\n"
    )

    done = subprocess.run(
        ["/bin/sh", "-c", f'exec {sys.executable} -c "$0" {closed}', program], env=environment(), timeout=30
    )

    assert done.returncode == 0
    assert int((tmp_path / "number").read_text()) > 2


def test_P7_head_ends_a_long_output_quietly() -> None:
    process = subprocess.Popen(
        [*COMMAND, "settings"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.wait(30) == 0


@pytest.mark.parametrize("locale", [{"LANG": "C"}, {"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}])
def test_P7_text_of_any_script_is_written_in_any_locale_without_home(tmp_path: Path, locale: dict[str, str]) -> None:
    (tmp_path / "spiders").mkdir()
    (tmp_path / "spiders" / "käse.py").write_text(
        '"""Käse 奶酪"""\nfrom crawler import Spider\nclass A(Spider):\n    name = "a"\n', encoding="utf-8"
    )

    done = subprocess.run(
        [*COMMAND, "list", "--long"], env=environment(**locale), cwd=tmp_path, capture_output=True, timeout=30
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"a  spiders/k")


def test_a_full_device_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*COMMAND, "settings"], env=environment(), stdout=full, stderr=subprocess.PIPE, timeout=30
        )

    assert done.returncode == 6
    assert done.stderr.decode().splitlines()[0].startswith("crawl: ")
