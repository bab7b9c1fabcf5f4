"""Everything that can go wrong, as one tree.

::

    CrawlError
    ├── UsageError              what the person typed or wrote is wrong              exit 2
    │   ├── SettingsError       an unknown or invalid setting
    │   ├── SpiderError         a spider cannot be found, imported or built
    │   └── InvalidURL          not a URL that can be fetched (also a ValueError)
    ├── FetchError              one request did not bring an answer that can be used
    │   ├── StatusError         the server answered with an error status
    │   ├── Refused             we may not send this (scheme, private address, other origin); never retried
    │   │   ├── ProxyRefused    the proxy wants other credentials
    │   │   ├── BetweenProxies  the session logs in anew through another proxy; the page waits
    │   │   ├── GuardRefused    it would log the session out, or delete something
    │   │   └── QuotaSpent      the account may send no more for now; others go on with the page
    │   ├── BadAnswer           the answer is no HTTP, contradicts itself or breaks a limit; never retried
    │   │   ├── TooLarge        more decoded bytes than `max_size`
    │   │   └── RedirectError   a loop, a chain too long, or a login body to another origin
    │   ├── WrongFile           what came is not the file that was wanted
    │   ├── TLSFailed           the certificate or handshake is bad; never retried
    │   ├── UnknownHost         the name does not exist
    │   └── Transient           worth another try
    │       ├── ConnectFailed   no connection, or it broke before the answer
    │       │   ├── ProxyFailed  no connection to the proxy
    │       │   └── Unreachable  connection refused, or no way to the host
    │       ├── TimedOut        connect, read or total deadline, or slower than the minimum speed
    │       ├── Incomplete      the body ended before its end
    │       ├── NotKept         a file came, and could not be written to the disk
    │       └── NotRendered     a page came, and no browser showed it
    ├── SessionError            one identity cannot be used
    │   ├── LoginFailed         the login step raised, or its probe still shows "logged out"   exit 3
    │   │   ├── WrongPassword   the site refused the credentials: one attempt, never a second
    │   │   └── LoginBudgetSpent  too many logins in an hour that did not succeed
    │   ├── SiteUnreachable     no answer came to a login, and nothing was sent                exit 1
    │   ├── NotEquipped         an extra, a browser or a screen is missing for the login       exit 2
    │   ├── LoginMiswritten     the login step returns what nobody sends                       exit 2
    │   ├── NoCredentials       no user name or password was found for the session             exit 3
    │   ├── NeedsHuman          the login step wants a person                                  exit 7
    │   └── VaultError          stored secrets cannot be read with the keys at hand
    ├── StoreError              the database did not do what it was asked           exit 6
    │   ├── StoreBusy           locked by another process for too long
    │   ├── StoreFull           no room on the disk
    │   ├── StoreReadOnly       the file or its folder cannot be written         exit 2
    │   ├── KeyFileError        the key of what is sealed cannot be read or kept  exit 2
    │   ├── StoreDamaged        not a database, or a damaged one
    │   └── SchemaTooNew        written by a newer version of this program
    ├── DropItem                `on_item` leaves an item out: the page goes on
    ├── IgnoreRequest           `on_request` or `on_response` leaves a request out: it counts as skipped
    ├── NotWritten              an export would have replaced a good file            exit 10
    ├── TargetError             an export cannot be brought to where it is to go       exit 1
    └── AlreadyRunning          another process runs this spider on this store      exit 4

Errors carry values in ``args`` alone, so that they can be pickled; their text never holds a secret.
"""

from __future__ import annotations

from crawler.redaction import redact


class CrawlError(Exception):
    """The root of the tree."""


def _said_by(kind: type[CrawlError]) -> str:
    """What an error raised without a text says: the first line of its class's docstring."""
    return (kind.__doc__ or kind.__name__).partition("\n")[0].rstrip(".")


class UsageError(CrawlError):
    """What the person typed or wrote is wrong; the message says what to change."""


class SettingsError(UsageError):
    """An unknown setting, or a value that does not fit."""


class SpiderError(UsageError):
    """A spider cannot be found, imported or built."""


