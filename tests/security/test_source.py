"""Nothing that came from the network or the store can become code: a search of the source (rows X1 to X3)."""

from __future__ import annotations

import ast
import importlib.metadata
import pickle
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import crawler
from crawler import Request
from crawler.errors import SpiderError
from crawler.sessions import snapshot
from crawler.testing.wire import Answer
from tests.engine.shop import Members, crawl, credentials, opened, stored
from tests.hosts import Net

ROOT = Path(crawler.__file__).parent

FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "execfile"}
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "marshal",
    "shelve",
    "dill",
    "cloudpickle",
    "yaml",
    "jsonpickle",
    "code",
    "tarfile",
    "zipfile",
    "telnetlib",
    "xmlrpc",
    "imp",
    "runpy",
}
FORBIDDEN_ATTRIBUTES = {("os", "system"), ("os", "popen"), ("tempfile", "mktemp"), ("shutil", "unpack_archive")}

ALLOWED = {
    ("loading.py", "exec_module"): "runs spider files of the project, whose names a person typed and we checked",
    ("fetching/decoding.py", "import_module"): "names of decompressors, written in the source",
    ("plugins.py", "import_module"): "a plugin that the setting names: a person wrote it there",
    ("testing/__init__.py", "import_module"): "names from a table in the source",
    (
        "output/export/formats.py",
        "import_module",
    ): "names from the table FORMATS and of libraries, written in the source",
    ("output/warc.py", "import_module"): "names of parts of one library, written in the source",
    ("__init__.py", "import_module"): "names from a table in the source",
    ("cli/", "import_module"): "names of command modules, written in the source",
    ("cli/shell.py", "code"): "the interactive shell: a person types there",
}


#: what `sql.SQL` is given besides texts of the source
TYPES = {
    "_type_of(column)": "a type from a table in the source",
    "types[name]": "a type as format_type() of PostgreSQL spells it, quoted where it has to be",
}


@cache
def modules() -> list[tuple[str, ast.AST]]:
    """Every file of the crawler, parsed once."""
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text())) for path in sorted(ROOT.rglob("*.py"))]


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            yield name, node


def allowed(file: str, name: str) -> bool:
    return any(
        name == what and (file == where or (where.endswith("/") and file.startswith(where))) for where, what in ALLOWED
    )


def test_X1_no_text_becomes_code_anywhere_in_the_source() -> None:
    """`re.compile` is an attribute call of `re` and no danger; a bare `compile` is."""
    found = [
        f"{file}:{call.lineno} {name}"
        for file, tree in modules()
        for name, call in calls(tree)
        if (name in FORBIDDEN_CALLS and isinstance(call.func, ast.Name))
        or (name == "exec_module" and not allowed(file, name))
    ]

    assert found == []


def test_X1_what_is_imported_by_name_is_named_in_the_source() -> None:
    found = [
        f"{file}:{call.lineno}"
        for file, tree in modules()
        for name, call in calls(tree)
        if name == "import_module" and not allowed(file, name) and not isinstance(call.args[0], ast.Constant)
    ]

    assert found == []


def test_X1_no_text_of_a_page_is_used_as_a_format() -> None:
    """`str.format` on foreign text reads attributes; in this project only texts in the source are formats.

    A statement of `psycopg.sql` is one where its text stands in the source: its `format` takes no attributes, and puts
    names and values in as such.
    """
    found = []
    for file, tree in modules():
        for name, call in calls(tree):
            if name in ("format", "format_map") and isinstance(call.func, ast.Attribute):
                target = call.func.value
                named = isinstance(target, ast.Name) and target.id.isupper()
                if (file, ast.unparse(call)) == ("cli/logs.py", "super().format(record)"):
                    continue  # a formatter of `logging`
                if not isinstance(target, ast.Constant) and not named and not is_statement_of_the_source(target):
                    found.append(f"{file}:{call.lineno} {ast.unparse(target)[:60]}")

    assert found == []


def is_statement_of_the_source(target: ast.expr) -> bool:
    """Whether it is ``sql.SQL("...")`` with nothing in it but one text of the source."""
    return (
        isinstance(target, ast.Call)
        and ast.unparse(target.func) == "sql.SQL"
        and len(target.args) == 1
        and not target.keywords
        and isinstance(target.args[0], ast.Constant)
    )


def test_X1_no_text_but_of_the_source_is_a_statement_of_postgresql() -> None:
    """`psycopg.sql.SQL` quotes nothing: it is given texts of the source, and types that PostgreSQL named itself."""
    found = [
        f"{file} {ast.unparse(call.args[0])}"
        for file, tree in modules()
        for name, call in calls(tree)
        if name == "SQL" and not (is_statement_of_the_source(call) or ast.unparse(call.args[0]) in TYPES)
    ]

    assert found == []


def test_X1_a_header_that_names_a_function_is_only_text(net: Net) -> None:
    headers = [(name, "os.system") for name in ("Referrer-Policy", "Content-Language", "X-Callback", "Link")]
    own = net.host({"/": Answer(body=b"<a href=/next>x</a>", headers=headers)})
    session = net.session(own.url)

    answer = session.get(f"{own.url}/")

    assert answer.headers["Referrer-Policy"] == "os.system"
    assert own.calls[0].path == "/"


CODE = "__import__('os').system('touch {mark}')"


