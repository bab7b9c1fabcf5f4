"""The words of links that change something: take, assign, toggle, vote, subscribe. Data only, folded.

Nearly all of them are ordinary words, too (a film called "Take", the archive of 2024, a category "Toggle switches").
None of them is enough alone: `frontier.guard_changes` says what has to stand beside it.
"""

from __future__ import annotations

from typing import Final

from crawler.frontier.guard_words import OBJECTS, folded

#: Verbs that are hardly ever the name of a page: they count before the number of a thing (`/assign/17`), too.
PURE: Final = folded("""
    take, untake, steal, assign, unassign, reassign, toggle, approve, unapprove, disapprove, unresolve, reopen, upvote,
    downvote, unvote, unlike, unfollow, unstar, unwatch, unfavorite, unfavourite, unbookmark, unpin, unlock, unmute,
    unblock, unignore, unhide, unflag, unarchive, publish, unpublish, republish, enable, activate, reactivate, mute,
    promote, demote, accept, deny, acknowledge, ack, snooze, impersonate, restart, reboot, genehmigen, ablehnen,
    zuweisen, aktivieren, freigeben, approuver, refuser, assigner, aprobar, rechazar, asignar, activar, aprovar,
    rejeitar, atribuir, approva, rifiuta, assegna, goedkeuren, afwijzen, toewijzen
    """)
#: Names of pages as well (video 17 is at `/watch/17`): they count behind the number (`/issues/17/watch`).
BEHIND: Final = folded("""
    resolve, like, dislike, star, watch, vote, lock, follow, subscribe, favorite, favourite, fave, bookmark, pin, claim,
    flag, hide, save, ignore, block, clone, duplicate, archive, dismiss
    """)
#: Of these, what `/vote?id=17` does, without a number before it.
ASKED_BY_QUERY: Final = folded("resolve, like, dislike, vote, lock, fave, favorite, favourite, flag, hide, dismiss")
#: Orders only as the value of an action argument.
ORDERED: Final = folded("""
    mark, set, unset, add, move, merge, split, stick, unstick, sticky, feature, unfeature, grant, release, boost,
    repost, retweet, spam, unspam, ham, rate, reset, save, update
    """)
#: A whole order in one segment, value or argument name.
PHRASES: Final = folded("""
    add to cart, add to basket, add to bag, add to wishlist, add to wish list, add to favorites, add to favourites,
    add to bookmarks, add to watchlist, add to compare, add to collection, add to library, add to queue, addcart,
    mark read, mark unread, mark as read, mark as unread, mark all read, mark all as read, mark as done,
    mark as complete, mark as spam, mark as solved, mark solved, mark spam, mark done, mark patrolled,
    approve comment, unapprove comment, spam comment, set told, set default, set as default, vote up, vote down,
    up vote, down vote, assign to me, assign me, take ownership
    """)

#: What a verb is done to, beside the things of `OBJECTS`.
STATES: Final = folded("""
    status, state, default, told, primary, priority, owner, active, read, unread, done, complete, completed, visibility,
    subscription, watch, pin, lock, flag, enabled, featured, published, favorite, favourite, bookmark, star, like,
    follow, comments, spam, solved, resolved, vote, rule, plugin, module, theme, user, request
    """)
#: A value or a segment that ends so shows something: `?action=vote_results`, `op=approve-queue`.
SHOWING: Final = folded("""
    results, result, form, page, pages, view, history, info, help, count, counts, stats, statistics, detail, details,
    summary, preview, overview, report, reports, index, settings, options, queue, chart, graph, widget, template,
    search, date, dates, by, rules, policy, faq, success, thanks, list, lists, log, show, menu, away, off, out
    """)
#: Values of an action argument that only show.
SHOWS: Final = SHOWING | folded("display, read, print, raw, browse, all, topic, thread, article, profile, recent, open")
#: Action arguments beside which one of these words is an order; in others (`view`, `page`) it is what is shown.
ACTIONS: Final = folded("""
    action, act, do, op, oper, operation, cmd, command, task, func, function, fn, method, verb, todo, sub action,
    do action, wc ajax, aktion, accion, ação, azione
    """)
#: The same, but it also chooses how something is shown: a thing has to be named by a number beside it.
MODES: Final = folded("mode, event, a, sa")
#: Places of things that have names instead of numbers: `/users/john/follow`.
COLLECTIONS: Final = folded("""
    post, posts, comment, comments, ticket, tickets, issue, issues, photo, photos, question, questions, answer, answers,
    user, users, thread, threads, entry, entries, item, items, message, messages, notification, notifications, bug, bugs
    """)
#: What stands before the name of a person: Mark Read is one.
PEOPLE: Final = folded("""
    user, users, u, team, staff, profile, profiles, member, members, speaker, speakers, employee, employees, faculty,
    contact, contacts, about, by, obituaries
    """)
#: `/videos/17/watch` shows it.
MEDIA: Final = folded("""
    video, videos, v, movie, movies, film, films, episode, episodes, season, seasons, tv, show, shows, series, stream,
    streams, live, anime, lecture, lectures, course, courses, clip, clips, channel, channels, lesson, lessons, match
    """)
#: `/lists/17/archive` shows it.
WITH_ARCHIVES: Final = folded("""
    list, lists, newsletter, newsletters, blog, blogs, forum, forums, magazine, magazines, podcast, podcasts, channel,
    channels, journal, journals, author, authors, category, categories, tag, tags, news, event, events
    """)
#: `?mark=topics` of forums.
OF_FORUMS: Final = {
    "mark": folded("topics, forums, all, read, unread, topic, forum"),
    "watch": folded("topic, forum, thread, page"),
    "unwatch": folded("topic, forum, thread, page"),
}
#: Arguments that are an order when they name a thing: `?like=17`. Not `?take=20`, which asks for twenty rows.
NAMES_OF_ORDERS: Final = folded(
    "toggle, like, unlike, vote, upvote, downvote, follow, unfollow, approve, assign, publish"
)

#: The first word of what a form's button is called: `SubmitTicket=1`, `save=1`.
SUBMITS: Final = frozenset({"submit", "save", "apply"})
CREATE: Final = "create"

VERBS: Final = PURE | BEHIND
THINGS: Final = (OBJECTS | STATES) - {"the", "your", "my", "this"}  # `/articles/17/take-the-offer` is a title