class ItemRefused(SpiderError):
    """A callback ended at an item that its class *kind* refuses, for *why*. What it had given before is stored."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(kind, why)
        self.kind, self.why = kind, why

    def __str__(self) -> str:
        how = f"`yield response.item({self.kind}, ...)` keeps it aside and goes on"
        return f"{self.kind} refuses an item ({self.why}), and the callback ended there; {how}"


class InvalidURL(UsageError, ValueError):
    """Not an http(s) URL.

    Attributes:
        url: The text as it was given.
        why: What is wrong with it.
    """

    def __init__(self, url: str, why: str = "not an http or https URL") -> None:
        super().__init__(url, why)
        self.url, self.why = url, why

    def __str__(self) -> str:
        return f"{self.why}: {redact(self.url[:500])[:200]!r}"


class DropItem(CrawlError):
    """An item is to be left out: raised by `on_item`. The rest of the page is kept; the summary counts the reasons."""

    def __str__(self) -> str:
        return " ".join(super().__str__().split()) or _said_by(type(self))


class IgnoreRequest(CrawlError):
    """A request, or the page that came, is to be left out: raised by `on_request` or `on_response`. It is skipped."""

    def __str__(self) -> str:
        return " ".join(super().__str__().split()) or _said_by(type(self))


class FetchError(CrawlError):
    """One request did not bring an answer that can be used.

    Attributes:
        url: The URL being requested when it went wrong (a redirect may have led there).
        why: What happened, in plain words.
        sent: Whether the request may have reached the server. False only where it certainly did not.
    """

    sent = True

    def __init__(self, url: str = "", why: str | None = None) -> None:
        """``FetchError(url, why)``, or ``FetchError("what happened")`` where a spider raises one."""
        if why is None:
            url, why = "", url or _said_by(type(self))
        super().__init__(url, why)
        self.url, self.why = url, why

    def __str__(self) -> str:
        return f"{redact(self.why)} ({redact(self.url)})" if self.url else redact(self.why)


class StatusError(FetchError):
    """The server answered, and the answer is a refusal, or no page: an unasked 304, a redirect that leads nowhere.

    Attributes:
        status: 300 or more; 0 where a spider raised it with a text alone.
        retry_after_s: Seconds it asked us to stay away, or None.
    """

    def __init__(self, url: str = "", status: int = 0, retry_after_s: float | None = None) -> None:
        """``StatusError(url, status)``, or ``StatusError("what happened")`` where a spider raises one."""
        super().__init__(url, f"status {status}" if status else None)
        self.args = (url, status, retry_after_s)
        self.status, self.retry_after_s = status, retry_after_s

    def __str__(self) -> str:
        if not (self.status and self.url):
            return super().__str__()
        said = f"{self.status} from {redact(self.url)}"
        if self.status == 304:
            return f"{said}: not modified, although nobody asked whether it was"
        return f"{said}: a redirect that names no address, or not followed" if 300 <= self.status < 400 else said


class Refused(FetchError):
    """We may not send this; the same request will never be sent again."""

    sent = False


class ProxyRefused(Refused):
    """The proxy wants other credentials."""


class BetweenProxies(Refused):
    """The session logs in anew through another proxy; the page waits for that."""


class GuardRefused(Refused):
    """A redirect of a logged-in session, or an address typed for it, would log out, delete or change something."""


class QuotaSpent(Refused):
    """The account may send no more for `wait_s` seconds. A spider raises it where only the page says so."""

    def __init__(self, url: str = "", why: str | None = None, wait_s: float = 3_600.0) -> None:
        """``QuotaSpent("limit of today is reached", wait_s=6 * 3600)`` in a callback: others go on with the page."""
        super().__init__(url, why)
        self.args, self.wait_s = (url, why, wait_s), wait_s


class BadAnswer(FetchError):
    """The answer is not HTTP, contradicts itself, or breaks a limit; another try would bring the same."""


class TooLarge(BadAnswer):
    """The decoded body is larger than `max_size`."""


class RedirectError(BadAnswer):
    """A redirect loop, a chain that is too long, or a body that would go to another origin."""


class TLSFailed(FetchError):
    """Certificate or handshake refused; never retried, never sent without verification."""

    sent = False


class UnknownHost(FetchError):
    """The name of the host does not exist."""

    sent = False


class Transient(FetchError):
    """Something that may pass: worth another try."""


class ConnectFailed(Transient):
    """No connection, or it broke before the answer came."""


class ProxyFailed(ConnectFailed):
    """There is no connection to the proxy."""


class Unreachable(ConnectFailed):
    """Nothing listens at that address, or no way leads to it: a host that never answered is given up soon."""


class TimedOut(Transient):
    """Connect timeout, read timeout, total deadline, or slower than the minimum speed."""


class Incomplete(Transient):
    """The body ended before its end."""


class NotKept(Transient):
    """A file came, and could not be written to the disk."""


class NotRendered(Transient):
    """A page came, and the browser that renders it crashed, or did not show what was waited for."""


class WrongFile(FetchError):
    """What came is not the file that was wanted: another type, a page in its place, an image beyond all measure."""


class SessionError(CrawlError):
    """One identity cannot be used.

    Attributes:
        session: Name of the session.
        why: What happened and, where something can be done, what to do.
    """

    def __init__(self, session: str = "", why: str | None = None) -> None:
        """In a login step ``raise WrongPassword("what the site said")`` is enough: the crawl fills the session in."""
        if why is None:
            session, why = "", session or _said_by(type(self))
        super().__init__(session, why)
        self.session, self.why = session, why

    def __str__(self) -> str:
        return f"session {self.session!r}: {self.why}" if self.session else self.why


class LoginFailed(SessionError):
    """The login step raised, or the probe after it still shows "logged out"."""


class WrongPassword(LoginFailed):
    """The site refused the credentials. There is never a second attempt in the same run."""


class LoginBudgetSpent(LoginFailed):
    """Too many logins of this account in an hour that did not succeed."""


class SiteUnreachable(SessionError):
    """The site gave no answer to a login: nothing is wrong with the account, and nothing was sent to it."""


class NotEquipped(SessionError):
    """This machine lacks what the login needs: an extra, a browser, a screen. Nothing was sent to the site."""


class LoginMiswritten(SessionError):
    """The login step returns what it should send itself: a request, a generator. Nobody else sends it."""


class NoCredentials(SessionError):
    """No user name or password was found for the session."""


class VaultError(SessionError):
    """Stored secrets cannot be read with the keys at hand."""


class NeedsHuman(SessionError):
    """A person is needed: a code from a mail, a captcha. Raised in a login step.

    ``raise NeedsHuman("code from the mail")`` is enough; the session's name is filled in by the crawl.
    """


class StoreError(CrawlError):
    """The database did not do what it was asked.

    Attributes:
        path: File or address of the store.
        why: What happened and what to do.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"{self.path}: {self.why}"


