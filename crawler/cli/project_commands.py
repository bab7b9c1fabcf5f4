"""`crawl init`, `list`, `settings`: the project's files. None of them loads the engine or a store."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crawler.cli import options, templates
from crawler.cli.text import columns, safe, say, tell
from crawler.errors import SettingsError, SpiderError

if TYPE_CHECKING:
    from crawler.spider import Spider

SPIDERS = Path("spiders")


def init(
    folder: Annotated[Path, typer.Argument(help="Folder of the project; created if it is missing.")] = Path(),
) -> None:
    """Make a project here. It gets spiders/ with an example, data/, settings in pyproject.toml and .gitignore.

    Nothing is overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    spiders, data = folder / "spiders", folder / "data"
    spiders.mkdir(exist_ok=True)
    data.mkdir(mode=0o700, exist_ok=True)
    made = [_make(data / ".gitkeep", "")]
    if not any(spiders.glob("*.py")):
        made.append(_make(spiders / "example.py", templates.EXAMPLE))
    made += [_add_settings(folder / "pyproject.toml"), _add_ignored(folder / ".gitignore")]
    for line in filter(None, made):
        say(line)
    where = "" if folder == Path() else f"cd {folder} && "
    say(f"next: {where}crawl list, crawl new NAME" if any(made) else "nothing to do: the project already exists")


def write_new(path: Path, text: str, *, replace: bool = False) -> None:
    """Write a file that does not exist yet, and its folder. Raises SpiderError if somebody else was quicker.

    Args:
        replace: An existing file is moved to one beside it, whose name ends with ``.before``.
    """
    path.parent.mkdir(exist_ok=True)
    if replace and path.exists():
        before = path.with_name(f"{path.name}.before")
        os.replace(path, before)
        tell(f"crawl: the old {path} is now {before}")
    if not _make(path, text):
        raise SpiderError(f"{path} already exists and is left as it is; choose another name")


def _make(path: Path, text: str) -> str:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return ""
    return f"made {path}"


def _add_settings(path: Path) -> str:
    if (made := _make(path, templates.PYPROJECT)) or not path.exists():
        return made
    text = path.read_text(encoding="utf-8")
    try:
        table = tomllib.loads(text)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}") from None
    if "crawl" in table.get("tool", {}):
        return ""
    with open(path, "a", encoding="utf-8") as file:
        file.write(("" if text.endswith("\n") or not text else "\n") + "\n" + templates.PYPROJECT)
    return f"added [tool.crawl] to {path}"


def _add_ignored(path: Path) -> str:
    if made := _make(path, templates.GITIGNORE):
        return made
    text = path.read_text(encoding="utf-8")
    missing = [line for line in templates.GITIGNORE.splitlines() if line not in text.splitlines()]
    if not missing:
        return ""
    with open(path, "a", encoding="utf-8") as file:
        file.write(("" if text.endswith("\n") or not text else "\n") + "".join(f"{line}\n" for line in missing))
    return f"added {', '.join(missing)} to {path}"


def list_(
    long: Annotated[bool, typer.Option("--long", "-l", help="Also show file, sessions and description.")] = False,
) -> None:
    """List the spiders of the project, one per line."""
    from crawler.loading import load_spiders, spiders_below

    if not SPIDERS.is_dir():
        raise SpiderError("there is no folder spiders/ here; `crawl init` makes a project, -C FOLDER goes to one")
    found, broken = load_spiders()
    for line in columns([_described(found[name]) if long else (name,) for name in sorted(found)]):
        say(line)
    for name, path in spiders_below(SPIDERS).items():
        tell(safe(f"crawl: {name} in {path} is not looked at: only files in {SPIDERS}/ itself are"))
    for error in broken.values():
        tell(f"crawl: {safe(error)}")
    if broken:
        raise typer.Exit(2)
    if not found:
        tell("crawl: no spider yet; `crawl new NAME` makes one")


def _described(spider: type[Spider]) -> tuple[str, str, str, str]:
    import inspect
    import sys

    from crawler.identity import identities_of

    module = sys.modules[spider.__module__]
    said = inspect.cleandoc(vars(spider).get("__doc__") or module.__doc__ or "").partition("\n")[0]
    names = ",".join(each.name for each in identities_of(spider.sessions))
    file = Path(module.__file__ or "?")
    return (
        spider.name,
        str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file),
        names if spider.wants_login() else "no login",
        said,
    )


def settings(
    name: options.MaybeSpiderName = None,
    set_: options.SettingsTyped = None,
    changed: Annotated[bool, typer.Option("--changed", help="Only those that are set somewhere.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Show the settings with value, source and meaning. With NAME, as that spider has them."""
    from crawler.settings import FIELDS, SECRET_SETTINGS

    spider = options.find(name) if name is not None else None
    typed = options.pairs(set_, "-s")
    merged = options.settings_of(spider, typed)
    sources = sources_of(spider, typed)
    shown = {
        key: (
            "***" if key in SECRET_SETTINGS and getattr(merged, key) else getattr(merged, key),
            sources.get(key, "default"),
            field.description,
        )
        for key, field in FIELDS.items()
        if not changed or key in sources
    }
    if as_json:
        found = {key: {"value": _plain(value), "source": source} for key, (value, source, _) in shown.items()}
        say(json.dumps(found))
        return
    for line in columns(
        [(key, _shown(value), source, text) for key, (value, source, text) in shown.items()],
        ("setting", "value", "source", "meaning"),
    ):
        say(line)


def sources_of(spider: type[Spider] | None, typed: dict[str, Any]) -> dict[str, str]:
    """Where each setting that is not a default comes from; later sources win, as in `settings.load`."""
    from crawler.settings import SCRAPY_NAMES, field_names, named_in_pyproject

    def field(key: str) -> str:
        return SCRAPY_NAMES.get(key, key.lower().replace("-", "_"))

    names = field_names()
    found = dict.fromkeys(named_in_pyproject(), "pyproject.toml")
    found |= {field(key): "spider" for key in (spider.custom_settings if spider is not None else {})}
    found |= {key: f"CRAWL_{key.upper()}" for key in names if f"CRAWL_{key.upper()}" in os.environ}
    found |= {field(key): "command line" for key in typed}
    return found


def _plain(value: Any) -> Any:
    from crawler.sessions.secrets import hide

    if isinstance(value, str):
        return hide(value)
    return json.loads(hide(json.dumps(value)))


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(str(each) for each in value)
    if isinstance(value, dict):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def register(app: typer.Typer) -> None:
    """Put the commands of this file into *app*."""
    app.command()(init)
    app.command("list")(list_)
    app.command()(settings)
