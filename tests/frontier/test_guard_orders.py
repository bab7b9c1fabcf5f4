"""Links that do something to the data are not followed; pages that only tell, list or are called so, are."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.guard import LogoutGuard

SITE = "https://shop.example"


def addresses(text: str) -> list[str]:
    return text.split()


DO_SOMETHING = addresses("""
    /issues/17/close /issues/close/17 /tickets/1234/close /close.php?id=17 /topic/closeTopic?id=5
    /close-account /account/close-account /orders/55/cancel /order/cancel /cancel-order
    /cancel_order.php?order=5 /subscription/cancel /booking/88/cancel /cancelBooking?id=8 /cart/empty?id=3
    /empty-cart /cart.php?action=empty /trash/empty/1 /emptyTrash /empty_trash.do /cart?empty-cart=1
    /users/17/ban /ban/17 /ban-user /banUser?user=17 /admin/ban.php?uid=17 /forum?action=ban&u=17 /mod?do=ban
    /users?ban=17 /page/17/protect /index.php?title=Main&action=protect /protect.php?id=17
    /wiki?do=unprotect&id=1 /servers/17/retire /retire/17 /assets?@action=retire /issue17?@action=retire&id=17
    /machine.php?op=retire /retire-server /files/17/rm /rm/17 /rm.php?id=17 /files?cmd=rm&f=a /rmFile?id=17
    /files?op=rm&name=x /files?rm=17 /messages/17/del /del/17 /del.asp?id=17 /del_user.php /delUser?id=17
    /mail?op=del&id=17 /mail?del=17 /a.php?act=del /index.php?do=del_post /items/17/remove /remove/17
    /remove-item /cart?remove=17 /cart?remove_item=17 /removeItem.do?id=1 /basket?action=remove
    /posts/17/trash /post.php?post=17&action=trash /trash-post /trash/17 /edit.php?action=untrash&post=1
    /users/17/disable /disable/17 /disable-account /plugins.php?action=disable /account?disable=1
    /newsletter/unsubscribe /unsubscribe?u=17 /unsubscribe/17 /list?action=unsubscribe /unsubscribe-newsletter
    /tokens/17/revoke /revoke/17 /revoke-token /oauth?action=revoke /revoke_session.php /sessions/17/kill
    /queue/17/discard /job/17/abort /users/17/suspend /posts/17/unpublish /cart/clear?id=1 /cache?action=clear
    /cache?op=flush&id=1 /konto/17/schliessen /papierkorb?aktion=leeren&action=leeren /nutzer/17/sperren
    /abo/kündigen /abo/17/widerrufen /panier/17/vider /compte/17/fermer /membre/17/bannir /abonnement/résilier
    /articles/17/retirer /cuenta/17/cerrar /carrito/17/vaciar /usuarios/17/bloquear /articulo/17/quitar
    /suscripcion/anular /conta/17/fechar /carrinho/17/esvaziar /carrello/17/svuota /account/17/chiudi
    /articoli/17/rimuovi /abbonamento/disattiva /rekening/17/sluiten /abonnement/opzeggen /koszyk/17/oproznij
    /konto/17/zamknij /konto/17/stang /tili/17/sulje /аккаунт/17/закрыть /корзина/17/очистить
    /подписка/отписаться /hesap/17/kapat /sepet/17/bosalt /kayit/17/sil /sipariş/iptal /账户/17/关闭 /购物车/17/清空
    /会員/退会 /契約/解約 /계정/탈퇴 /주문/17/취소 /pesanan/17/batalkan /đơn-hàng/17/hủy
""")
ONLY_READ = addresses("""
    /go /go/17 /go/to/shop /go.php?id=17 /out/go/17
    /closed-orders /orders?status=closed /orders/closed /close-up /close-ups/17 /enclosed /closeout-sale
    /store/closing-times /stocks/17/closing-price /closest-shops /how-to-cancel /help/how-to-cancel-an-order
    /help/cancel-order /faq/cancel /cancellation-policy /cancelled-orders /orders?status=cancelled
    /cancellations /removed-items /orders?filter=removed /stain-remover /remove-background /removals
    /blog/how-to-remove-a-stain /help/remove-item /banking /bank /bands/17 /banner /banned-books /ban-list
    /bans /urban /forum/banned-users /airbands /banana /empty-nest-syndrome /emptiness /search?filter=empty
    /lists?show=empty /empty-list /products?empty=1 /rooms?view=empty /protect-your-account /data-protection
    /protected-areas /consumer-protection /products/screen-protector /protect-your-privacy /retirement
    /retired-players /retired /pensions/retire-early /blog/retire-rich /delhi /model/17 /delivery /deli
    /del-monte /costa-del-sol /rio-del-mar /airports/DEL /airports/del /search?sort=del
    /flights?from=DEL&to=FRA /hoteles-del-mundo /rm-williams /farm /firmware /rm /products/rm
    /currency?code=rm /search?brand=RM /trash /mail/trash /trash-cans /trash?page=2 /mail?folder=trash
    /folders?view=trash /trash-list /trash-metal-music /category/trash-bags /disabled-access
    /disability-services /accessibility/disabled-parking /users?status=disabled /unsubscribed-users
    /subscriptions /newsletter/archive /users?filter=unsubscribed /revoked-certificates /revocation-list
    /certificates?status=revoked /clear-glass/17 /clearance /archive/2024 /archive/17 /stop/17 /block/17
    /blocks/17 /lock-picks /reset-buttons /locks/17 /discarded /suspended-ceilings /aborted-flights
    /news/2024/close /markets/close /exit-signs /dropship /drop-shipping /dropdown /voids /covid/17 /editorial
    /editions/17 /delegate /deleted-scenes /suche?sortierung=del /schliessfach/17 /leere-dosen /sperrgut
    /kuendigungsfristen /widerruf /widerrufsbelehrung /fermeture /fermes/17 /cerradura/17 /vacaciones
    /chiusura /blog/close /guides/ban /news/cancel-culture /tags/empty /authors/rm /p/del
