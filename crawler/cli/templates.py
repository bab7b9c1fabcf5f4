"""The texts of the files that `crawl init` and `crawl new` write."""

from __future__ import annotations

import json
import re

PYPROJECT = """\
[tool.crawl]
# The settings of every run of this project; `crawl settings` lists all of them with their meaning.
store = "data/crawl.db"
# delay = 0.5           # seconds between two requests to one host
# workers = 16          # threads
"""

GITIGNORE = """\
data/*
!data/.gitkeep
__pycache__/
"""

EXAMPLE = '''\
"""An example: the orders of a customer of the practice shop, which are behind a login.

Start the shop in another terminal; it prints its accounts:

    python -m crawler.testing.site --port 8000

Then, here:

    crawl run example
"""

from crawler import Spider


class Example(Spider):
    name = "example"
    start_urls = ["http://127.0.0.1:8000/orders/?page=1"]

    def login(self, session):
        page = session.get("http://127.0.0.1:8000/login")
        session.submit(
            page.form(),
            {"username": session.account.username, "password": session.account.password},
        )

    def parse(self, response):
        for row in response.css("tr.order"):
            yield {
                "order": row.css("td.id ::text").get(),
                "date": row.css("td.date::text").get(),
                "total": row.css("td.total::text").get(),
            }
        yield from response.follow_all(css="a.next")
'''

SPIDER = '''\
"""{title}: describe here what is collected and for whom."""

from crawler import Spider


class {class_name}(Spider):
    name = {name}
    start_urls = [{url}]
    # allowed_domains = ["shop.example"]     # the hosts of start_urls if not set
    # custom_settings = {{"delay": 0.5}}

    def login(self, session):
        """Called before the first request and whenever the site has logged us out.

        User name and password come from {variable}_USERNAME and {variable}_PASSWORD, from the file of
        accounts, from the keyring, or are asked for at the terminal: never write them here.
        """
        page = session.get({login_url})
        session.submit(
            page.form(),  # the form with a password field, hidden fields included
            {{"username": session.account.username, "password": session.account.password}},
        )

    # def is_logged_out(self, response):     # a default is built in; write your own where it is wrong
    #     return response.css("form#login")

    def parse(self, response):
        yield {{"url": response.url, "title": response.css("title::text").get()}}
        yield from response.follow_all(css="a.next")
'''

WORD = re.compile(r"[A-Za-z0-9]+")


def file_stem(name: str) -> str:
    """The file of the spider *name*, without ``.py``: ``my-shop`` is in ``my_shop.py``; "" where nothing is left."""
    return "_".join(WORD.findall(name))


def spider_source(name: str, url: str) -> str:
    """The file of a new spider with a login.

    Args:
        name: A valid name (`spider_names.valid_name`) with a letter or digit in it.
        url: Where it begins; absolute.
    """
    from crawler.urls import origin_of

    words = WORD.findall(name)
    class_name = "".join(word[0].upper() + word[1:] for word in words)
    if class_name[0].isdigit():
        class_name = f"Spider{class_name}"
    origin = origin_of(url).removesuffix(":443").removesuffix(":80")
    return SPIDER.format(
        title=" ".join(words).capitalize(),
        class_name=class_name,
        name=json.dumps(name),
        url=json.dumps(url),
        login_url=json.dumps(f"{origin}/login"),
        variable="CRAWL_DEFAULT",
    )
