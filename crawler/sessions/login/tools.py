"""What a login step uses of a session besides requests' own methods, and what is watched while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

from crawler.errors import FetchError, InvalidURL, Refused, UsageError
from crawler.identity import Identity
from crawler.pages.filled import Filled, is_named
from crawler.plain_values import class_name_of
from crawler.response import Response
from crawler.sessions.accounts import Account
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.login.login_addresses import login_page_of, looks_like_login
from crawler.sessions.login.page_marks import has_login_form, refresh_of
from crawler.sessions.login.sent import Sent
from crawler.sessions.origins import Origins
from crawler.urls import host_of, origin_of, redact, same_origin, short_origin, site_of

if TYPE_CHECKING:
    from crawler.pages.forms import Form

_MOST_REFRESHES = 5


class LoginTools:
    """Part of `Session`; used by the thread that logs in.

    Attributes:
        login_urls: Pages with a password form that the login step met. Replaced as a whole, as the next two are, since
            workers read them meanwhile.
        login_forms: Forms that it has sent: signs of being logged out (`sent_forms`).
        member_forms: Those of them that pages for somebody who is logged in show, too: no signs.
        last_answer: Last answer of the login step, for its errors.
        sent: What the login step has sent.
        asked_again: URLs that led elsewhere by way of the login page, and are under way once more.
        asked_in_vain: How many of them in a row led elsewhere again.
        trusts: Called with a host that the login step names itself (`allow`): it may have a private address.
    """

    name: str
    account: Account
    identity: Identity
    origins: Origins
    _jar: Jar
    _login_jar: tuple[int, Jar] | None = None  # the thread that logs in, and the jar that only it sees

    def __init__(self) -> None:
        super().__init__()
        self.login_urls = self.login_forms = self.member_forms = frozenset[str]()
        self.last_answer: Response | None = None
        self.sent = Sent()
        self.asked_again: set[str] = set()
        self.asked_in_vain = 0
        self._login_thread = 0  # the thread that logs in: only its answers are watched
        self._steps: list[str] = []
        self._answered: Callable[[], None] = lambda: None
        self.trusts: Callable[[str], object] = lambda host: None

    if TYPE_CHECKING:  # Session has it

        def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> Response: ...

    @property
    def cookies(self) -> Jar:
        """The jar. While a login is under way its thread has one of its own; other threads keep the old one."""
        own = self._login_jar
        return own[1] if own is not None and own[0] == threading.get_ident() else self._jar

    @cookies.setter
    def cookies(self, jar: Jar | CookieJar | Mapping[str, str]) -> None:
        """Take another jar. One that is not ours, as from `requests.utils.cookiejar_from_dict`, is copied into one.

        Raises:
            TypeError: It is neither a cookie jar nor a mapping of names to values.
            ValueError: A cookie in it could not be sent as it is.
        """
        if not isinstance(jar, Jar):
            jar = self._copied(jar)
        own = self._login_jar
        if own is not None and own[0] == threading.get_ident():
            self._login_jar = (own[0], jar)
        else:
            self._jar = jar

    def _copied(self, given: CookieJar | Mapping[str, str]) -> Jar:
        if not isinstance(given, CookieJar | Mapping):
            raise TypeError(f"cookies are a jar or a mapping of names to values, not {class_name_of(given)}")
        jar = self.cookies.fresh() if hasattr(self, "_jar") else Jar()  # requests sets one before ours is there
        jar.update(given)
        return jar

    def jar_for_login(self, *, now: float) -> Jar:
        """A jar for a login: an id from before it must not stay. What the identity wants to keep is taken along.

        Nor may one stay on the site of a single sign-on where the last login found its form: no form would be shown.

        Args:
            now: Seconds since 1970.
        """
        before = jar = self.cookies
        for site in self.origins.sites | self.login_sites():
            jar = jar.fresh(keep_other_than=site)
        jar = before.fresh() if jar is before else jar
        keeps = self.identity.keeps
        if keeps:
            jar.load([record for record in before.dump() if record["name"] in keeps], now=now)
        return jar

    @contextmanager
    def login_jar(self, jar: Jar) -> Iterator[None]:
        """A jar for the login that this thread does; it becomes everybody's when the block ends without an error.

        A page that is sent meanwhile could otherwise change the cookie that the form's token belongs to.
        """
        self._login_jar = (threading.get_ident(), jar)
        try:
            yield
            self._jar = self.cookies
        finally:
            self._login_jar = None

    def are_for_members(self, forms: Collection[str]) -> None:
        """These forms are no signs of being logged out: somebody who is logged in was shown them."""
        self.member_forms = self.member_forms.union(forms)
        self.login_forms = self.login_forms.difference(forms)

    def login_sites(self) -> set[str]:
        """The registrable domains of the pages where login steps met a password form."""
        sites = set()
        for url in self.login_urls:
            with suppress(InvalidURL):  # they come out of the store
                sites.add(site_of(host_of(url)))
        return sites

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Name a part of the login step: an error in it says where it stopped."""
        self._steps.append(name)
        yield
        self._steps.pop()  # kept on an error: `stopped_at` reads it

    @property
    def stopped_at(self) -> str:
        """The step that was running, "" for none."""
        return " / ".join(self._steps)

    def submit(
        self,
        form: Form | Filled,
        data: Mapping[str, Any] | None = None,
        *,
        click: Any = None,
        extra: Mapping[str, Any] | None = None,
        allow: Collection[str] = (),
        **kwargs: Any,
    ) -> Response:
        """Fill a form of a page and send it, with hidden fields and the clicked button, as a browser would.

        Args:
            form: From ``response.form()``, or what its `fill` gave.
            data: Field names and values.
            click: Name, value or text of the button; None: the first one.
            extra: Fields that the page adds by script.
            allow: Hosts or origins that are none of the session's own, on which the form may stand and to which it may
                go: those of a single sign-on.
        Raises:
            Refused: The form stands on a page of another origin, or goes to one; the text says how to name it.
            FetchError: No usable answer came.
            UsageError: The form has no such field, choice or button.

        Returns:
            The answer, after its redirects and after a page that only sends the browser on (`refreshed`).
        """
        if isinstance(form, Filled):
            if data or extra or click is not None:
                raise UsageError("the form is filled in already: give data, click and extra to fill(), not to submit()")
            filled, said = form, (*allow, *form.allow)
        else:
            said = tuple(allow)
            try:
                filled = self._filled(form, data, click, extra, allow)
            except Refused:  # where its page is not allowed either, say both at once
                self._check_page(form, allow, form.target(data, click=click))
                raise
        self._check_page(filled, (*allow, *filled.allow))
        if is_named(filled.url, said):
            self.trusts(host_of(filled.url))
        headers = {**filled.all_headers(), **(kwargs.pop("headers", None) or {})}
        answer = self.request(filled.method, filled.url, data=filled.body or None, headers=headers, **kwargs)
        return self.refreshed(answer)

    def refreshed(self, answer: Response) -> Response:
        """The page that *answer* sends a browser on to at once by `<meta http-equiv=refresh>`, if it does; else itself.

        "You are being logged in" is such a page, and what it leads to sets the cookie. Left alone: other sites, the
        page itself, and pages that lead to a login page.
        """
        met = {answer.url}
        while (url := refresh_of(answer)) is not None and url not in met and len(met) <= _MOST_REFRESHES:
            if not self.origins.covers(url) or looks_like_login(url):
                break
            met.add(url)
            answer = self.request("GET", url, headers={"Referer": answer.url})
        return answer

    def _filled(self, form: Form, data: Any, click: Any, extra: Any, allow: Collection[str]) -> Filled:
        target = form.target(data, click=click)
        weaker = form.page_url.startswith("https:") and target.startswith("http:")
        own = (origin_of(target),) if self.origins.covers(target) and not weaker else ()
        return form.fill(data, click=click, extra=extra, allow=(*allow, *own))

    def _check_page(self, form: Form | Filled, allow: Collection[str], refused: str = "") -> None:
        """A redirect may have led to somebody else's page, and what is filled in there is a password.

        Args:
            refused: Where the form goes, if it may not go there either.
        """
        page, asked = form.page_url, form.asked_url
        weaker = asked.startswith("https:") and page.startswith("http:")
        own = self.origins.may_fill_in(page) if self.origins else same_origin(page, asked)
        if own or is_named(page, allow, by_host=not weaker):
            return
        here = short_origin(page)
        usual = not weaker and here == f"{here.partition(':')[0]}://{host_of(page)}"
        names, what, other = [host_of(page) if usual else here], "it", f"login_url = '{here}/...' or "
        led = f"; {short_origin(asked)} led there" if not same_origin(page, asked) else ""
        origins = [here]
        if refused:
            origins.append(short_origin(refused))
            names.append(origins[-1])
            what, other, led = "both", "", f"{led}, and its form goes to {origins[-1]}"
        raise Refused(
            redact(page),
            f"nothing is filled in on {here}, which is not an origin of session {self.name!r}{led}. If that is your "
            f"single sign-on, name {what}: session.submit(form, ..., allow={names!r}), or for all of its forms "
            f"{other}Identity({self.name!r}, origins={tuple(origins)!r})",
        )

    def ask(self, what: str, *, secret: bool = False) -> str:
        """Ask the person at the terminal for something like a code from a mail.

        Raises:
            NeedsHuman: Nobody is there; `crawl login` asks then.
        """
        return self.account.ask(what, secret=secret)

    @contextmanager
    def watching_login(self, answered: Callable[[], None] = lambda: None) -> Iterator[None]:
        """While a login step runs: remember pages with a password form, and the last answer.

        Args:
            answered: Called after each answer.
        """
        self._login_thread, self._steps, self.last_answer = threading.get_ident(), [], None
        self.sent = Sent()
        self._answered = answered
        try:
            yield
        finally:
            self._login_thread = 0

    def is_logging_in(self) -> None:
        """A login that sends nothing by this session (a browser does) is still under way."""
        self._answered()

    def _unanswered(self, request: Any, error: FetchError) -> None:
        if self._login_thread == threading.get_ident():
            self.sent.unanswered(request, error)

    def _watch(self, answer: Response) -> None:
        if self._login_thread != threading.get_ident():
            return
        self.sent.answered(answer, self.last_answer, self.account)
        self.last_answer = answer
        if has_login_form(answer):
            self.login_urls = self.login_urls.union((login_page_of(answer.url),))
        self._answered()
