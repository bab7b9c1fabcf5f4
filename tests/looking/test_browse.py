"""`crawl browse`: Datasette over copies without a secret, on this machine, for whoever has the token."""

from __future__ import annotations

import asyncio
import gc
import json
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from crawler.errors import UsageError
from crawler.output.browse.copying import Copies, copy_for_browsing
from crawler.output.export.tables import add_table, columns_of, facets_of, mask_addresses
from crawler.settings import load
from crawler.stores.project import open_project_store
from tests.forked import Forked
from tests.looking.conftest import Crawl, Nights, leaks

httpx = pytest.importorskip("httpx")
pytest.importorskip("datasette")

TOKEN, PORT = "t0ken-of-the-test", 8123
HERE = f"http://127.0.0.1:{PORT}"


@pytest.fixture(scope="module")
def copies(nights: Nights, tmp_path_factory: pytest.TempPathFactory) -> Copies:
    store = open_project_store(load(command_line={"store": nights.store}), create=False, reading=True)
    try:
        made = copy_for_browsing(store, "shop", tmp_path_factory.mktemp("copies"), search=["title"])
    finally:
        store.close()
    assert made is not None
    return made


def asked(copies: Copies, ask: Callable[[Any], Awaitable[Any]], **options: Any) -> Any:
    """What *ask* finds out with a client of the application."""
    from crawler.output.browse.serving import application

    async def go() -> Any:
        transport = httpx.ASGITransport(app=application(copies, token=TOKEN, port=PORT))
        async with httpx.AsyncClient(transport=transport, base_url=HERE, **options) as client:
            return await ask(client)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Datasette leaves its connections to the collector
        found = asyncio.run(go())
        gc.collect()
    return found


async def walked(client: Any) -> dict[str, str]:
    """All pages, and all rows of every table that is served, hidden ones too, by their addresses."""
    await client.get("/", params={"enter": TOKEN})
    seen: dict[str, str] = {}

    async def get(path: str) -> Any:
        found = await client.get(path)
        seen[path] = found.text
        return found

    for path in ("/", "/charts", "/-/databases.json", "/-/metadata.json", "/-/settings.json", "/-/plugins.json"):
        await get(path)
    databases = json.loads(seen["/-/databases.json"])
    assert {each["name"] for each in databases} == {"results", "runs"}
    for database in (each["name"] for each in databases):
        await get(f"/{database}")
        tables = (await get(f"/{database}.json")).json()["tables"]
        assert tables
        for table in (each["name"] for each in tables):
            await get(f"/{database}/{table}")
            assert (await get(f"/{database}/{table}.json?_shape=array&_size=max&_nofacet=1")).status_code == 200
        master = await get(f"/{database}.json?sql=select+*+from+sqlite_master&_shape=array")
        assert master.status_code == 200
    return seen


def test_no_password_cookie_or_token_is_in_any_table_page_or_file(copies: Copies, nights: Nights) -> None:
    pages = asked(copies, walked)

    assert len(pages) > 25
    assert {path: leaks(text, nights.secrets) for path, text in pages.items() if leaks(text, nights.secrets)} == {}
    for path in copies.files:
        data = path.read_bytes()
        assert [each for each in nights.secrets if each.encode() in data] == []
        assert b"Set-Cookie" not in data
    assert "token=***" in pages["/runs/pages.json?_shape=array&_size=max&_nofacet=1"]


