"""Sessions in and out of other programs."""

import json
import os
import shutil
import stat
import subprocess
import time
from http.cookiejar import MozillaCookieJar
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crawler.errors import UsageError
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.formats.exchange import READABLE, WRITABLE, read, write, write_private

NOW = 1_800_000_000.0
URL = "https://www.shop.example/app"
LINES = [
    "session=1",
    "empty=",
    "unicode=☃\u2028\u0085é",
    "nameless",
    "tab=a\tb",
    'quotes="a\\"b" \'c\' $HOME `x` !',
    "wide=1; Domain=shop.example; Path=/app; Max-Age=600; HttpOnly; Secure; SameSite=Strict",
    "bytes=\udce9",
]


@pytest.fixture
def jar() -> Jar:
    jar = Jar(clock=lambda: NOW)
    jar.receive(URL, LINES)
    return jar


def loaded(records: list[dict[str, Any]]) -> Jar:
    jar = Jar(clock=lambda: NOW)
    jar.load(records)
    return jar


@pytest.mark.parametrize("form", ["json", "cookies.txt", "curl"])
def test_what_is_written_is_read_back_and_sends_the_same(jar: Jar, form: str) -> None:
    text = write(jar.dump(), form, url=URL)
    found = read(text, now=NOW)

    assert loaded(found.cookies).header(URL) == jar.header(URL)
    assert found.left_out == ()


def test_L15_json_loses_nothing(jar: Jar) -> None:
    text = write(jar.dump(), "json", user_agent="Test/1", headers={"X-Key": "k"})
    found = read(text.encode().decode(), now=0)

    assert found.cookies == jar.dump()
    assert (found.user_agent, found.headers) == ("Test/1", {"X-Key": "k"})


def test_L15_cookies_txt_keeps_all_that_decides_where_a_cookie_goes(jar: Jar) -> None:
    text = write(jar.dump(), "cookies.txt")
    found = read(text, now=NOW).cookies

    assert "www.shop.example\tFALSE\t/\tFALSE\t0\tsession\t1\n" in text
    assert "#HttpOnly_.shop.example\tTRUE\t/app\tTRUE\t1800000600\twide\t1\n" in text

    kept = ("name", "value", "domain", "host_only", "path", "secure", "http_only", "expires")
    assert [[cookie[field] for field in kept] for cookie in found] == [[c[field] for field in kept] for c in jar.dump()]


def test_L15_cookies_txt_can_be_read_by_others(jar: Jar, tmp_path: Path) -> None:
    file = tmp_path / "cookies.txt"
    write_private(file, write(jar.dump(), "cookies.txt"))
    theirs = MozillaCookieJar(file)
    theirs.load(ignore_discard=True, ignore_expires=True)

    shown = {cookie.name: (cookie.value, cookie.domain, cookie.domain_specified) for cookie in theirs}
    assert shown["empty"] == ("", "www.shop.example", False)
    assert shown["wide"] == ("1", ".shop.example", True)
    assert "tab" not in shown
    assert len(shown) == len(LINES) - 2


def test_cookies_txt_of_others_is_read() -> None:
    text = (
        "\ufeff# Netscape HTTP Cookie File\r\n# a comment\r\n\r\n"
        ".shop.example\tTRUE\t/\tTRUE\t1900000000\twide\t1\r\n"
        "#HttpOnly_www.shop.example\tFALSE\t/app\tFALSE\t0\tsession\t2\r\n"
        "www.shop.example\tFALSE\t/\tFALSE\t0\tempty\r\n"
    )
    cookies = read(text, now=NOW).cookies

    assert [(c["name"], c["value"], c["domain"], c["host_only"]) for c in cookies] == [
        ("wide", "1", "shop.example", False),
        ("session", "2", "www.shop.example", True),
        ("empty", "", "www.shop.example", True),
    ]
    assert [(c["secure"], c["http_only"], c["expires"]) for c in cookies] == [
        (True, False, 1_900_000_000.0),
        (False, True, None),
        (False, False, None),
    ]
    assert all(cookie["created"] == NOW for cookie in cookies)


def test_storage_state_has_the_fields_that_playwright_wants(jar: Jar) -> None:
    state = json.loads(write(jar.dump(), "storage-state"))

    assert state["origins"] == []
    assert {cookie["name"]: cookie for cookie in state["cookies"]}["wide"] == {
        "name": "wide",
        "value": "1",
        "domain": ".shop.example",
        "path": "/app",
        "expires": NOW + 600,
        "httpOnly": True,
        "secure": True,
        "sameSite": "Strict",
    }
    assert {c["expires"] for c in state["cookies"] if c["name"] != "wide"} == {-1}
    assert {type(cookie[field]) for cookie in state["cookies"] for field in ("httpOnly", "secure")} == {bool}


