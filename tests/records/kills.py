"""The second night of a shop, killed at its n-th write: the same command again ends it with exactly the right changes.

``python -m tests.records.kills [STEP]`` does so at every STEP-th write until a run ends untouched (7 when left out).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from crawler.stores.sqlite import SQLiteStore
from crawler.testing import SiteProcess
from tests.crash.project import Project
from tests.crash.sweep import KILL, tracer
from tests.crash.warm import Warm
from tests.stores.support import ReversingCipher

SPIDER = Path(__file__).with_name("members.py")
EXPECTED = [("changed", "3"), ("changed", "4"), ("gone", "7"), ("new", "10")]
_KILLED = -9


class SecondNight:
    """A project after its first night, of which each kill gets a copy; and the shop, which has changed since."""

    def __init__(self, site: SiteProcess, warm: Warm, folder: Path) -> None:
        self._site, self._warm, self._folder = site, warm, folder
        site.edit({10: None})
        first = self._project(folder / "first")
        with first.start_warm(warm) as running:
            ended = running.end()
        assert ended.code == 0, ended.err
        site.edit({3: {"stock": 99}, 4: {"title": "Another"}, 7: None, 10: {}})

    def _project(self, folder: Path) -> Project:
        project = Project(folder, self._site.url, self._site.accounts[0], spider=SPIDER)
        project.settings.update(workers=2, login_budget=1000)
        return project

    def killed_at(self, call: str, n: int) -> tuple[bool, list[str]]:
        """Whether the kill came before the end, and what is wrong after the same command was given again."""
        with tempfile.TemporaryDirectory(dir=self._folder) as place:
            folder = Path(place) / "night"
            shutil.copytree(self._folder / "first", folder)
            project = self._project(folder)
            with project.start_warm(self._warm, trace=lambda pid: tracer(KILL, call, n, project, pid)) as running:
                killed = running.end().code == _KILLED
            wrong = []
            if killed and self._ending(project) != "finished":
                with project.start_warm(self._warm) as running:
                    ended = running.end()
                if ended.code != 0:
                    wrong.append(f"the run after it ended with {ended.code}: {ended.err[-400:]}")
            return killed, [f"{call} {n}: {each}" for each in [*wrong, *self._wrong(project)]]

    def _store(self, project: Project) -> SQLiteStore:
        return SQLiteStore(str(project.database), cipher=ReversingCipher(), access="write")

    def _ending(self, project: Project) -> str:
        with closing(self._store(project)) as store:
            runs = store.runs.last("members", limit=1)
            return runs[0].ending if runs and runs[0].frontier > 1 else ""

    def _wrong(self, project: Project) -> Iterable[str]:
        with closing(self._store(project)) as store:
            crawl = store.runs.last("members", limit=1)[0].frontier
            found = sorted(
                (each.kind, each.key["id"]) for each in store.records.changes("members", crawls=(crawl, crawl))
            )
            if found != EXPECTED:
                yield f"the changes are {found}"
            entries = store._db.read("SELECT count(*) FROM crawl_changes WHERE crawl = ?", (crawl,))[0][0]
            if entries != len(EXPECTED):
                yield f"the history has {entries} entries"
            rows = {int(row["id"]): row["stock"] for row in store.results.latest("Book", spider="members")}
            wanted = {int(item["id"]): int(item["stock"]) for item in self._site.truth.catalogue_items()}
            if rows != wanted:
                yield f"there are {rows}, and not {wanted}"
            yield from store.care.audit(crawl).problems


def main(step: int) -> None:
    points: dict[str, int] = {}
    wrong: list[str] = []
    with SiteProcess(books=10, per_page=5) as site, Warm() as warm, tempfile.TemporaryDirectory() as folder:
        night = SecondNight(site, warm, Path(folder))
        for call, each in (("pwrite64", step), ("fdatasync", 1), ("fsync", 1), ("ftruncate", 1)):
            n, untouched = 1, 0
            while untouched < 2:
                killed, found = night.killed_at(call, n)
                points[call] = points.get(call, 0) + killed
                untouched = 0 if killed else untouched + 1
                wrong += found
                n += each
    print(f"kills: {points}; wrong: {wrong or 'nothing'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
