"""What a page shows: its login form, repeated elements, the next link, and the spider made from them."""

from __future__ import annotations

import ast
import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crawler.authoring.first_spider import FirstSpider, login_lines, reading_of
from crawler.authoring.login_forms import find_login, is_nothing_else, login_link, without_way_back
from crawler.authoring.next_links import find_next
from crawler.authoring.parse_method import ParseMethod
from crawler.authoring.repeating import find_list
from crawler.fetching.kept import response_of
from crawler.outcome import KeptPage
from crawler.request import Request
from crawler.response import Response

URL = "http://shop.test/list?page=1"


def page(html: str, kind: str = "text/html", url: str = URL) -> Response:
    """A page as a crawl gets it."""
    return response_of(
        KeptPage(html.encode(), [("Content-Type", f"{kind}; charset=utf-8")], url, 200), Request(url), ""
    )


def items_of(response: Response) -> list[dict[str, Any]]:
    """What the written spider gives: its source is run on the page that it was made from."""
    reading = reading_of(response)
    source = FirstSpider("made", [URL], reading).source()
    namespace: dict[str, Any] = {}
    exec(compile(source, "made.py", "exec"), namespace)  # noqa: S102 - what we have written is what is tested
    return [each for each in namespace["Made"]().parse(response) if isinstance(each, dict)]


CARDS = """<body><nav><ul><li><a href=/1>Home</a><li><a href=/2>Help</a><li><a href=/3>About</a></ul></nav>
<div class="grid"><article class="card css-1x2y"><h3><a href="/p/1">Lamp</a></h3><p class="price">1.50</p>
<img src="/1.png"><button>Add to cart</button></article>
<article class="card css-9z8q"><h3><a href="/p/2">Chair</a></h3><p class="price">2.50</p>
<img src="/2.png"><button>Add to cart</button></article></div></body>"""
TABLE = """<body><table id="t"><tr><th>Number</th><th>Unit price</th><th></th></tr>
<tr><td>1</td><td> <b>9</b> EUR </td><td><a href="/o/1">open</a></td></tr>
<tr class="odd"><td>2</td><td> <b>8</b> EUR </td><td><a href="/o/2">open</a></td></tr></table></body>"""
NESTED = """<body><ul class="results">{rows}</ul></body>""".format(
    rows="".join(
        f'<li class="result"><span class="class">c{n}</span><span class="1x">odd{n}</span><div><em>{n}</em></div></li>'
        for n in range(4)
    )
)


@pytest.mark.parametrize(
    ("html", "items"),
    [
        pytest.param(
            CARDS,
            [
                {"title": "Lamp", "price": "1.50", "url": "http://shop.test/p/1", "image": "http://shop.test/1.png"},
                {"title": "Chair", "price": "2.50", "url": "http://shop.test/p/2", "image": "http://shop.test/2.png"},
            ],
            id="cards",
        ),
        pytest.param(
            TABLE,
            [{"number": "1", "unit_price": "9 EUR"}, {"number": "2", "unit_price": "8 EUR"}],
            id="table-with-heads",
        ),
        pytest.param(
            "<body><ol><li><a href=/a>A</a></li><li><a href=/b>B</a></li></ol></body>",
            [{"title": "A", "url": "http://shop.test/a"}, {"title": "B", "url": "http://shop.test/b"}],
            id="links",
        ),
        pytest.param(
            NESTED,
            [{"field_class": f"c{n}", "span": f"odd{n}", "em": str(n)} for n in range(4)],
            id="names-that-are-none",
        ),
        pytest.param(
            "<body class='has-sidebar'><form>"
            "<table class='results-table'><tr><td class=a>1<td><input type=checkbox></tr>"
            "<tr><td class=a>2<td><input type=checkbox></tr></table></form></body>",
            [{"a": "1"}, {"a": "2"}],
            id="inside-a-form",
        ),
        pytest.param(
            "<title>T</title><form><p><b>Name</b><input name=a></p><p><b>Town</b><input name=b></p></form>",
            [{"url": URL, "title": "T"}],
            id="fields-of-a-form",
        ),
        pytest.param("<title>T</title><p>one</p>", [{"url": URL, "title": "T"}], id="nothing-repeats"),
    ],
)
def test_what_repeats_is_found_and_the_written_spider_gives_it(html: str, items: list[dict[str, Any]]) -> None:
    assert [
        {name: each.get(name) for name in item} for each, item in zip(items_of(page(html)), items, strict=True)
    ] == (items)


