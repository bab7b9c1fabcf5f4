"""What the pages of the practice site hold, against what the site says is true."""

from __future__ import annotations

import gzip
from urllib.parse import urldefrag, urljoin

import pytest
from lxml import etree, html
from protego import Protego

from crawler.testing import SiteOptions, practice_accounts
from crawler.testing.books import Shop, Truth


def crawl(visitor, start, *, skip=()) -> set[str]:
    """All pages that links lead to, addresses as they were answered; login pages left out."""
    seen, waiting, found = set(), [start], set()
    while waiting:
        url = waiting.pop()
        if url in seen or not url.startswith(visitor.site.url) or any(part in url for part in skip):
            continue
        seen.add(url)
        assert len(seen) < 2000, "the site has no end"
        page = visitor.get(url, timeout=10)
        if "/login" in page.url:
            continue
        assert page.status_code == 200, url
        found.add(page.url)
        links = html.fromstring(page.content).xpath("//a/@href")
        waiting += [urldefrag(urljoin(page.url, link)).url for link in links]
    return found


def read_item(page, fields) -> dict[str, str]:
    tree = html.fromstring(page.content)
    return {field: tree.xpath(f'string(//*[@class="{field}"])') for field in fields}


def test_links_lead_a_guest_to_exactly_the_public_pages(make_practice_site, visit) -> None:
    site = make_practice_site(books=45)

    assert crawl(visit(site), f"{site.url}/", skip=["/private/"]) == site.truth.urls


def test_links_lead_a_customer_to_exactly_the_pages_of_the_account(make_practice_site, visit) -> None:
    site = make_practice_site(books=45)
    visitor = visit(site)
    visitor.log_in("bob")

    found = crawl(visitor, f"{site.url}/", skip=["/private/", "/logout"])

    assert found == site.truth.urls | site.truth.account_urls("bob")


@pytest.mark.parametrize("username", ["alice", "bob", "carol"])
def test_the_items_behind_the_login_are_those_of_the_account(practice_site, visit, username) -> None:
    visitor = visit(practice_site)
    visitor.log_in(username)
    truth = practice_site.truth
    expected = truth.member_items(username)[:10]

    got = [read_item(visitor.get(url, timeout=10), expected[0]) for url in truth.member_urls[:10]]

    assert got == expected


def test_accounts_see_different_prices_and_orders(practice_site) -> None:
    truth = practice_site.truth
    prices = {name: [item["price"] for item in truth.member_items(name)] for name in ("alice", "bob", "carol")}

    assert prices["alice"] != prices["bob"] != prices["carol"]
    assert truth.order_items("alice") != truth.order_items("bob")


def test_prices_are_for_customers_only(practice_site, visit, text) -> None:
    guest, customer = visit(practice_site), visit(practice_site)
    customer.log_in()

    assert text(guest.see("/book/7"), "price") == "log in to see prices"
    assert text(customer.see("/book/7"), "price") == practice_site.truth.catalogue_items("alice")[6]["price"]
    assert "price" not in practice_site.truth.catalogue_items()[6]


def test_orders_fill_several_pages_and_stay_in_the_family(practice_site, visit) -> None:
    visitor = visit(practice_site)
    visitor.log_in("alice")
    rows, path = [], "/orders/?page=1"
    while path:
        tree = html.fromstring(visitor.see(path).content)
        for row in tree.xpath('//tr[@class="order"]'):
            cells = {cell.get("class"): cell.text_content() for cell in row.xpath("./td")}
            rows.append({"order": cells["id"], "date": cells["date"], "total": cells["total"], "book": cells["book"]})
        path = "".join(tree.xpath('//a[@class="next"]/@href'))

    assert rows == practice_site.truth.order_items("alice")
    assert len(rows) > 20
    foreign = practice_site.truth.order_items("bob")[0]["order"]
    assert visitor.see(f"/orders/{foreign}").status_code == 404