""")


@pytest.mark.parametrize("url", DO_SOMETHING)
def test_a_link_that_does_something_is_refused(url: str) -> None:
    assert (LogoutGuard().refuses(SITE + url) or "").startswith("destructive")


@pytest.mark.parametrize("url", ONLY_READ)
def test_a_page_that_only_reads_is_not_refused(url: str) -> None:
    assert LogoutGuard().refuses(SITE + url) is None


def test_both_lists_are_long() -> None:
    assert len(set(DO_SOMETHING)) >= 120
    assert len(set(ONLY_READ)) >= 120


@given(st.sampled_from(DO_SOMETHING))
def test_an_escaped_address_means_the_same(url: str) -> None:
    path, mark, query = url.partition("?")

    assert LogoutGuard().refuses(SITE + quote(path) + mark + quote(query, safe="=&@-_"))


@given(st.sampled_from(DO_SOMETHING), st.sampled_from(["lang=de", "csrf=abc", "page=2", "utm_source=x"]))
def test_other_arguments_hide_nothing(url: str, more: str) -> None:
    assert LogoutGuard().refuses(f"{SITE}{url}{'&' if '?' in url else '?'}{more}")


@given(st.sampled_from(ONLY_READ), st.sampled_from(["lang=de", "page=2", "sort=del", "q=delete", "utm_source=x"]))
def test_other_arguments_do_not_turn_a_page_into_a_command(url: str, more: str) -> None:
    assert LogoutGuard().refuses(f"{SITE}{url}{'&' if '?' in url else '?'}{more}") is None


@given(st.sampled_from(DO_SOMETHING))
def test_what_a_spider_allows_is_followed(url: str) -> None:
    assert LogoutGuard(allow=[".*"]).refuses(SITE + url) is None


@pytest.mark.parametrize(
    "id_", ["17", "0", "123456", "3f2b8c1e-9a4d-4c55-8a63-0c5f1d2e7b90", "5f4dcc3b5aa765d61d8327de"]
)
@pytest.mark.parametrize("verb", ["close", "ban", "del", "rm", "retire", "protect", "empty"])
def test_a_thing_is_known_by_its_number_before_or_behind_the_verb(verb: str, id_: str) -> None:
    assert LogoutGuard().refuses(f"{SITE}/things/{id_}/{verb}")
    assert LogoutGuard().refuses(f"{SITE}/things/{verb}/{id_}")
    assert LogoutGuard().refuses(f"{SITE}/things/{verb}") is None
    assert LogoutGuard().refuses(f"{SITE}/things/2024/{verb}") is None  # a year is no thing


NAMED = (f"{SITE}/wp-admin/edit.php", f"{SITE}/shop/edit?list=all", f"{SITE}/account/delete", "no address")


@pytest.mark.parametrize(
    "url",
    ["/wp-admin/edit.php", "/wp-admin/edit.php?paged=2", "/wp-admin/edit.php?post_type=page&orderby=title",
     "/shop/edit?list=all", "/shop/edit/?list=all&page=7", "/account/delete"],
)  # fmt: skip
def test_a_page_that_the_spider_begins_at_is_read_and_so_are_its_portions(url: str) -> None:
    assert LogoutGuard().refuses(SITE + url) is not None
    assert LogoutGuard(begins_at=NAMED).refuses(SITE + url) is None


@pytest.mark.parametrize(
    "url",
    ["/wp-admin/edit.php?action=trash&paged=2", "/wp-admin/edit.php?post=5", "/wp-admin/post.php?post=5&action=edit",
     "/other/edit.php", "/wp-admin/edit.php/17/delete", "/wp-admin/edit.php?logout=1", "/shop/edit/7", "/logout"],
)  # fmt: skip
def test_any_other_action_on_such_a_page_is_refused(url: str) -> None:
    assert LogoutGuard(begins_at=(*NAMED, f"{SITE}/logout")).refuses(SITE + url) is not None
