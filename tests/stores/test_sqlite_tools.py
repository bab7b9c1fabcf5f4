"""A process that crawls does not carry numpy and pandas around because they happen to be installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys, tempfile, importlib
from crawler.stores.sqlite import SQLiteStore
from tests.stores.support import *

assert "sqlite_utils" not in sys.modules
before = importlib.import_module
with tempfile.TemporaryDirectory() as folder:
    home = SQLiteHome(Path(folder))
    store = home.open()
    run = start(store)
    store.add(run.frontier, [found("a")], run=run.id)
    store.commit(run, "me", [accept(lease(store, run)[0], {"n": 1})])
    home.close()
assert "sqlite_utils" in sys.modules
assert importlib.import_module is before
print([name for name in ("numpy", "pandas") if name in sys.modules])
"""


def test_making_a_result_table_loads_neither_numpy_nor_pandas(tmp_path: Path) -> None:
    for name in ("numpy", "pandas"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('loaded')\n")

    ended = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{CODE}"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.stdout, ended.stderr) == ("[]\n", "")
