"""Links that change something by GET are not followed; pages whose addresses have the same words are."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawler.frontier.guard import LogoutGuard

SITE = "https://desk.example"


def addresses(text: str) -> list[str]:
    return text.split()


CHANGE_SOMETHING = addresses("""
    /Ticket/Display.html?Action=Take&id=1 /Ticket/Display.html?id=2&Action=Untake /t?Action=Steal&id=3
    /t?Action=Take /t?id=1&Action=SetTold /t?id=4&Status=resolved&SubmitTicket=1
    /t?id=5&Status=rejected&SubmitTicket=1 /t?id=5&Owner=ann&save=1 /t?bug_id=5&priority=high&submit=Save
    /t?id=5&Status=open&btn_save=Save /Ticket/Create.html?Queue=1&RefersTo-new=17
    /Ticket/Create.html?new-DependsOn=17 /x?do=assign&to=ann /x?cmd=approve&id=7 /x?op=resolve&id=7
    /x?task=article.publish&cid=7 /x?task=articles.unpublish /x?action=vote&id=7&way=up /x?do=like&post=7
    /x?action=subscribe&topic=7 /x?action=follow&user=ann /x?action=unfollow /x?ACTION=LOCK&t=7
    /x?mode=lock&topic=7&id=7 /x?action=mark_read&f=7 /x?action=mark_as_read /x?do=mark&f=7 /x?do=markread
    /x?action=archive&id=7 /x?do=enable&module=a /x?action=activate&plugin=a /x?command=toggle
    /x?action=toggle_status&id=7 /x?op=toggleFavorite&id=7 /x?action=set-status&id=7 /x?fn=setOwner&id=7
    /x?action=approvecomment&c=7 /x?action=spamcomment&c=7 /x?action=unapprovecomment&c=7 /x?action=star&id=7
    /index.php?title=A&action=watch /index.php?title=A&action=unwatch /index.php?title=A&action=markpatrolled
    /x?wc-ajax=add_to_cart&product=7 /x?action=add_to_wishlist /x?cmd=reboot&host=a /x?operation=take_ownership
    /x?func=restart /x?do=pin&id=7 /x?action=user.block&id=7 /x?action=post-like&id=7 /x?method=reassign
    /x?todo=dismiss&id=7 /x?action=genehmigen /x?action=refuser /x?act=merge&with=7 /x?aktion=zuweisen
    /product?add-to-cart=17 /product?add_to_wishlist=17 /?add-to-compare=17 /x?like=17 /x?vote=17 /x?follow=417
    /viewforum.php?f=1&mark=topics&hash=ab /viewtopic.php?t=7&watch=topic /viewtopic.php?t=7&unwatch=topic
    /f?markread=1 /x?upvote=17 /x?toggle=17 /x?approve=17 /tickets/17/take /tickets/17/steal /tickets/17/untake
    /tickets/17/assign /tickets/17/approve /tickets/17/resolve /tickets/17/reopen /posts/17/like /posts/17/unlike
    /posts/17/star /posts/17/watch /posts/17/unwatch /posts/17/vote /answers/17/vote/up /answers/17/upvote
    /vote/17/up /vote/up/17 /vote?id=17&how=up /fave?id=17 /hide?id=17 /flag?id=17 /posts/17/subscribe
    /posts/17/unarchive /posts/17/archive /posts/17/lock /posts/17/unlock /posts/17/pin /posts/17/bookmark
    /users/17/follow /users/john/follow /users/john/unfollow /posts/my-first-day/like /plugins/17/enable
    /plugins/enable/17 /modules/17/activate /assign/17 /approve/17 /reopen/17 /toggle/17 /take/17 /toggle/bookmark
    /toggle/bookmark?id=5 /toggle/status?id=5 /tasks/17/toggle /tasks/toggle?id=17 /toggle-status/17
    /toggleStatus?id=17 /toggle_favorite.php?id=17 /vote.php?id=17 /like.php?id=17 /subscribe.php?id=17
    /follow.aspx?id=17 /takeTicket.do?id=4 /approve-order/17 /follow-user/17 /lock-thread/17 /set-status/17
    /setDefault?id=17 /mark_spam/17 /add-to-cart /add-to-cart/17 /cart/add-to-cart /shop/add_to_basket?sku=a
    /addToCart.php?sku=a /add-to-wishlist/17 /mark-read /mark-as-read /notifications/mark-all-read
    /notifications/mark-read /messages/17/mark-unread /notifications/17/snooze /alerts/17/acknowledge
    /invitations/17/accept /invitations/17/deny /servers/17/reboot /repo/17/clone /ticket_take.php?id=4
    /post-vote.php?id=17 /unwatch?topic=abc /unfollow?name=ann /topics/3f2b8c1e-9a4d-4c55-8a63-0c5f1d2e7b90/mute
