"""Names of hosts that do not exist, or whose resolver is down or silent: row T9."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from typing import Any

import pytest
from transports import fetch

from crawler.errors import (
    ConnectFailed,
    UnknownHost,
)


class TestNames:
    def test_T9_an_unknown_name_is_permanent(self, transport: Any) -> None:
        with pytest.raises(UnknownHost, match=r"nobody\.invalid"):
            fetch(transport(), "http://nobody.invalid/")

    def test_T9_a_resolver_that_is_down_is_worth_another_try(
        self, transport: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def down(*args: Any, **kwargs: Any) -> Any:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

        monkeypatch.setattr(socket, "getaddrinfo", down)
        with pytest.raises(ConnectFailed, match="did not resolve"):
            fetch(transport(), "http://nobody.invalid/")


SLOW_RESOLVER = """
import fcntl, socket, struct, subprocess, sys, tempfile, threading, time
sys.path.insert(0, {folder!r})
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:  # the loopback device of a new namespace is down
    fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh22x", b"lo", 0x1 | 0x40))
silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
silent.bind(("127.0.0.1", 53))
with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
    settings.write("nameserver 127.0.0.1")
    settings.flush()
    subprocess.run(["mount", "--bind", settings.name, "/etc/resolv.conf"], check=True)
print("ready", flush=True)
from crawler.errors import ConnectFailed, TimedOut
from crawler.fetching.addresses import AddressRule
from crawler.fetching.limits import Limits
from crawler.fetching.{module} import {name}
from transports import fetch
if "{module}" == "impersonating":
    import crawler.fetching.impersonated_curl  # which takes its time at first
for error, limits, timeout in (
    (TimedOut, Limits(deadline_s=0.3), 30),
    (TimedOut, Limits(), (0.3, 30)),
    (ConnectFailed, Limits(), 30),
):
    adapter = {name}(address_rule=AddressRule())
    if error is ConnectFailed:
        threading.Timer(0.2, adapter.abort_all).start()
    began = time.monotonic()
    try:
        fetch(adapter, "http://slow.example/", limits=limits, timeout=timeout)
    except error:
        print(time.monotonic() - began < 1.5, flush=True)
"""


PLACES = ["libcurl_adapter.CurlAdapter", "urllib3_adapter.Urllib3Adapter"]
if importlib.util.find_spec("curl_cffi") is not None:
    PLACES.append("impersonating.ChromeAdapter")


@pytest.mark.parametrize("where", PLACES)
def test_T9_a_slow_resolver_delays_nothing_beyond_the_limits(where: str) -> None:
    """In namespaces of its own, with a name server that never answers."""
    module, name = where.split(".")
    code = SLOW_RESOLVER.format(folder=__file__.rpartition("/")[0], module=module, name=name)
    command = ["unshare", "--map-root-user", "--mount", "--net", sys.executable, "-c", code]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(4)]
    finally:
        child.kill()
        errors = child.communicate()[1]
    if not lines[0]:
        pytest.skip(f"no namespaces here: {errors.strip()[-200:]}")
    assert lines == ["ready\n", "True\n", "True\n", "True\n"], errors
