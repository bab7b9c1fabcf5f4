"""Pages fetched without a session: neither a database nor a key is created."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crawler.engine.application import visitor
from crawler.pagework.single_page import Visitor
from crawler.sessions.credential_places import Ask
from crawler.sessions.vault import VARIABLE, Vault
from crawler.spider import Spider


@contextmanager
def guest(url: str | None, *, settings: Mapping[str, Any], ask: Ask | None = None) -> Iterator[Visitor]:
    """Fetches single pages without a login. The host of *url* is trusted: a person named it, so it may be private.

    Args:
        url: None if a person names each page later: each of them may be private.
    """

    class Fetch(Spider):
        name = "fetch"
        start_urls = (url,) if url is not None else ()

    with tempfile.TemporaryDirectory(prefix="crawl-") as folder, _passing_key():
        merged = {"store": str(Path(folder) / "crawl.db"), "allow_private": url is None, **settings}
        with visitor(Fetch, settings=merged, ask=ask) as visiting:
            yield visiting


@contextmanager
def _passing_key() -> Iterator[None]:
    """A key for this command only, if no variable holds one: nothing is kept, so no file is created."""
    if os.environ.get(VARIABLE):
        yield
        return
    os.environ[VARIABLE] = Vault.new_key()
    try:
        yield
    finally:
        del os.environ[VARIABLE]
