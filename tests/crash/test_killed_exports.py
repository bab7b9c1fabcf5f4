"""An export killed at any of its calls leaves the old target or the new one, and the same command again the new one."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from crawler.errors import TargetError
from crawler.outcome import ItemRow, Outcome, Verdict
from crawler.output.export import ExportChoice, Target, export
from crawler.records import key_of
from crawler.selection import Selection
from crawler.stores.sqlite import SQLiteStore
from crawler.testing.wire import Answer
from tests.forked import ended
from tests.hosts import Net
from tests.postgres import server
from tests.stores.support import ReversingCipher, found, lease

#: kills of one target, a file or a server, where each costs more; `make crash` makes 100
KILLS = os.environ.get("CRAWL_KILLS")
MOMENTS = int(KILLS or 20)
MOMENTS_OF_A_SERVER = int(KILLS or 10)
pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Of some thousands of records, read in more than one portion."""
    return two_states(tmp_path_factory.mktemp("stores"), 4_500)


@pytest.fixture(scope="module")
def small_stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """For a server, where counting the calls of its library takes most of the time."""
    return two_states(tmp_path_factory.mktemp("small"), 4_500 if KILLS else 450)


@pytest.fixture(scope="module")
def large_stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Of few records with long texts: 8 and 14 MB, sent to a bucket in parts."""
    return two_states(tmp_path_factory.mktemp("large"), 90, "x" * 160_000)


def two_states(folder: Path, count: int, text: str = "") -> tuple[str, str]:
    """Two states of one store: after a first crawl, and after a second one that changes, adds and misses records."""
    first, second = folder / "first.db", folder / "second.db"
    store = SQLiteStore(str(first), cipher=ReversingCipher())
    crawled(store, dict.fromkeys(range(count * 5 // 9), 1.0), text)
    store.close()
    shutil.copy(first, second)
    store = SQLiteStore(str(second), cipher=ReversingCipher())
    crawled(store, {number: 1.0 if number % 2 else 2.5 for number in range(10, count)}, text)
    store.close()
    return str(first), str(second)


def crawled(store: SQLiteStore, products: dict[int, float], text: str) -> None:
    rows = [{"sku": f"a{number:05}", "price": price, "text": text} for number, price in products.items()]
    commit(store, [ItemRow("Product", row, key=key_of(row, ["sku"], "")) for row in rows])


@pytest.fixture(scope="module")
def postgres() -> str:
    """A real server: the address of a table, whose name is put in."""
    return f"postgresql:///postgres/{{}}?host={server().folder}&user=crawl"


@pytest.fixture(scope="module")
def s3() -> Iterator[int]:
    """A real server of the S3 protocol. Its port."""
    pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    yield from serving(["-m", "moto.server", "-H", "127.0.0.1", "-p"], lambda url: put(f"{url}/shop"))


@pytest.fixture(scope="module")
def gcs() -> Iterator[int]:
    """A real server of the protocol of Google's buckets. Its port."""
    pytest.importorskip("gcp_storage_emulator")
    pytest.importorskip("gcsfs")
    words = ["-m", "gcp_storage_emulator", "start", "--in-memory", "--default-bucket", "shop", "--host", "127.0.0.1"]
    yield from serving([*words, "--port"], lambda url: urllib.request.urlopen(f"{url}/storage/v1/b/shop").close())


