"""What a practice site can be asked and told, wherever it runs: in this process, or in one of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from crawler.testing.books import Truth
from crawler.testing.site_options import Account, SiteOptions
from crawler.testing.site_records import LoggedRequest, Record


class Site(ABC):
    """A running practice site. Safe from any thread.

    Attributes:
        options: How it behaves (see `SiteOptions`).
        url: Address of the first host, without a slash at the end.
        urls: The same for each host.
        http_url: Where the first host speaks plain http; the same as `url` unless the site has a certificate.
        control_url: Address of the control interface, or None where it is not offered.
    """

    options: SiteOptions
    url: str
    urls: dict[str, str]
    http_url: str
    control_url: str | None

    @abstractmethod
    def close(self) -> None:
        """End it. Calling it again is fine."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}, {self.options.books} books>"

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The customers."""
        return self.options.accounts

    # --- what it knows ------------------------------------------------------------------------------------------------
    @property
    @abstractmethod
    def truth(self) -> Truth:
        """What a perfect crawl of the first host finds."""

    @property
    @abstractmethod
    def record(self) -> Record:
        """The counts now: a copy."""

    @property
    @abstractmethod
    def log(self) -> list[LoggedRequest]:
        """The last requests, at most `SiteOptions.log_limit`."""

    @abstractmethod
    def gaps(self, host: str | None = None) -> list[float]:
        """Seconds between the starts of successive requests to *host* (the first one when left out), in order."""

    @abstractmethod
    def wait_for_answers(self, count: int, seconds: float = 30.0) -> bool:
        """Wait, without polling, until the site has answered so many requests since the last reset.

        Args:
            count: How many, control requests not counted.
            seconds: Wait at most so long.
        Returns:
            Whether they were answered.
        """

    @abstractmethod
    def live_sessions(self, account: str | None = None) -> int:
        """How many sessions an account, or everybody, has now."""

    @abstractmethod
    def mail_code(self, account: str) -> str | None:
        """The one-time code in the last mail to an account, or None."""

    # --- what it does when told ---------------------------------------------------------------------------------------
    @abstractmethod
    def reset_record(self) -> None:
        """Start counting anew: the record, the log, and how often each flaky page was asked for."""

    @abstractmethod
    def revoke(self, account: str | None = None) -> int:
        """End the sessions of an account, or of everybody, as an administrator would.

        Returns:
            How many sessions there were.
        """

    @abstractmethod
    def revoke_all(self) -> int:
        """End all sessions, all tokens, and logins that are half done.

        Returns:
            How many sessions and tokens there were.
        """

    @abstractmethod
    def expire_now(self, account: str | None = None) -> int:
        """End sessions and tokens of an account, or of everybody, as if their time were up.

        Returns:
            How many there were.
        """

    @abstractmethod
    def edit(self, edits: Mapping[int, Mapping[str, Any] | None]) -> None:
        """Change books while the site runs, for instance ``edit({3: {"pence": 999}, 7: None})``; `truth` is anew then.

        Args:
            edits: Number of a book to its fields that change (`books.Book`); None takes it off sale, an empty mapping
                puts it back.
        Raises:
            ValueError: There is no such book.
        """

    @abstractmethod
    def change(self, **changes: Any) -> None:
        """Replace options while the site runs, for instance ``change(rate_503=0.05)``.

        Raises:
            ValueError: An option that does not exist, or one that is fixed from the start (such as `books`).
        """
