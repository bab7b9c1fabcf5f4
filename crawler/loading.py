"""Finds spider classes in the project's ``spiders/`` folder. The name is typed by a person, so it is checked first."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from crawler.errors import SpiderError
from crawler.habits import of_import, of_text
from crawler.late_pattern import late_pattern
from crawler.nearest import nearest
from crawler.spider import CrawlSpider, SitemapSpider, Spider
from crawler.spider_names import is_path, valid_name

_BASES = (Spider, CrawlSpider, SitemapSpider)
_LIBRARY = re.compile(r"[/\\](?:site-packages|lib[/\\]python3[^/\\]*)[/\\]|\A<")
_SPIDER_CLASS = late_pattern(r"^class \w+\([^)\n]*Spider\b", re.MULTILINE)
_SPIDER_NAME = late_pattern(r"^[ \t]+name(?:[ \t]*:[^=\n]*)?[ \t]*=[ \t]*[\"']([\w-]+)[\"']", re.MULTILINE)
_FRAMES = 6  #: of a traceback that are kept
_TRACE_CHARACTERS = 4_000
_OURS = str(Path(__file__).resolve().parent)


def is_users_code(file: str) -> bool:
    """Whether a file in a traceback is the user's: neither a library's nor ours."""
    return not file.startswith(_OURS) and _LIBRARY.search(file) is None


def find_spider(name: str, folder: Path | None = None) -> type[Spider]:
    """The spider class of that name.

    Raises:
        SpiderError: None or two have that name, or its file cannot be imported; the message says what to do.
    """
    typed, name = name, re.split(r"[/\\]", name)[-1].removesuffix(".py") if is_path(name) else name
    valid_name(name if name != typed and name else typed)
    found, broken = load_spiders(folder)
    if typed in found:
        return found[typed]
    if name != typed and found and not broken:
        raise SpiderError(_is_no_name(typed, name, found))
    if broken:
        stem = name.replace("-", "_")
        culprit = next((error for path, error in broken.items() if path.stem == stem), next(iter(broken.values())))
        raise culprit
    where = folder or Path("spiders")
    if name in (below := spiders_below(where)):
        raise SpiderError(
            f"no spider {name!r} in {where}/: it is in {below[name]}, and only files in {where}/ itself are looked at;"
            f" move it there, or import its class in a file of {where}/ and inherit from it"
        )
    nameless = _nameless(where)
    near = nearest(name, found)
    if nameless and not (near and all(name not in (file.stem, kind) for file, kind in nameless)):
        file, kind = next((pair for pair in nameless if pair[0].stem == name), nameless[0])
        raise SpiderError(f"no spider {name!r}: class {kind} in {file} has no name; write in it: name = {name!r}")
    own = where / f"{name.replace('-', '_')}.py"
    if own.is_file():
        raise SpiderError(
            f"no spider {name!r}: {own} holds none: a spider is a class with `name = {name!r}` that inherits from"
            " crawler.Spider"
        )
    if not where.is_dir():
        raise SpiderError(
            f"no spider {name!r}: there is no folder {where}/ here, as a project has; `crawl -C FOLDER ...` goes to"
            f" one, `crawl new {name}` makes it"
        )
    if not found:
        raise SpiderError(f"no spider {name!r}: there is no spider in {where}/; `crawl new {name}` makes one")
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(found))}"
    raise SpiderError(f"no spider {name!r} in {where}/; {hint}")


def _is_no_name(path: str, stem: str, found: Mapping[str, type[Spider]]) -> str:
    """What to write where a path was typed. Only the files of the folder are looked at, wherever it leads."""
    names = sorted(name for name, kind in found.items() if kind.__module__ == f"spiders.{stem}")
    said = f"{path[:200]!r} is a path, and a spider is called by its name"
    if names:
        return f"{said}; did you mean {' or '.join(map(repr, names))}?"
    return f"{said}; there are: {', '.join(sorted(found))}"


def load_spiders(folder: Path | None = None) -> tuple[dict[str, type[Spider]], dict[Path, SpiderError]]:
    """All spiders in the folder by name, and the errors of files that cannot be imported.

    Raises:
        SpiderError: Two spiders have the same name, or one has a bad name.
        PermissionError: The folder cannot be read.
    """
    folder = folder or Path("spiders")
    found: dict[str, type[Spider]] = {}
    broken: dict[Path, SpiderError] = {}
    project = str(folder.resolve().parent)
    if project not in sys.path:
        sys.path.insert(0, project)  # spiders may import modules next to them
    names = os.listdir(folder) if folder.is_dir() else []  # unlike glob, it raises when the folder cannot be read
    for path in sorted(folder / name for name in names if name.endswith(".py") and not name.startswith("_")):
        try:
            module = _imported(path)
        except SpiderError as error:
            broken[path] = error
            continue
        for value in vars(module).values():
            if not _is_spider(value, module):
                continue
            valid_name(value.name)
            if value.name in found:
                raise SpiderError(f"{path}: a second spider is named {value.name!r}; names must differ")
            found[value.name] = value
    return found, broken


def spiders_below(folder: Path) -> dict[str, Path]:
    """Spiders by name in folders within the spiders' folder, where they are not loaded, and their files."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*/**/*.py")):
        with suppress(OSError):
            text = path.read_text(encoding="utf-8", errors="replace")
            if _SPIDER_CLASS.search(text) and "__pycache__" not in path.parts:
                for name in _SPIDER_NAME.findall(text):
                    found.setdefault(name, path)
    return found


