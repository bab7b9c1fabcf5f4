"""The books behind the login of the practice shop, each a record. A spider file for projects of tests."""

from dataclasses import dataclass

from crawler import Spider


@dataclass
class Book:
    id: int
    title: str
    price: str
    stock: int

    key = "id"


class Members(Spider):
    name = "members"

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.start_urls = [f"{arguments['site']}/members/?page=1"]

    def login(self, session):
        page = session.get(f"{self.arguments['site']}/login")
        session.submit(page.form(), {"username": session.account.username, "password": session.account.password})

    def parse(self, response):
        yield from response.follow_all(css="a.book", callback=self.parse_book)
        yield from response.follow_all(css="a.next")

    def parse_book(self, response):
        yield Book(
            id=int(response.css("p.id::text").get()),
            title=response.css("h1.title::text").get(),
            price=response.css("p.price::text").get(),
            stock=int(response.css("span.stock::text").get()),
        )
