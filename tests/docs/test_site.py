"""The documentation builds as a site whose links all lead somewhere, and which needs no network."""

from __future__ import annotations

import fcntl
import json
import os
import re
from pathlib import Path

import pytest

from tools import site

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built once, also where several workers of pytest-xdist share these tests: it takes seconds."""
    base = tmp_path_factory.getbasetemp()
    out = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "site"
    with open(out.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out / "complete").exists():
            (out / "0.1").mkdir(parents=True)
            (out / "0.1" / "tutorial.html").write_text("as it was built for an earlier version")
            site.write_versions(out, "0.1")
            assert site.main(["--out", str(out), "--version", "0.2"]) == 0
            (out / "complete").touch()
    return out


def test_every_page_of_the_documentation_is_a_page_of_the_site(built: Path) -> None:
    wanted = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    wanted |= {Path(name).with_suffix(".html") for name in site.BESIDE.values()}

    assert wanted <= {page.relative_to(built / "0.2") for page in (built / "0.2").rglob("*.html")}


def test_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    loaded = re.compile(r"<(?:link|script|img|iframe)\b[^>]*?(?:href|src)=[\"']?(?:https?:)?//([^\"'/ >]+)")

    found = {host for page in built.rglob("*.html") for host in loaded.findall(page.read_text(encoding="utf-8"))}

    assert found <= {"127.0.0.1", "localhost"}


def test_versions_are_side_by_side_and_the_last_built_comes_first(built: Path) -> None:
    listed = json.loads((built / "versions.json").read_text())

    assert [each["version"] for each in listed] == ["0.2", "0.1"]
    assert 'url=0.2/index.html"' in (built / "index.html").read_text()
    assert (built / "0.1" / "tutorial.html").read_text().startswith("as it was built")
    assert (built / "0.2" / "tutorial.html").is_file()


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<p id=there><a href="b.html#x">1</a><a href="a.html#there">2</a><a href="c.html">3</a>'
    )
    (tmp_path / "b.html").write_text('<a href="https://elsewhere.example/">4</a>')

    assert set(site.broken_links(tmp_path)) == {("a.html", "b.html#x"), ("a.html", "c.html")}