def test_storage_state_is_read() -> None:
    state = {
        "cookies": [
            {"name": "sid", "value": "1", "domain": "shop.example", "path": "/", "expires": -1, "httpOnly": True}
            | {"secure": True, "sameSite": "Lax"},
            {"name": "wide", "value": "2", "domain": ".shop.example", "path": "/", "expires": 1_900_000_000.5}
            | {"httpOnly": False, "secure": False, "sameSite": "None"},
        ],
        "origins": [{"origin": "https://shop.example", "localStorage": [{"name": "x", "value": "y"}]}],
    }
    jar = loaded(read(json.dumps(state), now=NOW, form="storage-state").cookies)

    assert [(c.name, c.host_only, c.secure, c.http_only, c.same_site, c.expires) for c in jar.cookies()] == [
        ("sid", True, True, True, "Lax", None),
        ("wide", False, False, False, "None", 1_900_000_000.5),
    ]


def test_the_list_of_a_browser_extension_is_read() -> None:
    found = [
        {"name": "sid", "value": "1", "domain": "shop.example", "hostOnly": True, "session": True, "expirationDate": 5}
        | {"sameSite": "no_restriction", "secure": True, "storeId": "0"},
        {"name": "wide", "value": "2", "domain": ".shop.example", "hostOnly": False, "expirationDate": 1.9e9}
        | {"sameSite": "unspecified"},
        {"name": "odd"},
        "rubbish",
    ]
    imported = read(json.dumps(found), now=NOW)

    assert [(c["name"], c["host_only"], c["expires"], c["same_site"]) for c in imported.cookies] == [
        ("sid", True, None, "None"),
        ("wide", False, 1.9e9, None),
    ]
    assert len(imported.left_out) == 2


def test_names_and_values_alone_need_to_know_whose_they_are() -> None:
    with pytest.raises(UsageError, match="give the URL"):
        read('{"sid": "1"}', now=NOW)
    cookies = read('{"sid": "1"}', now=NOW, url=URL).cookies

    assert [(c["domain"], c["host_only"], c["secure"]) for c in cookies] == [("www.shop.example", True, True)]


# --- curl -------------------------------------------------------------------------------------------------------------

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
def test_any_command_is_read_or_refused_in_no_time(text: str) -> None:
    began = time.perf_counter()
    try:
        read(f"curl https://shop.example/ {text}", now=NOW)
    except UsageError:
        pass
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    "text", ["'" * 99_999, "\\" * 99_999, "$'\\" * 30_000, '"\\' * 50_000, " \\\n" * 30_000, "-" * 99_999]
)
def test_Z6_a_hostile_command_costs_no_time(text: str) -> None:
    began = time.perf_counter()
    try:
        read(f"curl https://shop.example/ {text}", now=NOW)
    except UsageError:
        pass
    assert time.perf_counter() - began < 1.0


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


# --- HAR --------------------------------------------------------------------------------------------------------------


def entry(url: str, sent: str = "", received: tuple[str, ...] = (), **request: Any) -> dict[str, Any]:
    headers = [{"name": "User-Agent", "value": "Mozilla/5.0 (X11)"}]
    if sent:
        headers.append({"name": "Cookie", "value": sent})
    return {
        "startedDateTime": "2027-01-15T08:00:00.000Z",  # NOW
        "request": {"url": url, "headers": headers, **request},
        "response": {"headers": [{"name": "set-cookie", "value": line} for line in received]},
    }


def har(*entries: dict[str, Any]) -> str:
    return json.dumps({"log": {"version": "1.2", "entries": entries}})


def test_a_har_gives_what_the_site_had_at_the_end() -> None:
    found = read(
        har(
            entry("https://shop.example/", "before=1"),
            entry(
                "https://shop.example/login",
                "before=1",
                ("sid=old; Path=/; Max-Age=60", "gone=1\nlang=de; Domain=shop.example"),
            ),
            entry("https://ads.example/", "track=1", ("track=2",)),
            entry("https://www.shop.example/", "lang=de", ("gone=; Max-Age=0",)),
            entry(
                "https://shop.example/x", "before=2; sid=old; gone=1; lang=de; script=3", ("gone=; Path=/; Max-Age=0",)
            ),
        ),
        now=NOW,
    )
    jar = loaded(found.cookies)

    assert jar.header("https://shop.example/") == "before=2; sid=old; lang=de; script=3"
    assert jar.header("https://www.shop.example/") == "lang=de"
    assert jar.header("https://ads.example/") == ""
    assert found.user_agent == "Mozilla/5.0 (X11)"
    assert {cookie.name: cookie.expires for cookie in jar.cookies()}["sid"] == NOW + 60


def test_the_cookie_list_of_a_har_says_more_than_its_header() -> None:
    cookies = [
        {"name": "wide", "value": "1", "domain": ".shop.example", "path": "/", "httpOnly": True, "secure": True}
        | {"expires": "2030-01-01T00:00:00.000Z"},
        {"name": "plain", "value": "2"},
    ]
    jar = loaded(read(har(entry("https://www.shop.example/", "wide=1; plain=2", cookies=cookies)), now=NOW).cookies)

    assert jar.header("https://www.shop.example/") == "wide=1; plain=2"
    assert jar.header("https://shop.example/") == "wide=1"
    assert jar.cookies()[0].expires == 1_893_456_000.0


