"""Messages that say what to do: how each is met, what is done, and what is to be seen then."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

from tests.cli.suggestions_site import Site

HEAD = """
from crawler import *

class Orders(Spider):
    name = "orders"
"""


LOGIN = """
    start_urls = ["{url}/orders"]

    def login(self, session):
        page = session.get("{url}/login")
        session.submit(page.form(), {{"u": session.account.username, "p": session.account.password}})

    def parse(self, response):
        yield {{"url": response.url}}
"""


PLAIN = """
    start_urls = ["{url}/public"]

    def parse(self, response):
        yield {{"url": response.url}}
"""


GOOD = {"CRAWL_DEFAULT_USERNAME": "ann", "CRAWL_DEFAULT_PASSWORD": "right-1"}


WRONG = {**GOOD, "CRAWL_DEFAULT_PASSWORD": "wrong-1"}


@dataclass(frozen=True)
class Row:
    """A message, and what it says to do.

    Attributes:
        spider: Body of the spider's class; "" for no file.
        typed: The command that brings the message about.
        says: What the message says to do, as it stands there.
        change: In the spider, before to after.
        then: Commands that work afterwards.
        env: The credentials at first, and afterwards.
        before: Commands that come first; their ends do not matter.
        files: What is in the folder.
        answers: What a person at the terminal types afterwards.
        code: 0 for a message of a command that goes well, 1 for one that does not, None where both are right.
        sent: What of the login's form the site gets in the end.
    """

    spider: str
    typed: str
    says: str
    then: tuple[str, ...] = ("run orders",)
    change: tuple[str, str] = ("", "")
    env: tuple[dict[str, str], dict[str, str]] = ({}, {})
    before: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    answers: str = ""
    code: int | None = 1
    sent: dict[str, str] = field(default_factory=dict)


BOTH = (GOOD, GOOD)


SPENDS = LOGIN.replace("    def parse", "        raise ValueError('after the password')\n\n    def parse")


BEGIN = "    start_urls"


END = "session.account.password}})"


DATA = '"u": session.account.username, "p": ' + END


ROWS = {
    "the credentials are refused": Row(
        LOGIN,
        "run orders",
        "crawl login orders --session default",
        ("login orders --session default", "run orders"),
        env=(WRONG, GOOD),
    ),
    "the refused password came from a variable": Row(
        LOGIN,
        "login orders",
        "the right one belongs where this one came from, CRAWL_DEFAULT_PASSWORD",
        ("login orders --force",),
        env=(WRONG, GOOD),
    ),
    "the credentials are refused, then taken after all": Row(
        LOGIN, "login orders", "--force", ("login orders --force",), env=(WRONG, GOOD)
    ),
    "there is no account": Row(LOGIN, "login orders", "CRAWL_DEFAULT_USERNAME", ("login orders",), env=({}, GOOD)),
    "a spider that is not there": Row(PLAIN, "run order", "'orders'"),
    "no name of a spider": Row(PLAIN, "run", "`crawl run --help`", ("run --help",)),
    "no project": Row("", "list", "`crawl init`", ("init", "list")),
    "a project elsewhere": Row("", "list", "-C FOLDER", ("-C shop list",), before=("init shop",)),
    "no spider": Row("", "run shop", "`crawl new shop`", ("new shop", "list"), files={"spiders/__init__.py": ""}),
    "no items": Row(
        PLAIN.replace('yield {{"url": response.url}}', "print(response.url)"),
        "run orders",
        "`min_items = 0` in `custom_settings`",
        ("run orders --fresh",),
        (BEGIN, '    custom_settings = {{"min_items": 0}}\n' + BEGIN),
    ),
    "a private host, named": Row(
        PLAIN.replace("/public", "/moved"),
        "run orders",
        "name it: in allowed_domains for its pages",
        ("run orders --fresh",),
        (BEGIN, '    allowed_domains = ["127.0.0.1", "127.0.0.2"]\n' + BEGIN),
    ),
    "a private host, by what is said to be enough": Row(
        PLAIN.replace("/public", "/link")
        .replace(
            'yield {{"url": response.url}}',
            'yield {{"url": response.url}}\n        yield from response.follow_all(css="a")',
        )
        .replace("/link", "/moved"),
        "run orders",
        "name it: in allowed_domains for its pages",
        ("run orders --fresh",),
        (BEGIN, '    allowed_domains = ["127.0.0.1", "127.0.0.2"]\n' + BEGIN),
    ),
    "a private host, retried": Row(
        PLAIN.replace("/public", "/moved"),
        "run orders",
        "next       crawl retry orders",
        ("retry orders",),
        (BEGIN, '    allowed_domains = ["127.0.0.1", "127.0.0.2"]\n' + BEGIN),
    ),
    "redirected to another site": Row(
        PLAIN.replace("/public", "/moved"),
        "run orders -s allow_private=true",
        "add its host to `allowed_domains`",
        ("run orders --fresh",),
        (BEGIN, '    allowed_domains = ["127.0.0.1", "127.0.0.2"]\n' + BEGIN),
    ),
    "a wrong field": Row(
        LOGIN.replace('"u":', '"user":'),
        "login orders",
        "did you mean 'u'",
        ("login orders",),
        ('"user":', '"u":'),
        env=BOTH,
    ),
    "a disabled field": Row(
        LOGIN.replace('"p":', '"pin": "7", "p":'),
        "login orders",
        "what the page's script enables goes into extra=",
        ("login orders",),
        ('"pin": "7", "p": ' + END, '"p": ' + END[:-1] + ', extra={{"pin": "7"}})'),
        env=BOTH,
        sent={"pin": "7"},
    ),
    "a field of a script": Row(
        LOGIN.replace('"p":', '"zzz": "7", "p":'),
        "login orders",
        "script adds goes into extra=",
        ("login orders",),
        ('"zzz": "7", "p": ' + END, '"p": ' + END[:-1] + ', extra={{"zzz": "7"}})'),
        env=BOTH,
        sent={"zzz": "7"},
    ),
    "a field outside of every form": Row(
        LOGIN.replace('"p":', '"loose": "7", "p":'),
        "login orders",
        "give it in extra=",
        ("login orders",),
        ('"loose": "7", "p": ' + END, '"p": ' + END[:-1] + ', extra={{"loose": "7"}})'),
        env=BOTH,
        sent={"loose": "7"},
    ),
    "a choice of a script": Row(
        LOGIN.replace('"p":', '"place": "9", "p":'),
        "login orders",
        "adds goes into extra=",
        ("login orders",),
        ('"place": "9", "p": ' + END, '"p": ' + END[:-1] + ', extra={{"place": "9"}})'),
        env=BOTH,
        sent={"place": "9"},
    ),
    "no such button": Row(
        LOGIN.replace(END, END[:-1] + ', click="enter")'),
        "login orders",
        "its buttons: 'go'",
        ("login orders",),
        ("enter", "go"),
        env=BOTH,
    ),
    "a form that is filled in already": Row(
        LOGIN.replace("page.form()", "page.form().fill()"),
        "login orders",
        "give data, click and extra to fill()",
        ("login orders",),
        ("page.form().fill(), {{" + DATA, "page.form().fill({{" + DATA + ")"),
        env=BOTH,
    ),
    "a form that goes to another port": Row(
        LOGIN.replace("/login", "/outside"),
        "login orders",
        "allow=['http://127.0.0.1:",
        ("login orders",),
        (END, END[:-1] + ', allow=["{port}"])'),
        env=BOTH,
    ),
    "a code that a person has": Row(
        LOGIN.replace(END, END[:-1] + ', extra={{"pin": session.ask("pin")}})'),
        "run orders",
        "crawl login orders --session default",
        ("login orders --session default", "run orders"),
        env=BOTH,
        answers="7\n",
    ),
    "a person is needed": Row(
        LOGIN.replace("page =", 'raise NeedsHuman("captcha")\n        page ='),
        "run orders",
        "crawl login orders --session default",
        ("login orders --session default", "run orders"),
        ('raise NeedsHuman("captcha")', "pass"),
        env=BOTH,
    ),
    "an export of a run that brought nothing": Row(
        PLAIN.replace("yield {{", "return {{}} and {{"),
        "export orders -o out.csv",
        "--force",
        ("export orders -o out.csv --force",),
        before=("run orders",),
        files={"out.csv": "url\r\nx\r\n"},
    ),
    "pages failed": Row(
        PLAIN.replace("/public", "/heals"), "run orders", "next       crawl retry orders", ("retry orders",)
    ),
    "failures are listed": Row(
        PLAIN.replace('"]', '", "{url}/warned"]').replace("/public", "/missing"),
        "run orders",
        "crawl retry orders",
        ("status orders",),
    ),
    "no parse method": Row(
        PLAIN.replace("def parse", "def parsed"),
        "run orders",
        "`def parse(self, response)`",
        change=("def parsed", "def parse"),
    ),
    "an async method": Row(
        PLAIN.replace("def parse", "async def parse"), "run orders", "write `def parse`", change=("async def", "def")
    ),
    "other parameters": Row(
        PLAIN.replace("response)", "response, failure)"),
        "run orders",
        "write `def parse(",
        change=("response, failure)", "response)"),
    ),
    "an unknown setting": Row(PLAIN, "run orders -s dely=0", "did you mean 'delay'", ("run orders -s delay=0",)),
    "an unknown setting, listed": Row(PLAIN, "run orders -s zzzz=0", "`crawl settings`", ("settings",)),
    "a page in allowed_domains": Row(
        '\n    allowed_domains = ["{url}/x"]' + PLAIN,
        "run orders",
        "write '127.0.0.1",
        change=('["{url}/x"]', '["127.0.0.1"]'),
    ),
    "another name of an attribute": Row(
        '\n    allowed_domain = "x"' + PLAIN,
        "run orders",
        "write allowed_domains = [...]",
        change=('allowed_domain = "x"', 'allowed_domains = ["127.0.0.1"]'),
        code=None,
    ),
    "links in one piece": Row(
        PLAIN.replace('yield {{"url": response.url}}', 'yield response.follow_all(css="a")').replace("public", "link"),
        "run orders",
        "write `yield from` before it",
        ("run orders --fresh",),
        ("yield response", 'yield {{"a": 1}}\n        yield from response'),
    ),
    "a run that is not there": Row(
        PLAIN, "export orders -o x.csv --run 9", "`crawl runs orders`", ("runs orders",), before=("run orders",)
    ),
    "robots.txt forbids": Row(
        PLAIN.replace("/public", "/forbidden"), "run orders", "robots", ("run orders --fresh -s robots=false",)
    ),
    "a page to forget": Row(
        PLAIN,
        "guard orders --forget http://127.0.0.1/x",
        "`crawl guard orders`",
        ("guard orders",),
        before=("run orders",),
    ),
    "a page that ends the session": Row(
        LOGIN.replace('/orders"]', '/orders", "{url}/bye"]'),
        "run orders",
        "see `crawl guard orders`",
        ("guard orders", "guard orders --forget {url}/bye"),
        env=BOTH,
        code=None,
    ),
    "a start page that is no list": Row(
        PLAIN.replace('["{url}/public"]', '"{url}/public"'),
        "run orders",
        "[",
        change=('"{url}/public"', '["{url}/public"]'),
    ),
    "an address without a scheme": Row(
        PLAIN.replace("{url}/", "127.0.0.1/"),
        "run orders",
        "write it in full, such as https://",
        change=("127.0.0.1/", "{url}/"),
    ),
    "no session yet": Row(
        PLAIN,
        "sessions list",
        "`crawl login NAME`",
        ("login orders", "sessions list"),
        (PLAIN, LOGIN),
        env=BOTH,
        before=("run orders",),
        code=0,
    ),
    "the database is damaged": Row(
        PLAIN,
        "run orders",
        "see `crawl doctor`",
        ("doctor --salvage saved --store kept.db", "run orders --store new.db"),
        before=("run orders --store kept.db",),
        files={"data/crawl.db": "no database at all\n" * 400},
    ),
    "the database is damaged, what can be read": Row(
        PLAIN,
        "doctor",
        "--salvage FOLDER writes what can be read",
        ("run orders --store new.db",),
        files={"data/crawl.db": "no database at all\n" * 400},
    ),
    "the budget of logins is spent": Row(
        SPENDS,
        "login orders -s login_budget=1",
        "(login_budget)",
        ("login orders -s login_budget=3 --force", "run orders"),
        ("raise ValueError", "return ValueError"),
        env=BOTH,
        before=("login orders -s login_budget=1",),
    ),
    "the budget of logins is spent, by force": Row(
        SPENDS,
        "login orders -s login_budget=1",
        "--force",
        ("login orders -s login_budget=1 --force",),
        ("raise ValueError", "return ValueError"),
        env=BOTH,
        before=("login orders -s login_budget=1",),
    ),
    "an imported session that is dead": Row(
        PLAIN.replace("/public", "/orders"),
        "run orders",
        "`crawl sessions import orders`",
        ("sessions import orders live.json", "run orders"),
        before=(
            "login logged",
            "sessions export default --spider logged -o live.json",
            "sessions import orders dead.json",
        ),
        files={
            "dead.json": '[{"name": "sid", "value": "dead-0123456789", "domain": "127.0.0.1", "path": "/"}]',
            "spiders/logged.py": "LOGGED",
        },
        env=BOTH,
    ),
    "a change of a session that is not there": Row(
        LOGIN,
        "sessions restore default --at 99",
        "`crawl sessions history`",
        ("sessions history default",),
        env=BOTH,
        before=("login orders",),
    ),
    "nothing is stored yet": Row(
        PLAIN, "export orders -o x.csv", "`crawl run", ("run orders", "export orders -o x.csv"), code=None
    ),
    "a method of Scrapy": Row(
        PLAIN + "\n    def make_requests_from_url(self, url):\n        pass\n",
        "run orders",
        "write `def start(self)`, which yields Requests",
        change=(
            "make_requests_from_url(self, url):\n        pass",
            'start(self):\n        yield Request("{url}/public")',
        ),
        code=None,
    ),
} | {
    f"the setting {name} of Scrapy": Row(
        f'\n    custom_settings = {{{{"{name}": 1}}}}' + PLAIN,
        "run orders",
        says,
        then,
        (f'{{{{"{name}": 1}}}}', "{{}}"),
        code=None,
    )
    for name, says, then in (
        ("FEEDS", "`crawl export orders -o items.jsonl`", ("run orders", "export orders -o items.jsonl")),
        ("FEED_FORMAT", "`crawl export orders -o items.csv`", ("run orders", "export orders -o items.csv")),
        ("FEED_URI", "`crawl export orders -o items.jsonl`", ("run orders", "export orders -o items.jsonl")),
        ("LOG_ENABLED", "`crawl run orders --quiet`", ("run orders --quiet",)),
        ("STATS_CLASS", "`crawl run orders --json`", ("run orders --json",)),
        ("CLOSESPIDER_ERRORCOUNT", "`crawl status`", ("run orders", "status orders")),
    )
}


class AtTerminal(io.StringIO):
    """Standard input with a person."""

    def isatty(self) -> bool:
        return True


def source(body: str, site: Site) -> str:
    text = (HEAD + body.replace("{{", "{").replace("}}", "}")).replace("{url}", site.url)
    return text.replace("{elsewhere}", site.elsewhere).replace("{port}", site.port)


def written(folder: Path, body: str, site: Site) -> None:
    (folder / "spiders").mkdir(exist_ok=True)
    (folder / "spiders" / "orders.py").write_text(source(body, site))


HOLDS = """
import sys
from crawler.stores.sqlite.locking import SpiderLock

SpiderLock("data/crawl.db", "orders").acquire("process 1, since today")
print("held", flush=True)
sys.stdin.read()
"""
