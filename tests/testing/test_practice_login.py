"""The login rules of the practice site."""

from __future__ import annotations

import pytest
import trustme
from lxml import html

from crawler.testing import FakeClock, SiteOptions, totp
from crawler.testing import logins as logins_module
from crawler.testing.layout import LOGOUT_LINKS, SNEAKY_LOGOUT
from crawler.testing.logins import Sessions
from crawler.testing.site_records import Recorder


def test_a_right_password_opens_the_page_that_was_asked_for(practice_site, visit, text) -> None:
    visitor = visit(practice_site)

    page = visitor.log_in("bob", path="/login?next=/members/book/3")

    assert page.url == f"{practice_site.url}/members/book/3"
    assert text(page, "account") == "bob"
    assert practice_site.record.logins == {"bob": 1}


def test_a_wrong_password_is_answered_with_200_and_an_error_text(practice_site, visit, text) -> None:
    visitor = visit(practice_site)

    page = visitor.log_in("alice", "guessed")

    assert page.status_code == 200
    assert text(page, "error") == "Please enter a correct name and password."
    assert practice_site.record.failed_logins == {"alice": 1}
    assert practice_site.record.logins == {}
    assert practice_site.live_sessions() == 0


@pytest.mark.parametrize(
    ("field", "value", "status", "reason"),
    [
        pytest.param("csrf_token", "made-up", 403, "csrf", id="wrong-token"),
        pytest.param("csrf_token", None, 403, "csrf", id="no-token"),
        pytest.param("action", None, 400, "button", id="no-button"),
        pytest.param("action", "forgot", 400, "button", id="other-button"),
        pytest.param("form_id", None, 400, "button", id="no-hidden-field"),
    ],
)
def test_a_form_that_is_not_whole_is_refused(practice_site, visit, field, value, status, reason) -> None:
    visitor = visit(practice_site)
    page = visitor.see("/login")
    fields = visitor.fields(page) | {"username": "alice", "password": visitor.password_of("alice")}
    if value is None:
        del fields[field]
    else:
        fields[field] = value

    answer = visitor.submit(page, fields)

    assert answer.status_code == status
    assert practice_site.record.refused[reason] == 1
    assert practice_site.record.logins == {}


def test_a_csrf_token_is_good_once(practice_site, visit) -> None:
    visitor = visit(practice_site)
    page = visitor.see("/login")
    fields = visitor.fields(page) | {"username": "alice", "password": "guessed"}

    first, second = visitor.submit(page, fields), visitor.submit(page, fields)

    assert (first.status_code, second.status_code) == (200, 403)


def test_a_csrf_token_is_bound_to_the_cookie_it_came_with(practice_site, visit) -> None:
    visitor, other = visit(practice_site), visit(practice_site)
    page = visitor.see("/login")
    other.see("/login")
    fields = visitor.fields(page) | {"username": "alice", "password": visitor.password_of("alice")}

    assert other.submit(page, fields).status_code == 403


def test_tokens_from_before_a_login_are_worth_nothing_after_it(practice_site, visit) -> None:
    visitor = visit(practice_site)
    page = visitor.see("/login")
    visitor.log_in()
    fields = visitor.fields(page) | {"username": "alice", "password": visitor.password_of("alice")}

    assert visitor.submit(page, fields).status_code == 403


def test_the_session_id_changes_at_login_and_the_old_one_dies(practice_site, visit) -> None:
    visitor, thief = visit(practice_site), visit(practice_site)
    visitor.log_in()
    old = visitor.cookies["sid"]
    visitor.log_in()
    thief.cookies.set("sid", old, domain="127.0.0.1")

    assert visitor.cookies["sid"] != old
    assert "/login" in thief.see("/account/").url


@pytest.mark.parametrize(
    ("style", "status", "at_login_page", "shows_form"),
    [
        pytest.param("redirect", 200, True, True, id="redirect"),
        pytest.param("soft200", 200, False, True, id="soft200"),
        pytest.param("status401", 401, False, True, id="status401"),
        pytest.param("masked", 200, False, False, id="masked"),
    ],
)
def test_guests_get_what_the_option_says(make_practice_site, visit, style, status, at_login_page, shows_form) -> None:
    site = make_practice_site(login=style)
    visitor = visit(site)

    page = visitor.see("/members/book/1")

    assert page.status_code == status
    assert page.url.startswith(f"{site.url}/login?next=%2Fmembers%2Fbook%2F1") is at_login_page
    assert (b'type="password"' in page.content) is shows_form
    assert site.record.refused["logged-out"] == 1
    assert site.record.granted == {}


def test_a_login_works_from_a_soft_200_page_and_leads_back(make_practice_site, visit, text) -> None:
    site = make_practice_site(login="soft200")
    visitor = visit(site)
    page = visitor.see("/members/book/2")

    after = visitor.submit(page, visitor.fields(page) | {"username": "alice", "password": visitor.password_of("alice")})

    assert after.url == f"{site.url}/members/book/2"
    assert text(after, "account") == "alice"


