"""Pages that are kept to look at: the first one that failed for each cause, and a good one of each callback.

When a selector finds nothing any more, the page it finds nothing on and one from before say which, without a request.
Kept are headers without cookies and credentials, and bodies and causes with known secrets masked.
"""

from __future__ import annotations

from dataclasses import replace

from crawler.fetching.kept import page_of
from crawler.outcome import Outcome, Page, Sample
from crawler.output.figures import is_filled
from crawler.output.reasons import kind_of_failure
from crawler.response import Response
from crawler.sessions.secrets import hide, hide_in_page

_LARGEST_BYTES = 1024 * 1024
_CAUSES = 20  #: of one run in one process


class Samples:
    """Which pages of a run are kept. Safe from any thread: a page too many is no harm."""

    def __init__(self) -> None:
        self.seen: set[str] = set()  #: callbacks of which a page is kept
        self._causes: set[tuple[str, str]] = set()

    def parsed(self, outcome: Outcome, page: Response) -> None:
        """The first page of each callback; the store knows whether it is as good as those before it."""
        self.seen.add(outcome.request.callback)
        filled = sum(is_filled(value) for item in outcome.items for value in item.fields.values())
        outcome.sample = Sample("", masked(page), filled + outcome.requests)

    def failed(self, outcome: Outcome, page: Response | None, error: str) -> None:
        """The first page of each cause, which a spider may have written a secret into."""
        key = outcome.request.callback, kind_of_failure(hide(error))
        if page is None or key in self._causes or len(self._causes) >= _CAUSES:
            return
        self._causes.add(key)
        outcome.sample = Sample(key[1], masked(page), 0)


def masked(response: Response) -> Page:
    """What is kept of a page: known secrets, and what looks like one, are not in it."""
    page = page_of(response)
    text = hide_in_page(page.body[:_LARGEST_BYTES].decode("utf-8", "surrogateescape"))
    head = [(name, hide(value)) for name, value in page.head]
    return replace(page, body=text.encode("utf-8", "surrogateescape"), head=head, url=hide(page.url))
