"""The quick ways to the signs come to the answers of the plain ones, on odd pages and addresses, too."""

from __future__ import annotations

import re
import timeit
from typing import AnyStr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawler.response import Response
from crawler.sessions.login import page_marks, signs, words
from tests.sessions import plain_signs

URL = "https://shop.example/orders"
ASKED = (URL, "https://shop.example/login", "https://shop.example/blog/index.php?do=login")
FILLER = "<p>Bringing out the good things, of course: gnoff, Log, ou t, PASS WORD. <b>Who?</b></p>\n"


def page(body: bytes, content_type: str = "text/html", url: str = URL) -> Response:
    response = Response()
    response._content, response.url, response.status_code = body, url, 200
    response.headers["Content-Type"] = content_type
    return response


WORDS = [
    "Log out",
    "log-out",
    "logout",
    "Sign_Off",
    "signout",
    "gnout",
    "g out",
    "Abmelden",
    "Déconnexion",
    "connecter",
]
WORDS += ["Cerrar sesión", "cerrar-ses", "Uitloggen", "Logga ut", "Wyloguj się", "Odhlásit", "/sair", "Terminar sessão"]
WORDS += [
    "password",
    "assword",
    "PASSWORD",
    "PassWord",
    "W" * 20,
    "Log in",
    "Please log in",
    "Session expired",
    "entrar",
]
WORDS += [
    "Permission denied",
    "&#108;og in",
    "&lt;Log in&gt;",
    "Sitzung abgelaufen",
    "la sesi\u00f3n ha caducado",
    "log",
]
MARKUP = ["<a href='/x'>", '<a href="/', "<A HREF=/", "</a>", "</A>", "<button>", "</button>", "<span>", "</span>", "<"]
MARKUP += ["<script>", "</script>", "<!--", "-->", "<title>", "</title>", "<TITLE>", "<title x='y'>", "<h1>", "</h1>"]
MARKUP += [
    "<h1 class=x><b>",
    "</b></H1>",
    '">',
    ">",
    "'",
    '"',
    "<html lang=de>",
    '<html xml:lang="fr" LANG="pl">',
    " ",
    "\n",
]
MARKUP += [
    "<html lang=en>",
    "<input type=password>",
    "<form action='/",
    '<input type="text" name=u>',
    'title="',
    "<area ",
]
MARKUP += [
    "<meta http-equiv=refresh content='0; url=/login'>",
    "\x00",
    "\u017f",
    "\u212a",
    "İ",
    "\ufffd",
    "n" * 190,
    "<p>" * 300,
]
WHOLE = [
    "<a href='/logout'>Log out</a>",
    '<a href="/x"><span>Abmelden</span></a>',
    "<button>Sign out</button>",
    '<a class=x href="/deconnexion">x</a>',
    "<title>Session expired</title>",
    "<title>Caf&eacute; | &#80;lease log in</title>",
    "<h1>Please <b>log in</b></h1>",
    "<form><input type=password></form>",
]
CASES = {"as it is": str, "capitals": str.upper, "small": str.lower, "swapped": str.swapcase, "words": str.title}
CHARSETS = ["utf-8"] * 6 + ["latin-1", "utf-16", "utf-16-be"]
SIZES = [0] * 8 + [40, 50, 200, 780, 1_600]  # times the filler: about 4 kB, 17 kB, 68 kB, and above 128 kB


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Pages made of what the signs are about, in any order, case and charset, with much text somewhere between."""
    piece = st.tuples(
        st.sampled_from(WORDS + MARKUP) | st.sampled_from(WHOLE) | st.text(max_size=3), st.sampled_from(sorted(CASES))
    )
    pieces = [CASES[case](text) for text, case in draw(st.lists(piece, max_size=24))]
    at = draw(st.integers(0, len(pieces)))
    pieces.insert(at, FILLER * draw(st.sampled_from(SIZES)))
    return "".join(pieces).encode(draw(st.sampled_from(CHARSETS)), "replace")


@settings(max_examples=300)
@given(body=bodies(), asked_url=st.sampled_from(ASKED))
@example(body=b"<title>" + b"x" * 16_500 + b"</title><h1>Please log in</h1>", asked_url=URL)
@example(body=b"<title x='y'><title>Session expired</title>", asked_url=URL)
@example(body=b"<title></title><TITLE></TITLE><svg><TITLE>Session expired</TITLE></svg>", asked_url=URL)
def test_a_page_is_judged_as_by_the_plain_way(body: bytes, asked_url: str) -> None:
    quick, plain = page(body, url=asked_url), page(body, url=asked_url)

    assert signs.logged_in_sign(quick) == plain_signs.logged_in_sign(plain)
    assert signs.logged_out_sign(quick, asked_url=asked_url) == plain_signs.logged_out_sign(plain, asked_url)
    assert page_marks.mentions_password(body) == plain_signs.mentions_password(body)


LINK, LABEL = '<a class=x HREF="/Users/{}?n=1"><i></i>x</a>', "<a href=/x><i></i><span> {} </span></a>"
PAGES = {
    "link": LINK.format("LogOut"),
    "capitals": LINK.format("SIGN_OUT").upper(),
    "mixed": LABEL.format("lOG oFF (Anna)"),
    "label": LABEL.format("SiGn-OuT"),
    "German": "<html lang=de>" + LABEL.format("ABMELDEN"),
    "Spanish, with a sign": '<html lang="es">' + LINK.format("Cerrar-Sesion"),
    "no language": LABEL.format("Se DÉCONNECTER".lower()),
    "in a script": "<SCRIPT>var a = '" + LINK.format("logout") + "'</Script>",
    "behind a script": "<SCRIPT>x</Script>" + LINK.format("logout"),
    "in a comment": "<!-- a --> <!-- " + LINK.format("logout") + " -->",
    "behind a comment": "<!-- a -->" + LINK.format("logout"),
    "as the 200th of the word": "<p>Bring out</p>" * 10 + "<p>BRING OUT</p>" * 189 + LINK.format("logout"),
    "as the 201st of the word": "<p>Bring out</p>" * 10 + "<p>BRING OUT</p>" * 190 + LINK.format("logout"),
    "capital as the 20th": "<p>bring out</p>" * 19 + LINK.format("LOGOUT"),
    "behind a drawn icon": "<a href='#'><svg><path d='" + "M0 1 " * 1_000 + "'/></svg>Log out</a>",
    "above 128 kB, at the top": LINK.format("logout") + FILLER * 1_600,
    "above 128 kB, in the middle": FILLER.replace("g", "k") * 800 + LINK.format("logout") + FILLER * 800,
    "above 128 kB, at the end": FILLER.replace("g", "k") * 1_600 + LINK.format("logout"),
    "at the cut of the top": "-" * (65_536 - 30) + LINK.format("logout") + "-" * 90_000,
}
PROOFS = {"link", "capitals", "mixed", "label", "German", "Spanish, with a sign", "no language", "behind a script"}
PROOFS |= {
    "behind a comment",
    "behind a drawn icon",
    "as the 200th of the word",
    "capital as the 20th",
    "above 128 kB, at the top",
}
PROOFS |= {"above 128 kB, at the end", "above 128 kB, in the middle", "at the cut of the top"}


@pytest.mark.parametrize("name", PAGES)
def test_the_way_out_is_found_where_the_plain_way_finds_it(name: str) -> None:
    response = page(PAGES[name].encode())

    assert signs.logged_in_sign(response) == plain_signs.logged_in_sign(response) == (name in PROOFS)
    for charset in ("utf-16", "utf-16-be"):
        other = page(PAGES[name].encode(charset))
        assert signs.logged_in_sign(other) == plain_signs.logged_in_sign(other)


HEADINGS = {
    "late title": ("<p>" + "x" * 16_000 + "</p><title>Session expired</title>", True),
    "title behind 16 kB": ("<p>" + "x" * 16_400 + "</p><title>Session expired</title>", True),
    "title behind a style sheet": ("<style>" + "x" * 130_000 + "</style><title>Session expired</title>", True),
    "capitals": ("<TITLE>SESSION EXPIRED</TITLE>", True),
    "capitals behind 4 kB": ("<p>" + "x" * 4_100 + "</p><TITLE>SESSION EXPIRED</TITLE>", True),
    "heading behind 64 kB": ("<script>" + "x" * 200_000 + "</script><h1>Session expired</h1>", True),
    "reference": ("<title>Bitte &#108;oggen Sie sich ein</title>", True),
    "reference in a heading": ("<title>&amp;</title><h1>&#x53;ession <b>e</b>xpired &amp; gone</h1>", False),
    "heading": ("<title></title><h1>SESSION <b>EXPIRED</b></h1>", True),
    "title in a title": ("<title x='y'><title>Session expired</title>", True),
    "title of a picture behind an empty one": ("<title></title><svg><title>Session expired</title></svg>", True),
    "unfinished title": ("<title>Please log in", True),
    "no title": ("<title", False),
    "title that ends too late": ("<title>" + "x" * 299 + " please log in</title>", False),
    "Kelvin": ("<title>Please log in, \u212a</title>", True),
    "field": ("<title>Entrar</title><input type=text name=user>", True),
}


@pytest.mark.parametrize("name", HEADINGS)
def test_a_title_or_heading_is_read_as_by_the_plain_way(name: str) -> None:
    markup, says_so = HEADINGS[name]
    response = page((markup + FILLER.replace("Log", "Lok") * 60).encode())

    assert signs._said_in_headings(response) == plain_signs.said_in_headings(response.body, response)
    assert (signs._said_in_headings(response) is not None) == says_so


@given(
    st.lists(st.sampled_from(["PASSWORD", "assword", "W", "PASS", "ORD", "x", "Password"]), max_size=30).map("".join)
)
def test_the_word_password_is_found_as_by_the_plain_way(text: str) -> None:
    assert page_marks.mentions_password(text.encode()) == plain_signs.mentions_password(text.encode())


# --- the quick questions are asked for good reasons -------------------------------------------------------------------
@pytest.mark.parametrize("name", ["SAYS_LOGGED_OUT", "ASKS_TO_LOG_IN", "LOGIN_TITLE"])
def test_every_phrase_has_one_of_the_stems(name: str) -> None:
    phrases = getattr(words, name).pattern.replace(r"\b(?=\w)", "")  # made, then thrown away by hypothesis

    @settings(max_examples=300)
    @given(st.from_regex(phrases))
    def holds(text: str) -> None:
        assert any(stem in text for stem in words.HEADING_STEMS)

    holds()


def in_full(late: re.Pattern[AnyStr]) -> re.Pattern[AnyStr]:
    """A pattern that may be compiled when it is first used, as hypothesis wants it."""
    return re.compile(late.pattern, late.flags)


@given(
    st.from_regex(in_full(words.LOGIN_PATH)) | st.from_regex(in_full(words.LOGIN_ARGUMENT)).map("/index.php?{}".format)
)
@example("/\u017fign-in")  # the long s is an s to a pattern that ignores the case
@example("/lo\tgin")  # urlsplit leaves the tab out
@example("/LOGIN")
def test_an_address_is_taken_for_a_login_page_as_by_the_plain_way(path: str) -> None:
    for url in (path, f"https://shop.example{path}", f"https://shop.example/a{path}/b"):
        assert signs.looks_like_login(url) == plain_signs.looks_like_login(url)


@given(st.text())
def test_any_address_is_taken_for_a_login_page_as_by_the_plain_way(url: str) -> None:
    assert signs.looks_like_login(url) == plain_signs.looks_like_login(url)


@given(st.binary(max_size=60) | st.from_regex(rb"(?i)g(?:n[-_ ]?|[-_ ]?)o(?:ut|ff)"))
def test_the_stem_is_found_in_any_case_where_the_plain_way_finds_it(text: bytes) -> None:
    quick = [found.span() for found in words.LOGOUT_STEM.finditer(text.replace(b"G", b"g"))]

    assert quick == [found.span() for found in plain_signs.STEM.finditer(text.lower())]


@pytest.mark.parametrize(
    "piece",
    [
        b"g",
        b"G",
        b"gn-",
        b"gn o",
        b"W",
        b"PASSW",
        b"<title",
        b"<title>",
        b"<TITLE",
        b"<TITLE>",
        b"<h1",
        b"<h1>&",
        b"<a href=logout",
        b"<!--logout",
    ],
    ids=lambda piece: piece.decode(),
)
def test_Z6_400_kB_of_one_thing_take_no_time(piece: bytes) -> None:
    response = page(piece * (400_000 // len(piece)))
    began = timeit.default_timer()
    signs.logged_out_sign(response, asked_url=URL)
    signs.logged_in_sign(response)

    assert timeit.default_timer() - began < 0.5


@pytest.mark.parametrize("around", ["<form action=/x>%s</form>", "<form action=/x hidden>%s</form>", "%s"])
@pytest.mark.parametrize("kind", ["password", "text"])
def test_Z6_many_fields_in_deep_markup_take_no_time(around: str, kind: str) -> None:
    response = page(("<div>" * 1_800 + (around % f"<input type={kind} name=p>password") * 3_000).encode())
    assert response.selector is not None
    began = timeit.default_timer()
    signs.logged_out_sign(response, asked_url=URL)
    signs.has_login_form(response)
    signs.wrong_password_sign(response)
    signs.one_time_code_sign(response)

    assert timeit.default_timer() - began < 2.0  # ten times that where each field looks through all that holds it


def test_what_holds_a_field_hides_it_from_the_outside_in() -> None:
    shown = '<form><input type="password" name="p"></form>'
    for hidden in ("<div hidden>%s</div>", "<dialog>%s</dialog>", '<p style="display: none"><b>%s</b></p>'):
        assert not signs.has_login_form(page((hidden % shown).encode()))
        assert signs.has_login_form(page((hidden % shown + shown).encode()))
        assert signs.has_login_form(page((shown + hidden % shown).encode()))
