"""Floods: what is dropped, what stays, and that nothing costs much."""

import time

import pytest

from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.rules import to_wire
from crawler.sessions.cookies.site_cookies import MAX_DOMAIN_COOKIES, MAX_SITE_COOKIES

URL = "https://shop.example/"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jar(clock: Clock) -> Jar:
    return Jar(clock=clock)


@pytest.mark.parametrize(
    ("name", "value", "kept"), [("n", 4095, True), ("n", 4096, False), ("", 4096, True), ("", 4097, False)]
)
def test_a_cookie_has_at_most_4096_bytes(jar: Jar, name: str, value: int, kept: bool) -> None:
    jar.receive(URL, [f"{name}={'x' * value}; Path=/"])

    assert len(jar) == kept


def test_bytes_are_counted_and_not_letters(jar: Jar) -> None:
    jar.receive(URL, ["a=" + "ä" * 2047, "b=" + "ä" * 2048])

    assert jar.keys() == ["a"]


def test_an_attribute_above_1024_bytes_is_ignored(jar: Jar) -> None:
    long = "x" * 1024
    jar.receive(
        URL + "here/",
        [f"a=1; Path=/{long}", f"b=1; Path=/{long[1:]}", f"c=1; Domain={long}x", f"d=1; Max-Age={'1' * 1025}"],
    )

    assert {c.name: (c.path, c.expires) for c in jar.cookies()} == {
        "a": ("/here", None),
        "b": ("/" + long[1:], None),
        "c": ("/here", None),
        "d": ("/here", None),
    }


def test_Z6_a_line_above_8_kib_is_ignored(jar: Jar) -> None:
    jar.receive(URL, ["a=1; x=" + "y" * 8192, "b=1; x=" + "y" * 8000, "c=1; x=" + "ä" * 4100])

    assert jar.keys() == ["b"]


def test_Z6_hostile_lines_cost_no_time(jar: Jar) -> None:
    lines = [f"a=1; Expires=1-c-1{' ' * 60_000}!", "a" * 60_000, ";" * 8_000, "=" * 8_000, "a=b;" + " =" * 4_000]
    began = time.thread_time()
    for _ in range(20):
        jar.receive(URL, lines)

    assert time.thread_time() - began < 1.0


def test_Z10_a_domain_keeps_180_cookies_and_the_oldest_go_first(jar: Jar) -> None:
    for number in range(200):
        jar.receive(URL, [f"c{number}={number}"])

    assert jar.keys() == [f"c{number}" for number in range(20, 200)]
    assert len(jar) == MAX_DOMAIN_COOKIES


def test_Z10_200_cookies_in_one_answer_leave_180(jar: Jar) -> None:
    changes = jar.receive(URL, [f"c{number}={number}" for number in range(200)])

    assert jar.keys() == [f"c{number}" for number in range(20, 200)]
    assert [change.cookie.name for change in changes if change.kind == "evicted"] == [f"c{n}" for n in range(20)]


def test_Z10_expired_cookies_make_room_first(jar: Jar, clock: Clock) -> None:
    jar.receive(URL, [f"old{number}=1" for number in range(90)])
    jar.receive(URL, [f"brief{number}=1; Max-Age=10" for number in range(90)])
    clock.now += 20
    jar.receive(URL, [f"new{number}=1" for number in range(90)])

    assert jar.keys() == [f"old{n}" for n in range(90)] + [f"new{n}" for n in range(90)]


def test_Z10_the_least_recently_sent_goes_first(jar: Jar) -> None:
    jar.receive(URL, [f"rare{number}=1; Path=/rare" for number in range(90)])
    jar.receive(URL, [f"often{number}=1; Path=/often" for number in range(90)])
    jar.header(URL + "rare")
    jar.header(URL + "often")
    jar.receive(URL, [f"new{number}=1" for number in range(40)])

    names = jar.keys()
    assert sum(name.startswith("rare") for name in names) == 50
    assert sum(name.startswith("often") for name in names) == 90


def test_Z10_http_cannot_push_out_what_https_has_set(jar: Jar) -> None:
    jar.receive(URL, ["sid=1; Secure"])
    jar.receive("http://shop.example/", [f"c{number}=1" for number in range(500)])

    assert jar.header(URL).startswith("sid=1; ")


@pytest.mark.parametrize("threads", [1, 8], ids=["one-at-a-time", "eight-in-flight"])
def test_Z10_the_session_outlives_50_new_cookies_on_each_page(jar: Jar, threads: int) -> None:
    jar.receive(URL + "login", ["sid=secret; Path=/"])
    for page in range(0, 200, threads):
        for flight in range(threads):
            assert "sid=secret" in jar.header(f"{URL}{page + flight}").split("; ")
        for flight in range(threads):
            jar.receive(f"{URL}{page + flight}", [f"junk{page + flight}x{n}={'x' * 40}; Path=/" for n in range(50)])

    assert len(jar) == MAX_DOMAIN_COOKIES
    assert len(b"Cookie: " + to_wire(jar.header(URL))) <= 65_536
    jar.shorten(URL)
    assert len(b"Cookie: " + to_wire(jar.header(URL))) <= 8190
    assert "sid=secret" in jar.header(URL).split("; ")