""")
ONLY_SHOW = addresses("""
    /x?action=view /x?action=show /x?action=show&id=17 /x?do=search /x?do=search&q=take /x?task=12
    /x?action=list&id=17 /wiki?action=history /wiki?action=raw /index.php?title=Vote&action=history
    /index.php?title=Take&action=raw /x?action=vote_results&id=7 /x?action=vote_history /x?op=approve-queue
    /x?action=subscribe_form /x?do=settings /x?action=like_list&id=7 /x?action=mark-twain /x?action=follow-up&id=17
    /x?action=follow_up&id=17 /x?do=setup /x?action=archive /x?action=archive&year=2024 /x?action=archive&page=2
    /x?action=vote /x?action=vote&lang=de /x?mode=lock /x?mode=like /x?mode=block /x?mode=list /x?mode=star&page=2
    /x?mode=take /x?action=locked&id=7 /x?action=archives&id=7 /x?do=markdown&id=7 /x?action=stars&id=7
    /x?action=watchlist /x?action=likes&id=7 /x?action=read /x?action=print&id=17 /x?op=status&id=17
    /x?cmd=browse&id=17 /x?do=sets&id=7 /x?action=setlist&id=7 /x?action=taken&id=7 /x?do=media&ns=take /x?do=index
    /x?view=vote&id=17 /x?page=like&id=17 /x?option=com_vote&id=17 /x?status=resolved
    /x?status=resolved&submit=Filter /x?id=4&status=open&submit=Search /x?q=take&submit=Go
    /x?category_id=4&status=open&submit=1 /x?id=4&submit=1 /x?id=4&submit=View+results&lang=de /search?save=1&q=a
    /x?year=2024&submit=Show /x?SubmitSearch=1&id=4&status=open /x?id=4&page=2&submit=1 /x?submit_date=2024&id=4
    /x?skip=20&take=20 /x?star=5 /x?stars=4 /x?like=foo /x?like=1 /x?vote=0 /x?publish=2024 /x?approve=false
    /x?follow=1 /x?enable=1 /x?accept=1 /x?watch=17 /watch?v=17 /watch?id=17 /x?mark=john /x?set=17 /x?add=1
    /x?sort=votes /x?order=likes /x?filter=taken /x?label=toggle /x?tag=vote /x?type=star /x?q=add+to+cart /create
    /Ticket/Create.html?Queue=1 /create?type=new-car /create?is=new /follow-up /follow-up/17 /follow-ups/17
    /archive/2024 /archive/17 /archive/2024/05 /archives /blog/archive /lists/17/archive /newsletters/17/archive
    /forums/17/archive /likes /likes/17 /posts/17/likes /posts/17/stars /posts/17/votes /posts/17/watchers
    /posts/17/followers /posts/17/subscribers /articles/17/take-the-offer /articles/reject /articles/rejected
    /blog/take /take /take-that /take/that /takeaway/17 /take-away/17 /takes/17 /mark/john /mark/12 /mark
    /mark/12/30 /users/mark /users/mark-read /team/mark-read /team/Mark-Read /people/mark-read /authors/mark-read
    /mark-twain/17 /marks/17 /markets/17 /trademarks/17 /benchmark/17 /mark-knopfler /category/toggle-switches
    /toggle-switches /toggle-switches/17 /switches/toggle /switches/toggle/panel-mount /toggle-buttons/17 /ui/toggle
    /docs/toggle /components/toggle /components/toggle/examples /toggle /vote-results /vote-results/17 /votes/17
    /vote /vote/2024 /elections/2024/vote /parliament/votes/17 /vote/how-to /how-to-vote /voting/17
    /polls/17/results /polls/17/vote-results /publish/date /publish /published/17 /publishers/17 /publishing/17
    /publisher/17 /posts/publish-date /star /star/17 /stars/17 /star-wars /star-wars/17 /movies/star /stars/17/chart
    /watch /watch/17 /video/17/watch /movies/17/watch /episodes/17/watch /apple/watch /shop/apple/watch /watches/17
    /watch-straps/17 /smart-watch/17 /like /like/17 /dictionary/like /words/unlike /like-new/17 /likely/17
    /subscribe /subscribe/17 /subscribe?plan=basic /subscription /subscriptions/17 /subscribe-newsletter /newsletter
    /follow /follow/17 /follow-us /followers/17 /lock /locks/17 /lock/17 /lock-picks/17 /lock_picks/17 /locksmith/17
    /unlock /unlock-your-phone /unlock-iphone /pin/17 /pins/17 /pinboard /bookmark/17 /bookmarks /bookmarks/17
    /flag/17 /flags/17 /flags/germany /hide/17 /hides/17 /save-the-date/17 /saves /savings/17 /block/17 /blocks/17
    /clone-wars/17 /clones/17 /claim/17 /claims/17 /how-to-claim /resolve/17 /resolve/doi /resolution/17 /resolved
    /assignments/17 /assigned /assignee/17 /approved /approvals/17 /approval /enabled /enablement/17 /accepted
    /acceptance /activation /activities/17 /promotions/17 /promote /promoted /mute-swan /mute /mutes /deny /denim/17
    /denied /set/17 /sets/17 /set-menu/17 /set-list/17 /set-top-box/17 /settings /settings/17 /setup /set_design/17
    /dataset/17 /help/add-to-cart /faq/add-to-cart /help/mark-as-read /blog/mark-read /how-to-add-to-cart
    /added-to-cart-analysis /cart /cart/17 /add /add/17 /address/17 /additions /adds /markread-history /tags/take
    /tags/vote /wiki/Vote /wiki/Take /wiki/Toggle /films/take /songs/like /games/star /books/watch /category/vote
    /genres/archive /movies/steal /articles/2024/vote /questions/2024/vote /posts/2024/archive /users/john
    /users/john/followers /users/like /issues/17 /issues/17/watchers /topics/elections/vote /topics/17
    /steal-this-book /stealth/17 /stolen /approve.png /vote.css /like/icon.svg /news/2024/take /reopening/17
    /subscribed /muted/17 /hidden/17 /submit /submit?type=link /submissions/17 /save /apply /apply?job=17 /apply/17
    /jobs/17/apply /moves/17 /merge /merges/17
