"""What a login step has sent: whether credentials may have reached the site, and what it answered to the password.

Only that tells a login that may have counted against the account from one that stopped before. A request whose answer
never came counts as sent, unless there was certainly no connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from crawler.errors import FetchError
from crawler.quick_dataclass import quick_dataclass
from crawler.sessions.login.login_addresses import login_page_of
from crawler.sessions.login.login_answers import is_made_by_scripts
from crawler.sessions.login.page_marks import has_login_form
from crawler.sessions.login.sent_forms import forms_sent
from crawler.urls import is_secret_name

if TYPE_CHECKING:
    from crawler.response import Response
    from crawler.sessions.accounts import Account

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


@quick_dataclass(frozen=False)
class Sent:
    """Of one login.

    Attributes:
        credentials: They may have reached the site.
        answer: What it answered to the last request that held the password; after its redirects.
        is_back: That is the page on which the password was to be typed, made by scripts, so that no form shows it.
        answers: How many answers came.
        forms: What was sent as a form, as `sessions.login.sent_forms` writes it.
        refused_after: The mark of what the probe after it was refused; "" where it was not.
    """

    credentials: bool = False
    answer: Response | None = None
    is_back: bool = False
    answers: int = 0
    refused_after: str = ""
    forms: frozenset[str] = frozenset()

    def answered(self, answer: Response, before: Response | None, account: Account) -> None:
        """An answer has come.

        Args:
            before: The answer before it: the page whose form was sent, as a rule.
        """
        self.answers += 1
        requests = [each.request for each in (*answer.history, answer) if each.request is not None]
        self.forms = self.forms.union(*map(forms_sent, requests))
        if not any(map(_may_hold_credentials, requests)):
            return
        self.credentials = True
        asked_for_it = before is not None and has_login_form(before)
        if any(_holds_password(each, account, after_form=asked_for_it) for each in requests):
            self.answer, self.is_back = answer, _leads_back(answer, before)

    def with_password(self) -> set[str]:
        """Those forms that held the password, as they are written in `forms`."""
        answer = self.answer
        requests = [each.request for each in (*answer.history, answer)] if answer is not None else []
        return set().union(*map(forms_sent, requests))

    def unanswered(self, request: Any, error: FetchError) -> None:
        """No usable answer came to *request*, or to a redirect that began with it."""
        if error.sent and _may_hold_credentials(request):
            self.credentials = True


def _leads_back(answer: Response, before: Response | None) -> bool:
    """Whether what was typed led back, at once or by redirects, to a page for logging in that scripts make.

    Args:
        before: The answer before it. Where it is not that page, the page must be where the password was sent.
    """
    if answer.status_code >= 400 or not is_made_by_scripts(answer):
        return False
    page = login_page_of(answer.url).rstrip("/")
    if before is not None and before.is_html and login_page_of(before.url).rstrip("/") == page:
        return all(login_page_of(each.url).rstrip("/") == page for each in answer.history[1:])
    return bool(answer.history) and all(login_page_of(each.url).rstrip("/") == page for each in answer.history)


def _may_hold_credentials(request: Any) -> bool:
    if str(request.method).upper() not in _READS or "Authorization" in (request.headers or {}):
        return True
    query = urlsplit(str(request.url)).query
    return any(is_secret_name(name) and value for name, value in parse_qsl(query))


def _holds_password(request: Any, account: Account, *, after_form: bool) -> bool:
    if "Authorization" in (request.headers or {}):
        return True
    body = request.body or b""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    return (after_form and bool(text)) or account.password_is_in(f"{text} {request.url}")
