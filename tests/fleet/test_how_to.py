"""The page on several machines, followed by somebody who has one: each of its commands, on three machines."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from crawler.testing import SiteProcess
from tests import postgres
from tests.docs.blocks import Block, blocks_of
from tests.fleet.test_crawls import until
from tests.forked import forked_crawl

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "several-machines.md"
_WRITTEN_SITE, _WRITTEN_STORE = "http://127.0.0.1:8000", "postgresql://crawl@db.internal/crawl"
BOOKS, PER_PAGE = 60, 20
_WITHIN_S = 60.0


class Machine:
    """A folder with the project, a home, and variables of its own."""

    def __init__(self, folder: Path, site: SiteProcess, programs: Path) -> None:
        """*programs*: a folder with a ``crawl`` that starts at once, for commands that nobody stops by a signal."""
        self.folder, self.project, self._programs = folder, folder / "shop", programs
        self.project.mkdir(parents=True)
        scripts = sysconfig.get_path("scripts")
        self.variables = {
            **{"PATH": f"{scripts}:/usr/bin:/bin", "HOME": str(folder), "NO_COLOR": "1", "COLUMNS": "160"},
            **{"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"},
            **{"CRAWL_DEFAULT_USERNAME": site.accounts[0].username, "CRAWL_BACKOFF": "0.05"},
            **{"CRAWL_DEFAULT_PASSWORD": site.accounts[0].password, "CRAWL_THROTTLE": "false"},
        }
        self.behind: list[subprocess.Popen[str]] = []

    def type(self, line: str) -> str:
        """A line at the prompt: what it printed; one with & at its end goes on behind."""
        command, _, _ = line.partition(" #")
        exported = re.fullmatch(r"export (\w+)=(.*?)\s*", command)
        if exported:
            self.variables[exported[1]] = self.run(f"printf %s {exported[2]}").communicate()[0]
            return ""
        if command.rstrip().endswith("&"):
            self.behind.append(self.run(command.rstrip(" &"), behind=True))
            return ""
        process = self.run(command)
        said, _ = process.communicate(timeout=_WITHIN_S)
        assert process.returncode == 0, f"{line}\n{said}"
        return said

    def run(self, command: str, *, behind: bool = False) -> subprocess.Popen[str]:
        path = self.variables["PATH"] if behind else f"{self._programs}:{self.variables['PATH']}"
        return subprocess.Popen(
            ["bash", "-c", f"exec {command}" if not command.startswith("printf") else command],
            cwd=self.project,
            env={**self.variables, "PATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def close(self) -> list[int]:
        """Tell what is left to leave; the exit codes."""
        codes = []
        for process in self.behind:
            process.terminate()
            process.communicate(timeout=_WITHIN_S)
            codes.append(process.returncode)
        self.behind.clear()
        return codes


def lines_of(block: Block) -> list[tuple[str, str]]:
    """Machine and line of each prompt of a block."""
    found = re.findall(r"^(one|two|three)\$ +(.*)$", block.text, re.MULTILINE)
    return [(str(machine), str(line)) for machine, line in found]


def test_the_page_leads_from_one_machine_to_three(tmp_path: Path, make_site_process: Any) -> None:
    site: SiteProcess = make_site_process(books=BOOKS, per_page=PER_PAGE)
    server = postgres.server()
    address = server.database()
    name = address.partition("?")[0].rpartition("/")[2]
    (tmp_path / "programs").mkdir()
    programs = forked_crawl(tmp_path / "programs").parent
    machines = {each: Machine(tmp_path / each, site, programs) for each in ("one", "two", "three")}

    def meant(text: str) -> str:
        return text.replace(_WRITTEN_SITE, site.url.rstrip("/")).replace(_WRITTEN_STORE, f"'{address}'")

    blocks = list(blocks_of(PAGE))
    (spider,) = (block for block in blocks if block.file)
    for machine in machines.values():
        target = machine.project / spider.file
        target.parent.mkdir()
        target.write_text(meant(spider.text))
    (begun,) = (block for block in blocks if block.exit_code == 5)
    first = machines["one"].run(meant(begun.text.splitlines()[0].removeprefix("$ ")))
    assert (first.communicate(timeout=_WITHIN_S), first.returncode)[1] == 5

    typed = [lines_of(block) for block in blocks if lines_of(block)]
    keys, copied, running, told = typed
    for machine, line in [*keys, *copied]:
        machines[machine].type(meant(line))
    for each in ("two", "three"):
        machines[each].variables["CRAWL_KEY"] = machines["one"].variables["CRAWL_KEY"]
    site.change(latency_s=2.0)
    try:
        for machine, line in running[:-1]:
            machines[machine].type(meant(line))
        machine, line = running[-1]
        machines[machine].type(meant(f"{line} &"))
        until(lambda: server.do("SELECT count(*) FROM crawl_workers WHERE left_at = 0", name) == [(3,)])
        listed, paused, resumed, drained = (machines[machine].type(meant(line)) for machine, line in told)
        big = machines["three"].behind.pop()
        big.communicate(timeout=_WITHIN_S)
        site.change(latency_s=0.0)
        run = machines["one"].behind.pop()
        said, _ = run.communicate(timeout=_WITHIN_S)
    finally:
        codes = [code for machine in machines.values() for code in machine.close()]

    assert (run.returncode, big.returncode, codes) == (0, 0, [0]), said
    assert "big" in listed
    assert [len(re.findall(r"\d+ members?", each)) for each in (paused, resumed, drained)] == [1, 1, 1]
    assert site.record.login_posts.total() == 1, "the session of the first machine went with the key"
    assert server.do("SELECT count(*), count(DISTINCT url) FROM items", name) == [(BOOKS, BOOKS)]
    assert {code for (code,) in server.do("SELECT exit_code FROM crawl_runs", name)} == {5, 0}
