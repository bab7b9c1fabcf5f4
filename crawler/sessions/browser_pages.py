"""What the pages of a browser show of a login, after their scripts and with their frames: that somebody is in, that a
password was refused, or what a program in front of it cannot give.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from crawler.quick_dataclass import quick_dataclass
from crawler.response import Response
from crawler.sessions.login.signs import (
    captcha_sign,
    has_login_form,
    logged_in_sign,
    one_time_code_sign,
    wrong_password_sign,
)
from crawler.urls import redact, short_origin

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Frame, Page

_NOTE: Final = "crawlPasskeyAsked"
_PASSKEYS: Final = """(() => {
  const keys = navigator.credentials;
  for (const name of keys ? ["get", "create"] : []) {
    const own = keys[name].bind(keys);
    keys[name] = wanted => {
      if (wanted && wanted.publicKey && wanted.mediation !== "conditional") window.crawlPasskeyAsked();
      return own(wanted);
    };
  }
})()"""


@quick_dataclass
class Wanted:
    """What the pages want that the program in front of them has not given.

    Attributes:
        why: What it is, and what to do.
        person: Only a person can give it.
    """

    why: str
    person: bool


class PasskeyWatch:
    """Notes that a page of a browser has asked for a passkey. Used by the thread of the browser.

    A page that only offers one beside its fields (conditional mediation) has not asked.
    """

    def __init__(self, context: BrowserContext) -> None:
        self.asked = False
        context.expose_function(_NOTE, self._note)
        context.add_init_script(_PASSKEYS)

    def _note(self) -> None:
        self.asked = True


def offers_logout(page: Page) -> bool:
    """Whether the page shows that somebody is logged in: it or one of its frames offers to log out, and none of them
    asks for a password.
    """
    seen = list(responses_of(page))
    return any(map(logged_in_sign, seen)) and not any(map(has_login_form, seen))


def refusal_on(pages: Sequence[Page]) -> str:
    """What a page says about a wrong name or password; "" for nothing."""
    said = (wrong_password_sign(each) for page in pages for each in responses_of(page))
    return next((why for why in said if why), "")


def wanted_by(pages: Sequence[Page], *, passkey: bool, by_hand: str) -> Wanted | None:
    """What the pages want that has not been given; None where nothing tells.

    Args:
        passkey: One was asked for.
        by_hand: The command by which a person logs in.
    """
    window = f"log in in a window (`{by_hand}`)"
    if passkey:
        return Wanted(
            f"the page asks for a passkey, which this browser does not have: {window}, or let `login_browser` choose "
            "another way on the page, such as the password",
            True,
        )
    seen = [(page, place, each) for page in pages for place, each in enumerate(responses_of(page))]
    for _, _, each in seen:
        if (name := captcha_sign(each)) is not None:
            return Wanted(f"the page shows a captcha ({name}), which a person has to answer: {window}", True)
        if (sign := one_time_code_sign(each)) is not None:
            return Wanted(
                f"the page asks for a one-time code ({sign}): fill it with session.account.otp() in `login_browser`, "
                f"or {window}",
                True,
            )
    first = pages[0] if pages else None
    for page, place, each in seen:
        if place and has_login_form(each):
            where = redact(each.url.partition("?")[0])
            return Wanted(
                f"the fields for the password are in a frame of the page ({where}): reach them with "
                "page.frame_locator(CSS), such as page.frame_locator('iframe').locator('input[type=password]')",
                False,
            )
        if page is not first and has_login_form(each):
            return Wanted(
                f"the fields for the password are in a second window ({short_origin(each.url)}): take it with "
                "`with page.expect_popup() as popup: page.click(...)`, and fill popup.value",
                False,
            )
    return None


def responses_of(page: Page) -> Iterator[Response]:
    """The page and what is visible of its frames, as they are after their scripts."""
    yield as_response(page.main_frame)
    from playwright.sync_api import Error

    for frame in page.frames:
        if frame is page.main_frame:
            continue
        try:
            if frame.url.startswith("http") and frame.frame_element().is_visible():
                yield as_response(frame)
        except Error:  # it is gone meanwhile
            continue


def as_response(frame: Frame | Page) -> Response:
    """What is in a frame now, as if it had been fetched like that."""
    made = Response()
    made.status_code, made.url = 200, frame.url
    made.headers["Content-Type"] = "text/html; charset=utf-8"
    made._content = frame.content().encode("utf-8", "replace")
    return made
