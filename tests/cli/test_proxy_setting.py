"""A proxy that nothing can be sent through is refused where it is given, before a run begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import SPIDER, Crawl

PARSE = "    def parse(self, response):\n        yield {}\n"


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1:1", "http://", "http://ann:wordofpower@", "http://a b:1", "h:99999999"]
)
def test_an_invalid_proxy_ends_with_code_2_and_starts_no_run(url: str, project: Path, crawl: Crawl) -> None:
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER)

    done = crawl("run", "orders", "-s", f"proxy={url}")

    assert done.code == 2
    assert "setting proxy (command line): it should be http://host:port" in done.err
    assert "wordofpower" not in done.err
    assert not (project / "data").exists()


@pytest.mark.parametrize("more", [(), ("--quiet",), ("-s", "proxy=http://127.0.0.1:9")], ids=["told", "quiet", "given"])
def test_unused_proxy_variables_are_reported_once(
    more: tuple[str, ...], project: Path, crawl: Crawl, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER.partition("    def login")[0] + PARSE)
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:wordofpower@127.0.0.1:9")

    done = crawl("run", "orders", "-s", "retries=0", "-s", "robots=false", *more)

    assert done.err.count("HTTPS_PROXY is not used: a proxy is given by `-s proxy=URL`") == (not more)
    assert "wordofpower" not in done.err