def test_X2_code_in_a_queue_is_text(monkeypatch: pytest.MonkeyPatch, net: Net, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    evil = CODE.format(mark=mark)
    own = net.host({"/": Answer(body=b"<p>x</p>", headers=[("Set-Cookie", f"a={evil.replace(';', '')}")])})
    seen: list[Any] = []

    class Queue(crawler.Spider):
        name = "queue"
        custom_settings = {"robots": False}

        def __init__(self, **arguments: str) -> None:
            super().__init__(**arguments)
            self.start_urls = [f"{arguments['site']}/"]

        def parse(self, response: crawler.Response) -> Iterator[Any]:
            if not response.meta:
                yield response.follow(
                    f"/?q={evil}", meta={"m": evil}, cb_kwargs={}, cookies={"c": "1"}, headers={"X": evil}
                )
            else:
                seen.append(response.meta["m"])
                yield {"id": 1, "value": evil}

    summary = crawl(Queue, own.url, tmp_path)

    assert summary.ending == "finished"
    assert seen == [evil]
    assert stored(tmp_path, "value") == [{"value": evil}]
    assert not mark.exists()


@pytest.mark.parametrize("name", ["__class__", "__init__", "os.system", "logger", "name", "no such", ""])
def test_X2_a_stored_name_of_a_callback_calls_nothing_but_methods_of_the_spider(name: str) -> None:
    class Quiet(crawler.Spider):
        name = "quiet"

    spider = Quiet()

    if name == "":
        assert spider.callback(name) == spider.parse
        return
    with pytest.raises(SpiderError, match="no method"):
        spider.callback(name)


class Acting:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_X3_no_module_that_unpickles_or_unpacks_is_imported() -> None:
    found = []
    for file, tree in modules():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names.append(node.module)
            bad = [name for name in names if name.partition(".")[0] in FORBIDDEN_MODULES and not allowed(file, name)]
            found += [f"{file}: {name}" for name in bad]
            named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if named and (node.value.id, node.attr) in FORBIDDEN_ATTRIBUTES:
                found.append(f"{file}:{node.lineno} {node.value.id}.{node.attr}")

    assert found == []


TAMPERED = {
    "session": ("UPDATE crawl_sessions SET secret = ?", "finished", 1),
    "values": ("UPDATE crawl_values SET value = ?", "finished", 0),
    "queue": ("UPDATE crawl_requests SET extras = ? WHERE state = 0", "failures", 0),
}


@pytest.mark.parametrize("place", TAMPERED)
def test_X3_a_pickle_in_place_of_stored_state_acts_on_nobody(
    make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    statement, ending, logins = TAMPERED[place]
    mark = tmp_path / "ran"
    site = make_practice_site(books=5)
    credentials(monkeypatch, default=site.accounts[0])
    crawl(Members, site.url, tmp_path, max_pages=3)
    with opened(tmp_path) as database:
        changed = database.execute(statement, (pickle.dumps(Acting(mark)),)).rowcount
        database.commit()

    summary = crawl(Members, site.url, tmp_path)

    assert changed
    assert not mark.exists()
    assert (summary.ending, summary.logins) == (ending, logins)
    assert summary.failed == (changed if place == "queue" else 0), "each is a failure with a reason, not an end"


def test_X3_a_pickle_in_place_of_a_stored_text_is_refused(tmp_path: Path, quick_net: Net) -> None:
    evil = pickle.dumps(Acting(tmp_path / "ran")).decode("latin-1")

    assert not snapshot.put_back(quick_net.session("http://shop.test/"), evil)
    with pytest.raises(SpiderError, match="stored request"):
        Request.restore("http://a.test/", callback="", session="", priority=0, depth=0, extras=evil)
    assert not (tmp_path / "ran").exists()


def test_X3_a_session_and_what_it_holds_cannot_be_pickled(quick_net: Net) -> None:
    session = quick_net.session("http://shop.test/")
    session.cookies.receive("http://shop.test/", ["sid=topsecretvalue"])

    for each in (session, session.cookies, session.account):
        with pytest.raises(TypeError):
            pickle.dumps(each)


FLOORS = {"urllib3": (2, 8), "requests": (2, 33), "lxml": (5, 3), "idna": (3, 7)}


def version_of(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in importlib.metadata.version(name).split(".")[:3] if part.isdecimal())


@pytest.mark.parametrize("name", FLOORS)
def test_X15_old_parts_with_known_holes_cannot_be_installed(name: str) -> None:
    wanted = [line for line in importlib.metadata.requires("crawl-sessions") or () if line.startswith(name)]
    (line,) = [each for each in wanted if "extra" not in each]
    least = tuple(int(part) for part in line.partition(">=")[2].split(",")[0].split("."))

    assert version_of(name) >= FLOORS[name]
    assert least >= FLOORS[name], "the metadata must say so"


def test_X15_libxml2_and_brotli_are_new_enough() -> None:
    from lxml import etree

    assert etree.LIBXML_VERSION >= (2, 13)
    try:
        found = version_of("brotli")
    except importlib.metadata.PackageNotFoundError:
        return
    assert found >= (1, 2)


def test_X4_a_crawl_opens_no_port(make_practice_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import socket

    site = make_practice_site(books=5)
    credentials(monkeypatch, default=site.accounts[0])
    bound: list[Any] = []

    class Watched(socket.socket):
        def listen(self, *arguments: Any) -> None:
            bound.append(self.getsockname())
            super().listen(*arguments)

        def bind(self, address: Any) -> None:
            bound.append(address)
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Watched)

    summary = crawl(Members, site.url, tmp_path)

    assert summary.ending == "finished"
    assert bound == []


def test_X7_no_temporary_name_is_made_up_by_ourselves_and_no_archive_is_unpacked() -> None:
    """Temporary files come from `tempfile` or are opened with O_EXCL."""
    found: list[str] = []
    for file, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("/tmp"):
                found.append(f"{file}: {node.value}")
            if isinstance(node, ast.Attribute) and node.attr in ("mktemp", "extractall", "unpack_archive"):
                found.append(f"{file}: {node.attr}")

    assert found == []