class StoreBusy(StoreError):
    """Locked by another process for longer than we wait."""


class StoreFull(StoreError):
    """No room on the disk."""


class StoreReadOnly(StoreError):
    """The file or its folder cannot be written."""


class KeyFileError(StoreError):
    """The key of what is sealed cannot be read or kept: `path` is its file, or the variable that holds it."""


class StoreDamaged(StoreError):
    """Not a database, or a damaged one. It is never overwritten."""


class SchemaTooNew(StoreError):
    """Written by a newer version of this program; left untouched."""


class NotWritten(CrawlError):
    """A file was left as it is: what would have replaced it is empty, or a part of a crawl.

    Attributes:
        path: The file.
        why: What was to be written.
    """

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)
        self.path, self.why = path, why

    def __str__(self) -> str:
        return f"{self.path} is left as it was: {self.why}"


class TargetError(CrawlError):
    """Results could not be brought to where they were to go; what is there is as it was.

    Attributes:
        place: The file, the address or the database, without secrets.
        why: What it said.
    """

    def __init__(self, place: str, why: str) -> None:
        super().__init__(place, why)
        self.place, self.why = place, why

    def __str__(self) -> str:
        return f"{self.place}: {redact(self.why)}"


class AlreadyRunning(CrawlError):
    """Another process runs this spider on this store.

    Attributes:
        spider: Name of the spider.
        holder: Who holds it, such as ``"process 4711 on host db1 since 03:00"``.
    """

    def __init__(self, spider: str, holder: str) -> None:
        super().__init__(spider, holder)
        self.spider, self.holder = spider, holder

    def __str__(self) -> str:
        return f"{self.spider} is already running: {self.holder}"
