"""Kill one export to a bucket at its requests, and look at the object after each.

Started by `test_killed_exports`: ``python -m tests.crash.killed_upload FIRST SECOND TARGET PORT MOST``, with the port
of the server and how many of the last requests of an upload are aimed at, each on both of its sides. Prints, as JSON,
how many kills left the old object, how many the new one, and after which it was neither.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from importlib import import_module
from urllib.parse import quote

from tests.crash.killed_export import in_child, write
from tests.crash.killing_proxy import Aim, KillingProxy

#: Scheme to its module, the variable that names its server, and how an object is read without it.
SERVICES = {
    "s3": ("s3fs", "AWS_ENDPOINT_URL", "{server}/{bucket}/{name}"),
    "gs": ("gcsfs", "STORAGE_EMULATOR_HOST", "{server}/download/storage/v1/b/{bucket}/o/{quoted}?alt=media"),
}


class Sweep:
    """Two states of a store, and the object that they are written to in turn."""

    def __init__(self, first: str, second: str, target: str, port: int) -> None:
        self.first, self.second, self.target = first, second, target
        scheme, _, path = target.partition("://")
        module, variable, address = SERVICES[scheme]
        import_module(module)  # once, not in every child
        bucket, _, name = path.partition("/")
        self._address = address.format(
            server=f"http://127.0.0.1:{port}", bucket=bucket, name=name, quoted=quote(name, safe="")
        )
        self.proxy = KillingProxy(port)
        os.environ[variable] = self.proxy.url

    def object(self) -> bytes:
        """What a reader is given now."""
        with urllib.request.urlopen(self._address, timeout=20) as answer:
            return bytes(answer.read())

    def written(self, store: str) -> list[str]:
        """Write it. Returns the requests that this took."""
        self.proxy.aim_at(None)
        in_child(lambda: write(store, self.target))
        return self.proxy.asked

    def killed(self, request: int, *, is_done: bool) -> None:
        """Write the second state, and be killed at a request."""
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(reading, 1)  # until it is aimed at
            write(self.second, self.target)
            os._exit(0)
        self.proxy.aim_at(Aim(child, request, is_done))
        os.write(writing, b"x")
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        os.close(reading)
        os.close(writing)
        assert code == -9, f"request {request} was not reached: {self.proxy.asked}"


def main() -> None:
    first, second, target, port, most = sys.argv[1:]
    sweep = Sweep(first, second, target, int(port))
    sweep.written(first)
    requests = sweep.written(second)  # which replaces what is there, as each one that is killed
    new = sweep.object()
    sweep.written(first)
    old = sweep.object()
    assert old != new
    counted = {"old": 0, "new": 0}
    neither = []
    for number in range(len(requests), max(len(requests) - int(most), 0), -1):
        for is_done in (False, True):
            sweep.killed(number, is_done=is_done)
            now = sweep.object()
            counted["old"] += now == old
            counted["new"] += now == new
            if now not in (old, new):
                neither.append((requests[number - 1], is_done, len(now)))
            if now == new:
                sweep.written(first)
    sweep.written(second)
    print(json.dumps({"requests": requests, **counted, "neither": neither, "right": sweep.object() == new}))


if __name__ == "__main__":
    main()