def test_results_and_the_crawls_own_tables_are_there_with_facets_search_and_charts(copies: Copies) -> None:
    async def ask(client: Any) -> tuple[Any, ...]:
        await client.get("/", params={"enter": TOKEN})
        rows = (await client.get("/results/Book.json?_shape=array&_size=max")).json()
        found = (await client.get("/results/Book.json?_shape=array&_search=another")).json()
        runs = (await client.get("/runs/runs.json?_shape=array")).json()
        facets = (await client.get("/runs/pages.json")).json()["facet_results"]
        changes = (await client.get("/runs/changes.json?_shape=array&kind=changed")).json()
        return rows, found, runs, facets, changes, (await client.get("/charts")).text, (await client.get("/")).text

    rows, found, runs, facets, changes, charts, front = asked(copies, ask)

    assert len(rows) == 12
    assert [row["title"] for row in found] == ["Another <b>title</b>"]
    assert [(run["run"], run["ending"], run["pages"]) for run in runs] == [(2, "failures", 15), (1, "failures", 15)]
    assert {"verdict", "status"} <= set(facets)
    assert {(row["field"], row["new"]) for row in changes} == {("stock", 999), ("title", "Another <b>title</b>")}
    assert "<h2>Items by run</h2>" in charts
    assert 'href="/charts"' in front


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, "/", 403),
        ({}, "/?enter=wrong", 403),
        ({}, "/results.db", 403),
        ({}, "/-/static/app.css", 403),
        ({"cookie": "crawl_browse_8123=wrong"}, "/charts", 403),
        ({"cookie": "crawl_browse_8123=" + TOKEN, "host": "evil.example:8123"}, "/", 403),
        ({"cookie": "crawl_browse_8123=" + TOKEN, "host": "127.0.0.1:9"}, "/", 403),
        ({"cookie": "crawl_browse_8124=" + TOKEN}, "/", 403),
        ({"cookie": "crawl_browse_8123=" + TOKEN}, "/", 200),
        ({"cookie": "crawl_browse_8123=" + TOKEN}, "/results.db", 403),
        ({"cookie": "crawl_browse_8123=" + TOKEN, "host": "localhost:8123"}, "/charts", 200),
    ],
    ids=["nothing", "wrong token", "file", "styles", "wrong cookie", "name of another", "port of another",
         "cookie of another", "cookie", "file, with cookie", "localhost"],
)  # fmt: skip
def test_only_requests_with_the_token_and_by_this_machines_names_are_let_in(
    copies: Copies, headers: dict[str, str], path: str, status: int
) -> None:
    async def ask(client: Any) -> Any:
        return await client.get(path, headers=headers)

    assert asked(copies, ask).status_code == status


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get_and_nothing_is_posted(
    copies: Copies,
) -> None:
    async def ask(client: Any) -> tuple[Any, Any]:
        entered = await client.get("/", params={"enter": TOKEN})
        return entered, await client.post("/results/-/query", data={"sql": "delete from Book"})

    entered, posted = asked(copies, ask)

    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Strict"} <= set(re.split("; ?", entered.headers["set-cookie"]))
    assert entered.headers["referrer-policy"] == "no-referrer"
    assert posted.status_code == 405


def test_the_command_serves_on_loopback_and_leaves_nothing_behind(nights: Nights, tmp_path: Path) -> None:
    command = (sys.executable, "-m", "crawler.cli", "browse", "shop", "--store", nights.store)
    environ = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    with Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with requests.Session() as session:
            shown = session.get(address, timeout=20)
            refused = requests.get(address.partition("?")[0], timeout=20)
        (folder,) = tmp_path.glob("crawl-browse-*")
        mode = folder.stat().st_mode & 0o777
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?enter=\S{32}", address)
    assert (shown.status_code, refused.status_code) == (200, 403)
    assert "shop" in shown.text
    assert mode == 0o700
    assert process.returncode == 0, said
    assert list(tmp_path.glob("crawl-browse-*")) == []
    assert leaks(said, nights.secrets) == []


def test_a_field_that_no_table_has_a_spider_that_never_ran_and_a_taken_port_are_named(
    nights: Nights, at_store: str, crawl: Crawl, tmp_path: Path
) -> None:
    assert "no such field; there are:" in crawl("browse", "shop", "--search", "colour", "--store", at_store).err
    assert "nobody has never run" in crawl("browse", "nobody", "--store", at_store).err
    from crawler.output.browse.serving import listening

    taken = listening(0)
    try:
        with pytest.raises(UsageError, match="Address already in use"):
            listening(taken.getsockname()[1])
    finally:
        taken.close()


def test_addresses_in_results_are_masked_and_few_values_are_facets(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    rows = [(f"https://a.example/?token=abcdef{n}", "red" if n % 2 else "blue", n, "x" * 99, None) for n in range(40)]
    assert add_table(path, "some thing", ("url", "colour", "n", "long", "nothing"), rows) == 40

    mask_addresses(path, lambda text: text.partition("?")[0])

    assert facets_of(path) == {"some thing": ["colour"]} or facets_of(path)["some thing"][-1] == "colour"
    assert columns_of(path) == {"some thing": ["url", "colour", "n", "long", "nothing"]}
    assert b"abcdef" not in path.read_bytes()