def _nameless(folder: Path) -> list[tuple[Path, str]]:
    """File and class of the spiders without a name. Looks at the files that were loaded, in order."""
    return [
        (path, value.__name__)
        for path in sorted(folder.glob("*.py"))
        if (module := sys.modules.get(f"spiders.{path.stem}")) is not None
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Spider) and value not in _BASES
        if value.__module__ == module.__name__ and not value.name
    ]


def _is_spider(value: object, module: ModuleType) -> bool:
    if not isinstance(value, type) or not issubclass(value, Spider) or value in _BASES:
        return False
    return value.__module__ == module.__name__ and bool(value.name)


def _imported(path: Path) -> ModuleType:
    name = f"spiders.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SpiderError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        line = f", line {error.lineno}" if error.lineno else ""
        raise SpiderError(f"{_shown(error.filename or path)}{line}: {error.msg}") from error
    except Exception as error:
        here = path.resolve()
        trace = traceback.extract_tb(error.__traceback__)
        frames = [frame for frame in trace if Path(frame.filename).resolve() == here]
        line = f", line {frames[-1].lineno}" if frames else ""
        said = str(error) if isinstance(error, SpiderError) else f"{type(error).__name__}: {_said_by(error)}"
        hint = of_import(error) if isinstance(error, ImportError) else of_text(str(error))
        said = f"{said.partition(' (/')[0]}; write: {hint}" if hint and hint not in said else said
        raise SpiderError(f"{path}{line}: {said}") from error
    return module


def _said_by(error: Exception) -> str:
    """Its text; for pydantic's, without the link to its manual, and with what to write for a model's key."""
    said = str(error).partition("\n\nFor further information")[0]
    if type(error).__name__ == "PydanticUserError" and "attribute was detected: `key = " in said:
        return "a field of a model has a type, and its key is not a field: write __key__ instead of key"
    return said


def place_in_spider(error: BaseException | None, spider: Spider | None = None) -> str:
    """``spiders/orders.py, line 12``: the innermost line of a spider's file that *error* came through.

    Args:
        spider: Only its own file and those of its base classes count; None for any file of the spiders' folder.
    Returns:
        File and line, without the path to the project, which may name a person; "" when it came through no such file.
    """
    classes = type(spider).__mro__ if spider is not None else ()
    own = {each.__module__ for each in classes if not each.__module__.startswith("crawler.")}
    place, trace = "", error.__traceback__ if error is not None else None
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module in own if spider is not None else module.startswith("spiders."):
            _, folder, inside = trace.tb_frame.f_code.co_filename.rpartition(f"{os.sep}spiders{os.sep}")
            file = f"spiders/{inside}" if folder else Path(inside).name
            place = f"{file}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place


def short_trace(error: BaseException) -> str:
    """The end of a traceback, with the nearest line of the user's code: a library may be deeper than that."""
    told = traceback.TracebackException.from_exception(error)
    chain: list[traceback.TracebackException | None] = [told]
    while chain:
        if (link := chain.pop()) is not None:
            own = [place for place, each in enumerate(link.stack) if is_users_code(each.filename)]
            nearest = link.stack[own[-1]] if own else None
            del link.stack[:-_FRAMES]
            if nearest is not None and nearest not in link.stack:
                link.stack.insert(0, nearest)
            chain += [link.__cause__, link.__context__]
    text = io.StringIO()
    told.print(file=text)
    return text.getvalue()[-_TRACE_CHARACTERS:]


def code_mark(spider: Spider) -> str:
    """`source_mark` of a spider about to run, with its plugins."""
    return source_mark(type(spider), *map(type, spider.active_plugins))


def source_mark(*kinds: type) -> str:
    """What distinguishes this version of a spider's code: a digest of the files that define its classes.

    These are the files of the classes and their base classes, and what they import from the same project. "" for
    classes that are not in a file.
    """
    files: set[Path] = set()
    own = (each for kind in kinds for each in kind.__mro__ if _is_own(each))
    for module in filter(None, (sys.modules.get(each.__module__) for each in own)):
        home = _file_of(module)
        if home is not None:
            files |= {home, *_neighbours(module, home.parent.parent)}
    contents: list[bytes] = []
    for file in sorted(files):
        with suppress(OSError):
            contents.append(file.read_bytes())
    return mark_of(*contents) if files else ""


def mark_of(*contents: bytes) -> str:
    """`source_mark` of a spider whose files have these *contents*."""
    return hashlib.blake2b(b"".join(contents), digest_size=8).hexdigest()


def _is_own(kind: type) -> bool:
    return kind is not object and not kind.__module__.startswith("crawler.")


def _file_of(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if isinstance(file, str) else None


def _neighbours(module: ModuleType, project: Path) -> Iterator[Path]:
    """The files of *project* that *module* has imported something from."""
    for value in vars(module).values():
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        file = _file_of(sys.modules.get(name)) if isinstance(name, str) else None
        if file is not None and file.is_relative_to(project) and "site-packages" not in file.parts:
            yield file


def _shown(file: str | Path) -> Path:
    """A path as a person would type it here."""
    path = Path(file)
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
