"""The documentation as a website: ``python -m tools.site [--out FOLDER] [--version 0.1]``.

Zensical builds it from README, SECURITY, CHANGELOG, CONTRIBUTING and docs/. Everything that a page needs is in the
folder: it can be read from a disk, without a network. Each version has a folder of its own, ``versions.json`` lists
them for the selector, and ``index.html`` leads to the newest. Broken links are listed (exit code 1).
"""

from __future__ import annotations

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
BESIDE = {
    "README.md": "readme.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
}
SECTIONS = ("How to", "Reference", "Explanation", "Decisions")
_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_ENTRY = re.compile(r"- \[(?P<title>[^\]]+)\]\((?P<page>[^)]+)\)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site. Returns 0, or 1 if there are broken links, which are listed."""
    parser = argparse.ArgumentParser(prog="python -m tools.site", description="Build the documentation as a website.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site", help="folder of the site")
    parser.add_argument("--version", default=project_version(), help="its folder inside that one")
    chosen = parser.parse_args(arguments)
    build(chosen.out / chosen.version)
    write_versions(chosen.out, chosen.version)
    broken = list(broken_links(chosen.out / chosen.version))
    for page, link in broken:
        print(f"{page}: {link} leads nowhere", file=sys.stderr)
    print(f"{chosen.out / chosen.version / 'index.html'}: {len(list(chosen.out.rglob('*.html')))} pages")
    return 1 if broken else 0


def project_version() -> str:
    """The version in pyproject.toml without its last part: fixes do not change the documentation."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return ".".join(found["project"]["version"].split(".")[:2])


def build(folder: Path) -> None:
    """Write one version of the site into *folder*, replacing its contents."""
    with tempfile.TemporaryDirectory(prefix="crawl-docs-") as work:
        pages = Path(work) / "pages"
        gather(pages)
        (Path(work) / "zensical.toml").write_text(configuration(pages), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict", "-f", "zensical.toml"],
            cwd=work, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(Path(work) / "out", folder)


def gather(pages: Path) -> None:
    """Put docs/ and the pages beside it into one folder, with their links adjusted."""
    shutil.copytree(ROOT / "docs", pages)
    for name, page in BESIDE.items():
        text = (ROOT / name).read_text(encoding="utf-8")
        (pages / page).write_text(_LINK.sub(_from_root, text), encoding="utf-8")
    for file in pages.rglob("*.md"):
        if file.name not in BESIDE.values():
            file.write_text(_LINK.sub(_up, file.read_text(encoding="utf-8")), encoding="utf-8")


def _from_root(link: re.Match[str]) -> str:
    """A link on a page that was beside docs/."""
    target = BESIDE.get(link[2], link[2].removeprefix("docs/"))
    return f"{link[1]}{target}{link[3]}" if link[2] != "LICENSE" else f"{link[1]}readme.md{link[3]}"


def _up(link: re.Match[str]) -> str:
    """A link on a page of docs/ to one that was beside it."""
    name = link[2].rpartition("../")[2]
    return f"{link[1]}{link[2][: -len(name)].removeprefix('../')}{BESIDE[name]}{link[3]}" if name in BESIDE else link[0]


def configuration(pages: Path) -> str:
    """The configuration for Zensical. Pages are in the order of docs/index.md, which a test keeps complete."""
    nav = [
        {"Home": "index.md"},
        {"Tutorial": "tutorial.md"},
        {"Ten commands": "ten-commands.md"},
        *sections((pages / "index.md").read_text(encoding="utf-8")),
    ]
    nav.append({"Project": [{"Readme": "readme.md"}, {"Changes": "changes.md"}, {"Contributing": "contributing.md"}]})
    project = {
        "site_name": "crawl-sessions",
        "site_description": "A crawler for jobs behind a login: persistent sessions, nothing lost, honest endings.",
        "docs_dir": "pages",
        "site_dir": "out",
        "use_directory_urls": False,
        "nav": nav,
    }
    lines = ["[project]", *(f"{name} = {toml(value)}" for name, value in project.items())]
    lines += ["[project.extra.version]", 'provider = "mike"']
    lines += [
        "[project.theme]",
        "font = false",
        f"features = {toml(['content.code.copy', 'navigation.footer', 'search.highlight'])}",
    ]
    for scheme, other in (("default", "slate"), ("slate", "default")):
        lines += [
            "[[project.theme.palette]]",
            f'scheme = "{scheme}"',
            f'media = "(prefers-color-scheme: {_MEDIA[scheme]})"',
        ]
        lines += [f'toggle = {{icon = "lucide/{_ICONS[scheme]}", name = "To {_MEDIA[other]} colours"}}']
    return "\n".join(lines) + "\n"


_MEDIA = {"default": "light", "slate": "dark"}
_ICONS = {"default": "sun", "slate": "moon"}


def sections(index: str) -> Iterator[dict[str, list[dict[str, str]]]]:
    """The navigation, from the lists in docs/index.md."""
    found: dict[str, list[dict[str, str]]] = {name: [] for name in SECTIONS}
    name = ""
    for line in index.splitlines():
        if line.startswith("## "):
            name = line[3:]
        elif line.startswith("Decisions"):
            name = "Decisions"
        elif (entry := _ENTRY.match(line)) and name in found:
            found[name].append({entry["title"]: entry["page"]})
    yield from ({section: entries} for section, entries in found.items() if entries)


def toml(value: object) -> str:
    """A value as TOML; strings and lists are written as in JSON."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def write_versions(out: Path, newest: str) -> None:
    """List the existing versions as the theme's selector reads them; the one just built is the newest."""
    listed = out / "versions.json"
    known = [each["version"] for each in json.loads(listed.read_text())] if listed.exists() else []
    versions = [newest, *(each for each in known if each != newest and (out / each).is_dir())]
    entries = [{"version": each, "title": each, "aliases": ["latest"] if each == newest else []} for each in versions]
    listed.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")
    there = html.escape(f"{newest}/index.html")
    leads = f'<meta http-equiv="refresh" content="0; url={there}"><a href="{there}">Documentation</a>'
    page = f'<!doctype html><meta charset="utf-8"><title>crawl-sessions</title>{leads}\n'
    (out / "index.html").write_text(page, encoding="utf-8")


class _Page(HTMLParser):
    """Collects the links and ids of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.ids |= {value for name in ("id", "name") if (value := given.get(name))}
        for name in ("href", "src"):
            if tag != "base" and (value := given.get(name)):
                self.links.append(value)


def broken_links(folder: Path) -> Iterator[tuple[str, str]]:
    """Page and link of each link to a missing file or a missing id."""
    pages: dict[Path, _Page] = {}
    for file in folder.rglob("*.html"):
        pages[file] = _Page()
        pages[file].feed(file.read_text(encoding="utf-8"))
    for file, page in pages.items():
        if file.name == "404.html":  # served for any address: its links start at the server's root
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target.is_dir():
                target /= "index.html"
            place = unquote(parts.fragment)
            if not target.exists() or (place and target in pages and place not in pages[target].ids):
                yield str(file.relative_to(folder)), link


if __name__ == "__main__":
    raise SystemExit(main())
