"""A proxy that nothing can be sent through is refused where it is given, before a run begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import SPIDER, Crawl


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1:1", "http://", "http://ann:wordofpower@", "http://a b:1", "h:99999999"]
)
def test_what_is_no_proxy_ends_with_code_2_and_begins_no_run(url: str, project: Path, crawl: Crawl) -> None:
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER)

    done = crawl("run", "orders", "-s", f"proxy={url}")

    assert done.code == 2
    assert "setting proxy (command line): it should be http://host:port" in done.err
    assert "wordofpower" not in done.err
    assert not (project / "data").exists()
