"""`crawl init`, `new`, `list`, `settings`: files of a project, and what a person gets wrong in them."""

from __future__ import annotations

import ast
import errno
import json
import stat
from pathlib import Path

import pytest

from .conftest import Crawl


def test_init_makes_a_project_whose_example_is_listed(project: Path, crawl: Crawl) -> None:
    assert crawl("init").code == 0

    listed = crawl("list", "--long")
    assert (listed.code, listed.err) == (0, "")
    assert listed.out.startswith("example  spiders/example.py  default  An example")
    assert (project / ".gitignore").read_text() == "data/*\n!data/.gitkeep\n__pycache__/\n"
    assert crawl("settings", "--changed").out.splitlines()[1].split()[:3] == [
        "store",
        "data/crawl.db",
        "pyproject.toml",
    ]


def test_X11_the_folder_of_the_database_is_for_its_owner_only(project: Path, crawl: Crawl) -> None:
    crawl("init")

    assert stat.S_IMODE((project / "data").stat().st_mode) == 0o700


def test_init_changes_nothing_that_already_exists(project: Path, crawl: Crawl) -> None:
    (project / "pyproject.toml").write_text('[tool.crawl]\nstore = "x.db"')
    (project / ".gitignore").write_text("data/*\n!data/.gitkeep\n__pycache__/\nmine")
    (project / "spiders").mkdir()
    (project / "spiders" / "a.py").write_text("")
    crawl("init")
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}

    again = crawl("init")

    assert again.out == "nothing to do: the project already exists\n"
    assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before
    assert [path.name for path in (project / "spiders").iterdir()] == ["a.py"]


def test_init_adds_its_table_to_a_pyproject_of_something_else(project: Path, crawl: Crawl) -> None:
    (project / "pyproject.toml").write_text('[project]\nname = "mine"')

    crawl("init")

    text = (project / "pyproject.toml").read_text()
    assert text.startswith('[project]\nname = "mine"\n\n[tool.crawl]\n')
    assert crawl("settings").code == 0


def test_init_in_another_folder_says_where_to_go(project: Path, crawl: Crawl) -> None:
    made = crawl("init", "shop/crawler")

    assert made.out.splitlines()[-1].startswith("next: cd shop/crawler && ")
    assert crawl("-C", "shop/crawler", "list").out == "example\n"


@pytest.mark.parametrize(
    ("name", "file"), [("my-shop.v2", "my_shop_v2.py"), ("import", "import.py"), ("2026", "2026.py"), ("_x", "x.py")]
)
def test_a_new_spider_is_found_by_its_name_at_once(project: Path, crawl: Crawl, name: str, file: str) -> None:
    made = crawl("new", name, "http://127.0.0.1:8000/orders?a=\"b'", "--blank")

    assert (made.code, (project / "spiders" / file).exists()) == (0, True)
    ast.parse((project / "spiders" / file).read_text())
    assert crawl("list").out == f"{name}\n"


def test_a_new_spider_never_overwrites_a_file_or_duplicates_a_name(orders: Path, crawl: Crawl) -> None:
    before = (orders / "spiders" / "orders.py").read_text()
    (orders / "spiders" / "a_b.py").write_text("kept = 1")

    twice, same_file = crawl("new", "orders"), crawl("new", "a-b")

    assert (twice.code, same_file.code) == (2, 2)
    assert "already a spider 'orders'" in twice.err
    assert "a_b.py already exists" in same_file.err
    assert (orders / "spiders" / "orders.py").read_text() == before


HOSTILE = ["../../x", "a;touch x", "a\x00b", "a" * 300, "", "$(id)", "-", "a/b", "a\nb", "\uff41", ".", ".."]


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
@pytest.mark.parametrize("command", ["run", "new", "login", "retry", "export", "audit"])
def test_X5_a_hostile_name_is_refused_before_any_file_is_opened(
    project: Path, crawl: Crawl, name: str, command: str
) -> None:
    options = ["-o", "out.csv"] if command == "export" else []

    done = crawl(command, *options, "--", name)

    assert done.code == 2
    assert len(done.err.splitlines()) == 1
    assert list(project.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("def x(:\n", "spiders/broken.py, line 1: invalid syntax", id="syntax"),
        pytest.param("\n\nimport nonexistent_thing\n", "ModuleNotFoundError: No module named", id="import"),
        pytest.param(
            "x = 1\ny = 1 / 0\n", "spiders/broken.py, line 2: ZeroDivisionError: division by zero", id="raises"
        ),
        pytest.param(
            "from crawler import Spider\nclass A(Spider):\n    start_urls = 'http://a/'\n",
            "spiders/broken.py, line 2: A.start_urls is a text; write a list: start_urls = ['http://a/']",
            id="text-for-a-list",
        ),
    ],
)
def test_a_broken_spider_file_is_one_line_and_hides_no_other_spider(
    orders: Path, crawl: Crawl, source: str, said: str
) -> None:
    (orders / "spiders" / "broken.py").write_text(source)

    listed, run = crawl("list"), crawl("run", "broken")

    assert (listed.code, listed.out) == (2, "orders\n")
    for done in (listed, run):
        assert said in done.err
        assert len(done.err.splitlines()) == 1
    assert run.code == 2


def test_a_spider_that_cannot_be_built_is_one_line_with_the_place(orders: Path, crawl: Crawl) -> None:
    built = "    name = 'broken'\n    def __init__(self, **words):\n        self.site = words['site']\n"
    (orders / "spiders" / "broken.py").write_text(f"from crawler import Spider\n\nclass Broken(Spider):\n{built}")

    done, traced = crawl("run", "broken"), crawl("run", "broken", "--traceback")

    said = "crawl: spiders/broken.py, line 6: KeyError: 'site'; --traceback shows how it got there\n"
    assert (done.code, done.out, done.err) == (2, "", said)
    assert traced.err.startswith("Traceback")
    assert not (orders / "data").exists()


