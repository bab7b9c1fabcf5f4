"""The language of `RawServer` scripts: bytes to send, and steps that read, wait, drip and break.

A script is a list: bytes are sent, `READ` reads one request, `Pause`, `Drip`, `Endless` and `Until` control timing,
`RESET`, `CLOSE` and `HOLD` end the connection in three ways, and a function does whatever else is needed.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from crawler.quick_dataclass import quick_dataclass

LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
LAST_CHUNK = b"\r\n0\r\n\r\n"
CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked", re.IGNORECASE)


class Act(Enum):
    """Steps without arguments."""

    READ = "read one request, head and body"
    RESET = "reset the connection (RST)"
    CLOSE = "close the connection at once (FIN)"
    HOLD = "say nothing more, and wait until the other side hangs up"


READ, RESET, CLOSE, HOLD = Act.READ, Act.RESET, Act.CLOSE, Act.HOLD


@quick_dataclass
class Pause:
    """Do nothing for some seconds."""

    seconds: float


@quick_dataclass
class Until:
    """Wait until the test sets the event or the server is closed."""

    event: threading.Event


@quick_dataclass
class Drip:
    """Send *data* in pieces of *size* bytes, waiting *every_s* seconds before each."""

    data: bytes
    every_s: float
    size: int = 1


@quick_dataclass
class Endless:
    """Send *block* repeatedly until *most_bytes* were sent or the other side closes the connection."""

    block: bytes
    most_bytes: int = 1 << 30
    every_s: float = 0.0


Step = bytes | Act | Pause | Until | Drip | Endless | Callable[["RawConnection"], None]
Script = Sequence[Step]


@dataclass(slots=True, eq=False)
class RawConnection:
    """One connection to a `RawServer`: what was received, and what a function in a script may use.

    Attributes:
        number: 0 for the first one.
        socket: The connected socket, wrapped in TLS if the server uses TLS.
        received: All bytes that were read, in order.
        requests: The requests read by `READ`, each with its body.
        sent_bytes: Number of bytes handed to the system.
        error: What ended the connection before its script did (a failed handshake, a broken pipe).
        done: Set when the connection has ended.
    """

    number: int
    socket: socket.socket
    received: bytes = b""
    requests: list[bytes] = field(default_factory=list)
    sent_bytes: int = 0
    error: OSError | None = None
    done: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)
    _buffer: bytes = b""

    def read_request(self) -> bytes:
        """Reads one request with its body.

        Raises:
            ConnectionError: The other side closed the connection before its end.
        """
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._more()
        end += 4
        head = self._buffer[:end]
        if CHUNKED.search(head):
            while (last := self._buffer.find(LAST_CHUNK, end - 2)) < 0:
                self._more()
            end = last + len(LAST_CHUNK)
        elif (length := LENGTH.search(head)) is not None:
            end += int(length[1])
            while len(self._buffer) < end:
                self._more()
        request, self._buffer = self._buffer[:end], self._buffer[end:]
        self.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.socket.sendall(data)
        self.sent_bytes += len(data)

    def drain(self) -> None:
        """Reads until the other side closes the connection."""
        try:
            while True:
                self._more()
        except ConnectionError:
            pass

    def reset(self) -> None:
        """Makes the next close a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _more(self) -> None:
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the other side hung up")
        self._buffer += chunk
        self.received += chunk


def answer(
    body: bytes = b"", status: str = "200 OK", *headers: str, length: int | None = None, close: bool = False
) -> bytes:
    """The bytes of an HTTP/1.1 answer, correct unless *length* says otherwise.

    Args:
        body: Sent as it is.
        status: Status code and reason.
        headers: Complete header lines.
        length: Value of Content-Length; by default the true one.
        close: Add ``Connection: close``.
    """
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body) if length is None else length}"]
    if close:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def play(step: Step, connection: RawConnection) -> bool:
    """Does one step; returns False if it ends the connection."""
    match step:
        case bytes():
            connection.send(step)
        case Act.READ:
            connection.read_request()
        case Act.RESET:
            connection.reset()
            return False
        case Act.CLOSE:
            return False
        case Act.HOLD:
            connection.drain()
            return False
        case Pause(seconds):
            return not connection.closing.wait(seconds)
        case Until(event):
            while not event.wait(0.02):
                if connection.closing.is_set():
                    return False
        case Drip(data, every_s, size):
            for start in range(0, len(data), size):
                if connection.closing.wait(every_s):
                    return False
                connection.send(data[start : start + size])
        case Endless(block, most_bytes, every_s):
            return _send_endlessly(connection, block, most_bytes, every_s)
        case _:
            step(connection)
    return True


def _send_endlessly(connection: RawConnection, block: bytes, most_bytes: int, every_s: float) -> bool:
    sent = 0
    while sent < most_bytes:
        if every_s and connection.closing.wait(every_s):
            return False
        connection.send(block)
        sent += len(block)
    return not connection.closing.is_set()