def test_U6_a_delete_link_really_deletes(make_practice_site, visit) -> None:
    site = make_practice_site(delete_links=True)
    visitor = visit(site)
    visitor.log_in()
    link = html.fromstring(visitor.see("/orders/?page=1").content).xpath('//a[text()="Delete"]/@href')[0]

    visitor.see(link)

    assert site.record.deleted == ["ALICE-0001"]
    assert visitor.see("/orders/ALICE-0001").status_code == 404


def test_titles_hold_markup_and_other_alphabets_and_come_back_whole(make_practice_site, visit, text) -> None:
    site = make_practice_site(books=200)
    visitor = visit(site)
    titles = {item["title"]: url for item, url in zip(site.truth.catalogue_items(), site.truth.book_urls, strict=True)}

    for sign in ("<Noon>", "&", '"Home"', "Łódź", "É"):
        title = next(title for title in titles if sign in title)
        assert text(visitor.get(titles[title], timeout=10), "title") == title


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/book/0", "/book/101", "/book/x", "/book/9999999999999", "/catalogue/?page=0", "/catalogue/?page=6"],
)
def test_a_missing_page_is_a_404(practice_site, visit, path) -> None:
    assert visit(practice_site).see(path).status_code == 404


def locations(content: bytes) -> list[str]:
    return etree.fromstring(content).xpath("//*[local-name()='loc']/text()")


def test_the_sitemaps_list_every_public_book_plain_and_compressed(make_practice_site, visit) -> None:
    site = make_practice_site(books=45)
    visitor = visit(site)
    packed = visitor.see("/sitemap.xml.gz")

    assert locations(visitor.see("/sitemap.xml").content) == site.truth.book_urls
    assert packed.headers["Content-Type"] == "application/gzip"
    assert locations(gzip.decompress(packed.content)) == site.truth.book_urls
    parts = locations(visitor.see("/sitemap_index.xml").content)
    contents = [visitor.get(part, timeout=10).content for part in parts]
    both = locations(contents[0]) + locations(gzip.decompress(contents[1]))
    assert both == site.truth.book_urls


def test_the_feed_has_every_public_book_once(make_practice_site, visit) -> None:
    site = make_practice_site(books=45)
    visitor, path, found = visit(site), "/books.atom", []
    while path:
        feed = etree.fromstring(visitor.see(path).content)
        found += feed.xpath("//*[local-name()='entry']/*[local-name()='link']/@href")
        path = next(iter(feed.xpath("/*/*[local-name()='link'][@rel='next']/@href")), "")

    assert [f"{site.url}{link}" for link in found] == site.truth.book_urls
    assert visitor.see("/books.atom?page=9").status_code == visitor.see("/books.atom?page=x").status_code == 404


def test_robots_txt_forbids_the_private_pages_and_names_the_delay(make_practice_site, visit) -> None:
    site = make_practice_site(crawl_delay_s=0.5)
    rules = Protego.parse(visit(site).see("/robots.txt").text)

    assert not any(rules.can_fetch(url, "anybot") for url in site.truth.private_urls)
    assert rules.can_fetch(f"{site.url}/book/1", "anybot")
    assert not rules.can_fetch(f"{site.url}/book/1", "badbot")
    assert rules.crawl_delay("anybot") == 0.5
    assert list(rules.sitemaps) == [f"{site.url}/sitemap_index.xml"]


@pytest.mark.parametrize("status", [404, 503])
def test_robots_txt_answers_with_the_status_of_the_option(make_practice_site, visit, status) -> None:
    assert visit(make_practice_site(robots_status=status)).see("/robots.txt").status_code == status