@pytest.mark.parametrize(
    ("body", "items", "follows"),
    [
        pytest.param('[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}], [], id="list"),
        pytest.param('{"data": {"rows": [{"a": 1}]}, "next": "/l?page=2"}', [{"a": 1}], ["/l?page=2"], id="inside"),
        pytest.param('{"x": [{"a": 1}], "_links": {"next": {"href": "/b"}}}', [{"a": 1}], ["/b"], id="hal"),
        pytest.param('{"a": 1}', [{"url": URL, "data": {"a": 1}}], [], id="no-list"),
        pytest.param('[{"a": 1}]', [{"a": 1}], [], id="list-without-more"),
        pytest.param('{"x": [{"a": 1}], "next_page": 2}', [{"a": 1}], ["/list?page=2"], id="number"),
        pytest.param(
            '{"x": [{"a": 1}], "meta": {"next_cursor": "b+/="}}',
            [{"a": 1}],
            ["/list?page=1&cursor=b%2B%2F%3D"],
            id="cursor",
        ),
        pytest.param('{"x": [{"a": 1}], "cursor": null, "next": "/b"}', [{"a": 1}], ["/b"], id="value-before-null"),
        pytest.param('{"x": [{"a": 1}], "next": null}', [{"a": 1}], [], id="null"),
    ],
)
def test_json_is_read_as_json(body: str, items: list[dict[str, Any]], follows: list[str]) -> None:
    response = page(body, "application/json")
    namespace: dict[str, Any] = {}
    exec(compile(FirstSpider("made", [URL], reading_of(response)).source(), "made.py", "exec"), namespace)  # noqa: S102

    given = list(namespace["Made"]().parse(response))

    assert [each for each in given if isinstance(each, dict)] == items
    assert [each.url for each in given if isinstance(each, Request)] == [f"http://shop.test{url}" for url in follows]


@pytest.mark.parametrize(
    ("last", "other", "follows", "said"),
    [
        pytest.param(
            '{"count": 1, "next": null, "previous": null}',
            '{"next": "http://shop.test/list?page=2"}',
            "/list?page=2",
            "# null on this page; it is taken for an address",
            id="address",
        ),
        pytest.param('{"next": ""}', '{"next": "/b"}', "/b", '# "" on this page', id="empty-text"),
        pytest.param('{"next": false}', '{"next": "/b"}', "/b", "# false on this page", id="false"),
        pytest.param(
            '{"next_page": null, "previous_page": 3}',
            '{"next_page": 2}',
            "/list?page=2",
            "# null on this page\n",
            id="number-by-the-one-before",
        ),
        pytest.param(
            '{"page": 1, "nextPage": null}', '{"nextPage": 2}', "/list?page=2", "null", id="number-by-this-one"
        ),
        pytest.param('{"next": null, "prev": "/a"}', '{"next": "/b"}', "/b", "null", id="address-by-the-one-before"),
        pytest.param('{"next_page_url": null, "prev": 1}', '{"next_page_url": "/b"}', "/b", "null", id="named-address"),
        pytest.param('{"cursor": null}', '{"cursor": "c d"}', "/list?page=1&cursor=c+d", "null", id="cursor"),
        pytest.param(
            '{"nextPageToken": null}',
            '{"nextPageToken": "t"}',
            "/list?page=1&pageToken=t",
            '# null on this page; the argument "pageToken" is guessed from its name',
            id="token",
        ),
        pytest.param('{"links": {"next": null}}', '{"links": {"next": "/b"}}', "/b", "null", id="links"),
        pytest.param(
            '{"_links": {"self": {"href": "/a"}, "next": null}}',
            '{"_links": {"next": {"href": "/b"}}}',
            "/b",
            "null",
            id="hal",
        ),
    ],
)
def test_what_is_null_on_the_page_looked_at_is_followed_where_it_is_not(
    last: str, other: str, follows: str, said: str
) -> None:
    reading = reading_of(page(last, "application/json"))
    source = FirstSpider("made", [URL], reading).source()
    namespace: dict[str, Any] = {}
    exec(compile(source, "made.py", "exec"), namespace)  # noqa: S102

    def followed(body: str) -> list[str]:
        given = namespace["Made"]().parse(page(body, "application/json"))
        return [each.url for each in given if isinstance(each, Request)]

    assert said in source
    assert any("on this page" in each for each in reading.found)
    assert (followed(last), followed(other)) == ([], [f"http://shop.test{follows}"])


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_cursor_of_what_was_asked_with_a_body_is_not_put_into_the_address(method: str) -> None:
    response = page('{"x": [{"a": 1}], "cursor": "c"}', "application/json")
    response.asked = Request(URL, method=method, json={"query": "q"})

    assert "follow" not in FirstSpider("made", [URL], reading_of(response)).source()


@pytest.mark.parametrize(
    ("html", "said"),
    [
        pytest.param('<a rel="next nofollow" href="?page=2">2</a>', 'css="a[rel~=\\"next\\"]"', id="rel"),
        pytest.param('<a class="btn next" href="?page=2">2</a>', 'css="a.next"', id="class"),
        pytest.param('<ul><li class="next"><a href="?page=2">x</a></ul>', 'css="li.next > a"', id="parent"),
        pytest.param("<a href='?page=2'>Weiter »</a>", "xpath=\"//a[normalize-space()='Weiter »']\"", id="text"),
        pytest.param('<a aria-label="Next page" href="?page=2"><i></i></a>', "", id="label"),
        pytest.param(
            '<nav class="paginator"><a href="?page=1">1</a> <a href="?page=2">2</a></nav>',
            "xpath=\"//*[has-class('paginator')]//a[number() > 1]\"",
            id="numbers",
        ),
        pytest.param('<a class="next" href="http://ads.test/">next</a>', None, id="elsewhere"),
        pytest.param('<a class="next" href="#">next</a>', None, id="no-page"),
        pytest.param('<a class="nextgen" href="/about">About</a>', None, id="another-word"),
    ],
)
def test_the_link_to_the_next_page_is_found_and_no_other(html: str, said: str | None) -> None:
    found = find_next(page(f"<body><a href='/'>Home</a>{html}</body>"))

    if said:
        assert found is not None
        assert ast.literal_eval(found.partition("=")[2]) == ast.literal_eval(said.partition("=")[2])
    else:
        assert (found is None) is (said is None)


@pytest.mark.parametrize(
    ("form", "fields", "twice"),
    [
        pytest.param(
            "<input name=u><input type=password name=p>", {"u": "username", "p": "password"}, False, id="plain"
        ),
        pytest.param(
            "<input name=firm required><input type=email name=mail><input type=password name=pw><input name=otp>"
            "<input type=hidden name=csrf value=1><input type=checkbox name=remember>",
            {"firm": "firm", "mail": "username", "pw": "password", "otp": "otp"},
            False,
            id="firm-and-code",
        ),
        pytest.param("<input type=email name=email>", {"email": "username"}, True, id="asks-twice"),
        pytest.param("<input name=q type=search>", None, False, id="search"),
    ],
)
def test_the_fields_of_a_login_form_are_matched_to_parts_of_an_account(
    form: str, fields: dict[str, str] | None, twice: bool
) -> None:
    at = "http://shop.test/login?next=/orders&lang=en" if fields else "http://shop.test/find"
    found = find_login(page(f"<body><form method=post>{form}</form></body>", url=at))

    if fields is None:
        assert found is None
        return
    assert found is not None
    assert (found.url, found.fields, found.asks_twice) == ("http://shop.test/login?lang=en", fields, twice)
    ast.parse("\n".join(login_lines(found)))


def test_a_form_that_asks_for_a_name_is_a_login_form_by_where_it_is_sent() -> None:
    form = "<h1>Bank</h1><form method=post action=/portal/signin><input name=user></form>"
    alone = page(f"<body>{form}</body>", url="http://bank.test/statements")
    beside = page(f"<body>{form}{'<p>One of many rows with a text of its own.</p>' * 40}</body>")

    found = find_login(alone)

    assert found is not None
    assert (found.fields, found.asks_twice) == ({"user": "username"}, True)
    assert is_nothing_else(alone, found)
    assert not is_nothing_else(beside, found)
    assert (
        find_login(page("<form method=post action=/search><input name=user></form>", url="http://bank.test/")) is None
    )


def test_a_sign_up_form_is_not_taken_for_the_login_form_when_there_is_one() -> None:
    two = "<form><input type=password name=a><input type=password name=b></form>"
    one = "<form method=post><input name=user><input type=password name=c></form>"

    found = find_login(page(f"<body>{two}{one}</body>"))

    assert found is not None
    assert found.fields == {"user": "username", "c": "password"}


def test_the_link_to_log_in_is_known_by_its_text_or_its_address() -> None:
    assert login_link(page("<a href=/x>Help</a><a href=/enter>Sign in</a>")) == "http://shop.test/enter"
    assert login_link(page("<a href=/x>Help</a><a href=/account/login?next=/>me</a>")) is not None
    assert login_link(page("<a href=/x>Help</a>")) is None
    assert without_way_back("http://a.test/login?a=1&ReturnUrl=%2Fx&to=http://b/") == "http://a.test/login?a=1"


markup = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(["<img src=a>", "<a href=b>n</a>"]),
    lambda inner: st.builds(
        lambda tag, name, parts: f'<{tag} class="{name}" id="{name}" itemprop="{name}">{"".join(parts)}</{tag}>',
        st.sampled_from(["div", "li", "tr", "td", "th", "table", "a", "span", "form", "p", "ul"]),
        st.text(max_size=5),
        st.lists(inner, max_size=4),
    ),
    max_leaves=20,
)


