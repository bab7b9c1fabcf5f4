"""The login form of the practice site, its second step, and its logout links.

The form is as strict as those of careful sites: a CSRF token that is valid once and only together with the cookie it
was made for, a hidden field, and a named button whose value must be sent. A wrong password is answered
with status 200 and an error text, as Django does it.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import field
from html import escape
from urllib.parse import quote

from crawler.quick_dataclass import quick_dataclass
from crawler.testing.codes import MailBox, is_totp
from crawler.testing.layout import Layout, VisitorRequest
from crawler.testing.logins import Sessions
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import Recorder
from crawler.testing.wire import Answer

REMEMBERED_VISITORS = 10_000
TOKENS_A_VISITOR = 50


@quick_dataclass(frozen=False)
class _Visitor:
    """What the site knows about a browser before anyone has signed in with it."""

    tokens: deque[str] = field(default_factory=lambda: deque(maxlen=TOKENS_A_VISITOR))
    password_given_by: str | None = None
    next_path: str = "/account/"


@quick_dataclass
class _Form:
    """A form to show: its title, its id, its action, and its fields as HTML."""

    title: str
    form_id: str
    action: str
    fields: str


_CODE_FORM = _Form(
    "One more step",
    "code",
    "/login/code",
    '<label>Code <input name="code" autocomplete="one-time-code" inputmode="numeric"></label>'
    '<button type="submit" name="action" value="sign-in">Go on</button>',
)


class LoginForms:
    """Login, one-time code, logout. Thread-safe. Its options may be replaced while the site runs."""

    def __init__(self, options: SiteOptions, layout: Layout, sessions: Sessions, recorder: Recorder) -> None:
        self.options = options
        self.mail = MailBox()
        self._layout, self._sessions, self._recorder = layout, sessions, recorder
        self._accounts = {account.username: account for account in options.accounts}
        self._lock = threading.Lock()  # guards everything below
        self._visitors: OrderedDict[str, _Visitor] = OrderedDict()
        self._attempts: dict[str, deque[float]] = {}
        self._wrong: dict[str, int] = {}

    @property
    def visitor_cookie(self) -> str:
        """Name of the cookie that the CSRF tokens are bound to."""
        return f"{self.options.cookie_name}_visitor"

    def login(self, visit: VisitorRequest) -> Answer:
        """``/login``: the form, and its submission; ``/login/code``: the second step."""
        if visit.parts[1:] == ["code"]:
            return self._post_code(visit) if visit.call.method == "POST" else self._form_page(visit, _CODE_FORM)
        if visit.parts[1:]:
            return self._layout.not_found(visit)
        if visit.call.method == "POST":
            return self._post_password(visit)
        return self._form_page(visit, _login_form(visit.call.query().get("next", "/account/")))

    def guest(self, visit: VisitorRequest) -> Answer:
        """The answer that a guest gets in place of a page behind the login."""
        self._recorder.count("refused", "logged-out")
        target = visit.call.target
        if self.options.sso and visit.call.host != self.options.hosts[0]:
            main = visit.call.base.replace(visit.call.host, self.options.hosts[0])
            back = quote(f"{visit.call.base}/sso/accept?next={quote(target, safe='')}", safe="")
            return Answer.redirect(f"{main}/sso/authorize?return={back}")
        if self.options.login == "soft200":
            return self._form_page(visit, _login_form(target))
        if self.options.login == "status401":
            return self._form_page(visit, _login_form(target), status=401)
        return Answer.redirect(f"/login?next={quote(target, safe='')}")

    def logout(self, visit: VisitorRequest) -> Answer:
        """Every address that logs out on GET."""
        return self.leave(visit)

    def leave(self, visit: VisitorRequest) -> Answer:
        """Ends the visitor's session and deletes its cookie."""
        if visit.session is not None:
            self._sessions.end(visit.session)
        answer = Answer.redirect("/")
        answer.headers.append(("Set-Cookie", f"{self.options.cookie_name}=; Path=/; Max-Age=0"))
        return answer

    def enter(self, visit: VisitorRequest, username: str, next_path: str, *, login: bool = True) -> Answer:
        """Signs *username* in: a new session id, and a redirect to *next_path*."""
        session = self._sessions.begin(
            username, visit.call.host, visit.user_agent, old_sid=visit.sid if login else None, login=login
        )
        answer = Answer.redirect(next_path)
        answer.headers.append(("Set-Cookie", self.session_cookie(visit, session.sid)))
        return answer

    def session_cookie(self, visit: VisitorRequest, sid: str) -> str:
        """The Set-Cookie value for a session id."""
        age = self.options.cookie_max_age_s
        return self._cookie(visit, self.options.cookie_name, sid) + (f"; Max-Age={age}" if age is not None else "")

    def is_password(self, username: str, password: str) -> bool:
        """Checks a password, counts wrong ones, and locks the account after too many."""
        account = self._accounts.get(username)
        right = account is not None and hmac.compare_digest(account.password.encode(), password.encode())
        with self._lock:
            limit = self.options.lock_after
            if limit is not None and self._wrong.get(username, 0) >= limit:
                right = False
            elif not right:
                self._wrong[username] = self._wrong.get(username, 0) + 1
        if not right:
            self._recorder.count("failed_logins", username)
        return right

    def too_many(self, username: str) -> float | None:
        """Counts a login attempt; returns the seconds to wait if there were too many, or None."""
        self._recorder.count("login_posts", username)
        limit, window_s = self.options.login_limit, self.options.login_window_s
        if limit is None:
            return None
        now = time.monotonic()
        with self._lock:
            attempts = self._attempts.setdefault(username, deque())
            while attempts and now - attempts[0] >= window_s:
                attempts.popleft()
            if len(attempts) < limit:
                attempts.append(now)
                return None
            wait_s = window_s - (now - attempts[0])
        self._recorder.count("refused", "too-many-logins")
        return wait_s

    def forget_visitors(self) -> None:
        """Discards unfinished logins: they have to start again."""
        with self._lock:
            self._visitors.clear()

    def _post_password(self, visit: VisitorRequest) -> Answer:
        form = visit.call.form()
        username = form.get("username", "")
        wait_s = self.too_many(username)
        if wait_s is not None:
            answer = self._layout.page(visit, "Slow down", '<p class="error">Too many logins</p>', 429)
            answer.headers.append(("Retry-After", str(int(wait_s) + 1)))
            return answer
        refusal = self._check_form(visit, form, "login")
        if refusal is not None:
            return refusal
        next_path = _local(form.get("next", ""))
        if not self.is_password(username, form.get("password", "")):
            text = (
                "Your account is locked." if self._is_locked(username) else "Please enter a correct name and password."
            )
            return self._form_page(visit, _login_form(next_path), error=text)
        if self.options.one_time_code is None:
            return self._finish(visit, username, next_path)
        with self._lock:
            visitor = self._visitors.get(self._visitor_id(visit)) or _Visitor()
            visitor.password_given_by, visitor.next_path = username, next_path
        if self.options.one_time_code == "mail":
            self.mail.send(username)
        return Answer.redirect("/login/code")

    def _post_code(self, visit: VisitorRequest) -> Answer:
        form = visit.call.form()
        refusal = self._check_form(visit, form, "code")
        if refusal is not None:
            return refusal
        with self._lock:
            visitor = self._visitors.get(self._visitor_id(visit)) or _Visitor()
            username, next_path = visitor.password_given_by, visitor.next_path
        if username is None:
            return Answer.redirect("/login")
        code = form.get("code", "").strip()
        if self.options.one_time_code == "mail":
            right = self.mail.accept(username, code)
        else:
            right = is_totp(self._accounts[username].totp_secret, code)
        if not right:
            self._recorder.count("failed_logins", username)
            return self._form_page(visit, _CODE_FORM, error="That code is wrong or too old.")
        return self._finish(visit, username, next_path)

    def _finish(self, visit: VisitorRequest, username: str, next_path: str) -> Answer:
        answer = self.enter(visit, username, next_path)
        with self._lock:  # what was issued before the login is not valid after it
            self._visitors.pop(self._visitor_id(visit), None)
            visitor_id = self._new_visitor()
        answer.headers.append(("Set-Cookie", self._cookie(visit, self.visitor_cookie, visitor_id)))
        return answer

    def _check_form(self, visit: VisitorRequest, form: dict[str, str], form_id: str) -> Answer | None:
        """The refusal if the token, the hidden field or the button is missing; the token is used up."""
        token = form.get("csrf_token", "")
        with self._lock:
            visitor = self._visitors.get(self._visitor_id(visit))
            known = visitor is not None and token in visitor.tokens
            if visitor is not None and known:
                visitor.tokens.remove(token)
        origin = visit.call.headers.get("origin") or visit.call.headers.get("referer", "")
        if known and visit.call.base.startswith("https:") and not f"{origin}/".startswith(f"{visit.call.base}/"):
            known = False  # careful https sites check where a form came from
        if not known:
            self._recorder.count("refused", "csrf")
            return self._layout.page(visit, "Forbidden", '<p class="error">CSRF verification failed.</p>', 403)
        if form.get("action") != "sign-in" or form.get("form_id") != form_id:
            self._recorder.count("refused", "button")
            return self._layout.page(visit, "Bad form", '<p class="error">No button was pressed.</p>', 400)
        return None

    def _is_locked(self, username: str) -> bool:
        limit = self.options.lock_after
        with self._lock:
            return limit is not None and self._wrong.get(username, 0) >= limit

    def _form_page(self, visit: VisitorRequest, form: _Form, *, error: str = "", status: int = 200) -> Answer:
        token = secrets.token_urlsafe(12)
        with self._lock:
            visitor_id = self._visitor_id(visit)
            is_new = visitor_id not in self._visitors
            if is_new:
                visitor_id = self._new_visitor()
            self._visitors[visitor_id].tokens.append(token)
        message = f'<p class="error">{escape(error)}</p>' if error else ""
        answer = self._layout.page(
            visit,
            form.title,
            f'<h1>{form.title}</h1>{message}<form id="{form.form_id}" action="{form.action}" method="post">'
            f'<input type="hidden" name="csrf_token" value="{token}">'
            f'<input type="hidden" name="form_id" value="{form.form_id}">{form.fields}</form>',
            status,
        )
        if is_new:
            answer.headers.append(("Set-Cookie", self._cookie(visit, self.visitor_cookie, visitor_id)))
        return answer

    def _new_visitor(self) -> str:
        visitor_id = secrets.token_urlsafe(12)
        self._visitors[visitor_id] = _Visitor()
        while len(self._visitors) > REMEMBERED_VISITORS:
            self._visitors.popitem(last=False)
        return visitor_id

    def _visitor_id(self, visit: VisitorRequest) -> str:
        return visit.call.cookies().get(self.visitor_cookie, "")

    def _cookie(self, visit: VisitorRequest, name: str, value: str) -> str:
        secure = "; Secure" if visit.call.base.startswith("https:") else ""
        return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _login_form(next_path: str) -> _Form:
    return _Form(
        "Sign in",
        "login",
        "/login",
        f'<input type="hidden" name="next" value="{escape(_local(next_path))}">'
        '<label>Name <input name="username" autocomplete="username"></label>'
        '<label>Password <input type="password" name="password"></label>'
        '<label><input type="checkbox" name="remember" value="yes"> Stay signed in</label>'
        '<button type="submit" name="action" value="sign-in">Sign in</button>'
        '<button type="submit" name="action" value="forgot">Forgot your password?</button>',
    )


def _local(path: str) -> str:
    """A path on this site; a login never redirects to another site."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/account/"
