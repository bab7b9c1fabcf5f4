"""The words by which the guard knows links that log out or destroy something, in many languages. Data and folding only.

Words are written as people write them; they are compared folded: lower case, no accents, no spaces or signs.
"""

# ruff: noqa: RUF001 - letters that look like others are the point here

from __future__ import annotations

import re
import unicodedata
from itertools import filterfalse
from typing import Final

from crawler.late_pattern import late_pattern

_CAMEL: Final = late_pattern(r"(?<=[a-z0-9])(?=[A-Z])")
_TOKEN: Final = late_pattern(r"[^\W_]+")
_WITHOUT_DECOMPOSITION: Final = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe"})


def tokens(text: str) -> list[str]:
    """The words of *text*, folded: ``Log-Out`` gives log, out; ``doSignOut`` gives do, sign, out."""
    if text.isascii():
        lower = text.lower()  # most addresses are lower case: nothing to take apart
        return _TOKEN.findall(lower if lower == text else _CAMEL.sub(" ", text).lower())
    folded = unicodedata.normalize("NFKD", _CAMEL.sub(" ", text).casefold().translate(_WITHOUT_DECOMPOSITION))
    return _TOKEN.findall("".join(filterfalse(unicodedata.combining, folded)))


def _written(words: str) -> list[str]:
    return [word.strip() for word in re.split(r"[,\n]", words) if word.strip()]


def folded(words: str) -> frozenset[str]:
    """Words as people write them, separated by commas or lines, as they are compared."""
    return frozenset("".join(tokens(word)) for word in _written(words))


# Nothing else is ever called that.
LOGOUT: Final = folded("""
    logout, logoff, signout, signoff, logmeout, signmeout, log me off, endsession, end session, kill session,
    destroy session, close session, session destroy, session end, sessions destroy, sessions end, logoutall, unlogin,
    abmelden, ausloggen, sitzung beenden, déconnexion, déconnecter, se déconnecter, cerrar sesión, cierre de sesión,
    finalizar sesión, desconectarse, desloguear, tancar sessió, terminar sessão, encerrar sessão, finalizar sessão,
    deslogar, disconnetti, disconnettersi, disconnessione, termina sessione, uitloggen, afmelden, wyloguj, wyloguj się,
    wylogowanie, odhlásit, odhlásit se, odhlášení, odhlásiť, odhlásiť sa, odhlásenie, kijelentkezés, kijelentkezem,
    logga ut, logg ut, logg av, log ud, log af, kirjaudu ulos, uloskirjautuminen, oturumu kapat, çıkış yap,
    deconectare, deconectează-te, delogare, odjava, odjavi se, odjaviti se, logi välja, izrakstīties, atsijungti,
    đăng xuất, log keluar, выйти, выйти из системы, разлогиниться, завершить сеанс, вийти, излез, αποσύνδεση,
    退出登录, 登出, 注销, 註銷, 安全退出, ログアウト, サインアウト, ログオフ, 로그아웃, تسجيل الخروج, התנתק, התנתקות,
    ออกจากระบบ, लॉग आउट, लॉगआउट
    """)

# These have other meanings, too: they count only where they stand alone.
LOGOUT_ALONE: Final = folded("""
    exit, quit, disconnect, salir, desconectar, sair, sortir, quitter, esci, uscita, abmeldung, kilépés, çıkış,
    iziet, išeiti, keluar, выход, вихід, изход, έξοδος, 退出, יציאה, خروج, thoát
    """)

#: With rel=nofollow beside it; a page called that is about days off.
LOGOUT_MENTIONED: Final = LOGOUT_ALONE | folded("leave")

_DESTRUCTIVE: Final = """
    delete, destroy, purge, rollback, roll back, revoke, deactivate, unsubscribe, erase, wipe, truncate, uninstall,
    terminate, löschen, loeschen, entfernen, kündigen, kuendigen, deaktivieren, supprimer, effacer, désabonner,
    désactiver, eliminar, borrar, eliminare, elimina, verwijderen, usuń, usunąć, smazat, odstranit, odstrániť, törlés,
    slett, slette, poista, radera, ta bort, excluir, apagar, deletar, удалить, видалити, изтрий, διαγραφή,
    删除, 刪除, 削除, 삭제, حذف, xóa, hapus
    """

# Destructive, or taking a lock, when asked of one thing; harmless as the name of a page or a folder.
_DESTRUCTIVE_OF_ONE: Final = """
    remove, edit, cancel, disable, revert, untrash, drop, void, bearbeiten, stornieren, annuler, editar,
    cancelar, annulla, modifica, cancella, bewerken, annuleren, edytuj, anuluj, redigera, avbryt, редактировать,
    отменить, изменить, 编辑, 編集, 取消, widerrufen, abbestellen, résilier, désinscrire, anular, revocar,
    desactivar, suprimir, rimuovi, rimuovere, disattiva, disiscriviti, opzeggen, intrekken, uitschakelen, skasuj,
    zrušit, inaktivera, återkalla, avbestill, deaktiver, fjern, annuller, отписаться, отозвать, отключить,
    скасувати, iptal, iptal et, kaldır, eltávolítás, șterge, elimină, anulează, dezactivează, 禁用, 封禁, 撤销,
    移除, 退会, 解約, 無効化, 取り消し, 취소, 해지, 탈퇴, 비활성화, إلغاء, إزالة, تعطيل, בטל, הסר, hủy, gỡ bỏ,
    batalkan, nonaktifkan, ακύρωση, отмени
    """