def serving(words: list[str], knock: Callable[[str], object]) -> Iterator[int]:
    """A server in a process of its own, told its port in its last word, from the moment in which it lets us in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, *words, str(port)], **quiet)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                knock(f"http://127.0.0.1:{port}")
                break
            except OSError:
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.1)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def put(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=5).close()


#: keys for servers that ask for none; parts of 5 MB, the least there is; gcsfs without its other protocol
CLIENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "FSSPEC_S3": '{"default_block_size": 5242880}',
    "FSSPEC_GCS": '{"token": "anon", "block_size": 5242880}',
    "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
}


def swept(stores: tuple[str, str], target: str, moments: int = MOMENTS, **more: str) -> dict[str, object]:
    return told(["tests.crash.killed_export", *stores, target, str(moments)], **more)


def told(words: list[str], **more: str) -> dict[str, object]:
    """Run a module of the tests. Returns what it tells."""
    done = subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        env={**os.environ, **more},
        timeout=110 if KILLS is None else None,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    print(words[-2].partition("?")[0], result)
    return result


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.json", "a.csv", "a.csv.gz", "a.jsonl.zst", "a.db", "a.parquet", "a.duckdb"]
)
def test_a_file_is_the_old_one_or_the_new_one(name: str, stores: tuple[str, str], tmp_path: Path) -> None:
    if name.endswith((".parquet", ".duckdb")):
        pytest.importorskip("pyarrow" if name.endswith(".parquet") else "duckdb")
    result = swept(stores, str(tmp_path / name), 8 if name.endswith(".duckdb") and not KILLS else MOMENTS)

    assert result["neither"] == []
    assert result["right"]
    assert int(str(result["old"])) > 2
    assert [each.name for each in tmp_path.iterdir()] == [name], "nothing is left beside it"


def test_a_table_of_postgresql_is_the_old_one_or_the_new_one(small_stores: tuple[str, str], postgres: str) -> None:
    result = swept(small_stores, postgres.format("products"), MOMENTS_OF_A_SERVER)

    assert result["neither"] == []
    assert result["right"]
    assert int(str(result["old"])) >= MOMENTS_OF_A_SERVER // 2


@pytest.mark.parametrize("scheme", ["s3", "gs"])
@pytest.mark.parametrize("size", ["parts", "one part"] if KILLS else ["parts"])
def test_an_object_is_the_old_one_or_the_new_one_on_both_sides_of_its_last_request(
    scheme: str, size: str, request: pytest.FixtureRequest
) -> None:
    port = request.getfixturevalue("s3" if scheme == "s3" else "gcs")
    stores = request.getfixturevalue("large_stores" if size == "parts" else "small_stores")
    words = [*stores, f"{scheme}://shop/folder/{size[:3]}.jsonl", str(port), KILLS or "1"]

    result = told(["tests.crash.killed_upload", *words], **CLIENT)

    assert result["neither"] == []
    assert result["right"]
    assert result["old"], "killed before the server heard of the last request"
    assert result["new"], "killed when the server had done it"


SHOP = """
from crawler import Spider

class Shop(Spider):
    name = "shop"
    start_urls = ["{url}/1"]

    def parse(self, response):
        yield {{"text": response.css("p::text").get()}}
