"""The guard's quick question, whether an address or a text may mean anything, never hides what its rules would say."""

from __future__ import annotations

import re
import timeit
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawler.frontier import guard, guard_change_words, guard_quick, guard_words

SITE = "https://a.example"
KNOWN = sorted(
    guard_words.LOGOUT
    | guard_words.LOGOUT_ALONE
    | guard_words.DESTRUCTIVE
    | guard_words.DESTRUCTIVE_OF_ONE
    | guard_change_words.PHRASES
)
CHANGING = sorted(guard_change_words.VERBS | guard_change_words.ORDERED | guard_change_words.SUBMITS | {"create"})
AROUND = sorted(guard_change_words.THINGS | guard_words.ACTION_NAMES | guard_words.VALUES_THAT_SAY_NOTHING)
SIGNS = [
    "/",
    "/",
    "-",
    "_",
    ".",
    " ",
    "",
    "?",
    "&",
    "=",
    ";",
    ":",
    "%2F",
    "%20",
    "+",
    "%3d",
    "%C3%A9",
    "é",
    "\u0301",
    "%",
]
ENDS = ["", "", ".php", ".html", ".png", "7", "123", "A", "x" * 60, "x" * 130, "0", "false", "İ", "ß", "①"]


def plain(url: str, text: str = "", rel: str = "") -> str | None:
    """What the rules say when every one of them is asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "may_mean_something", lambda words: True)
        patch.setattr(guard, "_remembered", guard._url_says)  # what is remembered was said in the quick way
        patch.setattr(guard, "_text_says", guard._text_says.__wrapped__)
        return guard.LogoutGuard().refuses(url, text, rel)


@st.composite
def mentions(draw: st.DrawFn) -> str:
    """A word of the guard as people write it: in parts, glued to something, in another case."""
    word = draw(st.sampled_from(KNOWN) | st.sampled_from(["logout", "signoff", "delete", "edit", "exit"]))
    at = draw(st.integers(0, len(word)))
    word = word[:at] + draw(st.sampled_from(["", "", "", "-", "_", " ", "/", "%20", "\u0301"])) + word[at:]
    return draw(st.sampled_from([str, str, str.upper, str.title, str.swapcase]))(word)


ORDERS = ["id=5&", "Status", "Submit", "SetTold", "mode", "17", *CHANGING]
PARTS = mentions() | st.sampled_from(ORDERS) | st.sampled_from(AROUND) | st.sampled_from(ENDS) | st.text(max_size=3)
TEXTS = st.lists(st.tuples(PARTS, st.sampled_from(SIGNS)).map("".join), max_size=8).map("".join)


@settings(max_examples=500)
@given(address=TEXTS, text=TEXTS, rel=st.sampled_from(["", "nofollow"]))
@example(address="x?" + "a" * 58 + "-delete" + "d=1", text="", rel="")  # a name that is cut at "delete"
@example(address="x?" + "%20" * 63 + "logouts=1", text="", rel="")
@example(address="lo/gout", text="", rel="")
@example(address="log%C3%B3ut", text="", rel="")
def test_a_link_is_refused_as_by_all_rules(address: str, text: str, rel: str) -> None:
    for url in (f"{SITE}/{address}", f"{SITE}/index.php?{address}", f"{SITE}/index.php?action={address}"):
        assert guard.LogoutGuard().refuses(url, text, rel) == plain(url, text, rel)


@settings(max_examples=200)
@given(TEXTS)
def test_a_text_falls_into_the_words_that_the_plain_way_finds(text: str) -> None:
    folded = re.sub("(?<=[a-z0-9])(?=[A-Z])", " ", text).casefold().translate(guard_words._WITHOUT_DECOMPOSITION)
    plainly = "".join(letter for letter in unicodedata.normalize("NFKD", folded) if not unicodedata.combining(letter))

    assert guard_words.tokens(text) == re.findall(r"[^\W_]+", plainly)


@pytest.mark.parametrize("word", KNOWN)
def test_every_word_is_known_whole_and_in_parts(word: str) -> None:
    assert guard_quick.may_mean_something([word])
    assert all(guard_quick.may_mean_something(["x", word[:at], word[at:], "x"]) for at in range(1, len(word)))
    assert guard_quick.may_mean_something(list(word))


@pytest.mark.parametrize(
    "words", [[], ["x"], ["log"], ["log", "in"], ["dele", "ted"], ["p", "0", "1253", "html"], ["l", "o", "g"]], ids=str
)
def test_other_words_and_beginnings_mean_nothing(words: list[str]) -> None:
    assert not guard_quick.may_mean_something(words)


@pytest.mark.parametrize("word", ["l", "log", "a", "x", "1"])
def test_a_great_many_words_cost_little(word: str) -> None:
    words = [word] * 200_000
    began = timeit.default_timer()
    guard_quick.may_mean_something(words)

    assert timeit.default_timer() - began < 0.5


def test_what_is_remembered_of_addresses_stays_small() -> None:
    for length in (200, 300, 60_000):
        for number in range(20):
            guard.LogoutGuard().refuses(f"{SITE}/logout/{number}/{'a' * length}", "x" * length)
    sizes = [
        (cache.cache_info().maxsize, cache.cache_info().currsize) for cache in (guard._remembered, guard._segment_says)
    ]

    before = guard._remembered.cache_info().misses + guard._segment_says.cache_info().misses
    guard.LogoutGuard().refuses(f"{SITE}/{'b' * 300}?exit={'c' * 300}")

    assert all(most is not None and held <= most for most, held in sizes)
    assert guard._remembered.cache_info().misses + guard._segment_says.cache_info().misses == before
