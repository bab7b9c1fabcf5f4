"""Words of one language are names and ordinary words in others: such pages are read, orders are refused."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier import guard_words
from crawler.frontier.guard import LogoutGuard

SITE = "https://shop.example"


def addresses(text: str) -> list[str]:
    return text.split()


INNOCENT = addresses("""
    /authors/huy /users/huy /users/huy-nguyen /users/Huy-Nguyen /users/Huy /huy /@huy /team/huy /u/huy /profile/huy
    /authors/xoa /singers/Xoa /users/xoa-tran /users/17/huynh /artists/dong /users/dong /villages/usun /lights/gobo
    /shop/gobo /authors/sil /cities/sil /u/stang /dresses/legen /cities/ban /towns/Ban /people/lukk /gobo-holders
    /?page=huy /?author=huy /authors?name=huy /posts?by=xoa /search?q=huy /users?view=dong /users?u=gobo
    /products/remover /shop/remover /tools/modifier /wiki/modifier /d20/modifier /nail-polish/remover
    /wiki/Great_Purge /wiki/Delete_key /wiki/Drop_Dead_Fred /wiki/Cancel_Culture /wiki/Delete /wiki/Purge
    /wiki/Void_(astronomy) /wiki/Remove_Before_Flight /wiki/Erase_Una_Vez /wiki/Quit /wiki/Exit /wiki/削除
    /tags/delete /tags/exit /tags/edit /tag/cancel?page=2 /topics/tag/unsubscribe /category/erase /label/revoke
    /movies/exit /film/salir /songs/sair /songs/Quit /albums/void /bands/Exit /artist/esci /games/purge /book/wipe
    /cities/salir /towns/Salir /names/edit /first-names/edit /authors/edit /dictionary/delete /define/revoke
    /words/thoat /definition/purge /brands/drop /restaurants/sortir /stations/uscita /thesaurus/leave
    /hr/leave /leave /policies/leave /types-of-leave /leave?page=2 /employees/leave
    /gallery/Void_Series /products/Drop_Shoulder_Tee /artists/Terminate_Her
""")
DANGEROUS = addresses("""
    /comments/17/huy /orders/17/huy /huy/17 /order.php?action=huy /x?do=xoa /comments/17/xoa /xoa/17 /xoa-item
    /đơn-hàng/hủy /gói/hủy /bài-viết/xóa /konto/usuń /comentarios/17/xoa.php /x?op=gobo /items/17/gobo
    /komentarz/17/usun /x?action=usun /items/17/remover /x?action=remover /item/17/modifier /x?action=modifier
    /account/delete /users/delete /user/edit /users/17/edit /members/delete /tags/17/delete /tag/delete?id=17
    /movies/17/delete /books/delete/17 /wiki?action=delete /wiki/17/delete /category/17/edit /wiki/Page/delete
    /wiki/deletePage /wiki/delete_page.php /albums/delete?aid=17 /tags/delete?confirm=1 /movies/delete?ids[]=17
    /Admin/DeleteUser /deleteUser /delete_user /user_delete /User/Delete /deleteAccount /Admin/Delete_User
    /groups/17/leave /leave/17 /x?action=leave
""")
LOGS_OUT = addresses("""
    /salir /sair /esci /exit /quit /account/exit /user/quit /cuenta/salir /conta/sair /mi-cuenta/salir /moj/thoat
    /tags/logout /wiki/logout /movies/logout /authors/abmelden /wiki/Special:UserLogout /tag/log-out /users/sair
    /movies/exit?sid=17 /tags/exit?token=abc /x?action=exit /x?do=salir /index.php?action=quit /app/exit
""")


@pytest.mark.parametrize("url", INNOCENT)
def test_a_page_whose_name_is_a_command_elsewhere_is_read(url: str) -> None:
    assert LogoutGuard().refuses(SITE + url) is None


@pytest.mark.parametrize("url", DANGEROUS)
def test_a_command_is_refused_whatever_else_its_word_means(url: str) -> None:
    assert (LogoutGuard().refuses(SITE + url) or "").startswith("destructive")


@pytest.mark.parametrize("url", LOGS_OUT)
def test_a_logout_link_is_refused_even_among_names(url: str) -> None:
    assert (LogoutGuard().refuses(SITE + url) or "").startswith("logout")


def test_the_lists_are_long() -> None:
    assert len(set(INNOCENT)) >= 80
    assert len(set(DANGEROUS) | set(LOGS_OUT)) >= 60


@given(st.sampled_from(DANGEROUS + LOGS_OUT))
def test_an_escaped_address_means_the_same(url: str) -> None:
    path, mark, query = url.partition("?")

    assert LogoutGuard().refuses(SITE + quote(path) + mark + quote(query, safe="=&@-_"))


@given(st.sampled_from(INNOCENT), st.sampled_from(["lang=de", "page=2", "sort=del", "q=delete", "utm_source=x"]))
def test_arguments_that_only_select_do_not_make_a_command(url: str, more: str) -> None:
    assert LogoutGuard().refuses(f"{SITE}{url}{'&' if '?' in url else '?'}{more}") is None


@pytest.mark.parametrize("place", ["tags", "movies", "authors", "wiki", "words"])
@pytest.mark.parametrize("word", ["delete", "exit", "salir", "cancel"])
def test_a_link_text_that_is_the_name_in_its_address_is_a_name(place: str, word: str) -> None:
    guard = LogoutGuard()

    assert guard.refuses(f"{SITE}/{place}/{word}", word.title()) is None
    assert guard.refuses(f"{SITE}/{place}/17", "Log out") == "logout (link text)"
    assert guard.refuses(f"{SITE}/do/17", word.title()) in ("destructive (link text)", "logout (link text)", None)


def test_a_short_word_that_lost_its_accents_counts_only_beside_a_number_or_as_an_action() -> None:
    short = guard_words.WITHOUT_ACCENTS

    assert {"huy", "xoa", "usun", "gobo"} <= short <= guard_words.DESTRUCTIVE_BY_NUMBER
    for word in short:
        assert LogoutGuard().refuses(f"{SITE}/authors/{word}") is None
        assert LogoutGuard().refuses(f"{SITE}/things/17/{word}")
