"""Single sign-on between the hosts of the practice site."""

from __future__ import annotations

from urllib.parse import quote

import pytest

HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")


@pytest.fixture
def sso_site(make_practice_site):
    return make_practice_site(hosts=HOSTS, sso=True)


def test_one_login_opens_all_hosts_each_with_its_own_cookie(sso_site, visit, text) -> None:
    visitor = visit(sso_site)
    visitor.log_in()

    pages = [visitor.get(f"{sso_site.urls[host]}/members/book/4", timeout=10) for host in HOSTS]

    assert [text(page, "account") for page in pages] == ["alice"] * 3
    assert [page.url for page in pages] == [f"{sso_site.urls[host]}/members/book/4" for host in HOSTS]
    cookies = {cookie.domain: cookie.value for cookie in visitor.cookies if cookie.name == "sid"}
    assert set(cookies) == set(HOSTS)
    assert len(set(cookies.values())) == 3
    assert sso_site.record.logins == {"alice": 1}
    assert sso_site.record.tokens == {"sso-ticket": 2}


def test_a_guest_on_another_host_logs_in_on_the_first_and_comes_back(sso_site, visit, text) -> None:
    visitor = visit(sso_site)
    page = visitor.get(f"{sso_site.urls['127.0.0.2']}/members/book/4", timeout=10)
    assert page.url.startswith(f"{sso_site.url}/login?next=")

    fields = visitor.fields(page) | {"username": "bob", "password": visitor.password_of("bob")}
    after = visitor.submit(page, fields)

    assert after.url == f"{sso_site.urls['127.0.0.2']}/members/book/4"
    assert text(after, "account") == "bob"


def test_a_ticket_is_good_once_and_for_one_host(sso_site, visit) -> None:
    visitor, thief = visit(sso_site), visit(sso_site)
    visitor.log_in()
    page = visitor.get(f"{sso_site.urls['127.0.0.2']}/account/", timeout=10)
    used = next(hop.url for hop in page.history if "ticket=" in hop.url)
    back = quote(f"{sso_site.urls['127.0.0.3']}/sso/accept?next=/", safe="")
    fresh = visitor.see(f"/sso/authorize?return={back}", allow_redirects=False).headers["Location"]

    elsewhere = thief.get(fresh.replace("127.0.0.3", "127.0.0.2"), timeout=10)
    again = thief.get(used, timeout=10)

    assert (elsewhere.status_code, again.status_code) == (403, 403)
    assert sso_site.record.refused["ticket"] == 2
    assert not any(cookie.name == "sid" for cookie in thief.cookies)


@pytest.mark.parametrize("back", ["http://evil.example/sso/accept", "http://127.0.0.2:1/sso/accept", "/sso/accept", ""])
def test_tickets_are_sent_to_known_hosts_only(sso_site, visit, back) -> None:
    visitor = visit(sso_site)
    visitor.log_in()

    answer = visitor.see(f"/sso/authorize?return={quote(back, safe='')}", allow_redirects=False)

    assert answer.status_code == 400


def test_a_revocation_ends_the_sessions_of_all_hosts_and_a_logout_too(sso_site, visit) -> None:
    visitor = visit(sso_site)
    other = f"{sso_site.urls['127.0.0.2']}/account/"
    for end in (sso_site.revoke, lambda: visitor.see("/logout")):
        visitor.log_in()
        assert visitor.get(other, timeout=10).url == other
        end()
        assert sso_site.live_sessions() == 0
        assert "/login" in visitor.get(other, timeout=10).url


def test_hosts_without_single_sign_on_have_logins_of_their_own(make_practice_site, visit) -> None:
    site = make_practice_site(hosts=HOSTS[:2])
    visitor = visit(site)
    visitor.log_in()

    page = visitor.get(f"{site.urls['127.0.0.2']}/account/", timeout=10)

    assert page.url.startswith(f"{site.urls['127.0.0.2']}/login")
