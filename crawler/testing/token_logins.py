"""The other logins of the practice site: HTTP basic and digest, a JSON login with bearer tokens, and OAuth2.

Source: RFC 7617 (basic), RFC 7616 (digest, qop=auth, MD5 and SHA-256), RFC 6750 (bearer), RFC 6749 sections 4.3, 4.4
and 6 (password, client credentials, refresh token).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable
from urllib.parse import unquote_plus

from crawler.quick_dataclass import quick_dataclass
from crawler.testing.books import Shop
from crawler.testing.layout import Layout, VisitorRequest
from crawler.testing.login_pages import LoginForms
from crawler.testing.site_options import SiteOptions
from crawler.testing.site_records import Recorder
from crawler.testing.wire import Answer

Handler = Callable[[VisitorRequest], Answer]
REALM = "practice"
NONCES = 1000


@quick_dataclass
class _Token:
    username: str
    expires_s: float | None
    refresh_of: str | None = None  # the client that may use this refresh token; None for an access token


class Tokens:
    """Issues tokens and checks the Authorization header. Thread-safe."""

    def __init__(self, options: SiteOptions, shop: Shop, forms: LoginForms, layout: Layout, recorder: Recorder) -> None:
        self.options = options
        self._shop, self._forms, self._layout, self._recorder = shop, forms, layout, recorder
        self._by_client = {account.client_id: account for account in options.accounts}
        self._lock = threading.Lock()  # guards everything below
        self._tokens: dict[str, _Token] = {}
        self._nonces: dict[str, set[int]] = {}  # nonce: counts that were used

    def routes(self) -> dict[str, Handler]:
        """The handlers, by the first part of the path."""
        return {"api": self.api, "oauth": self.oauth, "basic": self.basic, "digest": self.digest}

    def revoke(self, username: str | None = None) -> int:
        """Revokes the tokens of an account, or of all, and all digest nonces; returns how many tokens there were."""
        with self._lock:
            kept = {
                text: one for text, one in self._tokens.items() if username is not None and one.username != username
            }
            count = len(self._tokens) - len(kept)
            self._tokens = kept
            self._nonces.clear()
        return count

    def api(self, visit: VisitorRequest) -> Answer:
        """``/api/login`` (POST, JSON), ``/api/books?page=``, ``/api/book/ID``, ``/api/me``: JSON for bearer tokens."""
        action = visit.parts[1] if len(visit.parts) > 1 else ""
        if action == "login":
            return self._json_login(visit)
        username = self._bearer(visit)
        if username is None:
            sent = "authorization" in visit.call.headers
            answer = Answer.json({"error": "invalid_token" if sent else "no_token"}, 401)
            error = ', error="invalid_token"' if sent else ""
            answer.headers.append(("WWW-Authenticate", f'Bearer realm="{REALM}"{error}'))
            self._recorder.count("refused", "token")
            return answer
        self._recorder.count("granted", username)
        return self._api_page(visit, action, username)

    def oauth(self, visit: VisitorRequest) -> Answer:
        """``/oauth/token`` (POST, form): grants client_credentials, password and refresh_token."""
        if visit.parts[1:] != ["token"]:
            return self._layout.not_found(visit)
        if visit.call.method != "POST":
            return Answer.json({"error": "invalid_request"}, 405)
        form = visit.call.form()
        client_id, client_secret = form.get("client_id", ""), form.get("client_secret", "")
        pair = _basic_pair(visit.call.headers.get("authorization", ""))
        if pair is not None:
            client_id, client_secret = unquote_plus(pair[0]), unquote_plus(pair[1])
        client = self._by_client.get(client_id)
        if client is None or not hmac.compare_digest(client.client_secret.encode(), client_secret.encode()):
            self._recorder.count("failed_logins", client_id)
            answer = Answer.json({"error": "invalid_client"}, 401)
            answer.headers.append(("WWW-Authenticate", f'Basic realm="{REALM}"'))
            return answer
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            return self._give(client.username, grant, refresh_of=None)
        if grant == "password":
            if not self._forms.is_password(form.get("username", ""), form.get("password", "")):
                return Answer.json({"error": "invalid_grant"}, 400)
            return self._give(form["username"], grant, refresh_of=client_id)
        if grant == "refresh_token":
            with self._lock:
                token = self._tokens.get(form.get("refresh_token", ""))
                if token is None or token.refresh_of != client_id:
                    return Answer.json({"error": "invalid_grant"}, 400)
                del self._tokens[form["refresh_token"]]  # it is valid once; the answer has a new one
            return self._give(token.username, grant, refresh_of=client_id)
        return Answer.json({"error": "unsupported_grant_type"}, 400)

    def basic(self, visit: VisitorRequest) -> Answer:
        """``/basic/ID``: a page for HTTP basic; ``/basic/login``: basic once, a session cookie from then on."""
        pair = _basic_pair(visit.call.headers.get("authorization", ""))
        if pair is None or not self._forms.is_password(*pair):
            answer = self._layout.page(visit, "Who are you?", '<h1 class="error">Name and password, please</h1>', 401)
            answer.headers.append(("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"'))
            return answer
        return self._enter(visit, pair[0])

    def digest(self, visit: VisitorRequest) -> Answer:
        """``/digest/ID?algorithm=MD5|SHA-256``: a page for HTTP digest; ``/digest/login``: a cookie from then on.

        A nonce count that was already used is refused, and an unknown nonce is answered with ``stale=true``.
        """
        algorithm = "SHA-256" if visit.call.query().get("algorithm") == "SHA-256" else "MD5"
        fields = _digest_fields(visit.call.headers.get("authorization", ""))
        stale = False
        if fields:
            username = fields.get("username", "")
            if self._is_digest(visit, fields, algorithm):
                if self._use_nonce(fields):
                    return self._enter(visit, username)
                stale = True
            else:
                self._recorder.count("failed_logins", username)
        answer = self._layout.page(visit, "Who are you?", '<h1 class="error">Prove it</h1>', 401)
        nonce = secrets.token_hex(16)
        with self._lock:
            self._nonces[nonce] = set()
            while len(self._nonces) > NONCES:
                del self._nonces[next(iter(self._nonces))]
        value = f'Digest realm="{REALM}", qop="auth", algorithm={algorithm}, nonce="{nonce}", opaque="practice"'
        answer.headers.append(("WWW-Authenticate", value + (", stale=true" if stale else "")))
        return answer

    def _enter(self, visit: VisitorRequest, username: str) -> Answer:
        if visit.parts[1:] == ["login"]:
            return self._forms.enter(visit, username, "/account/")
        self._recorder.count("granted", username)
        return self._layout.page(
            visit, "Welcome", f'<h1>Welcome</h1><p class="account">{username}</p><p class="id">{visit.number()}</p>'
        )

    def _json_login(self, visit: VisitorRequest) -> Answer:
        if visit.call.method != "POST":
            return Answer.json({"error": "POST a name and a password"}, 405)
        try:
            wanted = json.loads(visit.call.body)
            username, password = str(wanted["username"]), str(wanted["password"])
        except (ValueError, KeyError, TypeError):
            return Answer.json({"error": "username and password are needed"}, 400)
        wait_s = self._forms.too_many(username)
        if wait_s is not None:
            answer = Answer.json({"error": "too many logins"}, 429)
            answer.headers.append(("Retry-After", str(int(wait_s) + 1)))
            return answer
        if not self._forms.is_password(username, password):
            return Answer.json({"error": "wrong name or password"}, 401)
        self._recorder.count("logins", username)
        return self._give(username, "json-login", refresh_of=None)

    def _give(self, username: str, grant: str, *, refresh_of: str | None) -> Answer:
        lifetime_s = self.options.token_expires_s
        access = secrets.token_urlsafe(24)
        content: dict[str, object] = {"access_token": access, "token_type": "Bearer", "expires_in": int(lifetime_s)}
        now = time.monotonic()
        with self._lock:
            self._tokens = {
                text: one for text, one in self._tokens.items() if one.expires_s is None or one.expires_s > now
            }
            self._tokens[access] = _Token(username, now + lifetime_s)
            if refresh_of is not None:
                refresh = secrets.token_urlsafe(24)
                self._tokens[refresh] = _Token(username, None, refresh_of)
                content["refresh_token"] = refresh
        self._recorder.count("tokens", grant)
        answer = Answer.json(content)
        answer.headers.append(("Cache-Control", "no-store"))
        return answer

    def _bearer(self, visit: VisitorRequest) -> str | None:
        kind, _, text = visit.call.headers.get("authorization", "").partition(" ")
        with self._lock:
            token = self._tokens.get(text.strip()) if kind.lower() == "bearer" else None
        if token is None or token.expires_s is None or time.monotonic() >= token.expires_s:
            return None
        return token.username

    def _api_page(self, visit: VisitorRequest, action: str, username: str) -> Answer:
        account = self._shop.accounts[username]
        if action == "me":
            return Answer.json({"account": username})
        if action == "books":
            page = visit.page()
            books = self._shop.on_page(page)
            following = f"/api/books?page={page + 1}" if page < self._shop.list_pages else None
            return Answer.json({"books": [f"/api/book/{book.id}" for book in books], "next": following})
        number = visit.number(2) if action == "book" else None
        book = self._shop.find(number)
        if book is None:
            return Answer.json({"error": "not found"}, 404)
        return Answer.json(book.facts() | {"price": book.price(account), "account": username})

    def _is_digest(self, visit: VisitorRequest, fields: dict[str, str], algorithm: str) -> bool:
        account = self._shop.accounts.get(fields.get("username", ""))
        if account is None or fields.get("uri") != visit.call.target or fields.get("qop") != "auth":
            return False

        def digested(text: str) -> str:
            return hashlib.new("sha256" if algorithm == "SHA-256" else "md5", text.encode()).hexdigest()

        first = digested(f"{account.username}:{REALM}:{account.password}")
        second = digested(f"{visit.call.method}:{visit.call.target}")
        middle = f"{fields.get('nonce')}:{fields.get('nc')}:{fields.get('cnonce')}:auth"
        return hmac.compare_digest(digested(f"{first}:{middle}:{second}"), fields.get("response", ""))

    def _use_nonce(self, fields: dict[str, str]) -> bool:
        nonce = fields.get("nonce", "")
        try:
            count = int(fields.get("nc", ""), 16)
        except ValueError:
            return False
        with self._lock:
            used = self._nonces.get(nonce)
            if used is None or count in used:  # with threads, higher counts may arrive before lower ones
                return False
            used.add(count)
            return True


def _basic_pair(header: str) -> tuple[str, str] | None:
    kind, _, text = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        username, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (username, password) if colon else None


def _digest_fields(header: str) -> dict[str, str]:
    kind, _, text = header.partition(" ")
    if kind.lower() != "digest":
        return {}
    pairs = re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', text)
    return {name.lower(): quoted or plain for name, quoted, plain in pairs}
