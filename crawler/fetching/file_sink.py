"""Writes the body of an answer to a file: from the beginning, or from where an earlier try ended.

What may be a page instead of the file (an HTML answer where a PDF is wanted) is kept in memory, away from the bytes
that are there already: the session judge looks at it.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

from crawler.errors import BadAnswer, NotKept, TooLarge
from crawler.fetching.file_asking import part_of, validators_of
from crawler.fetching.heads import Head
from crawler.pages.kinds import MARKUP_TYPES, is_markup, media_type
from crawler.pages.partials import Partial, PartialState
from crawler.response import Response

PAGE_BYTES = 1 << 20  #: of a page in place of a file; more is not looked at
_PART = 206
_OPENING_BYTES = 1_024


class FileSink:
    """A sink for the transports, for one request for one file. Used by the thread that reads the answer.

    Args:
        url: For the errors.
        asked_from: Bytes that are already there and were not asked for again; 0 for the whole file.
        max_bytes: Largest size of the whole file.
        is_page: Whether a web page that comes in place of the file is refused: the file is surely not one.

    Attributes:
        began: The answer was a 2xx, and its body came here.
        received_bytes: Of this answer.
        page: A page that came instead, at most `PAGE_BYTES` of it; None for none.
    """

    def __init__(self, partial: Partial, url: str, *, asked_from: int, max_bytes: int, is_page: bool) -> None:
        self._partial, self._url = partial, url
        self._asked_from, self._max_bytes, self._is_page = asked_from, max_bytes, is_page
        self.began = False
        self.received_bytes = 0
        self.page: BytesIO | None = None
        self._waits: PartialState | None = None  # until the first bytes have shown that it is no page
        self._opening = b""

    def begin(self, head: Head) -> None:
        """The answer is a 2xx: decide where its bytes go.

        Raises:
            BadAnswer: It is a part that was not asked for.
            TooLarge: It says itself that it is too large.
        """
        self.began = True
        self.received_bytes, self.page, self._waits, self._opening = 0, None, None, b""
        coded = bool(head.get("content-encoding")) and (head.get("content-encoding") or "").lower() != "identity"
        if head.status == _PART:
            self._begin_part(head, coded)
            return
        declared = media_type(head.get("content-type"))
        known = validators_of(head.get("etag"), head.get("last-modified"), head.get("date"))
        state = PartialState(
            self._url,
            etag="" if coded else known.etag,
            modified="" if coded else known.modified,
            is_dated=known.is_dated,
            total_bytes=head.length_bytes if head.length_bytes is not None and not (coded or head.chunked) else -1,
            declared=declared,
            disposition=head.get("content-disposition") or "",
        )
        if state.total_bytes > self._max_bytes:
            raise self._too_large()
        if self._is_page and declared in MARKUP_TYPES:
            self.page = BytesIO()
        else:
            self._waits = state

    def _begin_part(self, head: Head, coded: bool) -> None:
        part = part_of(head.get("content-range"))
        state = self._partial.state
        if part is None or part.start is None or part.start != self._asked_from or not self._asked_from or coded:
            raise BadAnswer(self._url, f"a part of the file that was not asked for: {head.get('content-range')!r}")
        if (state.total_bytes >= 0 and part.total_bytes not in (None, state.total_bytes)) or (
            head.get("etag") and state.etag and head.get("etag") != state.etag
        ):
            raise BadAnswer(self._url, "a part of another version of the file")
        if part.total_bytes is not None and part.total_bytes > self._max_bytes:
            raise self._too_large()
        self._keep(lambda: self._partial.cut_to(self._asked_from))

    def write(self, data: bytes) -> int:
        """Take the next bytes.

        Raises:
            TooLarge: There are more than allowed.
            NotKept: They could not be written.
        """
        self.received_bytes += len(data)
        if self._waits is not None:
            self._opening += data
            if len(self._opening) < _OPENING_BYTES:
                return len(data)
            data = self._open()
        if self.page is not None:
            self.page.write(data[: max(PAGE_BYTES - self.page.tell(), 0)])
        else:
            if self._partial.size_bytes + len(data) > self._max_bytes:
                raise self._too_large()
            self._keep(lambda: self._partial.write(data))
        return len(data)

    def _open(self) -> bytes:
        """The first bytes are here: from now on they go into the file, or they belong to a page."""
        state, self._waits = self._waits, None
        opening, self._opening = self._opening, b""
        if self._is_page and is_markup(opening):
            self.page = BytesIO()
        elif state is not None:
            self._keep(lambda: self._partial.restart(state))
        return opening

    def finish(self) -> None:
        """The answer is over."""
        if self.began and self._waits is not None:
            opening = self._open()
            if self.page is not None:
                self.page.write(opening)
            else:
                self._keep(lambda: self._partial.write(opening))
        self._keep(self._partial.flush)

    def take(self, response: Response) -> None:
        """Take the answer of an adapter that does not know sinks."""
        content = response.content or b""
        fields = {name.lower(): (name, value) for name, value in response.headers.items()}
        fields.pop("content-encoding", None)  # already undone
        self.begin(Head("1.1", response.status_code, "", [], fields, len(content), False))
        self.write(content)
        self.finish()

    def _keep(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise NotKept(self._url, f"the file could not be written to {self._partial.path.parent}: {why}") from error

    def _too_large(self) -> TooLarge:
        return TooLarge(self._url, f"too large: more than {self._max_bytes} bytes (setting max_file_size)")
