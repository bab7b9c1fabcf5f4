"""Ways to send notices: a webhook, a dead man's switch, and a hundred services through apprise (extra `notify`).

A failure is logged with the host, never with the address, which is a secret; it never makes a run fail.
"""

from __future__ import annotations

import importlib
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import requests

from crawler.errors import SettingsError
from crawler.output.notices import Notice
from crawler.sessions.secrets import hide, hide_after, remember_secret

log = logging.getLogger("crawler.notify")

_TIMEOUT_S: Final = 10.0
_PAUSES_S: Final = (1.0, 4.0)  #: before a second and a third try
_PATIENCE_S: Final = 60.0  #: for all of them together; a run does not wait for one that hangs


class Notifier(Protocol):
    """One way to send notices. `send` raises whatever goes wrong; the error's text may hold its address."""

    name: str

    def send(self, notice: Notice) -> None: ...


class Webhook:
    """POSTs a notice as JSON; chat services that take ``{"text": ...}`` show it as it is."""

    def __init__(self, url: str, pauses_s: Sequence[float] = _PAUSES_S) -> None:
        self.name = _host(url)
        self._url, self._pauses_s = url, pauses_s

    def send(self, notice: Notice) -> None:
        title = _title(notice)
        body = _hidden(notice.as_dict()) | {"title": title, "text": f"{title}\n{hide(notice.text)}"}
        _patiently(
            lambda: requests.post(self._url, json=body, timeout=_TIMEOUT_S, allow_redirects=False), self._pauses_s
        )


class Ping:
    """GETs an address, as dead man's switches require: they raise the alarm when no request comes.

    ``{exit_code}`` in the address stands for the exit code of the run; the address is then requested after each run,
    and without it only after good runs.
    """

    def __init__(self, url: str, pauses_s: Sequence[float] = _PAUSES_S) -> None:
        self.name = _host(url)
        self._url, self._pauses_s = url, pauses_s

    def send(self, *, alive: bool, exit_code: int) -> None:
        """Report that a run has ended. Raises as `Notifier.send` does."""
        if alive or "{exit_code}" in self._url:
            url = self._url.replace("{exit_code}", "0" if alive else str(exit_code))
            _patiently(lambda: requests.get(url, timeout=_TIMEOUT_S, allow_redirects=False), self._pauses_s)


class Apprise:
    """Mail, chat and telephone services, by their apprise URLs."""

    def __init__(self, url: str) -> None:
        self.name = _host(url) or url.partition(":")[0]
        library = _apprise()
        self._service = library.Apprise.instantiate(url)
        if self._service is None:
            raise SettingsError(
                f"setting notify: apprise does not understand the address that begins with {url.partition(':')[0]}://;"
                " its documentation lists the forms"
            )

    def send(self, notice: Notice) -> None:
        kind = "failure" if notice.event in ("failure", "parked") else "success"
        if not self._service.notify(title=_title(notice), body=hide(notice.text), notify_type=kind):
            raise OSError("the service did not accept it")


def _apprise() -> Any:
    try:
        return importlib.import_module("apprise")
    except ImportError:
        raise SettingsError(
            "setting notify: addresses other than https:// need the extra: pip install 'crawl-sessions[notify]'"
        ) from None


def notifier_of(url: str) -> Notifier:
    """The way that an address stands for.

    Raises:
        SettingsError: It is not one; the message does not show it.
    """
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://.", url):
        raise SettingsError("setting notify: write full addresses, such as https://hooks.example/... or mailto://...")
    remember_secret(url)
    for part in (urlsplit(url).path.strip("/"), urlsplit(url).query):
        if len(part) >= 8:  # a webhook's token is there
            remember_secret(part)
    return Webhook(url) if url.lower().startswith(("http://", "https://")) else Apprise(url)


def tell_all(what: Sequence[tuple[str, Callable[[], None]]], patience_s: float = _PATIENCE_S) -> list[str]:
    """Call each, at the same time, and log those that fail. Never raises, and waits *patience_s* at most.

    Args:
        what: Name to show and what to call.
    Returns:
        The names of those that failed or are not done.
    """
    failed: list[str] = []
    threads = []

    def call(name: str, send: Callable[[], None]) -> None:
        try:
            send()
        except Exception as error:  # noqa: BLE001 - whatever a service does, the run has ended as it has
            failed.append(name)
            log.error("%s could not be notified: %s", name, _cause(error))

    for name, send in what:
        thread = threading.Thread(target=call, args=(name, send), name="crawl-notify", daemon=True)
        thread.start()
        threads.append((name, thread))
    until = time.monotonic() + patience_s
    for name, thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            failed.append(name)
            log.error("%s could not be notified: no answer within %.0f s", name, patience_s)
    return failed


def _patiently(ask: Callable[[], requests.Response], pauses_s: Sequence[float]) -> None:
    """Ask until the answer is a 2xx. Raises the last error."""
    for pause_s in (*pauses_s, None):
        try:
            response = ask()
            if response.status_code < 300:
                return
            error: Exception = OSError(f"it answered {response.status_code}")
            if response.status_code < 500 and response.status_code not in (408, 425, 429):
                break
        except requests.RequestException as raised:
            error = raised
        if pause_s is not None:
            time.sleep(pause_s)
    raise error


def _cause(error: Exception) -> str:
    """Why, without the address that error texts of requests and urllib3 contain."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return (
        hide(str(error))
        if isinstance(error, OSError) and not isinstance(error, requests.RequestException)
        else (type(error).__name__)
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _title(notice: Notice) -> str:
    """Its title begins with the name of the spider, which may be a word that stands before secrets elsewhere."""
    return hide_after(str(notice.facts.get("spider", "")), notice.title)


def _hidden(value: Any) -> Any:
    """Secrets hidden in every text."""
    if isinstance(value, str):
        return hide(value)
    if isinstance(value, dict):
        return {name: _hidden(each) for name, each in value.items()}
    return [_hidden(each) for each in value] if isinstance(value, list) else value