def test_Z10_the_session_outlives_60_large_cookies(jar: Jar) -> None:
    jar.receive(URL + "login", ["sid=secret; Path=/"])
    jar.receive(URL, [f"bomb{number}={'x' * 3_800}; Path=/app/deep" for number in range(60)])

    header = jar.header(URL + "app/deep/page")
    assert "sid=secret" in header.split("; ")
    assert header.count("bomb") == 17
    assert len(header) <= 65_536
    jar.shorten(URL)
    header = jar.header(URL + "app/deep/page")
    assert "sid=secret" in header.split("; ")
    assert header.count("bomb") == 2
    assert len(header) <= 8190


def test_Z10_a_session_in_chunks_is_sent_whole_whatever_curl_does(jar: Jar) -> None:
    chunks = [f".App.CookiesC{number}={'x' * 3_900}" for number in range(1, 5)]
    jar.receive(URL, chunks)

    assert jar.header(URL) == "; ".join(chunks)


def test_Z10_a_short_header_is_for_the_host_that_wants_it_and_can_be_taken_back(jar: Jar) -> None:
    jar.receive(URL, [f"c{number}={'x' * 3_900}; Domain=shop.example" for number in range(4)])
    jar.shorten("https://www.shop.example/any")

    assert len(jar.header(URL)) > 15_000
    assert len(jar.header("https://www.shop.example/")) <= 8190
    assert len(jar.copy().header("https://www.shop.example/")) <= 8190
    jar.shorten("https://www.shop.example/", False)
    assert len(jar.header("https://www.shop.example/")) > 15_000


def test_Z10_http_cannot_push_out_what_https_has_set_and_sent(jar: Jar) -> None:
    jar.receive(URL, ["lang=1", "sid=1; Secure", *(f"c{number}=1" for number in range(178))])
    jar.header(URL)
    jar.receive("http://shop.example/", [f"new{number}=1" for number in range(178)])

    assert "sid" in jar
    assert len(jar) == MAX_DOMAIN_COOKIES


def test_Z10_a_resumed_session_outlives_a_flood_before_its_first_request(jar: Jar, clock: Clock) -> None:
    jar.receive(URL, ["sid=1"])
    jar.header(URL)
    resumed = Jar(clock=clock)
    resumed.load(jar.dump())
    resumed.receive(URL, [f"junk{number}=1" for number in range(400)])

    assert "sid" in resumed


def test_a_new_cookie_is_sent_even_when_the_domain_is_full(jar: Jar) -> None:
    jar.receive(URL, [f"c{number}=1" for number in range(180)])
    jar.header(URL)
    jar.receive(URL, ["csrf=1", "sid=2"])

    assert {"csrf=1", "sid=2"} <= set(jar.header(URL).split("; "))


def test_the_header_is_cut_by_bytes_and_keeps_its_order(jar: Jar) -> None:
    jar.receive(URL, [f"c{number}={'ä' * 500}; Path={'/' if number % 2 else '/x'}" for number in range(12)])
    jar.shorten(URL)

    header = jar.header(URL + "x")
    assert len(header.encode()) <= 8182
    assert [pair.partition("=")[0] for pair in header.split("; ")] == ["c0", "c2", "c4", "c6", "c1", "c3", "c5", "c7"]


def test_a_header_that_just_fits_is_whole(jar: Jar) -> None:
    jar.shorten(URL)
    jar.receive(URL, ["a=" + "x" * 4088, "b=" + "y" * 4088])  # 2 x 4,090 and "; " make 8,182, with "Cookie: " 8,190

    assert len(b"Cookie: " + to_wire(jar.header(URL))) == 8190


def test_subdomains_without_number_do_not_fill_the_memory(jar: Jar) -> None:
    for number in range(MAX_SITE_COOKIES // 10 + 50):
        jar.receive(f"https://h{number}.shop.example/", [f"c{n}=1" for n in range(10)])

    assert len(jar) == MAX_SITE_COOKIES


def test_cookies_that_come_and_go_leave_nothing_behind(jar: Jar) -> None:
    for number in range(2_000):
        jar.receive(URL, [f"c{number}=1"])
        jar.header(URL)
        jar.receive(URL, [f"c{number}=; Max-Age=0"])

    site = jar._sites.site("shop.example")
    assert (len(site._sent_at), site._by_domain, len(site._deleted._tickets)) == (0, {}, 1_024)


def test_L17_a_flood_from_one_site_leaves_the_others_alone(jar: Jar) -> None:
    jar.receive(URL, ["sid=1"])
    jar.receive("https://ads.example/", [f"c{number}={'x' * 3000}" for number in range(500)])

    assert jar.header(URL) == "sid=1"


def test_L2_a_look_up_among_3000_cookies_of_300_domains_costs_what_one_among_ten_does() -> None:
    def cost_s(sites: int) -> float:
        jar = Jar()
        for site in range(sites):
            jar.receive(f"https://site{site}.example/", [f"c{number}={'v' * 20}; Path=/" for number in range(10)])
        urls = [f"https://site{page % sites}.example/page/{page}" for page in range(300)]
        best = float("inf")
        for _ in range(5):
            began = time.thread_time()
            for url in urls:
                jar.header(url)
            best = min(best, (time.thread_time() - began) / len(urls))
        return best

    few, many = cost_s(1), cost_s(300)

    assert few < 25e-6
    assert many < 60e-6