""")


@pytest.mark.parametrize("url", CHANGE_SOMETHING)
def test_a_link_that_changes_something_is_refused(url: str) -> None:
    assert (LogoutGuard().refuses(SITE + url) or "").startswith("changes something (")


@pytest.mark.parametrize("url", ONLY_SHOW)
def test_a_page_that_only_shows_is_read(url: str) -> None:
    assert LogoutGuard().refuses(SITE + url) is None


def test_the_lists_are_long() -> None:
    assert len(set(CHANGE_SOMETHING)) >= 150
    assert len(set(ONLY_SHOW)) >= 300


@given(st.sampled_from(CHANGE_SOMETHING))
def test_an_escaped_address_means_the_same(url: str) -> None:
    path, mark, query = url.partition("?")

    assert LogoutGuard().refuses(SITE + quote(path) + mark + quote(query, safe="=&@-_+"))


@given(st.sampled_from(CHANGE_SOMETHING), st.sampled_from(["lang=de", "csrf=abc", "page=2", "utm_source=x"]))
def test_other_arguments_hide_nothing(url: str, more: str) -> None:
    assert LogoutGuard().refuses(f"{SITE}{url}{'&' if '?' in url else '?'}{more}")


@given(st.sampled_from(ONLY_SHOW), st.sampled_from(["lang=de", "page=2", "sort=likes", "q=vote", "utm_source=x"]))
def test_arguments_that_choose_what_is_shown_do_not_make_an_order(url: str, more: str) -> None:
    assert LogoutGuard().refuses(f"{SITE}{url}{'&' if '?' in url else '?'}{more}") is None


@pytest.mark.parametrize(
    "word", ["Take", "Steal", "Approve", "Reject", "Resolve", "Mark as read", "Assign to me", "Vote up"]
)
@pytest.mark.parametrize(
    "url", ["/t?id=5&Status=rejected", "/t?id=5&csrf_token=ab", "/x?ticket=5&do=it", "/x?post_id=5&_wpnonce=ab"]
)
def test_a_text_that_is_only_a_verb_is_refused_where_the_address_sends_a_state_or_a_token(word: str, url: str) -> None:
    assert LogoutGuard().refuses(SITE + url) is None
    assert LogoutGuard().refuses(SITE + url, word) == "changes something (link text)"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("/articles/17", "Reject"),
        ("/article.php?id=17", "Reject"),
        ("/index.php?option=com_content&view=article&id=17", "Reject"),
        ("/index.php?action=show&id=17", "Take"),
        ("/index.php?title=Reject&oldid=17", "Reject"),
        ("/viewtopic.php?f=2&t=17", "Vote"),
        ("/archive", "Archive"),
        ("/archive?id=17&page=2", "Archive"),
        ("/t?id=5&Status=rejected", "Reject the offer of the century"),
        ("/t?id=5&Status=open", "Printer on fire"),
        ("/t?id=5&Status=open", "Takeaway"),
        ("/t?Status=rejected", "Rejected"),
        ("/t?Status=rejected", "Reject"),
        ("/t?id=5&token=ab", "Follow-up"),
        ("/album?id=17&action=view", "Like"),
        ("/song?id=17&token=take", "Take"),
        ("/switches", "Toggle switches"),
        ("/poll?id=17", "Vote results"),
    ],
    ids=str,
)
def test_a_title_that_is_a_verb_is_a_title(url: str, text: str) -> None:
    assert LogoutGuard().refuses(SITE + url, text) is None


@given(st.sampled_from(CHANGE_SOMETHING))
def test_what_a_spider_allows_or_begins_at_is_followed(url: str) -> None:
    assert LogoutGuard(allow=[".*"]).refuses(SITE + url) is None
    assert LogoutGuard(begins_at=[SITE + url]).refuses(SITE + url) is None
