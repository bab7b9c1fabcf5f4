"""A real nginx that speaks HTTP/2 over TLS and writes down what it was asked, for tests of transports."""

from __future__ import annotations

import gzip
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from transports import Authority

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed (Debian: nginx-light)")

CONFIG = """
{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 100; }}
http {{
  access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; keepalive_requests 20; default_type text/html;
  log_format short '$server_protocol $request_method $request_uri $connection "$http_user_agent" "$http_sec_ch_ua"';
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
    access_log {folder}/log short; root {folder}/www; gzip_static on;
    location = /moved {{ return 302 /page; }}
    location = /echo {{ return 200 "$request_method $content_length"; }}
    location = /slow {{ limit_rate 100; }}
  }}
}}
"""


@dataclass
class Site:
    """nginx with its log."""

    folder: Path
    port: int
    ca: str

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def log(self) -> list[list[str]]:
        """Protocol, method, address, number of the connection and length of the body of each request so far."""
        time.sleep(0.02)  # it is written after the answer
        lines = [line.split() for line in (self.folder / "log").read_text().splitlines()]
        (self.folder / "log").write_text("")
        return lines


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "www").mkdir()
    (folder / "www" / "page").write_text("<p>a page</p>")
    (folder / "www" / "slow").write_text("x" * 100_000)
    (folder / "www" / "large").write_bytes(bytes(3_000_000))
    (folder / "www" / "packed").write_text("<p>packed</p>" * 50)
    (folder / "www" / "packed.gz").write_bytes(gzip.compress(b"<p>packed</p>" * 50))
    links = "".join(f"<a href=/p{number}>p</a>" for number in range(30))
    (folder / "www" / "index.html").write_text(links)
    for number in range(30):
        (folder / "www" / f"p{number}").write_text(f"<p class=x>{number}</p>")
    authority._ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "log").touch()
    (folder / "nginx.conf").write_text(
        CONFIG.format(folder=folder, port=port, user="" if os.getuid() else "user root; ")
    )
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)], stderr=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.02)
    yield Site(folder, port, authority.ca_file)
    process.terminate()
    process.wait(10)
