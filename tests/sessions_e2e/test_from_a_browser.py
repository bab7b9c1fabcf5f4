"""`crawl sessions import NAME --from-browser`: whoever is logged in in a browser of this machine is so in the crawl."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from http.cookiejar import Cookie, CookieJar
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from crawler.errors import UsageError
from crawler.sessions.formats.from_browser import BrowserProfile, read_browser
from tests.cli.conftest import Crawl

from .members_only import SECRET, SPIDER, serve

CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
CHROMIUM += ["--disable-component-update", "--disable-sync"]


def visit_with(browser: str, url: str, folder: Path) -> Path:
    """Open a page in a real browser with a new profile. Returns the profile."""
    program = shutil.which({"firefox": "firefox-esr"}.get(browser, browser))
    if program is None:
        pytest.skip(f"{browser} is not installed here")
    profile = folder / browser
    profile.mkdir()
    if browser == "firefox":
        words = ["--headless", "--no-remote", "--profile", str(profile), "--screenshot", str(folder / "seen.png"), url]
    else:
        words = [*CHROMIUM, f"--user-data-dir={profile}", "--dump-dom", url]
    subprocess.run([program, *words], capture_output=True, timeout=90, check=True, cwd=folder)
    return profile


@pytest.mark.parametrize("browser", ["firefox", "chromium"])
def test_a_real_browsers_login_is_the_crawls_and_lasts_from_run_to_run(
    browser: str, httpserver: HTTPServer, project: Path, command: Crawl, tmp_path: Path
) -> None:
    pytest.importorskip("yt_dlp")
    url = serve(httpserver)
    (project / "spiders").mkdir()
    (project / "spiders" / "orders.py").write_text(SPIDER.format(url=url))
    profile = visit_with(browser, f"{url}/enter", tmp_path)

    before = command("run", "orders")
    taken = command("sessions", "import", "orders", "--from-browser", f"{browser}:{profile}")
    first, second = command("run", "orders"), command("run", "orders", "--fresh")

    assert before.code == 7, "logged out, and no login step"
    assert taken.code == 0, taken.err
    assert "cookie" in taken.out
    assert (first.code, second.code) == (0, 0), first.err + second.err
    assert "A-17" in command("export", "orders", "-o", "-").out
    said = "".join(each.out + each.err for each in (before, taken, first, second))
    assert SECRET not in said
    assert SECRET.encode() not in b"".join(file.read_bytes() for file in (project / "data").iterdir())


def cookie(domain: str, name: str = "sid", value: str | None = "v", expires: int | None = None) -> Cookie:
    wide = domain.startswith(".")
    return Cookie(
        0, name, value, None, False, domain, True, wide, "/", True, True, expires, False, None, None, {}
    )  # fmt: skip


def browser_with(*cookies: Cookie, says: tuple[str, ...] = ()) -> Callable[..., CookieJar]:
    def extract(browser: str, profile: str | None, logger: Any, **_: Any) -> CookieJar:
        for line in says:
            logger.warning(line)
        jar = CookieJar()
        for each in cookies:
            jar.set_cookie(each)
        return jar

    return extract


def test_only_cookies_of_the_wanted_sites_are_taken() -> None:
    extract = browser_with(cookie(".shop.example"), cookie("www.shop.example", "www"), cookie("bank.example", "money"))

    found = read_browser(BrowserProfile.of("firefox"), ["shop.example"], extract)

    assert {(each["name"], each["domain"], each["host_only"]) for each in found.cookies} == {
        ("sid", "shop.example", False),
        ("www", "www.shop.example", True),
    }


def test_an_end_in_microseconds_since_1601_is_understood() -> None:
    found = read_browser(
        BrowserProfile.of("chrome"), ["a.example"], browser_with(cookie("a.example", expires=13440471352844396))
    )

    assert round(float(str(found.cookies[0]["expires"]))) == 1795997753


def test_a_browser_without_the_site_says_what_to_do() -> None:
    with pytest.raises(
        UsageError, match=r"chrome holds no cookie of shop.example \(1 of other sites\).*--site.*--browser"
    ):
        read_browser(BrowserProfile.of("chrome"), ["shop.example"], browser_with(cookie("bank.example")))


@pytest.mark.parametrize(
    "said",
    [
        "failed to decrypt cookie (AES-GCM) because UTF-8 decoding failed",
        "cannot decrypt v11 cookies: no key found",
        "Failed to decrypt with DPAPI",
        "failed to read from keyring",
    ],
)
def test_sealed_cookies_are_refused_with_the_ways_out(said: str) -> None:
    with pytest.raises(UsageError, match=r"seals its cookies.*--browser.*cookies\.txt"):
        read_browser(BrowserProfile.of("edge"), ["shop.example"], browser_with(says=(said,)))


def test_some_sealed_cookies_beside_open_ones_are_reported() -> None:
    said = "failed to decrypt cookie (AES-CBC)"

    found = read_browser(
        BrowserProfile.of("brave"), ["a.example"], browser_with(cookie("a.example"), says=(said, said))
    )

    assert found.left_out == (said,)


@pytest.mark.parametrize("error", [FileNotFoundError("x"), PermissionError(13, "denied"), ValueError("odd\nfile")])
def test_a_profile_that_cannot_be_read_is_one_line_with_what_to_do(error: Exception) -> None:
    def extract(*_: Any, **__: Any) -> CookieJar:
        raise error

    with pytest.raises(UsageError) as told:
        read_browser(BrowserProfile.of("opera:Work"), ["a.example"], extract)

    assert "opera, profile Work" in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("firefox", BrowserProfile("firefox")),
        ("Firefox", None),
        ("chrome:Profile 1", BrowserProfile("chrome", profile="Profile 1")),
        ("chromium+gnomekeyring:Default", BrowserProfile("chromium", "GNOMEKEYRING", "Default")),
        ("firefox::Work", BrowserProfile("firefox", container="Work")),
        ("firefox:default-release::Work", BrowserProfile("firefox", None, "default-release", "Work")),
        ("firefox:/srv/profiles/a b", BrowserProfile("firefox", profile="/srv/profiles/a b")),
        (r"chrome:C:\Users\me\Profile 2", BrowserProfile("chrome", profile=r"C:\Users\me\Profile 2")),
        ("netscape", None),
        ("", None),
    ],
)
def test_a_browser_and_profile_are_written_as_yt_dlp_has_them(text: str, wanted: BrowserProfile | None) -> None:
    if wanted is None:
        with pytest.raises(UsageError, match="BROWSER"):
            BrowserProfile.of(text)
    else:
        assert BrowserProfile.of(text) == wanted


@pytest.mark.parametrize(
    "words",
    [["cookies.txt", "--from-browser", "firefox"], ["cookies.txt", "--site", "a.example"], ["--from-browser", "ie"]],
)
def test_words_that_do_not_go_together_are_refused(words: list[str], shop: Any, command: Crawl) -> None:
    ended = command("sessions", "import", "orders", *words)

    assert ended.code == 2
    assert len(ended.err.strip().splitlines()) == 1


SIGNS = {
    "logged_out_css": 'logged_out_css = "form"',
    "logged_out_text": 'logged_out_text = "password"',
    "logged_in_css": 'logged_in_css = "table"',
    "is_logged_out": "def is_logged_out(self, response): return not response.css('table')",
}


@pytest.mark.parametrize("sign", SIGNS)
def test_a_spider_that_names_a_sign_of_a_login_and_has_none_waits_for_a_person(
    sign: str, httpserver: HTTPServer, project: Path, command: Crawl
) -> None:
    """It was "finished", with an item made of the login page."""
    url = serve(httpserver)
    (project / "spiders").mkdir()
    source = SPIDER.format(url=url).replace('logged_out_css = "form"', SIGNS[sign])
    (project / "spiders" / "orders.py").write_text(source)

    ended = command("run", "orders")

    assert ended.code == 7
    assert "crawl login orders" in ended.err
    assert command("export", "orders", "-o", "-").out == ""
