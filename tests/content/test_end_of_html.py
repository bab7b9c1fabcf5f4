"""What stands after </body> and </html>: in the body, as browsers have it, for every way to look at a page."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from crawler import LinkExtractor
from crawler.testing.wire import Answer
from tests.engine.shop import crawl
from tests.hosts import Net

from .test_content import Reader, page

ENDED = {
    "header-and-footer-both-close-it": "<html><body><a href=/1>1</a></body></html>\n<p>x</p><a href=/2>2</a>",
    "closed-three-times": "<a href=/1>1</a></html><a href=/2>2</a></body></html>text</html>",
    "only-body-closed": "<html><body><a href=/1>1</a></body><div><a href=/2>2</a></div></html>",
    "a-second-document": "<html><body><a href=/1>1</a></body></html><html><head><title>t</title></head>"
    "<body class=z><a href=/2>2</a></body></html>",
    "a-comment-between": "<html><body><a href=/1>1</a></body></html><!-- c --><a href=/2>2</a>",
    "a-table": "<html><body><a href=/1>1</a></body></html><table><tr><td><a href=/2>2</a></td></tr></table>",
    "a-script-first": "<a href=/1>1</a></html><script>'</html>'</script><a href=/2>2</a>",
    "a-second-head": "<html><body><a href=/1>1</a></body></html><head><base target=x></head><a href=/2>2</a>",
}


@pytest.mark.parametrize("name", ENDED)
def test_links_after_the_end_are_found_by_css_xpath_and_extractor(name: str) -> None:
    response = page(ENDED[name].encode())

    wanted = ["http://shop.test/1", "http://shop.test/2"]
    assert [each.url for each in response.follow_all(css="a")] == wanted
    assert [each.url for each in response.follow_all(css="html > body a")] == wanted
    assert [each.url for each in response.follow_all(xpath="/html/body//a")] == wanted
    assert [each.url for each in LinkExtractor().extract_links(response)] == wanted
    assert response.css("a::text").getall() == ["1", "2"]
    assert len(response.xpath("/html")) == len(response.xpath("//body")) == 1


def test_text_after_the_end_stays_in_its_place() -> None:
    response = page(b"<html><body>a<b>b</b>c</body>d</html>e<i>f</i>g</html>h")

    assert "".join(response.xpath("//body//text()").getall()) == "abcdefgh"


def test_a_second_body_adds_the_attributes_that_the_first_lacks() -> None:
    response = page(b"<body id=one>a</body></html><body id=two class=more>b</body>")

    assert response.css("body").xpath("@id").get() == "one"
    assert response.css("body").xpath("@class").get() == "more"


def test_control_characters_after_the_end_do_not_lose_the_page() -> None:
    """lxml reads them from a page, and raises where it is given them."""
    response = page(
        b"<html><body title='\x1f'>a<b>b</b>c\x1c</body>d\x08</html>"
        b"<html><body lang='\x0bx' \x02y=1>e&#xFFFF;</body></html>"
    )

    said = "".join(response.xpath("//body//text()").getall())
    assert said.replace("\x1c", "\ufffd") == "abc\ufffdd\ufffde\ufffd"
    assert response.css("body").xpath("@lang").get() == "\ufffdx"


def test_a_form_after_the_end_is_found() -> None:
    response = page(b"<html><body>a</body></html><form method=post action=/in><input name=u></form>")

    assert response.form() is not None
    assert response.css("body form input::attr(name)").get() == "u"


def test_a_page_with_a_million_end_tags_takes_a_second() -> None:
    body = b"<body>" + b"</html>x<b></b>" * 200_000
    started = time.thread_time()

    assert len(page(body).css("b")) == 200_000
    assert time.thread_time() - started < 10


def test_rows_and_links_after_the_end_are_crawled(quick_net: Net, tmp_path: Path) -> None:
    own = quick_net.host({"/": Answer(body=b"<html><body><p>1</p></body></html><a href=/a>a</a><a href=/b>b</a>")})

    crawl(Reader, own.url, tmp_path)

    assert sorted(call.path for call in own.calls) == ["/", "/a", "/b"]
