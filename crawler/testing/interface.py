"""The interface of a practice site, wherever it runs: in this process or in its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from crawler.testing.books import Truth
from crawler.testing.site_options import Account, SiteOptions
from crawler.testing.site_records import LoggedRequest, Record


class Site(ABC):
    """A running practice site. Thread-safe.

    Attributes:
        options: How it behaves (see `SiteOptions`).
        url: Address of the first host, without a trailing slash.
        urls: The same for each host.
        http_url: Plain http address of the first host; the same as `url` unless the site has a certificate.
        control_url: Address of the control interface, or None if it is off.
    """

    options: SiteOptions
    url: str
    urls: dict[str, str]
    http_url: str
    control_url: str | None

    @abstractmethod
    def close(self) -> None:
        """Close the site. It may be called again."""

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
        """What a perfect crawl of the first host returns."""

    @property
    @abstractmethod
    def record(self) -> Record:
        """A copy of the current counts."""

    @property
    @abstractmethod
    def log(self) -> list[LoggedRequest]:
        """The latest requests, at most `SiteOptions.log_limit`."""

    @abstractmethod
    def gaps(self, host: str | None = None) -> list[float]:
        """Seconds between the starts of successive requests to *host* (by default the first one), in order."""

    @abstractmethod
    def wait_for_answers(self, count: int, seconds: float = 30.0) -> bool:
        """Wait, without polling, until the site has answered *count* requests since the last reset.

        Args:
            count: Number of requests, without control requests.
            seconds: The longest wait.
        Returns:
            Whether that many were answered.
        """

    @abstractmethod
    def live_sessions(self, account: str | None = None) -> int:
        """Number of live sessions of an account, or of all."""

    @abstractmethod
    def mail_code(self, account: str) -> str | None:
        """The one-time code in the latest mail to an account, or None."""

    # --- what it does when told ---------------------------------------------------------------------------------------
    @abstractmethod
    def reset_record(self) -> None:
        """Reset the counts: the record, the log, and how often each flaky page was requested."""

    @abstractmethod
    def revoke(self, account: str | None = None) -> int:
        """End the sessions of an account, or of all, as an administrator would.

        Returns:
            How many sessions there were.
        """

    @abstractmethod
    def revoke_all(self) -> int:
        """End all sessions, all tokens, and unfinished logins.

        Returns:
            How many sessions and tokens there were.
        """

    @abstractmethod
    def expire_now(self, account: str | None = None) -> int:
        """End the sessions and tokens of an account, or of all, as if they had expired.

        Returns:
            How many there were.
        """

    @abstractmethod
    def edit(self, edits: Mapping[int, Mapping[str, Any] | None]) -> None:
        """Change books while the site runs, for instance ``edit({3: {"pence": 999}, 7: None})``; `truth` changes too.

        Args:
            edits: Book number to the fields that change (`books.Book`); None takes it off sale, an empty mapping
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
