"""Little address space (`ulimit -v`): fewer workers, or the reason at once; never a traceback, never a hang."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from crawler.testing import PracticeSite

ROOT = Path(__file__).parents[2]


def crawl_within(room_mb: int, site: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`crawl run` with so much address space beside what the loaded program takes."""
    code = f"""
        import resource, sys
        import crawler.cli.command_tree, crawler.engine.application, crawler.stores.sqlite
        import pycurl, lxml.html
        from crawler.cli import main
        with open("/proc/self/status") as file:
            (size,) = [int(line.split()[1]) << 10 for line in file if line.startswith("VmSize")]
        resource.setrlimit(resource.RLIMIT_AS, (size + ({room_mb} << 20),) * 2)
        sys.argv = ["crawl", "run", "books", "-a", "site={site}", "-s", "workers=64"]
        main()
    """
    (folder / "spiders").mkdir()
    (folder / "spiders" / "books.py").write_bytes(Path(__file__).with_name("books.py").read_bytes())
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(("room_mb", "code"), [(2, 2), (40, 2), (600, 0)])
def test_a_crawl_has_fewer_workers_or_says_at_once_why_not(
    practice_site: PracticeSite, tmp_path: Path, room_mb: int, code: int
) -> None:
    ended = crawl_within(room_mb, practice_site.url, tmp_path)

    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    if code == 0:
        assert "pages      40 in" in ended.stdout
    else:
        assert "ulimit -v" in ended.stderr