_SHORT: Final = 4  # letters: what is longer means one thing, with and without its accents
#: Short words that lost their accents, as addresses are typed: without them they are also names (Huy, Dong).
WITHOUT_ACCENTS: Final = frozenset(
    short
    for word in _written(_DESTRUCTIVE + "," + _DESTRUCTIVE_OF_ONE)
    if not word.isascii() and (short := "".join(tokens(word))).isascii() and len(short) <= _SHORT
)
DESTRUCTIVE: Final = folded(_DESTRUCTIVE) - WITHOUT_ACCENTS
DESTRUCTIVE_OF_ONE: Final = folded(_DESTRUCTIVE_OF_ONE) - WITHOUT_ACCENTS

# Ordinary words of pages that only read (`/mail/trash`, `/markets/close`, the airport DEL): they count beside the
# number of a thing, as what an action argument says, and before the name of an object.
DESTRUCTIVE_BY_NUMBER: Final = WITHOUT_ACCENTS | folded("""
    leave, remover, modifier,
    del, rm, retire, ban, unban, close, empty, protect, unprotect, trash, clear, flush, discard, expunge, abort,
    suspend, unpublish, detach, kill, reject, decline, withdraw, schließen, schliessen, leeren, sperren, fermer,
    vider, bannir, retirer, cerrar, vaciar, bloquear, quitar, fechar, esvaziar, banir, chiudi, chiudere, svuota,
    sluiten, legen, zamknij, opróżnij, zablokuj, zavřít, vyprázdnit, stäng, spärra, lukk, sulje, tyhjennä, закрыть,
    очистить, заблокировать, закрити, kapat, boşalt, engelle, sil, închide, golește, 关闭, 清空, 닫기, 비우기,
    tutup, kosongkan, đóng
    """)

#: Words for which an argument of that name is an order; `?empty=1` may as well be a filter.
ORDERS: Final = folded("del, rm, retire, ban, unban")
#: A page of such things is a list: `/ban-list`, `/trash-items`.
LISTS: Final = folded("list, lists, items, entries, records, sessions, log, history")
#: Arguments that choose what is shown: a folder of a mailbox, a tab.
SHOWING_NAMES: Final = folded("page, view, option, route, r, what")
#: Where pages tell how to do something; without a number nothing is done there.
TELLING: Final = folded("""
    help, faq, faqs, hc, hilfe, aide, ayuda, ajuda, aiuto, pomoc, blog, blogs, news, guide, guides, tutorial, tutorials,
    kb, knowledgebase, glossary, manual, how to
    """)

#: What comes after these is the name of a tag, a film, a person, a town. Nothing is done there without a number.
NAMING: Final = folded("""
    author, authors, artist, artists, actor, actors, singer, singers, musician, musicians, band, bands, player, players,
    people, person, name, names, first names, surname, surnames, autor, autoren, autores, auteur, auteurs, autore,
    autori, tag, tags, label, labels, keyword, keywords, category, categories, kategorie, categoria, categorie,
    genre, genres, wiki, dictionary, thesaurus, definition, definitions, define, word, words, lexicon, lexikon,
    encyclopedia, movie, movies, film, films, song, songs, lyrics, album, albums, book, books, game, games, series,
    show, shows, title, titles, brand, brands, marke, marken, marque, marques, marca, marcas, city, cities, town,
    towns, village, villages, place, places, airport, airports, station, stations, country, countries, region, regions,
    restaurant, restaurants, hotel, hotels, species
    """)

OBJECTS: Final = folded("""
    account, user, item, items, record, entry, entries, all, post, page, comment, order, file, message, row,
    profile, subscription, address, image, photo, product, article, document, this, it, me, my, your, the, confirm,
    confirmation, selected, now, from, cart, wishlist, list, session, sessions, token, key, konto, compte, cuenta,
    conta, mail, email, topic, thread, ticket, issue, poll, project, group, member, customer, booking, reservation,
    job, task, trash, bin, basket, folder, cache, server, invoice, offer, listing, bid, team, workspace, access,
    membership, newsletter, notification, notifications, papierkorb, corbeille
    """)

ACTION_NAMES: Final = folded("""
    action, act, do, op, oper, operation, cmd, command, task, mode, func, function, fn, method, event, verb, todo, what,
    step, request, a, page, view, option, route, r
    """)

# Their values are texts of people, or the way back after a login.
VALUES_THAT_SAY_NOTHING: Final = folded("""
    q, query, search, s, keyword, keywords, term, text, tag, next, return, return url, return to, redirect, redirect to,
    redirect url, redirect uri, url, target, ref, referer, referrer, continue, back, back url, dest, destination, goto,
    from, callback, service, came, came from
    """)

FALSE_VALUES: Final = frozenset(("0", "false", "no", "off", "none", "null", "n", "f"))
