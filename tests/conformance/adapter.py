"""Our parts, as the runner of the conformance folder wants to call them."""

from crawler.errors import InvalidURL
from crawler.frontier.robots import Robots
from crawler.sessions.cookies.dates import parse_cookie_date
from crawler.sessions.cookies.jar import Jar
from crawler.sessions.cookies.rules import to_wire
from crawler.urls import canonical, registrable, with_user


class Adapter:
    url_error = InvalidURL

    def new_jar(self) -> Jar:
        return Jar()

    def jar_set(self, jar: Jar, url: str, lines: list[str]) -> None:
        jar.receive(url, lines)

    def jar_header(self, jar: Jar, url: str) -> str:
        return to_wire(jar.header(url)).decode("utf-8")

    def cookie_date(self, text: str) -> float | None:
        return parse_cookie_date(text)

    def robots(self, text: str, agent: str, url: str) -> bool:
        return Robots(text).allows(agent, url)

    def robots_delay(self, text: str, agent: str) -> float | None:
        return Robots(text).delay(agent)

    def join(self, base: str, link: str) -> str:
        return with_user(base, link)  # the standard's form; `absolute` is this, then without user name and password

    def canon(self, url: str) -> str:
        return canonical(url)

    def registrable(self, domain: str) -> str | None:
        return registrable(domain)
