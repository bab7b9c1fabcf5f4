"""Rows T and Z: what becomes of a page whose host misbehaves, in one crawl with default settings.

Each row is a host of its own with one page, so that no row holds up another; the crawl takes as long as its last retry.
"""

from __future__ import annotations

import functools
import gzip
import os
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest

import crawler
from crawler.testing.raw import answer
from tests.engine.shop import opened
from tests.front_door.hosts import Peer, RowHost, Serve

PAGE = b"<html><body><p>good</p></body></html>"
GOOD = answer(PAGE)
ZIPPED = gzip.compress(PAGE)
GZIP = ("Content-Encoding", "gzip")
#: `python -m tests.on_transports` runs these rows on each; otherwise every setting is as it is by default
OTHER_TRANSPORT = {"transport": name} if (name := os.environ.get("CRAWL_ROWS_ON")) else {}
TRIES = 5  # the first and `retries`
FREE = 1  # the kept connection of robots.txt may have died meanwhile: once it costs no try (T7)


def coded(body: bytes, coding: str, length: int | None = None) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body) if length is None else length}"
    return head.encode() + b"\r\n\r\n" + body


def headed(*lines: str, body: bytes = PAGE, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1") + body


def refusal(status: str, retry_after: str) -> bytes:
    return headed(f"Retry-After: {retry_after}", "Content-Length: 0", body=b"", status=status)


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def always(data: bytes | Callable[[], bytes], *, close: bool = False) -> Serve:
    """The same answer for every visit; one that takes long to make is made when it is asked for."""

    def serve(peer: Peer, visit: int, target: str) -> None:
        peer.send(data if isinstance(data, bytes) else data())
        if close:
            peer.close()

    return serve


def cut(data: bytes) -> Serve:
    return always(data, close=True)


def reset(data: bytes) -> Serve:
    def serve(peer: Peer, visit: int, target: str) -> None:
        peer.send(data)
        peer.reset()

    return serve


def after(tries: int, bad: Serve) -> Serve:
    """*bad* for the first tries, then the page."""

    def serve(peer: Peer, visit: int, target: str) -> None:
        if visit < tries:
            bad(peer, visit, target)
        else:
            peer.send(GOOD)

    return serve


@functools.cache
def bomb(coding: str) -> bytes:
    wbits = 31 if coding == "gzip" else 15
    packer = zlib.compressobj(wbits=wbits)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(64)), packer.flush()])


def chain(times: int) -> bytes:
    body = PAGE
    for _ in range(times):
        body = gzip.compress(body)
    return coded(body, ", ".join(["gzip"] * times))


def bomb_in_a_redirect(peer: Peer, visit: int, target: str) -> None:
    body = bomb("gzip")
    if target == "/page":
        peer.send(
            headed(
                "Location: /end", "Content-Encoding: gzip", f"Content-Length: {len(body)}", body=body, status="302 F"
            )
        )
    else:
        peer.send(GOOD)


def cookie_bomb(peer: Peer, visit: int, target: str) -> None:
    """60 cookies of 3.8 kB with a redirect; the next page is refused while the header is above 8 kB."""
    if target == "/page":
        cookies = [f"Set-Cookie: c{number}={'x' * 3_800}; Path=/" for number in range(60)]
        peer.send(headed("Location: /end", "Content-Length: 0", *cookies, body=b"", status="302 F"))
    elif visit == 1:
        peer.send(headed("Content-Length: 0", body=b"", status="431 Too large"))
    else:
        peer.send(GOOD)


def dear_dates(peer: Peer, visit: int, target: str) -> None:
    dates = [f"Set-Cookie: a{number}=1; Expires=1-c-1{' ' * 2_000}!" for number in range(99)]
    peer.send(headed(*dates, f"Content-Length: {len(PAGE)}"))


def linked(place: str) -> bytes:
    return answer(PAGE.replace(b"<p>", f"<a href='{place}'>there</a><p>".encode()))


class Row(NamedTuple):
    """What a host does; "" for a kept page, else how its error begins; how often it is asked for; what it says."""

    serve: Serve
    error: str = ""
    tries: int = 1
    said: str | None = "good"


