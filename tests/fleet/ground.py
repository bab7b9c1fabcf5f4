"""Where a fleet works: on loopback behind the proxy, or on machines of their own, which are network namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from tests.fleet.proxy import Proxy
from tests.postgres import PostgresServer


class Ground(Protocol):
    """What a trial asks of its surroundings.

    Attributes:
        proxy: What stands before the database; None where nothing does.
        site: Words in front of the command of the site.
    """

    @property
    def proxy(self) -> Proxy | None: ...
    @property
    def site(self) -> Sequence[str]: ...

    def addresses(self, hosts: int) -> list[str]:
        """Of the hosts of the site."""

    def member(self, number: int) -> Sequence[str]:
        """Words in front of the command of a member."""

    def store(self, database: str) -> str:
        """The address of a database, as members have it."""


class Loopback:
    """One machine; a proxy stands before the database. A context manager."""

    site: Sequence[str] = ()

    def __init__(self, server: PostgresServer) -> None:
        self.proxy = Proxy(server.connected)

    def addresses(self, hosts: int) -> list[str]:
        return loopback(hosts)

    def member(self, number: int) -> Sequence[str]:
        return ()

    def store(self, database: str) -> str:
        return f"postgresql://crawl@127.0.0.1:{self.proxy.port}/{database}?sslmode=disable"

    def __enter__(self) -> Loopback:
        return self

    def __exit__(self, *exception: object) -> None:
        self.proxy.close()


class Direct:
    """One machine, and nothing stands before the database. A context manager."""

    proxy = None
    site: Sequence[str] = ()

    def __init__(self, address: Callable[[str], str]) -> None:
        """*address* gives the address of a database."""
        self.store = address

    def addresses(self, hosts: int) -> list[str]:
        return loopback(hosts)

    def member(self, number: int) -> Sequence[str]:
        return ()

    def __enter__(self) -> Direct:
        return self

    def __exit__(self, *exception: object) -> None: ...


def loopback(hosts: int) -> list[str]:
    """So many addresses."""
    return [f"127.0.7.{number + 1}" for number in range(hosts)]


HUB = "10.99.0.1"  #: of the machine with the database and the site


def why_no_namespaces() -> str:
    """Why none can be made here; "" when they can."""
    ip = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if ip is None:
        return "the command `ip` is missing: apt-get install iproute2"
    name = f"crawl-try-{os.getpid()}"
    made = subprocess.run([ip, "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespace can be made here: {made.stderr.strip()}"
    subprocess.run([ip, "netns", "del", name], capture_output=True, check=False)
    return ""


class Namespaces:
    """A hub with a bridge, and machines on it, each with a cable of its own. A context manager; needs root.

    Nothing of it is reached from outside: the bridge lies in a namespace, too.
    """

    proxy = None

    def __init__(self, machines: int) -> None:
        self._mark = f"crawl{os.getpid()}"
        self.hub = f"{self._mark}-hub"
        self.site = self.within(self.hub)
        self._made = ExitStack()
        self._add(self.hub)
        self._ip("-n", self.hub, "link", "add", "br0", "type", "bridge")
        for number in range(100):
            self._ip("-n", self.hub, "addr", "add", f"10.99.1.{number + 1}/16", "dev", "br0")
        self._ip("-n", self.hub, "addr", "add", f"{HUB}/16", "dev", "br0")
        self._ip("-n", self.hub, "link", "set", "br0", "up")
        for number in range(machines):
            name, cable = self._name(number), f"cable{number}"
            self._add(name)
            self._ip("-n", self.hub, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
            self._ip("-n", self.hub, "link", "set", cable, "master", "br0", "up")
            self._ip("-n", name, "addr", "add", f"10.99.0.{number + 10}/16", "dev", "eth0")
            self._ip("-n", name, "link", "set", "eth0", "up")

    def unplug(self, number: int) -> None:
        """Pull the cable of a machine."""
        self._ip("-n", self.hub, "link", "set", f"cable{number}", "down")

    def plug_in(self, number: int) -> None:
        self._ip("-n", self.hub, "link", "set", f"cable{number}", "up")

    def addresses(self, hosts: int) -> list[str]:
        return [f"10.99.1.{number + 1}" for number in range(hosts)]

    def member(self, number: int) -> Sequence[str]:
        return self.within(self._name(number))

    def store(self, database: str) -> str:
        return f"postgresql://crawl@{HUB}/{database}?sslmode=disable"

    def __enter__(self) -> Namespaces:
        return self

    def __exit__(self, *exception: object) -> None:
        self._made.close()

    @staticmethod
    def within(name: str) -> list[str]:
        """Words that run a command in a namespace."""
        return ["ip", "netns", "exec", name]

    def _name(self, number: int) -> str:
        return f"{self._mark}-{number}"

    def _add(self, name: str) -> None:
        self._ip("netns", "add", name)
        self._made.callback(self._ip, "netns", "del", name)
        self._ip("-n", name, "link", "set", "lo", "up")

    @staticmethod
    def _ip(*words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True)
