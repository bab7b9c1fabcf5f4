"""The cost of cookies per request: our jar and that of requests, in one run.

Run it with ``python -m benchmarks.micro.jar``; ``--rounds N`` for steadier figures. Nothing is sent.

For each size of jar it prints, in microseconds per request (the best of some rounds):

- *header*: looking up the Cookie header, each time for another path;
- *receive*: taking in one Set-Cookie line with a new value, then the next header;
- *requests*: `requests.Session.prepare_request` with the same cookies, less the same call with an empty jar: what the
  cookies add there.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import requests

from crawler.sessions.cookies.jar import Jar

URLS_A_ROUND = 200


class Size(NamedTuple):
    """Number of domains, number of cookies for each, and the limit for a lookup."""

    domains: int
    each: int
    limit_us: float | None


SIZES = (Size(1, 3, None), Size(1, 10, 25.0), Size(30, 10, None), Size(300, 10, 60.0))


def microseconds(work: Callable[[int], object], calls: int, rounds: int) -> float:
    """The shortest time per call of *work* (with the number of the call), over *rounds*."""
    best_s = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for number in range(calls):
            work(number)
        best_s = min(best_s, time.perf_counter() - began)
    return best_s / calls * 1e6


def ours(size: Size, rounds: int) -> tuple[float, float]:
    """Microseconds for a lookup, and for a changed cookie with the lookup after it."""
    jar = Jar()
    for domain in range(size.domains):
        lines = [f"cookie{number}=value-{number:020}; Path=/; HttpOnly" for number in range(size.each)]
        jar.receive(f"https://site{domain}.example/", lines)
    urls = [f"https://site{page % size.domains}.example/page/{page}?x=1" for page in range(URLS_A_ROUND)]
    assert jar.header(urls[0]).count("; ") == size.each - 1

    def change(number: int) -> None:
        jar.receive(urls[number], [f"cookie0=changed-{time.perf_counter_ns()}; Path=/; HttpOnly"])
        jar.header(urls[number])

    return (
        microseconds(lambda number: jar.header(urls[number]), URLS_A_ROUND, rounds),
        microseconds(change, URLS_A_ROUND, rounds),
    )


def theirs(size: Size, rounds: int) -> float:
    """Microseconds that the same cookies add to `requests.Session.prepare_request`."""
    calls = 5 if size.domains > 100 else 50

    def prepare(domains: int) -> float:
        with requests.Session() as session:
            for domain in range(domains):
                for number in range(size.each):
                    session.cookies.set(f"cookie{number}", f"value-{number:020}", domain=f"site{domain}.example")
            found = [
                requests.Request("GET", f"https://site{page % size.domains}.example/page/{page}")
                for page in range(calls)
            ]
            assert bool(session.prepare_request(found[0]).headers.get("Cookie")) is bool(domains)
            return microseconds(lambda number: session.prepare_request(found[number]), calls, rounds)

    return prepare(size.domains) - prepare(0)


def main() -> int:
    """Print the table; returns 1 if a lookup exceeds its limit."""
    parser = argparse.ArgumentParser(description="The cost of cookies per request, in microseconds.")
    parser.add_argument("--rounds", type=int, default=5, help="take the best of this many")
    rounds = parser.parse_args().rounds
    print(f"{'cookies':>8} {'domains':>8} {'header':>9} {'limit':>7} {'receive':>9} {'requests':>10} {'times':>7}")
    above = 0
    for size in SIZES:
        header_us, receive_us = ours(size, rounds)
        requests_us = theirs(size, rounds)
        above += size.limit_us is not None and header_us > size.limit_us
        limit = "" if size.limit_us is None else f"{size.limit_us:.0f}"
        print(
            f"{size.domains * size.each:>8} {size.domains:>8} {header_us:>9.2f} {limit:>7} {receive_us:>9.1f}"
            f" {requests_us:>10.1f} {requests_us / header_us:>7.0f}"
        )
    return 1 if above else 0


if __name__ == "__main__":
    raise SystemExit(main())
