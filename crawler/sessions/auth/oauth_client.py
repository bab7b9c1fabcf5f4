"""The client side of an OAuth2 token URL: one form posted, one JSON object back, refusals told apart from failures.

Source: RFC 6749 sections 2.3.1, 4.3, 4.4, 5 and 6.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Literal
from urllib.parse import quote_plus

import requests
from urllib3.util import SKIP_HEADER

from crawler.errors import BadAnswer, ConnectFailed, LoginFailed, Refused, StatusError, TimedOut, WrongPassword
from crawler.sessions.auth.lending import TokenWay
from crawler.sessions.secrets import Secret
from crawler.urls import host_of, is_private, printable, redact, with_user

Send = Callable[[str, dict[str, str], dict[str, str]], requests.Response]
"""Posts a form: URL, fields, headers. Must not use the auth it is sent for, nor follow redirects."""

_MOST_DESCRIBED = 200  # characters of what a service says of an error


class TokenClient:
    """Asks one token URL for one client. Immutable; safe from any thread.

    Args:
        token_url: https, or http to a private address.
        client_auth: Whether the client identifies itself in a header ("basic") or among the fields ("form").
        extra: Further fields of each request, such as "audience".
        session: Name of the session, for errors.
        proxies, verify: As in requests; None for those of the session.
        send: Posts the form; None for a connection of its own.
    Raises:
        InvalidURL: The token URL is not valid.
        Refused: It is plain http to a public host.
    """

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str,
        client_secret: str,
        scope: str,
        client_auth: Literal["basic", "form"],
        extra: Mapping[str, str],
        session: str,
        proxies: Mapping[str, str] | None,
        verify: bool | str | None,
        send: Send | None,
    ) -> None:
        self.token_url = with_user("", token_url)
        host = host_of(self.token_url)
        is_near = host == "localhost" or ((host[0].isdigit() or ":" in host) and is_private(host))
        if self.token_url.startswith("http:") and not is_near:
            raise Refused(redact(self.token_url), "client secrets go over https only")
        self.client_id, self.client_secret = client_id, Secret(client_secret)
        self.scope, self.client_auth, self.extra = scope, client_auth, dict(extra)
        self.session, self._proxies, self._verify = session, proxies, verify
        self._send = send

    def ask(self, fields: dict[str, str], way: TokenWay) -> dict[str, Any]:
        """Post *fields* (grant_type and what belongs to it) and return the token answer.

        Args:
            way: That of the session.
        Raises:
            WrongPassword: The service refused the client or the password.
            LoginFailed: It refused the grant.
            FetchError: It gave no usable answer.
        """
        fields = {**fields, **({"scope": self.scope} if self.scope else {}), **self.extra}
        headers = {"Accept": "application/json"}
        if self.client_auth == "form" or not self.client_secret:
            fields["client_id"] = self.client_id
            if self.client_secret:
                fields["client_secret"] = self.client_secret
        else:
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"  # RFC 6749 section 2.3.1
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        send = self._send or self._by(way)
        answer = send(self.token_url, fields, headers)
        return self._understood(answer, fields["grant_type"])

    def _understood(self, answer: requests.Response, grant: str) -> dict[str, Any]:
        url, status = redact(self.token_url), answer.status_code
        if status == 429 or status >= 500:
            raise StatusError(url, status)
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise BadAnswer(url, f"the token answer (status {status}) is not a JSON object")
        if status != 200 or "error" in found:
            code = printable(str(found.get("error", f"status {status}")))[:80]
            more = printable(str(found.get("error_description") or ""))[:_MOST_DESCRIBED]
            why = f"{url} says {code} to the grant {grant}" + (f" ({more})" if more else "")
            wrong = code in ("invalid_client", "unauthorized_client") or (
                grant == "password" and code == "invalid_grant"
            )
            raise (WrongPassword if wrong else LoginFailed)(self.session, why)
        token, kind = found.get("access_token"), str(found.get("token_type", "bearer")).lower()
        if (
            not isinstance(token, str)
            or not token
            or not token.isprintable()
            or not token.isascii()
            or kind != "bearer"
        ):
            raise BadAnswer(url, "the token answer holds no bearer token")
        return found

    def _by(self, way: TokenWay) -> Send:
        """Posts as the session would."""

        def post(url: str, fields: dict[str, str], headers: dict[str, str]) -> requests.Response:
            with requests.Session() as connection:
                connection.trust_env = False  # no netrc: it would replace our header
                try:
                    return connection.post(
                        url,
                        data=fields,
                        headers={**headers, "User-Agent": SKIP_HEADER if way.user_agent is None else way.user_agent},
                        timeout=way.timeout_s,
                        allow_redirects=False,
                        proxies=dict(way.proxies if self._proxies is None else self._proxies),
                        verify=way.verify if self._verify is None else self._verify,
                        cert=way.cert,
                    )
                except requests.Timeout:
                    raise TimedOut(redact(url), "the token URL does not answer") from None
                except (requests.RequestException, OSError) as error:
                    raise ConnectFailed(redact(url), f"no token came ({type(error).__name__})") from None

        return post