def test_a_har_gives_the_last_token_that_the_site_was_sent_and_no_other_site_s() -> None:
    def sent(url: str, token: str) -> dict[str, Any]:
        made = entry(url)
        made["request"]["headers"].append({"name": "authorization", "value": f"Bearer {token}"})
        return made

    first, last = sent("https://shop.example/a", "old"), sent("https://api.shop.example/b", "new")
    found = read(har(first, last, entry("https://shop.example/c"), sent("https://ads.example/", "theirs")), now=NOW)

    assert (found.cookies, found.headers) == ([], {"Authorization": "Bearer new"})
    assert found.shows_somebody


def test_a_har_is_read_for_the_site_that_is_asked_for() -> None:
    text = har(entry("https://ads.example/", "track=1"), entry("https://shop.example/", "sid=1"))

    assert [c["name"] for c in read(text, now=NOW, url="https://www.shop.example/").cookies] == ["sid"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (har(entry("https://shop.example/")), "no cookies of shop.example: export it with sensitive data"),
        (har(), "no site"),
        ('{"log": {}}', "not a HAR file"),
        ('{"log": {"entries": [7]}}', "not a HAR file"),
    ],
    ids=["sanitized", "empty", "no-entries", "odd-entries"],
)
def test_a_har_without_cookies_says_what_to_do(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read(text, now=NOW)


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED = {
    "nothing": ("", "no format"),
    "prose": ("my cookies are: s3cret", "no format"),
    "cut-json": ('{"cookies": [{"name": "s3cret"', "not valid JSON"),
    "deep-json": ("[" * 100_000, "not valid JSON"),
    "other-json": ('{"sid": 1}', "holds no cookies"),
    "columns": ("# Netscape HTTP Cookie File\nshop.example\tTRUE\ts3cret", "line 2 .* 3 columns"),
    "expires": ("# Netscape HTTP Cookie File\nshop.example\tTRUE\t/\tTRUE\ts3cret\ta\tb", "line 2 .* number"),
    "damaged": ('# Netscape HTTP Cookie File\n# crawl-cookie: {"s3cret', "line 2 .* damaged"),
}


@pytest.mark.parametrize(("text", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_read_is_refused_without_showing_it(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as caught:
        read(text, now=NOW)
    assert "s3cret" not in str(caught.value)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match="json, storage-state"):
        read("x", now=NOW, form="yaml")
    with pytest.raises(UsageError, match=r"curl, cookies\.txt"):
        write([], "har")
    assert set(WRITABLE) < set(READABLE)


def test_X14_an_imported_cookie_with_control_characters_is_left_out() -> None:
    state = {"cookies": [{"name": "a", "value": "s3cret\r\nX: y", "domain": "shop.example"}]}
    found = read(json.dumps(state), now=NOW)

    assert found.cookies == []
    assert found.left_out == ("cookie 'a': control characters cannot be sent",)
    assert "s3cret" not in repr(found)


values = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters=[*map(chr, range(9)), *map(chr, range(10, 32)), ";", "\x7f"]
    ),
    max_size=20,
)


@example([(0, "\x85")], "curl")
@given(
    st.lists(st.tuples(st.integers(0, 9), values), max_size=5),
    st.sampled_from(["json", "cookies.txt", "curl", "storage-state"]),
)
def test_any_value_survives_any_format(pairs: list[tuple[int, str]], form: str) -> None:
    jar = Jar(clock=lambda: NOW)
    jar.receive(URL, [f"c{number}={value}" for number, value in pairs])
    found = read(write(jar.dump(), form, url=URL), now=NOW)

    assert loaded(found.cookies).header(URL) == jar.header(URL)


# --- files ------------------------------------------------------------------------------------------------------------


def test_X11_an_export_can_be_read_by_its_owner_only(tmp_path: Path) -> None:
    before = stat.S_IMODE(tmp_path.stat().st_mode)
    file = tmp_path / "cookies.txt"
    file.write_text("old")
    file.chmod(0o666)
    mask = os.umask(0)
    try:
        write_private(file, "new ☃\udce9\r\n")
    finally:
        os.umask(mask)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() == b"new \xe2\x98\x83\xe9\r\n"
    assert stat.S_IMODE(tmp_path.stat().st_mode) == before
    assert os.listdir(tmp_path) == ["cookies.txt"]


def test_X6_an_export_does_not_follow_a_link(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "cookies.txt"
    victim.write_text("mine")
    link.symlink_to(victim)
    write_private(link, "new")

    assert (victim.read_text(), link.read_text(), link.is_symlink()) == ("mine", "new", False)


def test_a_failed_export_leaves_no_trace(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "folder", "new")
    with pytest.raises(UnicodeEncodeError):
        write_private(tmp_path / "file", "\ud800")

    assert os.listdir(tmp_path) == ["folder"]