def test_a_session_ends_when_its_time_is_up(make_practice_site, visit, monkeypatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(logins_module.time, "monotonic", clock.monotonic)
    site = make_practice_site(expires_after_s=100)
    visitor = visit(site)
    visitor.log_in()

    clock.advance(99)
    before = visitor.see("/account/")
    clock.advance(1)
    after = visitor.see("/account/")

    assert before.url.endswith("/account/")
    assert "/login" in after.url
    assert site.record.refused["expired"] == 1


def test_a_sliding_session_lives_while_it_is_used(make_practice_site, visit, monkeypatch) -> None:
    clock = FakeClock()
    monkeypatch.setattr(logins_module.time, "monotonic", clock.monotonic)
    visitor = visit(make_practice_site(expires_after_s=100, sliding=True))
    visitor.log_in()

    for _ in range(5):
        clock.advance(99)
        assert visitor.see("/account/").url.endswith("/account/")
    clock.advance(100)

    assert "/login" in visitor.see("/account/").url


def test_a_session_ends_after_its_number_of_requests(make_practice_site, visit) -> None:
    site = make_practice_site(expires_after_requests=4)
    visitor = visit(site)
    visitor.log_in()  # the page after the login is the first of them

    seen = [visitor.see(f"/members/book/{number}").url for number in range(1, 5)]

    assert ["/login" in url for url in seen] == [False, False, False, True]


def test_revoking_an_account_leaves_the_others_alone(practice_site, visit) -> None:
    alice, bob = visit(practice_site), visit(practice_site)
    alice.log_in("alice")
    bob.log_in("bob")

    assert practice_site.revoke("alice") == 1

    assert "/login" in alice.see("/account/").url
    assert bob.see("/account/").url.endswith("/account/")
    assert practice_site.record.revocations == 1


def test_revoke_at_makes_logins_exactly_one_more_than_revocations(make_practice_site, visit) -> None:
    site = make_practice_site(books=30, revoke_at=(5, 6, 20))
    visitor = visit(site)
    visitor.log_in()

    for url in site.truth.member_urls:
        while "/login" in visitor.get(url, timeout=10).url:
            visitor.log_in()

    record = site.record
    assert (record.logins["alice"], record.revocations) == (4, 3)


def test_a_revocation_that_would_hit_nobody_waits_for_the_next_login() -> None:
    recorder = Recorder(log_limit=10)
    sessions = Sessions(SiteOptions(revoke_at=(1, 2)), recorder)
    sessions.begin("alice", "127.0.0.1", "")
    for _ in range(3):  # three pages of one session were on their way at once
        sessions.granted("alice")
    done_while_nobody_was_there = recorder.snapshot().revocations
    sessions.begin("alice", "127.0.0.1", "")
    sessions.granted("alice")

    assert done_while_nobody_was_there == 1
    assert recorder.snapshot().revocations == 2
    assert sessions.live() == 0


def test_expire_now_ends_sessions_and_tokens(practice_site, visit) -> None:
    visitor = visit(practice_site)
    visitor.log_in()
    login = {"username": "bob", "password": visitor.password_of("bob")}
    token = visitor.post(f"{practice_site.url}/api/login", json=login, timeout=10).json()["access_token"]

    assert practice_site.expire_now() == 2

    assert "/login" in visitor.see("/account/").url
    assert visitor.see("/api/me", headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_second_login_kicks_out_the_first_where_only_one_is_allowed(make_practice_site, visit) -> None:
    site = make_practice_site(one_session_per_user=True)
    first, second, other = visit(site), visit(site), visit(site)
    first.log_in("alice")
    other.log_in("bob")
    second.log_in("alice")

    assert "/login" in first.see("/account/").url
    assert second.see("/account/").url.endswith("/account/")
    assert other.see("/account/").url.endswith("/account/")


def test_L13_a_session_bound_to_its_user_agent_ends_when_that_changes(make_practice_site, visit) -> None:
    site = make_practice_site(bind_user_agent=True)
    visitor = visit(site)
    visitor.log_in()

    changed = visitor.see("/account/", headers={"User-Agent": "another/1.0"})
    back_again = visitor.see("/account/")

    assert "/login" in changed.url
    assert "/login" in back_again.url
    assert site.record.refused["user-agent"] == 1


def test_too_many_logins_are_answered_429_with_the_time_to_stay_away(make_practice_site, visit) -> None:
    site = make_practice_site(login_limit=2, login_window_s=30)
    visitor = visit(site)

    answers = [visitor.log_in("alice", "guessed") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 31
    assert visitor.log_in("bob").status_code == 200  # the limit is the account's
    assert site.record.login_posts == {"alice": 3, "bob": 1}


def test_an_account_is_locked_after_too_many_wrong_passwords(make_practice_site, visit, text) -> None:
    site = make_practice_site(lock_after=2)
    visitor = visit(site)
    for _ in range(2):
        visitor.log_in("alice", "guessed")

    page = visitor.log_in("alice")

    assert text(page, "error") == "Your account is locked."
    assert site.record.logins == {}


@pytest.mark.parametrize("kind", ["totp", "mail"])
def test_a_one_time_code_is_the_second_step(make_practice_site, visit, text, kind) -> None:
    site = make_practice_site(one_time_code=kind)
    visitor = visit(site)
    page = visitor.log_in("alice", path="/login?next=/orders/?page=1")
    assert page.url == f"{site.url}/login/code"
    assert site.record.logins == {}
    code = site.mail_code("alice") if kind == "mail" else totp(site.accounts[0].totp_secret)

    wrong = visitor.submit(page, visitor.fields(page, "code") | {"code": "not it"}, "code")
    assert text(wrong, "error") == "That code is wrong or too old."
    right = visitor.submit(wrong, visitor.fields(wrong, "code") | {"code": code}, "code")

    assert right.url == f"{site.url}/orders/?page=1"
    assert site.record.logins == {"alice": 1}
    assert site.record.failed_logins == {"alice": 1}


def test_a_code_without_a_password_leads_back_to_the_login_page(make_practice_site, visit) -> None:
    site = make_practice_site(one_time_code="totp")
    visitor = visit(site)
    page = visitor.see("/login/code")

    fields = visitor.fields(page, "code") | {"code": totp(site.accounts[0].totp_secret)}

    assert visitor.submit(page, fields, "code").url == f"{site.url}/login"


@pytest.mark.parametrize("path", [path for path, _ in LOGOUT_LINKS] + ["/signout?token=abc", SNEAKY_LOGOUT])
def test_U5_every_spelling_of_the_logout_link_ends_the_session_by_get(practice_site, visit, path) -> None:
    visitor, copy = visit(practice_site), visit(practice_site)
    visitor.log_in()
    copy.cookies.set("sid", visitor.cookies["sid"], domain="127.0.0.1")

    visitor.see(path)

    assert "sid" not in visitor.cookies
    assert "/login" in copy.see("/account/").url
    assert practice_site.record.logouts == {"alice": 1}


@pytest.mark.parametrize(("style", "count"), [("one", 1), ("all", 7), ("sneaky", 1), ("none", 0)])
def test_signed_in_pages_offer_to_log_out_as_the_option_says(make_practice_site, visit, style, count) -> None:
    visitor = visit(make_practice_site(logout_links=style))
    leaving = ("logout", "log-off", "signout", "abmelden", "exit", SNEAKY_LOGOUT)

    guest = visitor.see("/").text
    page = visitor.log_in()

    links = [link for link in html.fromstring(page.content).xpath("//nav//a/@href") if any(w in link for w in leaving)]
    assert len(links) == count
    assert not any(word in guest for word in leaving)


def test_L1_a_rotating_session_refuses_the_id_before(make_practice_site, visit) -> None:
    site = make_practice_site(rotate_cookie=True)
    visitor, late = visit(site), visit(site)
    visitor.log_in()
    late.cookies.set("sid", visitor.cookies["sid"], domain="127.0.0.1")

    for number in range(1, 4):
        assert visitor.see(f"/members/book/{number}").status_code == 200
    assert late.see("/members/book/1").status_code == 401
    assert site.record.refused["stale-session"] == 1
    assert visitor.see("/members/book/4").status_code == 200


def test_one_rotating_page_replaces_the_id_on_a_site_that_otherwise_keeps_it(practice_site, visit) -> None:
    visitor = visit(practice_site)
    visitor.log_in()
    ids = [visitor.cookies["sid"]]
    for path in ("/members/book/1", "/rotating/1", "/rotating/2"):
        assert visitor.see(path).status_code == 200
        ids.append(visitor.cookies["sid"])

    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_id_of_one_host_is_worth_nothing_on_another(make_practice_site, visit) -> None:
    site = make_practice_site(hosts=("127.0.0.1", "127.0.0.2"))
    visitor = visit(site)
    visitor.log_in()

    page = visitor.get(
        f"{site.urls['127.0.0.2']}/account/", headers={"Cookie": f"sid={visitor.cookies['sid']}"}, timeout=10
    )

    assert "/login" in page.url
    assert site.record.refused["foreign-session"] >= 1


def test_a_site_with_a_certificate_sets_secure_cookies_and_wants_a_referrer(
    make_practice_site, visit, tmp_path
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain, key, trusted = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(trusted)
    site = make_practice_site(tls_certificate=str(chain), tls_key=str(key), http_links=True)
    visitor = visit(site)
    visitor.verify = str(trusted)
    page = visitor.see("/login")
    fields = visitor.fields(page) | {"username": "alice", "password": visitor.password_of("alice")}

    assert visitor.post(f"{site.url}/login", data=fields, timeout=10).status_code == 403
    after = visitor.log_in()

    assert all(cookie.secure for cookie in visitor.cookies)
    offer = html.fromstring(after.content).xpath('//a[@class="plain"]/@href')[0]
    assert offer == f"{site.http_url}/members/book/1"
    moved = visitor.get(offer, allow_redirects=False, timeout=10)
    assert moved.headers["Location"] == f"{site.url}/members/book/1"
    assert "secure-cookie-in-clear" not in site.record.refused
    visitor.get(offer, headers={"Cookie": f"sid={visitor.cookies['sid']}"}, timeout=10)
    assert site.record.refused["secure-cookie-in-clear"] == 1
