"""The server of the benchmark: nginx with one worker and its own configuration, on loopback only.

If nginx is missing, Python's own server is used instead, and the report says so: it is slower than some contenders.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.site import Shape

ECHO_MODULE = Path("/usr/lib/nginx/modules/ngx_http_echo_module.so")
SESSION = "5f2c9e7a41b8"  #: value of the cookie for a logged-in session


@dataclass(slots=True)
class Server:
    """A running server.

    Attributes:
        kind: Name and version, for the report.
        port: The same on every address of 127.0.0.0/8.
        pid: Id of the serving process; its CPU time is not the contender's.
    """

    kind: str
    port: int
    pid: int
    _status: str = ""
    _start: int = field(default=0)

    def url(self, host: str = "127.0.0.1", path: str = "/index.html") -> str:
        return f"http://{host}:{self.port}{path}"

    def requests(self) -> int | None:
        """Requests answered so far (without those made by this method), or None if the server does not count."""
        if not self._status:
            return None
        with urllib.request.urlopen(self._status, timeout=10) as answer:
            text = answer.read().decode()
        found = re.search(r"\s(\d+) (\d+) (\d+) ", text)
        assert found is not None
        self._start += 1
        return int(found[3]) - self._start


_PORTS = range(18_730, 18_750)  #: few, since absolute links on the sites contain the port


def free_port(ports: range = _PORTS) -> int:
    """An unused port: the same one in each run, as long as it is free."""
    for port in ports:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # so that closed connections do not count
            probe.bind(("0.0.0.0", port))
            return port
    raise SystemExit(f"none of the ports {ports.start} to {ports.stop - 1} is free")


def has_delay() -> bool:
    """Whether this nginx can delay its answers."""
    return shutil.which("nginx") is not None and ECHO_MODULE.exists()


@contextlib.contextmanager
def serve(
    root: Path,
    *,
    port: int = 0,
    kind: type[Shape] | None = None,
    latency_ms: int = 0,
    login: bool = False,
    log: Path | None = None,
) -> Iterator[Server]:
    """Serve the files in *root* until the block ends.

    Args:
        port: Port for which the site was made; 0 for any.
        kind: Shape of the site, which defines the headers that the server adds.
        latency_ms: Time that each answer takes, independent of other requests. Needs nginx's echo module.
        login: Without the cookie from a POST to /login, every page redirects to the login page.
        log: File for a line per answer, with status and path; needs nginx.
    """
    nginx = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)
    folder = Path(tempfile.mkdtemp(prefix="crawl-bench-nginx-"))
    port = port or free_port()
    if nginx is not None:
        told = f"log_format short '$status $request_uri';\n  access_log {log} short;" if log else "access_log off;"
        text = _configuration(root, folder, port, _heads(kind), latency_ms, login)
        (folder / "nginx.conf").write_text(text.replace("access_log off;", told))
        command = [nginx, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]
        version = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=False).stderr
        name = version.partition(":")[2].strip().replace("/", " ")
    elif latency_ms or login:
        raise SystemExit("this part of the benchmark needs nginx (Debian: nginx-light, libnginx-mod-http-echo)")
    else:
        command = [sys.executable, "-m", "http.server", str(port), "--bind", "0.0.0.0", "--directory", str(root)]
        name = "Python's http.server, because nginx is missing: it is the bottleneck"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait(process, port, folder)
        yield Server(name, port, process.pid, f"http://127.0.0.1:{port}/.status" if nginx else "")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    log = folder / "error.log"
    raise SystemExit(f"the server does not start: {log.read_text() if log.exists() else 'it says nothing'}")


def _heads(kind: type[Shape] | None) -> tuple[str, str]:
    """The http-level and server-level configuration for the headers of a site."""
    if kind is None:
        return "", ""
    names = [f"$cookie_line_{number}" for number in range(len(kind.COOKIES))]
    maps = [
        f'map $uri {name} {{ ~{kind.SETS_COOKIES} "{line}"; default ""; }}'
        for name, line in zip(names, kind.COOKIES, strict=True)
    ]
    added = [f'add_header {name} "{value}";' for name, value in kind.HEADERS]
    added += [f"add_header Set-Cookie {name};" for name in names]  # an empty header is not sent
    return "\n  ".join(maps), "\n    ".join(added)


def _configuration(root: Path, folder: Path, port: int, heads: tuple[str, str], latency_ms: int, login: bool) -> str:
    pages = "try_files $uri =404;"
    if login:
        pages = f"if ($cookie_sid != {SESSION}) {{ return 302 /login.html; }}\n      {pages}"
    locations = f"location / {{ {pages} }}"
    if latency_ms:
        locations = f"""location / {{ echo_sleep {latency_ms / 1000}; echo_exec /.files$uri; }}
    location /.files/ {{ internal; alias {root}/; }}"""
    elif login:
        locations += f"""
    location = /login.html {{ }}
    location = /robots.txt {{ }}
    location = /login {{
      add_header Set-Cookie "sid={SESSION}; Path=/; HttpOnly" always;
      return 303 /index.html;
    }}"""
    module = f"load_module {ECHO_MODULE};\n" if latency_ms else ""
    return f"""{module}daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  types {{ text/html html; text/plain txt; application/json json; }}
  default_type application/octet-stream;
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_timeout 65;
  keepalive_requests 1000000;
  open_file_cache off;
  gzip_static on;
  {heads[0]}
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen {port} reuseport backlog=4096;
    root {root};
    {heads[1]}
    location = /.status {{ stub_status; }}
    {locations}
  }}
}}
"""
