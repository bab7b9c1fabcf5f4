"""Sessions in and out as curl commands, as browsers copy them."""

import shutil
import subprocess
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.formats.exchange import read, write
from tests.sessions.exchanged import NOW, URL, jar, loaded

__all__ = ["jar"]  # a fixture

COMMANDS = {
    "chromium": (
        "curl 'https://shop.example/orders?a=1&b=2' \\\n  -H 'accept: text/html' \\\n  -H 'accept-encoding: br' \\\n"
        "  -b 'sid=abc; lang=de' \\\n  -H 'user-agent: Mozilla/5.0 (X11)' \\\n  --compressed",
        "sid=abc; lang=de",
    ),
    "firefox": (
        "curl 'https://shop.example/orders' --compressed -H 'User-Agent: Mozilla/5.0 (X11)' -H 'Accept: text/html' "
        "-H 'Cookie: sid=abc; lang=de' -H 'TE: trailers'",
        "sid=abc; lang=de",
    ),
    "ansi-c-quotes": (
        r"curl -A 'Mozilla/5.0 (X11)' -H 'accept: text/html' -b $'sid=it\'s\u0021\x20\u2603\xe2\x98\x83\041\\' https://shop.example/orders",
        "sid=it's! ☃☃!\\",
    ),
    "halves-of-utf16": (
        r"curl -A 'Mozilla/5.0 (X11)' -H 'accept: text/html' -b $'sid=\ud83d\ude00' https://shop.example/orders",
        "sid=😀",
    ),
    "odd-bytes": (
        r"curl -A 'Mozilla/5.0 (X11)' -H 'accept: text/html' -b $'sid=\xff\u2603' https://shop.example/orders",
        "sid=\udcff☃",
    ),
    "double-quotes": (
        'curl -A "Mozilla/5.0 (X11)" -H "accept: text/html" --cookie "sid=\\"a\\" \\$x" "https://shop.example/orders"',
        'sid="a" $x',
    ),
    "options-in-one-word": (
        "$ curl -sSLbsid=abc -A'Mozilla/5.0 (X11)' -Haccept:text/html -o /dev/null -X POST -d 'x=y' "
        "--url shop.example/orders",
        "sid=abc",
    ),
    "several-commands": (
        "curl -A 'Mozilla/5.0 (X11)' -H 'accept: text/html' -b sid=1 'https://shop.example/orders' ;\n"
        "curl -b sid=2 'https://other.example/'",
        "sid=1",
    ),
    "of-two-the-first": (
        "/usr/bin/curl -A 'Mozilla/5.0 (X11)' -H 'accept: text/html' -H 'cookie: sid=deep; sid=root' https://shop.example/orders",
        "sid=deep",
    ),
}


@pytest.mark.parametrize(("command", "header"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_curl_command_is_read(command: str, header: str) -> None:
    found = read(command, now=NOW)
    jar = loaded(found.cookies)
    scheme = "http" if "--url" in command else "https"

    assert jar.header(f"{scheme}://shop.example/") == header
    assert jar.header("https://www.shop.example/") == jar.header("https://other.example/") == ""
    assert found.user_agent == "Mozilla/5.0 (X11)"
    assert {name.lower(): value for name, value in found.headers.items()} == {"accept": "text/html"}


def test_a_cookie_from_a_secure_request_is_not_sent_over_http() -> None:
    jar = loaded(read("curl https://shop.example/ -b '__Host-sid=1; a=2'", now=NOW).cookies)

    assert jar.header("http://shop.example/") == ""
    assert jar.header("https://shop.example/") == "__Host-sid=1; a=2"


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("curl https://shop.example/ -b cookies.txt", "from a file"),
        ("curl https://shop.example/ -H 'Cookie: sid=s3cret", "quote"),
        ("curl -b sid=s3cret", "no http or https URL"),
        ("curl -b sid=s3cret ftp://shop.example/", "no http or https URL"),
        ('curl ^"https://shop.example/^" ^\n -b ^"sid=s3cret^"', "bash"),
        ("curl " + "x" * 1_100_000, "1 MiB"),
    ],
    ids=["file", "open-quote", "no-url", "ftp", "windows", "long"],
)
def test_a_curl_command_that_cannot_be_used_says_why(command: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        read(command, now=NOW)
    assert "s3cret" not in str(caught.value)


def test_a_written_curl_command_asks_with_our_cookies(jar: Jar) -> None:
    command = write(jar.dump(), "curl", url=URL, user_agent="it's me", headers={"X-Key": "a b"})
    shell = shutil.which("sh")
    assert shell is not None
    shown = subprocess.run(
        [shell, "-c", "curl() { for word; do printf '%s\\0' \"$word\"; done; }\n" + command],
        capture_output=True,
        check=True,
        timeout=10,
    ).stdout.decode("utf-8", "surrogateescape")

    assert shown.split("\0")[:-1] == [
        URL,
        "-H",
        "User-Agent: it's me",
        "-H",
        "X-Key: a b",
        "-H",
        f"Cookie: {jar.header(URL)}",
    ]


def test_a_curl_command_sends_only_what_belongs_to_the_url(jar: Jar) -> None:
    assert "Cookie" not in write(jar.dump(), "curl", url="https://other.example/")
    assert "https://www.shop.example/" in write(jar.dump(), "curl")
    with pytest.raises(UsageError, match="no cookies"):
        write([], "curl")


@given(st.text())
def test_any_command_is_read_or_refused_quickly(text: str) -> None:
    began = time.thread_time()
    try:
        read(f"curl https://shop.example/ {text}", now=NOW)
    except UsageError:
        pass
    assert time.thread_time() - began < 1.0


@pytest.mark.parametrize(
    "text", ["'" * 99_999, "\\" * 99_999, "$'\\" * 30_000, '"\\' * 50_000, " \\\n" * 30_000, "-" * 99_999]
)
def test_Z6_a_hostile_command_takes_little_time(text: str) -> None:
    began = time.thread_time()
    try:
        read(f"curl https://shop.example/ {text}", now=NOW)
    except UsageError:
        pass
    assert time.thread_time() - began < 1.0


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("--oauth2-bearer t1", "Bearer t1"),
        ("-u anna:secret", "Basic YW5uYTpzZWNyZXQ="),
        ("--user 'anna:s:3'", "Basic YW5uYTpzOjM="),
        ("-uanna:secret", "Basic YW5uYTpzZWNyZXQ="),
    ],
)
def test_a_curl_command_s_ways_to_authenticate_are_taken(options: str, sent: str) -> None:
    assert read(f"curl https://shop.example/ {options}", now=NOW).headers == {"Authorization": sent}
