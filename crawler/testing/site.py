"""``python -m crawler.testing.site``: the practice site in a terminal, in a demo, or as another process for a test."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crawler.signal_event import SignalEvent
from crawler.testing.practice import PracticeSite
from crawler.testing.site_options import SiteOptions, practice_accounts


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the site until it is interrupted.

    Returns:
        0 after an interruption, 1 if the port is in use, 2 for invalid options.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        options = _options(chosen)
    except (ValueError, TypeError) as error:
        parser.error(str(error))
    stop = SignalEvent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        site = PracticeSite(options, port=chosen.port)
    except OSError as error:
        print(f"cannot listen on port {chosen.port}: {error}", file=sys.stderr)
        return 1
    with site:
        _announce(site, chosen)
        if chosen.options_on_stdin:
            threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
        stop.wait()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crawler.testing.site", description="A bookshop to practise crawling on."
    )
    parser.add_argument("--port", type=int, default=8000, help="port on every host; 0 for a free one (default: 8000)")
    parser.add_argument("--books", type=int, help="number of books (default: 100)")
    parser.add_argument("--accounts", type=int, help="number of accounts (default: 3)")
    parser.add_argument("--host", action="append", help="loopback address; give it again for more hosts")
    parser.add_argument("--login", choices=("redirect", "soft200", "status401", "masked"), help="what guests get")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any option of SiteOptions, its value as JSON or plain text, such as rate_503=0.05",
    )
    parser.add_argument("--control", action="store_true", help="offer the control interface on a port of its own")
    parser.add_argument("--ready-file", type=Path, help="write the addresses here, as JSON, once the site answers")
    parser.add_argument("--json", action="store_true", help="print the addresses as one line of JSON")
    parser.add_argument(
        "--options-on-stdin",
        action="store_true",
        help="read all options as one line of JSON from standard input, and end when it is closed",
    )
    return parser


def _options(chosen: argparse.Namespace) -> SiteOptions:
    options = SiteOptions.from_json(sys.stdin.readline()) if chosen.options_on_stdin else SiteOptions()
    changes: dict[str, Any] = {}
    for text in chosen.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise ValueError(f"--set wants NAME=VALUE, not {text!r}")
        try:
            changes[name] = json.loads(value)
        except ValueError:
            changes[name] = value
    if chosen.books is not None:
        changes["books"] = chosen.books
    if chosen.accounts is not None:
        changes["accounts"] = practice_accounts(chosen.accounts)
    if chosen.host:
        changes["hosts"] = tuple(chosen.host)
    if chosen.login:
        changes["login"] = chosen.login
    if chosen.control:
        changes["control"] = True
    return options.changed(changes)


def _announce(site: PracticeSite, chosen: argparse.Namespace) -> None:
    facts = {
        "url": site.url,
        "urls": site.urls,
        "http_url": site.http_url,
        "control_url": site.control_url,
        "pid": os.getpid(),
        "books": site.options.books,
    }
    if chosen.ready_file is not None:
        _write_whole(chosen.ready_file, json.dumps(facts) + "\n")
    if chosen.json:
        print(json.dumps(facts), flush=True)
        return
    print(f"Practice bookshop with {site.options.books} books at {site.url}/ (Ctrl-C ends it)")
    for host, url in list(site.urls.items())[1:]:
        print(f"  also at {url}/ ({host})")
    if site.control_url:
        print(f"  control interface at {site.control_url}/_site/record")
    print("Accounts (name, password, secret of the one-time codes):")
    for account in site.accounts:
        print(f"  {account.username}  {account.password}  {account.totp_secret}")
    sys.stdout.flush()


def _write_whole(path: Path, text: str) -> None:
    """Writes a file that appears with all of its content, so that a waiting process can read it at once."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    os.replace(file.name, path)


def _wait_for_end_of_input(stop: threading.Event) -> None:
    while sys.stdin.readline():
        pass
    stop.set()


if __name__ == "__main__":
    raise SystemExit(main())
