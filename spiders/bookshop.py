"""The practice shop: log in, walk the members' pages, store every book with the price that only members see."""

from crawler import Spider


class Bookshop(Spider):
    name = "bookshop"
    site = "http://127.0.0.1:8000"  # for another address: crawl run bookshop -a site=http://127.0.0.1:8123

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.start_urls = [f"{self.site}/members/"]

    def login(self, session):
        with session.step("password form"):
            page = session.get(f"{self.site}/login")
            session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response):
        yield from response.follow_all(css="a.book", callback=self.parse_book)
        yield from response.follow_all(css="a.next")

    def parse_book(self, response):
        yield {
            "title": response.css("h1.title::text").get(),
            "price": response.css(".price::text").get(),
            "stock": response.css(".stock::text").get(),
        }