LABEL = "http://" + "a" * 100_000 + ".example/"
ACCENTS = "http://" + "\u00fc" * 100_000 + ".example/"  # each is looked up by the rules for names in Unicode


INCOMPLETE = ("Incomplete", TRIES)
ROWS: dict[str, Row] = {
    "T1-three-103": Row(always(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + GOOD)),
    "T1-thirty-103": Row(always(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 30 + GOOD), "BadAnswer"),
    "T2-half-a-gzip": Row(always(coded(ZIPPED[:-9], "gzip")), *INCOMPLETE),
    "T2-half-a-gzip-once": Row(after(1, always(coded(ZIPPED[:-9], "gzip"))), tries=2),
    "T3-short-body": Row(cut(answer(PAGE, length=len(PAGE) + 9)), *INCOMPLETE),
    "T3-gzip-cut": Row(cut(coded(ZIPPED[:-9], "gzip", len(ZIPPED))), *INCOMPLETE),
    "T3-chunked-without-end": Row(cut(headed("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n")), *INCOMPLETE),
    "T4-chunk-size-zz": Row(always(headed("Transfer-Encoding: chunked", body=b"zz\r\nx\r\n")), *INCOMPLETE),
    "T4-giant-chunk-size": Row(cut(headed("Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\nx")), *INCOMPLETE),
    "T4-wrong-crc": Row(always(coded(ZIPPED[:-8] + bytes(4) + ZIPPED[-4:], "gzip")), *INCOMPLETE),
    "T5-text-labelled-gzip": Row(always(coded(PAGE, "gzip")), "BadAnswer"),
    "T6-reset-before-the-head": Row(reset(b""), "ConnectFailed", TRIES + FREE),
    "T6-reset-inside-the-body": Row(reset(answer(PAGE, length=99_999)), "Incomplete", TRIES),
    "T6-closed-without-answer": Row(cut(b""), "ConnectFailed", TRIES + FREE),
    "T6-the-first-two-fail": Row(after(2, reset(b"")), tries=3),
    "T10-429-then-good": Row(after(1, always(refusal("429 T", "1"))), tries=2),
    "T10-503-with-a-word": Row(after(1, always(refusal("503 U", "soon"))), tries=2),
    "T11-html-without-status-line": Row(cut(PAGE), "BadAnswer"),
    "T11-tls-bytes": Row(cut(b"\x15\x03\x03\x00\x02\x02\x28"), "BadAnswer"),
    "T12-two-lengths": Row(always(headed("Content-Length: 3", "Content-Length: 4", body=b"abcd")), "BadAnswer"),
    "T12-negative-length": Row(always(headed("Content-Length: -1")), "BadAnswer"),
    "T12-length-and-chunked": Row(
        cut(headed("Content-Length: 3", "Transfer-Encoding: chunked", body=chunked(PAGE)))
    ),
    "T13-an-answer-nobody-asked-for": Row(always(GOOD + answer(b"<p>evil</p>"))),
    "T14-lines-end-in-lf": Row(always(b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%b" % (len(PAGE), PAGE))),
    "T14-204-without-a-length": Row(always(headed(body=b"", status="204 No Content")), said=None),
    "T14-204-with-type-and-cookie": Row(
        always(headed("Content-Type: text/html", "Set-Cookie: a=1", body=b"", status="204 No Content")), said=None
    ),
    "Z1-gzip-bomb": Row(always(lambda: coded(bomb("gzip"), "gzip")), "TooLarge"),
    "Z1-deflate-bomb": Row(always(lambda: coded(bomb("deflate"), "deflate")), "TooLarge"),
    "Z1-bomb-in-gzip": Row(always(lambda: coded(gzip.compress(bomb("gzip")), "gzip, gzip")), "TooLarge"),
    "Z1-nothing-in-gzip": Row(
        always(lambda: coded(gzip.compress(gzip.compress(b"") * 99_000), "gzip, gzip")), "TooLarge"
    ),
    "Z2-five-codings": Row(always(chain(5))),
    "Z2-ten-codings": Row(always(chain(10)), "BadAnswer"),
    "Z3-bomb-in-a-redirect": Row(bomb_in_a_redirect, tries=2),
    "Z3-bomb-in-an-error-page": Row(
        always(lambda: coded(bomb("gzip"), "gzip").replace(b"200 OK", b"404 No")), "TooLarge"
    ),
    "Z4-endless-chunk-line": Row(cut(headed("Transfer-Encoding: chunked", body=b"1" * 200_000)), *INCOMPLETE),
    "Z6-dates-of-cookies": Row(dear_dates),
    "Z6-a-label-of-100-kB-in-a-link": Row(always(linked(LABEL))),
    "Z6-a-label-of-100000-accents-in-a-link": Row(always(linked(ACCENTS))),
    "Z6-a-label-of-100-kB-in-a-redirect": Row(
        always(headed(f"Location: {LABEL}", "Content-Length: 0", body=b"", status="302 F")), "RedirectError"
    ),
    "Z6-a-label-of-40000-accents-in-a-redirect": Row(
        always(
            headed(
                f"Location: {ACCENTS[:40_000].encode().decode('latin-1')}.example/",
                "Content-Length: 0",
                body=b"",
                status="302 F",
            )
        ),
        "RedirectError",
    ),
    "Z8-a-line-of-400-kB": Row(always(headed("X: " + "a" * 400_000)), "BadAnswer"),
    "Z8-9000-lines": Row(always(headed(*(f"X-{number}: a" for number in range(9_000)))), "BadAnswer"),
    "Z8-2000-lines": Row(cut(headed(*(f"X-{number}: a" for number in range(2_000))))),
    "Z9-100-MB": Row(always(headed("Content-Length: 104857600")), "TooLarge"),
    "Z10-cookie-bomb": Row(cookie_bomb, tries=3),
    "B24-a-bare-cr": Row(always(headed("X-A: a\rSet-Cookie: injected=1", f"Content-Length: {len(PAGE)}")), "BadAnswer"),
}  # fmt: skip


@dataclass(slots=True)
class Ran:
    """What came of the one crawl."""

    summary: Any
    took_s: float
    hosts: dict[str, RowHost]
    errors: dict[str, str]
    said: dict[str, str | None]


class Rows(crawler.Spider):
    name = "rows"

    def __init__(self, **arguments: str) -> None:
        super().__init__(**arguments)
        self.start_urls = [f"{each}/page" for each in arguments["site"].split(" ")]

    def parse(self, response: crawler.Response) -> Any:
        yield {"at": response.url.rpartition("/")[0], "said": response.css("p::text").get()}
        yield from response.follow_all(css="a")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """All rows in one crawl, every setting as it is by default."""
    folder = tmp_path_factory.mktemp("front_door")
    hosts = {name: RowHost(f"127.0.1.{number}", row.serve) for number, (name, row) in enumerate(ROWS.items(), 1)}
    began = time.monotonic()
    sites = " ".join(host.url for host in hosts.values())
    settings = {"store": str(folder / "crawl.db"), **OTHER_TRANSPORT}
    summary = crawler.run(Rows, arguments={"site": sites}, settings=settings)
    took_s = time.monotonic() - began
    with opened(folder) as database:
        failed = dict(database.execute("SELECT url, error FROM crawl_requests WHERE error IS NOT NULL"))
        said = dict(database.execute("SELECT at, said FROM items"))
    yield Ran(summary, took_s, hosts, failed, said)
    for host in hosts.values():
        host.close()


@pytest.mark.parametrize("row", ROWS)
def test_T_Z_a_row_through_the_front_door(ran: Ran, row: str) -> None:
    host, wanted = ran.hosts[row], ROWS[row]

    error = ran.errors.get(f"{host.url}/page", "")

    if wanted.error:
        assert error.startswith(wanted.error), error
        assert host.url not in ran.said
    else:
        assert error == ""
        assert ran.said[host.url] == wanted.said
    assert len(host.asked) == wanted.tries
    assert host.robots >= 1


def test_T_Z_the_crawl_of_all_rows_adds_up_and_ends_with_its_last_retry(ran: Ran) -> None:
    bad = sum(bool(row.error) for row in ROWS.values())

    assert ran.summary.exit_code == 1
    assert (ran.summary.failed, ran.summary.pages) == (bad, len(ROWS) - bad)
    assert ran.took_s < 60, ran.took_s
