"""The guard: links that log out or destroy something are refused, others are not, and what it missed is learned."""

# ruff: noqa: RUF001 - letters that look like others are the point here

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.guard import LogoutGuard
from crawler.frontier.guard_learned import MAX_LEARNED, Ban, LearnedBans

SITE = "https://a.example"


def refuses(path: str, link_text: str = "", rel: str = "") -> str | None:
    return LogoutGuard().refuses(SITE + path, link_text, rel)


@pytest.mark.parametrize(
    "path",
    [
        "/logout",
        "/Logout/",
        "/log-out",
        "/users/sign_out",
        "/Account/LogOff",
        "/logout.php",
        "/userLogout.do",
        "/j_spring_security_logout",
        "/session/destroy",
        "/sessions/end",
        "/log/out",
        "/logout/abc123def",
        "/saml2/logout",
        "/logout;jsessionid=AB",
        "/auth/logoutall",
        "/singlelogout",
        "/help/how-to-log-out",
        "/%6Cogout",
        "/logout#x",
        "/abmelden",
        "/d%C3%A9connexion",
        "/deconnexion",
        "/se-deconnecter",
        "/cerrar-sesion",
        "/salir",
        "/esci",
        "/disconnetti",
        "/uitloggen",
        "/wyloguj",
        "/odhlasit-se",
        "/kijelentkezes",
        "/oturumu-kapat",
        "/logga-ut",
        "/sair",
        "/terminar-sessao",
        "/%D0%B2%D1%8B%D0%B9%D1%82%D0%B8",
        "/выход",
        "/退出",
        "/登出",
        "/ログアウト",
        "/로그아웃",
        "/exit",
        "/dang-xuat",
        "/logg-ut",
        "/kirjaudu-ulos",
    ],
    ids=str,
)
def test_U5_a_path_that_logs_out_is_refused(path: str) -> None:
    assert refuses(path) == "logout (path)"


@pytest.mark.parametrize(
    "query",
    [
        "action=logout",
        "a=1&do=logout&token=x",
        "logout=1",
        "logout",
        "logout=true",
        "signout=yes",
        "page=user/logout",
        "title=Special:UserLogout",
        "r=site%2Flogout",
        "action=logout&_wpnonce=abc",
        "mode=log_out",
        "cmd=exit",
        "x=signout",
    ],
    ids=str,
)
def test_U5_a_query_that_logs_out_is_refused(query: str) -> None:
    assert refuses(f"/index.php?{query}") == "logout (query)"


@pytest.mark.parametrize(
    "text",
    [
        "Log out",
        "Logout (bob)",
        "SIGN OUT",
        "Abmelden",
        "→ Se déconnecter",
        "Выход",
        "Выйти из системы",
        "Cerrar sesión",
        "退出",
        "退出登录",
        "ログアウト",
        "로그아웃",
        "Çıkış",
        "Wyloguj się",
        "Log out bob@example.org",
        "تسجيل الخروج",
        "Sign out of your account",
        "  Log\n out ",
        "התנתק",
        "ออกจากระบบ",
        "Đăng xuất",
    ],
    ids=str,
)
def test_U5_a_link_text_that_says_so_is_refused_whatever_the_url(text: str) -> None:
    assert refuses("/x?id=77", text) == "logout (link text)"


@pytest.mark.parametrize(
    ("path", "text"),
    [("/account/session/exit-now-please-and-thank-you", ""), ("/x", "Leave the members' area and forget me here")],
    ids=["path", "text"],
)
def test_U5_with_nofollow_any_mention_is_enough(path: str, text: str) -> None:
    assert refuses(path, text) is None
    assert refuses(path, text, "noopener NoFollow") == "logout (nofollow)"


def test_nofollow_alone_refuses_nothing() -> None:
    assert refuses("/products/42", "Blue widget", "nofollow") is None