@settings(max_examples=40)
@given(
    html=st.lists(markup, max_size=6).map("".join), name=st.from_regex(r"[A-Za-z0-9_.-]*[A-Za-z0-9]", fullmatch=True)
)
@example(html='<div class="\x08" id="\x08"><a href="b">1</a></div>', name="s")
def test_whatever_a_page_holds_the_source_is_python_and_reads_that_page(html: str, name: str) -> None:
    response = page(f"<body>{html * 2}</body>")
    spider = FirstSpider(name, [URL, URL + '"'], reading_of(response), login=["pass"])

    namespace: dict[str, Any] = {}
    exec(compile(spider.source(), "made.py", "exec"), namespace)  # noqa: S102
    kind = next(each for each in namespace.values() if getattr(each, "name", None) == name)

    list(kind().parse(response))
    found = find_list(response)
    assert found is None or found.count >= 2


def test_a_spider_of_many_lines_stays_python() -> None:
    reading = ParseMethod(["yield {}"])
    spider = FirstSpider("a-b", [URL], reading, requests=["Request('http://x/')"], imports=["Request"], remarks=["r"])

    ast.parse(spider.source())
    assert "class AB(Spider)" in spider.source()
    assert FirstSpider("s", [URL], reading, sitemaps=["http://x/s.xml"]).source().count("SitemapSpider") == 2