@pytest.mark.parametrize("start", ["/calendar/?month=2026-11", "/deep/a/", "/trail/?sessid=start", "/crumbs/1"])
def test_U4_a_trap_has_no_end(make_practice_site, visit, start) -> None:
    site = make_practice_site(traps=True)
    visitor = visit(site)
    assert start.split("?")[0] in visitor.see("/").text
    seen, url = set(), site.url + start
    for _ in range(30):
        assert url not in seen
        seen.add(url)
        page = visitor.get(url, timeout=10)
        assert page.status_code == 200
        url = urljoin(url, html.fromstring(page.content).xpath("//h1/following-sibling::a[1]/@href")[0])


def test_the_calendar_turns_the_year(practice_site, visit) -> None:
    assert "/calendar/?month=2027-01" in visit(practice_site).see("/calendar/?month=2026-12").text
    assert "/calendar/?month=2026-12" in visit(practice_site).see("/calendar/?month=2026-11").text


def test_pages_carry_what_the_options_ask_for(make_practice_site, visit) -> None:
    site = make_practice_site(search_form=True, padding_bytes=5000, http_links=True)
    page = visit(site).see("/login")

    assert html.fromstring(page.content).xpath("//form/@class") == ["search"]
    assert len(html.fromstring(page.content).xpath("//form")) == 2
    assert len(page.content) > 5000
    assert f"{site.url}/members/book/1" in page.text


def test_the_search_finds_books_by_a_word_of_the_title(practice_site, visit) -> None:
    links = html.fromstring(visit(practice_site).see("/search?q=atlas").content).xpath("//li/a/@href")

    titles = {item["id"]: item["title"] for item in practice_site.truth.catalogue_items()}
    assert links
    assert all("Atlas" in titles[link.rpartition("/")[2]] for link in links)


def test_cookies_are_set_shown_and_removed(practice_site, visit) -> None:
    visitor = visit(practice_site)

    assert visitor.see("/cookies/set?taste=salt&colour=blue").json() == {"cookies": {"taste": "salt", "colour": "blue"}}
    assert visitor.see("/cookies/delete?taste=").json() == {"cookies": {"colour": "blue"}}
    assert visitor.see("/cookies/set?a=b%0d%0aX-Evil:1").status_code == 400


def test_echo_shows_what_was_sent(practice_site, visit) -> None:
    visitor = visit(practice_site)

    shown = visitor.post(f"{practice_site.url}/echo?a=1", data=b"body", headers={"X-Mine": "yes"}, timeout=10).json()

    assert (shown["method"], shown["args"], shown["body"]) == ("POST", {"a": "1"}, "body")
    assert shown["headers"]["x-mine"] == "yes"


def test_a_post_to_a_page_that_takes_none_is_405(practice_site, visit) -> None:
    answer = visit(practice_site).post(f"{practice_site.url}/book/1", timeout=10)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_the_same_options_make_the_same_truth_and_other_seeds_another() -> None:
    def items(options: SiteOptions) -> list[dict[str, str]]:
        return Truth(Shop(options), "http://shop").member_items("alice")

    assert items(SiteOptions(seed=3)) == items(SiteOptions(seed=3))
    assert items(SiteOptions(seed=3)) != items(SiteOptions(seed=4))


def test_options_survive_the_way_through_json() -> None:
    options = SiteOptions(books=7, hosts=("127.0.0.1", "127.0.0.3"), accounts=practice_accounts(5), revoke_at=(1, 2))

    assert SiteOptions.from_json(options.to_json()) == options


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"bokks": 3}, id="unknown"),
        pytest.param({"books": 0}, id="no-books"),
        pytest.param({"rate_503": 1.5}, id="share-above-one"),
        pytest.param({"accounts": []}, id="no-accounts"),
        pytest.param({"accounts": practice_accounts(1) * 2}, id="same-name-twice"),
    ],
)
def test_options_that_make_no_sense_are_refused(changes) -> None:
    with pytest.raises(ValueError):
        SiteOptions().changed(changes)


def test_passwords_do_not_show_in_a_repr() -> None:
    options = SiteOptions()

    assert not any(account.password in repr(options) for account in options.accounts)