@pytest.mark.parametrize(
    "path",
    [
        "/admin/shop/order/5/delete/",
        "/posts/5/delete",
        "/delete/5",
        "/delete_user.php",
        "/deleteItem?id=5",
        "/purge",
        "/posts/5/rollback",
        "/wiki/Page/edit",
        "/items/7/edit",
        "/edit/7",
        "/cart/remove/5",
        "/orders/9/cancel",
        "/unsubscribe?u=1",
        "/delete-account",
        "/users/5/loeschen",
        "/supprimer/5",
        "/item_delete.aspx",
        "/tokens/3/revoke",
        "/删除/5",
    ],
    ids=str,
)
def test_U6_a_path_that_destroys_is_refused(path: str) -> None:
    assert refuses(path) == "destructive (path)"


@pytest.mark.parametrize(
    "query",
    [
        "action=delete&id=5",
        "delete=5",
        "remove_item=abc",
        "do=edit&id=4",
        "title=A&action=edit",
        "_method=delete",
        "action=delete_item&id=3",
        "op=purge",
        "delete_id=7",
        "cmd=rollback",
        "task=user.delete",
        "unsubscribe=1",
    ],
    ids=str,
)
def test_U6_a_query_that_destroys_is_refused(query: str) -> None:
    assert refuses(f"/x?{query}") == "destructive (query)"


@pytest.mark.parametrize(
    "text", ["Delete", "Delete account", "Löschen", "Delete this item", "Удалить", "削除"], ids=str
)
def test_U6_a_link_text_that_is_only_the_verb_is_refused(text: str) -> None:
    assert refuses("/x?id=5&t=9", text) == "destructive (link text)"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/", ""),
        ("/blog/logout-is-hard-to-say", "Logout is hard to say, or is it? Part 2"),
        ("/blogoutreach", ""),
        ("/products/delete-key-keyboard", "Delete key keyboard"),
        ("/catalogoutlet", "Catalog outlet"),
        ("/salire", ""),
        ("/login", "Log in"),
        ("/login?next=/logout", ""),
        ("/login?return_to=%2Flogout", ""),
        ("/search?q=logout", ""),
        ("/x?action=view&page=2", "Next"),
        ("/logout.png", ""),
        ("/edition/5", ""),
        ("/page/deleted-scenes", ""),
        ("/exit-games/5", "Exit Games"),
        ("/movies/exit/cast", ""),
        ("/orders/cancelled", ""),
        ("/x?cancel_url=a", ""),
        ("/x?logout=0", ""),
        ("/x?delete=false", ""),
        ("/reset-password", ""),
        ("/cancellation-policy", ""),
        ("/products/remove-before-flight-tag", ""),
        ("/dropbox", ""),
        ("/cancel-culture-book", ""),
        ("/x?edit_mode=0", ""),
        ("/session/5", ""),
        ("/x?sid=1", ""),
        ("/12345", ""),
        ("/users/wp-login.php?loggedout=true", ""),
        ("/a?sort=price&dir=asc&color=red", "Red"),
        ("/signed-out-of-sight", "Signed out of sight"),
    ],
    ids=str,
)
def test_an_ordinary_link_is_followed(path: str, text: str) -> None:
    assert refuses(path, text) is None


def test_a_project_may_allow_and_refuse_by_patterns() -> None:
    guard = LogoutGuard(allow=[r"/docs/"], refuse=[r"/danger$"])
    assert guard.refuses(f"{SITE}/docs/delete") is None
    assert guard.refuses(f"{SITE}/docs/danger") == "setting"
    assert guard.refuses(f"{SITE}/logout") == "logout (path)"


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
def test_no_text_breaks_the_guard(path: str, text: str, rel: str) -> None:
    LogoutGuard().refuses(f"{SITE}/{path}", text, rel)
    LogoutGuard().refuses(path, text, rel)


@pytest.mark.parametrize("piece", ["a-", "a/", "?a=b&", "%41", "/log", "Aa", "é"], ids=str)
def test_a_very_long_link_costs_little(piece: str) -> None:
    url = f"{SITE}/{piece * (60_000 // len(piece))}"
    started = time.thread_time()
    LogoutGuard().refuses(url, "log " * 20_000, "nofollow")
    assert time.thread_time() - started < 0.5


