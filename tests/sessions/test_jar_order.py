"""Answers that come out of order, and many threads on one jar."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.rules import Cookie
from crawler.sessions.cookies.site_cookies import SiteCookies

URL = "https://shop.example/"


@pytest.fixture
def jar() -> Jar:
    return Jar()


def test_L1_an_older_answer_does_not_overwrite_a_newer_one(jar: Jar) -> None:
    older, newer = jar.ticket(), jar.ticket()
    jar.receive(URL, ["sid=new"], ticket=newer)
    changes = jar.receive(URL, ["sid=old", "other=1"], ticket=older)

    assert [change.cookie.name for change in changes] == ["other"]
    assert jar.header(URL) == "sid=new; other=1"


def test_L1_an_older_answer_does_not_bring_back_what_a_newer_one_deleted(jar: Jar) -> None:
    jar.receive(URL, ["sid=first"])
    older, newer = jar.ticket(), jar.ticket()
    jar.receive(URL, ["sid=; Max-Age=0"], ticket=newer)
    jar.receive(URL, ["sid=old"], ticket=older)

    assert jar.header(URL) == ""


def test_L1_a_deletion_counts_even_for_a_cookie_that_is_not_there(jar: Jar) -> None:
    older, newer = jar.ticket(), jar.ticket()
    jar.receive(URL, ["sid=; Max-Age=0"], ticket=newer)
    jar.receive(URL, ["sid=old"], ticket=older)

    assert jar.header(URL) == ""


def test_L1_an_older_answer_does_not_delete_what_a_newer_one_set(jar: Jar) -> None:
    older, newer = jar.ticket(), jar.ticket()
    jar.receive(URL, ["sid=new"], ticket=newer)
    jar.receive(URL, ["sid=; Max-Age=0"], ticket=older)

    assert jar.header(URL) == "sid=new"


def test_L1_the_same_value_from_a_newer_answer_counts_too(jar: Jar) -> None:
    first, second, third = jar.ticket(), jar.ticket(), jar.ticket()
    jar.receive(URL, ["sid=a"], ticket=first)
    assert jar.receive(URL, ["sid=a"], ticket=third) == []
    jar.receive(URL, ["sid=b"], ticket=second)

    assert jar.header(URL) == "sid=a"


def test_L1_a_request_without_a_ticket_counts_as_the_newest(jar: Jar) -> None:
    older = jar.ticket()
    jar.receive(URL, ["sid=new"])
    jar.receive(URL, ["sid=old"], ticket=older)

    assert jar.header(URL) == "sid=new"


def test_what_the_user_sets_or_removes_outlasts_requests_in_flight(jar: Jar) -> None:
    older = jar.ticket()
    jar.set("sid", "mine", domain="shop.example")
    jar.receive(URL, ["gone=1"])
    jar.clear("shop.example", "/", "gone")
    jar.receive(URL, ["sid=theirs; Domain=shop.example", "gone=1"], ticket=older)

    assert jar.header(URL) == "sid=mine"


def test_after_clear_older_requests_are_not_listened_to(jar: Jar) -> None:
    older = jar.ticket()
    jar.receive(URL, ["sid=1"])
    jar.clear()
    jar.receive(URL, ["sid=1", "never-seen=1"], ticket=older)
    jar.receive("https://unknown.example/", ["x=1"], ticket=older)

    assert len(jar) == 0
    jar.receive(URL, ["sid=2"], ticket=jar.ticket())
    assert jar.header(URL) == "sid=2"


@given(st.lists(st.tuples(st.sampled_from(["set", "delete"]), st.integers(0, 3)), max_size=12), st.randoms())
def test_L1_the_order_of_arrival_does_not_matter(answers: list[tuple[str, int]], chance: random.Random) -> None:
    def after(order: Callable[[list[int]], None]) -> set[str]:
        jar = Jar(clock=lambda: 1.8e9)
        tickets = [jar.ticket() for _ in answers]
        places = list(range(len(answers)))
        order(places)
        for place in places:
            kind, name = answers[place]
            line = f"c{name}=from{place}" if kind == "set" else f"c{name}=; Max-Age=0"
            jar.receive(URL, [line], ticket=tickets[place])
        return set(jar.header(URL).split("; "))

    assert after(lambda places: None) == after(chance.shuffle)


def test_L1_a_cookie_that_waited_for_its_host_does_not_overwrite_an_answer() -> None:
    site = SiteCookies()
    site.receive([Cookie("sid", "answer", "shop.example", ticket=2)], now=0.0, secure=True)

    assert site.put(Cookie("sid", "waited", "shop.example", ticket=1), 0.0) == []
    assert [cookie.value for cookie in site.cookies(0.0)] == ["answer"]


# --- a new login ------------------------------------------------------------------------------------------------------


def test_L4_a_fresh_jar_has_nothing_and_ignores_answers_from_before(jar: Jar) -> None:
    jar.bind(URL)
    jar.receive(URL, ["sid=fixed"])
    older = jar.ticket()
    fresh = jar.fresh()
    fresh.receive(URL, ["sid=fixed"], ticket=older)
    fresh.receive("https://sso.example/", ["x=1"], ticket=older)

    assert len(fresh) == 0
    assert fresh.home == "shop.example"
    assert fresh.version != jar.version
    fresh.receive(URL, ["sid=new"], ticket=fresh.ticket())
    assert (fresh.header(URL), jar.header(URL)) == ("sid=new", "sid=fixed")


def test_L4_a_fresh_jar_for_one_site_keeps_the_others(jar: Jar) -> None:
    jar.receive("https://www.shop.example/", ["sid=fixed; Domain=shop.example"])
    jar.receive("https://other.example/", ["theirs=1"])
    older = jar.ticket()
    fresh = jar.fresh(keep_other_than="https://shop.example/login")
    fresh.receive(URL, ["sid=fixed"], ticket=older)
    fresh.receive("https://other.example/", ["theirs=2"], ticket=older)

    assert fresh.header(URL) == ""
    assert fresh.header("https://other.example/") == "theirs=2"
    assert jar.header("https://other.example/") == "theirs=1"


def test_L4_a_fresh_jar_does_not_guess_whose_cookies_to_leave_out(jar: Jar) -> None:
    jar.receive(URL, ["sid=fixed"])

    with pytest.raises(ValueError, match="neither"):
        jar.fresh(keep_other_than="a b")


# --- threads ----------------------------------------------------------------------------------------------------------


def in_threads(number: int, work: Callable[[int], None]) -> None:
    errors: list[BaseException] = []

    def guarded(index: int) -> None:
        try:
            work(index)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert errors == []


def test_L1_eight_threads_and_a_rotating_session_id_end_with_the_newest(jar: Jar) -> None:
    def work(index: int) -> None:
        for _ in range(200):
            number = jar.ticket()
            jar.header(URL)
            jar.receive(URL, [f"sid={number}"], ticket=number)

    in_threads(8, work)

    assert jar.header(URL) == "sid=1600"
    assert jar.ticket() == 1601


def test_eight_threads_on_all_methods_raise_nothing_and_lose_nothing(jar: Jar) -> None:
    def work(index: int) -> None:
        url = f"https://host{index}.shop.example/"
        for number in range(60):
            jar.receive(url, [f"n={number}; Max-Age=1000", f"t{index}={number}; Domain=shop.example"])
            jar.set(f"user{index}", str(number), domain=f"host{index}.shop.example")
            assert f"n={number}" in jar.header(url)
            jar.dump()
            list(jar)
            Jar().load(jar.dump())
            jar.copy()
            len(jar)
            jar.receive(url, ["gone=1", "gone=; Max-Age=0"])

    in_threads(8, work)

    last = {f"t{index}": "59" for index in range(8)} | {f"user{index}": "59" for index in range(8)}
    assert jar.get_dict().items() >= last.items()


def test_B22_a_thread_that_comes_while_another_lets_the_cookies_in_sends_them_too(
    jar: Jar, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar["sid"] = "1"
    let_in = Jar._put
    sent: list[str] = []

    def with_company(self: Jar, *arguments: Any, **options: Any) -> None:
        if not sent:
            sent.append("")  # the second thread comes this way too
            in_threads(1, lambda _: sent.append(self.header(URL)))
        let_in(self, *arguments, **options)

    monkeypatch.setattr(Jar, "_put", with_company)

    assert jar.header(URL) == "sid=1"
    assert sent == ["", "sid=1"]


def test_B22_threads_that_start_together_all_send_the_cookie_of_the_first_host() -> None:
    for _ in range(20):
        jar = Jar()
        jar.set("sid", "1")
        gate = threading.Barrier(8)
        sent: list[str] = []

        def work(index: int, jar: Jar = jar, gate: threading.Barrier = gate, sent: list[str] = sent) -> None:
            gate.wait(10)
            sent.append(jar.header(URL))

        in_threads(8, work)
        assert sent == ["sid=1"] * 8


def test_tickets_of_eight_threads_are_all_different(jar: Jar) -> None:
    taken: list[int] = []
    in_threads(8, lambda index: taken.extend(jar.ticket() for _ in range(500)))

    assert sorted(taken) == list(range(1, 4001))
