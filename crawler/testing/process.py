"""The practice site in its own process.

For tests that measure a crawler, or kill it: the site's work is not in their process, and outlives what they do to it.
The site ends with the process that started it, however that one ends.
"""

from __future__ import annotations

import http.client
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from crawler.testing.books import Shop, Truth
from crawler.testing.interface import Site
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import LoggedRequest, Record

STARTED_WITHIN_S = 30.0
ANSWERED_WITHIN_S = 30.0
ENDED_WITHIN_S = 10.0


class SiteProcess(Site):
    """A `Site` in its own process. Thread-safe.

    Args:
        options: How the site behaves.
        port: 0 for a free one.
        changes: Options by name; they take precedence over *options*.
    Raises:
        RuntimeError: The site did not start; the message has its output.
        ValueError: An option does not exist, or its value is not valid.

    Attributes:
        pid: Its process id.
    """

    _start_process: type[subprocess.Popen[bytes]] = subprocess.Popen  #: this project's own tests fork the site instead

    def __init__(self, options: SiteOptions | None = None, *, port: int = 0, **changes: Any) -> None:
        self.options = (options or SiteOptions()).changed({**changes, "control": True})
        package_parent = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join(part for part in (package_parent, os.environ.get("PYTHONPATH", "")) if part)
        with tempfile.TemporaryFile() as complaints:
            self._process = self._start_process(
                [sys.executable, "-m", "crawler.testing.site", "--port", str(port), "--json", "--options-on-stdin"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,  # a Ctrl-C meant for the crawler must not end the site
            )
            try:
                facts = self._start()
            except BaseException as error:
                self.close()
                complaints.seek(0)
                said = complaints.read().decode("utf-8", "replace").strip()
                if isinstance(error, (OSError, ValueError)):
                    raise RuntimeError(f"the practice site did not start: {said or error}") from error
                raise
        self.url: str = facts["url"]
        self.urls: dict[str, str] = facts["urls"]
        self.http_url: str = facts["http_url"]
        self.control_url: str = facts["control_url"]
        self.pid: int = facts["pid"]

    def _start(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(self.options.to_json().encode() + b"\n")
        self._process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(STARTED_WITHIN_S):
                raise OSError(f"not ready within {STARTED_WITHIN_S:g} s")
        facts: dict[str, Any] = json.loads(self._process.stdout.readline())
        return facts

    def close(self) -> None:
        """Ends the process and waits for it. It may be called again."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()  # the site ends when its standard input is closed
                except OSError:
                    pass
        for signal_number in (None, signal.SIGTERM, signal.SIGKILL):
            if signal_number is not None:
                process.send_signal(signal_number)
            try:
                process.wait(ENDED_WITHIN_S)
                return
            except subprocess.TimeoutExpired:
                continue

    def __repr__(self) -> str:
        return f"<SiteProcess {self.url}, {self.options.books} books, process {self.pid}>"

    @cached_property
    def truth(self) -> Truth:
        return Truth(self._shop, self.url)

    @cached_property
    def _shop(self) -> Shop:
        """What a perfect crawl returns, made from the same books as in the process."""
        return Shop(self.options)

    @property
    def record(self) -> Record:
        return Record.from_json(self._ask("/_site/record"))

    @property
    def log(self) -> list[LoggedRequest]:
        return [LoggedRequest(*entry) for entry in self._ask("/_site/log")]

    def gaps(self, host: str | None = None) -> list[float]:
        gaps: list[float] = self._ask("/_site/gaps" + (f"?host={quote(host)}" if host else ""))
        return gaps

    def wait_for_answers(self, count: int, seconds: float = 30.0) -> bool:
        return bool(self._ask(f"/_site/wait?{urlencode({'count': count, 'seconds': seconds})}", patience_s=seconds))

    def reset_record(self) -> None:
        self._order("/_site/reset")

    def revoke(self, account: str | None = None) -> int:
        return int(self._order("/_site/revoke", account=account))

    def revoke_all(self) -> int:
        return int(self._order("/_site/revoke-all"))

    def expire_now(self, account: str | None = None) -> int:
        return int(self._order("/_site/expire", account=account))

    def live_sessions(self, account: str | None = None) -> int:
        return int(self._ask("/_site/sessions" + (f"?{urlencode({'account': account})}" if account else "")))

    def mail_code(self, account: str) -> str | None:
        code: str | None = self._ask(f"/_site/mail?{urlencode({'account': account})}")
        return code

    def edit(self, edits: Mapping[int, Mapping[str, Any] | None]) -> None:
        self._order("/_site/edit", **{str(book_id): fields for book_id, fields in edits.items()})
        self._shop.edit(edits)
        self.__dict__.pop("truth", None)

    def change(self, **changes: Any) -> None:
        self._order("/_site/change", **changes)
        self.options = self.options.changed(changes)

    def _ask(self, path: str, patience_s: float = 0.0) -> Any:
        return _call(self.control_url, path, None, patience_s)

    def _order(self, path: str, **order: Any) -> Any:
        return _call(self.control_url, path, json.dumps(order))


def _call(control_url: str, path: str, body: str | None, patience_s: float = 0.0) -> Any:
    """The answer of the control page at *path*; a body is sent by POST. Raises ValueError if it is refused."""
    address = urlsplit(control_url)
    timeout_s = ANSWERED_WITHIN_S + patience_s
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
    try:
        connection.request("GET" if body is None else "POST", path, body)
        answer = connection.getresponse()
        content = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status != 200:
        raise ValueError(content["error"])
    return content
