"""The same site behind a login."""

from __future__ import annotations

from crawler import Session
from crawler.testing.wire import Answer, WireRequest
from tests.revisits.site import Shop, Site

FORM = b"<form method=post action=/login><input name=user><input name=password type=password></form>"


def members(site: Site, *, sloppy: bool = False, sign: bool = False) -> dict[str, str]:
    """Put a login in front of *site*.

    Args:
        sloppy: A guest who asks whether a page has changed is told that it has not.
        sign: Pages show who is logged in.
    Returns:
        The sessions that are good: id to name; to be changed by the test.
    """
    good: dict[str, str] = {}
    names = iter(range(1, 1_000))
    open_to_all = site.answer

    def answer(call: WireRequest) -> Answer:
        if call.path == "/login":
            if call.method == "POST":
                sid = f"s{next(names)}"
                good[sid] = call.body.decode()
                return Answer(302, headers=[("Location", "/"), ("Set-Cookie", f"sid={sid}; Path=/")])
            return Answer(body=FORM)
        sid = call.headers.get("cookie", "").partition("sid=")[2].partition(";")[0]
        known = call.path in site.pages and call.headers.get("if-none-match") == site.etag(call.path)
        if sid not in good and not (sloppy and known):
            site.asked[call.path, 401] += 1
            return Answer(body=FORM)
        found = open_to_all(call)
        if sign and found.status == 200:
            return Answer(body=found.body + b"<a href=/logout>Log out</a>", headers=found.headers)
        return found

    site.host.routes["*"] = answer
    return good


class Members(Shop):
    name = "members"

    def login(self, session: Session) -> None:
        page = session.get(self.arguments["site"] + "/login")
        session.submit(page.form(), {"user": session.account.get("username") or "ann", "password": "x"})
