"""CPU per request of the transports, compared with requests: a 20 kB page over a kept connection on loopback.

Run ``python -m benchmarks.micro.transport`` from the checkout. The server is a separate process and is not counted;
contenders take turns, and the median of the rounds is shown, since other work on the machine only ever adds.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import requests
from requests.adapters import HTTPAdapter

from crawler.fetching.libcurl_adapter import CurlAdapter
from crawler.fetching.urllib3_adapter import Urllib3Adapter
from crawler.response import Response

PAGE_BYTES = 20_000
HEAD = (
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\nContent-Type: text/html\r\n"
    'Last-Modified: Mon, 23 Nov 2026 09:00:00 GMT\r\nConnection: keep-alive\r\nETag: "65-4e20"\r\n'
    f"Accept-Ranges: bytes\r\nContent-Length: {PAGE_BYTES}\r\n\r\n"
)


def serve() -> None:
    """Answer everything with the page, until the starter ends this process."""
    page = HEAD.encode() + b"x" * PAGE_BYTES
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def talk(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while connection.recv(65536):
                connection.sendall(page)

    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


def measure(contenders: dict[str, Callable[[], object]], *, rounds: int, requests_a_round: int) -> dict[str, float]:
    """Median CPU microseconds per call, user and system, of this process."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        for _ in range(100):
            call()
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.process_time()
            for _ in range(requests_a_round):
                call()
            spent[name].append((time.process_time() - began) / requests_a_round * 1e6)
    return {name: statistics.median(times) for name, times in spent.items()}


def main() -> None:
    """Start the server, take turns, print a table (or JSON)."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--requests", type=int, default=500, help="requests in a round")
    options.add_argument("--json", action="store_true")
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve:
        serve()
        return
    command = [sys.executable, "-m", "benchmarks.micro.transport", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = f"http://127.0.0.1:{int(server.stdout.readline())}/page/1"
            medians = measure(_contenders(url), rounds=chosen.rounds, requests_a_round=chosen.requests)
        finally:
            server.kill()
    if chosen.json:
        print(json.dumps({name: round(value, 1) for name, value in medians.items()}))
        return
    for name, value in medians.items():
        print(f"{name:44} {value:7.0f} µs CPU a request")


def _contenders(url: str) -> dict[str, Callable[[], object]]:
    prepared = requests.Request(
        "GET", url, headers={"User-Agent": "bench", "Accept": "*/*", "Accept-Encoding": "gzip", "Cookie": "a=1; b=2"}
    ).prepare()
    curl, ours = CurlAdapter(), CurlAdapter(response_class=Response)
    pooled, plain = Urllib3Adapter(), HTTPAdapter()
    session, bare = requests.Session(), requests.Session()
    bare.trust_env = False
    mounted = requests.Session()
    mounted.trust_env = False
    mounted.mount("http://", curl)
    timeout = (10, 30)
    return {
        "CurlAdapter.send": lambda: curl.send(prepared, timeout=timeout),
        "CurlAdapter.send, crawler.response.Response": lambda: ours.send(prepared, timeout=timeout),
        "Urllib3Adapter.send": lambda: pooled.send(prepared, timeout=timeout),
        "requests HTTPAdapter.send, content read": lambda: plain.send(prepared, timeout=timeout).content,
        "requests.Session.get": lambda: session.get(url, timeout=timeout),
        "requests.Session.get, trust_env=False": lambda: bare.get(url, timeout=timeout),
        "the same on CurlAdapter": lambda: mounted.get(url, timeout=timeout),
    }


if __name__ == "__main__":
    main()