"""


def test_a_run_writes_to_buckets_and_nothing_replaces_what_is_there(s3: int, gcs: int, tmp_path: Path) -> None:
    net = Net()
    host = net.host({"/robots.txt": Answer(404), "/1": Answer(body="<p>Käse".encode())})
    (tmp_path / "spiders").mkdir()
    (tmp_path / "spiders" / "shop.py").write_text(SHOP.format(url=host.url))
    targets = ("s3://shop/front/a.jsonl", "gs://shop/front/a.jsonl")
    servers = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{s3}", "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{gcs}"}
    places = (
        f"http://127.0.0.1:{s3}/shop/front/a.jsonl",
        f"http://127.0.0.1:{gcs}/download/storage/v1/b/shop/o/front%2Fa.jsonl?alt=media",
    )

    def typed(*words: str, **more: str) -> tuple[int, str]:
        done = ended(
            [sys.executable, "-m", "crawler.cli", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.getcwd(), **CLIENT, **servers, **more},
        )
        return done.returncode, done.stderr

    try:
        assert typed("run", "shop", "--quiet", "-o", targets[0], "-o", targets[1]) == (0, "")
        for place in places:
            with urllib.request.urlopen(place, timeout=10) as answer:
                assert json.loads(answer.read()) == {"text": "Käse"}
        for target in targets:
            code, said = typed("export", "shop", "-o", target, "--where", "text = 'none'")
            assert (code, "there is no item to write" in said) == (10, True), said
            code, said = typed("export", "shop", "-o", target.replace("//shop", "//nowhere"))
            assert (code, target.replace("//shop", "//nowhere") in said) == (1, True), said
    finally:
        net.close()


def test_a_table_of_postgresql_has_types_one_row_a_record_and_how_far_it_came(tmp_path: Path, postgres: str) -> None:
    import psycopg

    rows = [
        {
            "sku": f"k{number}",
            "day": date(2026, 11, 29),
            "at": datetime(2026, 11, 29, 3, tzinfo=UTC),
            "sum": Decimal("1.10"),
            "raw": b"\x00\xff",
            "tags": ["nul \x00", {"half \ud800": 1}],
            "ok": True,
            "text": "nul \x00 and half \ud800",
            "big": 2**70 if number else 1,
        }
        for number in range(3)
    ]
    store = SQLiteStore(str(tmp_path / "crawl.db"), cipher=ReversingCipher())
    target = Target(postgres.format("typed"))
    try:
        commit(store, [ItemRow("Order", row, key=key_of(row, ["sku"], "")) for row in rows])
        for _ in range(2):
            assert export(store, ExportChoice(Selection("shop"), "Order"), target).count == 3
        commit(store, [ItemRow("Order", row | {"ok": False}, key=key_of(row, ["sku"], "")) for row in rows[1:]])
        assert export(store, ExportChoice(Selection("shop"), "Order"), target).count == 2, "k0 is gone"
        commit(store, [ItemRow("visits", {"n": 1}), ItemRow("visits", {"n": 2})])
        for _ in range(2):
            assert (
                export(store, ExportChoice(Selection("shop"), "visits"), Target(postgres.format("visits"))).count == 2
            )
    finally:
        store.close()

    address = postgres.replace("/{}?", "?")
    with psycopg.connect(address) as raw:
        found = raw.execute(
            "SELECT sku, day, at, sum, raw, ok, text, big, _spider, _id FROM typed ORDER BY sku"
        ).fetchall()
        assert found == [
            (f"k{number}", date(2026, 11, 29), datetime(2026, 11, 29, 3, tzinfo=UTC), Decimal("1.10"), b"\x00\xff",
             False, "nul \\u0000 and half \\ud800", str(2**70), "shop", f'{{"sku":"k{number}"}}')
            for number in (1, 2)
        ]  # fmt: skip
        assert raw.execute("SELECT tags -> 1 FROM typed LIMIT 1").fetchone() == ({"half \\ud800": 1},)
        assert raw.execute("SELECT n FROM visits ORDER BY n").fetchall() == [(1,), (2,)]
        assert raw.execute("SELECT crawl, rows_read FROM crawl_exports WHERE name = 'typed'").fetchall() == [(2, 2)]


def test_a_database_that_refuses_is_reported_without_its_password(tmp_path: Path, postgres: str) -> None:
    store = SQLiteStore(str(tmp_path / "crawl.db"), cipher=ReversingCipher())
    try:
        commit(store, [ItemRow("visits", {"n": 1})])
        address = postgres.format("visits").replace("///postgres/", "//crawl:pw-5ecret@/nowhere/")
        with pytest.raises(TargetError, match="nowhere") as refused:
            export(store, ExportChoice(Selection("shop")), Target(address))
    finally:
        store.close()
    assert "pw-5ecret" not in str(refused.value)


def commit(store: SQLiteStore, items: list[ItemRow]) -> None:
    """A crawl of one page that gives these."""
    run = store.runs.open("shop", args="{}", fresh=True, process="test")
    store.frontier.add(run.frontier, [found("all", slot="shop")])
    [leased] = lease(store, run)
    store.commit(run, "me", [Outcome(leased, Verdict.ACCEPT, items=items, status=200, sent_at=leased.send_at)])
    store.records.settle(run)
    store.runs.end(run.id, ending="finished", exit_code=0, summary="{}")