def test_a_wrong_start_url_is_found_before_a_run_is_opened(orders: Path, crawl: Crawl) -> None:
    path = orders / "spiders" / "orders.py"
    path.write_text(path.read_text().replace("http://127.0.0.1:9/orders", "127.0.0.1:9/orders"))

    done = crawl("run", "orders")

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("crawl: not a valid URL: '127.0.0.1:9/orders'; write it in full, such as https://")
    assert not (orders / "data").exists()


def test_a_folder_of_spiders_that_cannot_be_read_is_not_an_empty_one(
    orders: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> list[str]:  # root, who may run the tests, can read everything
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr("crawler.loading.os.listdir", refused)

    for words in (["list"], ["run", "orders"]):
        done = crawl(*words)
        assert (done.code, done.err) == (2, "crawl: spiders: Permission denied\n")


def test_an_unknown_spider_is_one_line_with_the_nearest_name(orders: Path, crawl: Crawl) -> None:
    done = crawl("run", "order")

    assert (done.code, done.out) == (2, "")
    assert done.err == "crawl: no spider 'order' in spiders/; did you mean 'orders'?\n"


def test_outside_of_a_project_the_line_says_how_to_make_one(project: Path, crawl: Crawl) -> None:
    done = crawl("list")

    assert done.code == 2
    assert "crawl init" in done.err


def test_traceback_shows_where_an_error_comes_from_wherever_the_option_is(orders: Path, crawl: Crawl) -> None:
    (orders / "spiders" / "broken.py").write_text("x = 1 / 0\n")

    for words in (["--traceback", "run", "broken"], ["run", "broken", "--traceback"]):
        done = crawl(*words)
        assert done.code == 2
        assert 'spiders/broken.py", line 1' in done.err
        assert done.err.splitlines()[-1].startswith("crawl: ")
    assert len(crawl("run", "broken").err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run"], "crawl: Missing argument 'NAME'; `crawl run --help` shows how"),
        (["runn"], "crawl: No such command 'runn'. Did you mean 'run', 'runs'? `crawl --help` shows how\n"),
        (["fetch", "shop.example/x"], "not a valid URL: 'shop.example/x'; write it in full, such as https://"),
        (["run", "orders", "-a", "name=x"], "'name' of a spider is set in its class"),
        (["--bad"], "crawl: No such option: --bad"),
        (["crawl", "orders"], "crawl: there is no command 'crawl': `crawl run NAME` does it here\n"),
        (["startproject", "shop"], "`crawl init` does it here"),
        (["genspider", "a", "b"], "`crawl new NAME URL` does it here"),
        (["orders"], "crawl: there is no command 'orders': did you mean `crawl run orders`?\n"),
        (["export", "orders", "-F", "csv"], "No such option: -F; `crawl export --help`"),
        (["export", "orders", "-Q"], "No such option: -Q; did you mean -q? `crawl export --help`"),
        (["run", "orders", "--dealy", "3"], "No such option: --dealy; did you mean -s delay=...? `crawl run --help`"),
        (["run", "orders", "--delay", "3"], "No such option: --delay; write -s delay=...; `crawl run --help`"),
        (["run", "orders", "--max-pages", "3"], "No such option: --max-pages; write --limit-pages; `crawl run --help`"),
        (["run", "orders", "--workes", "3"], "No such option: --workes; did you mean --workers? `crawl run --help`"),
        (["run", "orders", "--workers", "x"], "crawl: Invalid value for '--workers'"),
        (["run", "orders", "-a", "x"], "crawl: -a 'x': write it as NAME=VALUE"),
        (["run", "orders", "-s", "wokers=3"], "did you mean 'workers'?"),
        (["run", "orders", "-s", "delay=abc"], "setting delay (command line): it should be a number, not 'abc'"),
        (["run", "orders", "-s", "workers=0"], "setting workers (command line)"),
        (["-C", "nowhere", "list"], "crawl: -C nowhere: there is no such folder; `crawl init FOLDER` makes a project"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_typing_mistake_is_one_line(orders: Path, crawl: Crawl, words: list[str], said: str) -> None:
    done = crawl(*words)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err.splitlines()) == 1


def test_settings_show_value_and_source_of_each(orders: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch) -> None:
    (orders / "pyproject.toml").write_text("[tool.crawl]\nworkers = 3\nretries = 1\n")
    monkeypatch.setenv("CRAWL_RETRIES", "2")

    found = json.loads(crawl("settings", "orders", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=4", "--json").out)

    assert found["workers"] == {"value": 3, "source": "pyproject.toml"}
    assert found["delay"] == {"value": 0.5, "source": "spider"}
    assert found["retries"] == {"value": 2, "source": "CRAWL_RETRIES"}
    assert found["per_host"] == {"value": 4, "source": "command line"}
    assert found["robots"] == {"value": True, "source": "default"}


def test_changed_settings_alone_are_few(orders: Path, crawl: Crawl) -> None:
    lines = crawl("settings", "orders", "--changed").out.splitlines()

    assert [line.split()[0] for line in lines] == ["setting", "delay"]


def test_X9_settings_show_no_credentials(orders: Path, crawl: Crawl) -> None:
    typed = ["-s", "proxy=http://u:hunter2@127.0.0.1:3128", "-s", 'headers={"Authorization": "Bearer abcdef123456"}']

    shown = crawl("settings", "orders", *typed).out + crawl("settings", "orders", *typed, "--json").out

    assert "127.0.0.1:3128" in shown
    assert "hunter2" not in shown
    assert "abcdef123456" not in shown
