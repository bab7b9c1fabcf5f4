"""``python -m benchmarks.http_versions``: CPU time per page over HTTP/1.1 and HTTP/2, from a real nginx with TLS.

Crawls fetch the same small pages on the same number of connections, in one process, with the versions in turn. The CPU
time of the crawl's own process is measured, not the wall clock, so that the results hold on a busy machine, too.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trustme

import crawler

CONFIG = """
daemon off; {user}worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 200; }}
http {{
  log_format short '$server_protocol $connection'; access_log {folder}/log short;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; default_type text/html; keepalive_requests 100000;
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
    location = /robots.txt {{ return 404; }}
    location / {{ return 200 "<p>$request_uri</p>"; }}
  }}
}}
"""


class Pages(crawler.Spider):
    """Requests a given number of pages."""

    name = "pages"
    arguments: dict[str, str]

    def start(self) -> Iterator[crawler.Request]:
        for number in range(int(self.arguments["pages"])):
            yield crawler.Request(f"{self.arguments['site']}/{number}")

    def parse(self, response: crawler.Response) -> Iterator[Any]:
        yield {"said": response.css("p::text").get()}


@contextmanager
def nginx(folder: Path) -> Iterator[tuple[str, str]]:
    """Starts a server; gives its address and the CA file to trust it with."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        raise SystemExit("nginx is not installed (Debian: nginx-light)")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "" if os.getuid() else "user root; "
    (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port, user=user))
    words = [program, "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.02)
        yield f"https://127.0.0.1:{port}", str(folder / "ca.pem")
    finally:
        process.terminate()
        process.wait(10)


def main(words: list[str] | None = None) -> int:
    """Run the crawls and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http_versions", description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=8)
    chosen = parser.parse_args(words)
    print("| HTTP | pages | CPU of a page, ms, by round | protocol and connections at nginx |\n|---|---|---|---|")
    spent: dict[str, list[float]] = {"1.1": [], "2": []}
    seen: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as name, nginx(Path(name)) as (site, ca):
        log = Path(name) / "log"
        for number in range(chosen.rounds):
            for version, figures in spent.items():
                log.write_text("")
                settings = {
                    "store": str(Path(name) / f"{version}-{number}.db"),
                    "verify": ca,
                    "http": version,
                    "per_host": chosen.connections,
                    "processes": 1,
                    "log_level": "ERROR",
                }
                before = resource.getrusage(resource.RUSAGE_SELF)
                arguments = {"site": site, "pages": str(chosen.pages)}
                summary = crawler.run(Pages, arguments=arguments, settings=settings)
                after = resource.getrusage(resource.RUSAGE_SELF)
                if summary.pages != chosen.pages:
                    raise SystemExit(f"HTTP {version}: {summary.pages} of {chosen.pages} pages; {summary.why}")
                cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                figures.append(1000 * cpu_s / chosen.pages)
                lines = [line.split() for line in log.read_text().splitlines()]
                protocols = ", ".join(sorted({line[0] for line in lines}))
                seen[version] = f"{protocols}, {len({line[1] for line in lines})} connections"
    for version, figures in spent.items():
        print(f"| {version} | {chosen.pages:,} | {', '.join(f'{each:.2f}' for each in figures)} | {seen[version]} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
