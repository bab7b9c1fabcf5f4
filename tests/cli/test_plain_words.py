"""What a person reads: plain words, and a singular for one of a thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import crawler
from crawler.testing.wire import Answer
from tests.hosts import Host

from .conftest import Crawl

SPIDER = """
from crawler import Spider


class One(Spider):
    name = "one"
    start_urls = ["{url}/only"]

    def parse(self, response):
        yield {{"title": response.css("title::text").get()}}
"""
THINGS = "item|page|request|file|failure|warning|session|run|link|row|record|host|login|process|cookie"
_ONE_OF_MANY = re.compile(rf"(?<![\d.,])1 (?:{THINGS})e?s\b")
#: what was once read: a kind of ending, a state, a class, a word twice
_NOT_PLAIN = re.compile(r"\bdied\b|login human|human login|\bFollowed\b|limit by limit")


@pytest.fixture
def one(project: Path) -> Iterator[Path]:
    host = Host({"/only": Answer(body=b"<title>only</title>")}, "127.0.0.1", None)
    (project / "spiders").mkdir(exist_ok=True)
    (project / "spiders" / "one.py").write_text(SPIDER.format(url=host.url))
    yield project
    host.close()


def test_what_a_person_reads_is_in_plain_words(one: Path, crawl: Crawl) -> None:
    said = {
        command: crawl(*command.split())
        for command in (
            "run one --max-pages 1",
            "run one --fresh",
            "status one",
            "runs",
            "audit one",
            "export one -o one.csv",
            "failures one",
            "sessions",
        )
    }

    for command, done in said.items():
        text = done.out + done.err
        assert _ONE_OF_MANY.search(text) is None, (command, text)
        assert _NOT_PLAIN.search(text) is None, (command, text)
    assert "items      1" in said["run one --fresh"].out


def test_no_text_of_the_program_has_words_that_nobody_uses() -> None:
    found = []
    for path in Path(crawler.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docs = {id(node.body[0].value) for node in ast.walk(tree) if _has_doc(node)}  # type: ignore[attr-defined]
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                found += [f"{path.name}:{node.lineno}: {node.value!r}"] if _NOT_PLAIN.search(node.value) else []
    assert [each for each in found if "'Followed'" not in each] == []


def _has_doc(node: ast.AST) -> bool:
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    return isinstance(node, kinds) and bool(node.body) and isinstance(node.body[0], ast.Expr)


@pytest.mark.parametrize("typed", ["spiders/b.py", "./spiders/b.py", "b.py", "/srv/shop/spiders/b.py", "spiders\\b.py"])
@pytest.mark.parametrize("command", ["run", "login", "check"])
def test_the_path_of_a_spiders_file_is_answered_with_its_name(
    project: Path, crawl: Crawl, command: str, typed: str
) -> None:
    (project / "spiders").mkdir()
    (project / "spiders" / "b.py").write_text('from crawler import Spider\n\n\nclass B(Spider):\n    name = "brk"\n')

    done = crawl(command, typed)

    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("is a path, and a spider is called by its name; did you mean 'brk'?\n")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("spiders/c.py", "a spider is called by its name; there are: brk"),
        ("/etc/passwd", "a spider is called by its name; there are: brk"),
        ("spiders/", "letters, digits, '_', '-' and '.', 100 at most; a spider is called by its name, not by its file"),
    ],
)
def test_any_other_path_is_no_spider(project: Path, crawl: Crawl, typed: str, said: str) -> None:
    (project / "spiders").mkdir()
    (project / "spiders" / "b.py").write_text('from crawler import Spider\n\n\nclass B(Spider):\n    name = "brk"\n')

    done = crawl("run", typed)

    assert done.code == 2
    assert said in done.err


def test_a_path_where_there_is_no_project_is_answered_as_a_name_is(project: Path, crawl: Crawl) -> None:
    assert "no spider 'b': there is no folder spiders/ here" in crawl("run", "spiders/b.py").err
    assert "a spider is called by its name, not by its file" in crawl("status", "spiders/b.py").err
