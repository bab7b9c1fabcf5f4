"""The invoices of the practice shop: PDF files behind the login, with validators and range requests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from email.utils import formatdate

from crawler.testing.layout import Layout, VisitorRequest
from crawler.testing.login_pages import LoginForms
from crawler.testing.logins import Sessions
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import Recorder
from crawler.testing.wire import Answer

Handler = Callable[[VisitorRequest], Answer]
_FIRST_DAY = 1_767_225_600  # 2026-01-01
_DAY_S = 86_400
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_PDF = "application/pdf"


class Invoices:
    """``/invoices/`` lists them, ``/invoices/7.pdf`` is one. Its options may be replaced; thread-safe."""

    def __init__(
        self, options: SiteOptions, layout: Layout, forms: LoginForms, sessions: Sessions, recorder: Recorder
    ) -> None:
        self.options = options
        self._layout, self._forms, self._sessions, self._recorder = layout, forms, sessions, recorder

    def routes(self) -> dict[str, Handler]:
        """The handlers, by the first part of the path."""
        return {"invoices": self.handle}

    def handle(self, visit: VisitorRequest) -> Answer:
        """The list, or one invoice; guests get what any page behind the login shows them."""
        if not self.options.invoices:
            return self._layout.not_found(visit)
        if visit.session is None:
            return self._forms.guest(visit)
        self._sessions.granted(visit.session.username)
        if len(visit.parts) < 2:
            return self._list(visit)
        found = re.fullmatch(r"(\d{1,9})\.pdf", visit.parts[1])
        number = int(found[1]) if found else 0
        if not 1 <= number <= self.options.invoices:
            return self._layout.not_found(visit)
        return self._answer(visit, number, visit.session.username)

    def _list(self, visit: VisitorRequest) -> Answer:
        rows = "".join(
            f'<tr class="invoice"><td class="number">{number}</td><td class="version">{self._version(number)}</td>'
            f'<td><a class="pdf" href="/invoices/{number}.pdf">PDF</a></td></tr>'
            for number in range(1, self.options.invoices + 1)
        )
        return self._layout.page(visit, "Invoices", f"<h1>Invoices</h1><table>{rows}</table>")

    def _version(self, number: int) -> int:
        return 1 + self.options.invoices_revised.count(number)

    def _answer(self, visit: VisitorRequest, number: int, username: str) -> Answer:
        body = invoice(number, username, version=self._version(number), size_bytes=self.options.invoice_bytes)
        headers = [("Content-Disposition", f'attachment; filename="invoice-{number:04d}.pdf"')]
        etag, modified = _validators(body, number, self._version(number))
        asked = visit.call.headers
        if self.options.invoice_validators:
            headers += [("ETag", etag), ("Last-Modified", modified), ("Accept-Ranges", "bytes")]
            known = asked.get("if-none-match")
            if etag == known or (known is None and asked.get("if-modified-since") == modified):
                self._recorder.count("files", "unchanged")
                return Answer(304, b"", _PDF, headers)
        wanted = _RANGE.fullmatch(asked.get("range", "")) if self.options.invoice_validators else None
        if wanted is not None and asked.get("if-range") in (None, etag, modified):
            start = int(wanted[1])
            if start >= len(body):
                return Answer(416, b"", _PDF, [*headers, ("Content-Range", f"bytes */{len(body)}")])
            self._recorder.count("files", "continued")
            part = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return Answer(206, body[start:], _PDF, [*headers, ("Content-Range", part)])
        self._recorder.count("files", "sent")
        return Answer(200, body, _PDF, headers)


def invoice(number: int, username: str, *, version: int = 1, size_bytes: int = 20_000) -> bytes:
    """The bytes of one invoice: a small PDF, padded to its size."""
    text = f"Invoice {number} for {username}, version {version}"
    stream = f"BT /F1 18 Tf 72 720 Td ({text}) Tj ET".encode()
    head = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>"
        b"endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n4 0 obj<</Length "
        + str(len(stream)).encode()
        + b">>stream\n"
        + stream
        + b"\nendstream endobj\n"
    )
    tail = b"trailer<</Root 1 0 R>>\n%%EOF\n"
    seed = hashlib.sha256(text.encode()).hexdigest().encode()
    missing = max(size_bytes - len(head) - len(tail) - 2, 0)
    return head + b"%" + (seed * (missing // len(seed) + 1))[:missing] + b"\n" + tail


def _validators(body: bytes, number: int, version: int) -> tuple[str, str]:
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    return etag, formatdate(_FIRST_DAY + (number % 300 + 10 * (version - 1)) * _DAY_S, usegmt=True)