LISTING = """
<div class=wrapper><template><div id=keys aria-hidden=true><table class=wide>
<tbody class=wide><tr><td>Copy<td>Ctrl C</tr><tr><td>Cut<td>Ctrl X</tr></tbody>
<tbody class=wide><tr><td>Bold<td>Ctrl B</tr><tr><td>Help<td>?</tr></tbody></table></div></template>
<dialog><ul><li><b>Copy</b><i>c</i><li><b>Paste</b><i>v</i><li><b>Cut</b><i>x</i></ul></dialog>
<table class="listing full-width"><thead><tr><td>All</td></tr>
<tr><th><a class=icon>Title</a><th><a class=icon>Status</a></tr></thead><tbody>{rows}</tbody></table></div>"""


def test_in_a_listing_beside_dialogs_the_rows_are_found_but_not_its_head_or_hidden_elements() -> None:
    rows = "".join(f"<tr><td><a href=/{n}><span>Page {n}</span></a><td>{n} days</tr>" for n in range(9))

    found = find_list(page(LISTING.format(rows=rows)))

    assert found is not None
    assert (found.rows, found.count) == ('response.css("table.listing tbody > tr")', 9)


def test_a_page_of_thousands_of_texts_in_boxes_is_examined_quickly() -> None:
    """The pages of an administration have a table deep in boxes, each beside another box: every box is looked at."""
    texts = "".join(f"<li><a href='/m/{number}'><b>menu</b> <span>{number}</span></a></li>" for number in range(150))
    rows = "".join(
        f"<tr class=entry><td class=title><a href='/post/{number}'>Post {number}</a></td><td class=by>by {number}</td>"
        for number in range(20)
    )
    html = f"<table class=list>{rows}</table>"
    for _ in range(3):
        html = f"<div><div><p>aside</p><ul>{texts}</ul></div><div>{html}</div></div>"
    begun = time.thread_time()

    found = find_list(page(f"<body>{html}</body>"))

    assert time.thread_time() - begun < 4
    assert found is not None
    assert (found.rows, found.count) == ('response.css("tr.entry")', 20)