# --- learning ---------------------------------------------------------------------------------------------------------


def test_U5_a_page_that_was_convicted_is_refused_from_then_on() -> None:
    guard = LogoutGuard()
    assert guard.refuses(f"{SITE}/bye") is None

    guard.learned.ban(f"{SITE}/bye")

    assert guard.refuses(f"{SITE}/bye#again") == "learned"
    assert guard.refuses(f"{SITE}/bye?x=1") is None


def test_U5_a_token_in_the_link_does_not_hide_it() -> None:
    guard = LogoutGuard()
    guard.learned.ban(f"{SITE}/bye?u=5&csrf_token=aaa")
    assert guard.refuses(f"{SITE}/bye?csrf_token=ccc&u=5") == "learned"


def test_documents_that_differ_in_what_looks_random_are_different_pages() -> None:
    guard = LogoutGuard()
    guard.learned.ban(f"{SITE}/doc?id=0f8fad5b-d9cb-469f-a165-70867728950e")
    assert guard.refuses(f"{SITE}/doc?id=1") is None
    assert guard.refuses(f"{SITE}/doc?id=7c9e6679-7425-40de-944b-e07fc1f90ae7") is None


def test_what_was_learned_survives_a_restart_with_its_reason_and_its_time() -> None:
    first, second = LearnedBans(), LearnedBans()
    first.ban(f"{SITE}/bye", "tried alone", 1_700_000_000.5)

    assert second.loads(first.dumps()) == 0

    assert second.entries() == [Ban(f"{SITE}/bye", "tried alone", 1_700_000_000.5)]


def test_bans_of_older_versions_are_not_believed_since_nobody_tried_those_pages() -> None:
    bans = LearnedBans()
    assert bans.loads(json.dumps({"version": 1, "banned": [f"{SITE}/a", f"{SITE}/b"], "losses": {}})) == 2
    assert not bans


def test_a_ban_is_taken_back_alone_or_with_all_others() -> None:
    bans = LearnedBans()
    for name in "abc":
        bans.ban(f"{SITE}/{name}")

    assert [ban.key for ban in bans.forget([f"{SITE}/b#x", f"{SITE}/none"])] == [f"{SITE}/b"]
    assert (bans.rule(f"{SITE}/b"), bans.rule(f"{SITE}/a")) == (None, "learned")
    assert len(bans.forget()) == 2
    assert not bans


def test_a_ban_that_a_person_has_confirmed_has_another_name() -> None:
    bans, later = LearnedBans(), LearnedBans()
    bans.ban(f"{SITE}/a")
    bans.ban(f"{SITE}/b")

    assert [ban.key for ban in bans.confirm([f"{SITE}/b"])] == [f"{SITE}/b"]
    later.loads(bans.dumps())

    assert (later.rule(f"{SITE}/a"), later.rule(f"{SITE}/b")) == ("learned", "confirmed")


@pytest.mark.parametrize(
    "state",
    [
        "",
        "[]",
        "{}",
        '{"version": 2}',
        '{"version": 3, "bans": []}',
        '{"version": 2, "bans": [5]}',
        '{"version": 2, "bans": [{"key": 5}]}',
        '{"version": 2, "bans": [{"key": "a", "at": "b"}]}',
        '{"version": 2, "bans": [{"key": "a", "confirmed": 1}]}',
        '{"version": 2, "bans": [{"key": "a", "more": 1}]}',
    ],
    ids=str,
)
def test_a_state_that_is_not_ours_is_refused_whole(state: str) -> None:
    bans = LearnedBans()
    before = bans.dumps()
    with pytest.raises(ValueError):
        bans.loads(state)
    assert bans.dumps() == before


def test_what_is_learned_stays_small() -> None:
    bans = LearnedBans()
    for number in range(MAX_LEARNED + 5):
        bans.ban(f"{SITE}/{number}")
    assert len(bans.entries()) == MAX_LEARNED
    assert bans.rule(f"{SITE}/{MAX_LEARNED + 4}") == "learned"
    assert bans.rule(f"{SITE}/0") is None
