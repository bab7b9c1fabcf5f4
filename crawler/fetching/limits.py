"""How long and how large one exchange may be: the numbers, and the clock that keeps to them.

Both transports ask the same `ExchangeClock` before each wait, so that a slow head, a slow body and silence end alike.
"""

from __future__ import annotations

import math

from crawler.errors import TimedOut
from crawler.quick_dataclass import quick_dataclass

SLICE_S = 0.5  # longest single wait of a transport: how soon `abort_all` is noticed
LINE_BYTES = 100 * 1024  # one header line; libcurl itself takes none that is longer
REDIRECT_BYTES = 64 * 1024  # body of a redirect that is read before the connection is closed instead
CODINGS = 5  # Content-Encodings of one answer
MEMBERS = 10_000  # streams one after another in one coding (gzip members, zstd frames); each may decode to nothing
INTERIM = 20  # 1xx answers before the final one


@quick_dataclass
class Limits:
    """What one exchange may cost. Immutable; may travel on a prepared request as its attribute ``limits``.

    Attributes:
        deadline_s: Seconds from the start to the last byte, connecting included; None for no limit.
        max_size_bytes: Decoded body, and what each of its codings decodes to; None for no limit.
        min_speed_bytes_s: Wire bytes of the body a second, averaged over `min_speed_for_s`; 0 for any speed.
        min_speed_for_s: Seconds that the body may be slower than that.
        max_header_bytes: All header lines of an answer together: the limit that counts, as in browsers.
        max_headers: Number of header lines; libcurl takes no more.
    """

    deadline_s: float | None = 120.0
    max_size_bytes: int | None = 32 * 1024 * 1024
    min_speed_bytes_s: float = 0.0
    min_speed_for_s: float = 30.0
    max_header_bytes: int = 256 * 1024
    max_headers: int = 5_000


class ExchangeClock:
    """The clock of one exchange. Used by the thread that sends; all times are of ``time.monotonic()``."""

    __slots__ = (
        "_for_s",
        "_moved",
        "_read_s",
        "_silent_since",
        "_speed",
        "_url",
        "_window_bytes",
        "_window_from",
        "ends",
    )

    def __init__(self, url: str, limits: Limits, read_s: float | None, now: float) -> None:
        """Start the clock.

        Args:
            url: For the errors.
            read_s: Seconds without any movement that are tolerated; None for no limit.
            now: Start of the exchange.
        """
        self._url = url
        self._read_s = math.inf if read_s is None else read_s
        self._speed, self._for_s = limits.min_speed_bytes_s, limits.min_speed_for_s
        self._silent_since, self._moved = now, -1
        self._window_from, self._window_bytes = -1.0, 0
        self.ends = math.inf if limits.deadline_s is None else now + limits.deadline_s

    def left_s(self, now: float) -> float:
        """Seconds to the deadline, above 0.

        Raises:
            TimedOut: It has passed.
        """
        left = self.ends - now
        if left <= 0:
            raise TimedOut(self._url, "not complete within its total deadline")
        return left

    def restart_silence(self, now: float) -> None:
        """The connection is made: from here on silence counts."""
        self._silent_since = now

    def wait_s(self, now: float, moved: int, body_bytes: int) -> float:
        """How long the transport may wait for the next bytes.

        Args:
            moved: Any number that grows with each movement in either direction.
            body_bytes: Bytes of the body that came so far, as they are on the wire.
        Returns:
            Seconds, above 0 and at most `SLICE_S`; the caller then asks again.
        Raises:
            TimedOut: The deadline passed, nothing moved for the read timeout, or the body is slower than allowed.
        """
        left = self.left_s(now)
        if moved != self._moved:
            self._moved, self._silent_since = moved, now
        silence_left = self._silent_since + self._read_s - now
        if silence_left <= 0:
            raise TimedOut(self._url, f"silent for {self._read_s:g} s")
        wait = min(left, silence_left, SLICE_S)
        if self._speed and body_bytes:
            wait = min(wait, self._window_left_s(now, body_bytes))
        return wait

    def _window_left_s(self, now: float, body_bytes: int) -> float:
        if self._window_from < 0:
            self._window_from, self._window_bytes = now, body_bytes
        elapsed = now - self._window_from
        if elapsed >= self._for_s:
            if body_bytes - self._window_bytes < self._speed * elapsed:
                raise TimedOut(self._url, f"slower than {self._speed:g} bytes/s for {self._for_s:g} s")
            self._window_from, self._window_bytes, elapsed = now, body_bytes, 0.0
        return self._for_s - elapsed


def timeouts(timeout: object) -> tuple[float | None, float | None]:
    """The (connect, read) seconds of what `requests` calls a timeout: None, a number, or a pair of these.

    Raises:
        TypeError: It is none of these.
    """
    pair = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if len(pair) == 2 and all(each is None or isinstance(each, int | float) for each in pair):
        return pair
    connect, read = getattr(timeout, "connect_timeout", None), getattr(timeout, "read_timeout", None)
    if hasattr(timeout, "connect_timeout"):  # urllib3's Timeout
        return timeouts((connect, read))
    raise TypeError(f"timeout is neither a number of seconds nor a (connect, read) pair: {timeout!r}")
