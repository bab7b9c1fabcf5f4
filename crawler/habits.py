"""What people used to Scrapy or requests write, and what to write here. Pure: tables, and how to look them up.

A name that does not exist here is answered with one line that says what does, never with silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from crawler.late_pattern import late_pattern

#: names that are looked for in `crawler`
NAMES: Final[dict[str, str]] = {
    "CloseSpider": "`max_pages` or `max_time` in custom_settings ends a run; a callback that has enough yields no more"
    " requests",
    "CrawlerProcess": "from crawler import run; run(Orders)",
    "CrawlerRunner": "from crawler import run; run(Orders)",
    "Field": "yield dicts, or dataclasses",
    "FormRequest": "in a login step session.submit(page.form(), {...}); in a callback response.form().fill({...}), or"
    " Request(url, data={...})",
    "HtmlResponse": "response is a crawler.Response; css, xpath, follow and form are its own",
    "Item": "yield dicts, or dataclasses",
    "ItemLoader": "yield dicts, or dataclasses",
    "JsonRequest": "Request(url, json={...})",
    "Selector": "response.css, response.xpath; for a text of your own: from parsel import Selector",
    "SelectorList": "from parsel import SelectorList",
    "TextResponse": "response is a crawler.Response",
    "XMLFeedSpider": "from crawler import Spider; response.xpath reads XML, too",
    "CSVFeedSpider": "from crawler import Spider; csv.DictReader(response.text.splitlines())",
    "signals": "on_event(self, event) in the spider, with the events of crawler.events; closed(self, reason)",
}

#: modules of Scrapy, by the last part of their name
MODULES: Final[dict[str, str]] = {
    "exceptions": "from crawler import CrawlError, DropItem, IgnoreRequest, LoginFailed, NeedsHuman, WrongPassword;"
    " for CloseSpider, `max_pages` or `max_time` in custom_settings ends a run",
    "http": "from crawler import Request, Response",
    "item": "yield dicts, or dataclasses",
    "items": "yield dicts, or dataclasses",
    "linkextractors": "from crawler import LinkExtractor",
    "loader": "yield dicts, or dataclasses",
    "spidermiddlewares": "from crawler.errors import StatusError; an errback gets it as it is, with error.status",
    "crawler": "from crawler import run; run(Orders)",
    "pipelines": "def on_item(self, item, response) in the spider, or in a crawler.Plugin; `crawl export` writes files",
    "selector": "response.css, response.xpath; for a text of your own: from parsel import Selector",
    "spider": "from crawler import Spider",
    "spiders": "from crawler import CrawlSpider, Rule, SitemapSpider, Spider",
    "utils": "run(Orders, settings={...}) takes settings as a dict",
}

#: commands of Scrapy
COMMANDS: Final[dict[str, str]] = {
    "crawl": "`crawl run NAME`",
    "runspider": "`crawl run NAME`",
    "startproject": "`crawl init`",
    "genspider": "`crawl new NAME URL`",
    "parse": "`crawl fetch URL --spider NAME`",
    "view": "`crawl shell URL`, and there view(),",
    "edit": "an editor on the file in spiders/",
}

#: methods that Scrapy calls, and attributes that it reads, and this framework does not
METHODS: Final[dict[str, str]] = {
    "start_requests": "write it as `def start(self)`, which yields Requests",
    "make_requests_from_url": "write `def start(self)`, which yields Requests",
    "from_crawler": "settings are in custom_settings and [tool.crawl]; arguments of `-a` are attributes of the spider",
    "update_settings": "write custom_settings",
    "start_url": "write start_urls = [...]",
    "allowed_domain": "write allowed_domains = [...]",
    "custom_setting": "write custom_settings = {...}",
    "process_item": "write `def on_item(self, item, response)`, which returns the item or raises DropItem",
    "adjust_request_args": "pass arguments to Request(...)",
    "sitemap_alternate_links": "take them in `def parse_sitemap(self, response)`:"
    " response.xpath(\"//*[local-name()='link']/@href\")",
}

#: attributes of Scrapy's spiders
ATTRIBUTES: Final[dict[str, str]] = {
    "settings": "arguments of `-a` are attributes (self.day); for a setting: from crawler.settings import load",
    "crawler": "events go to on_event(self, event)",
    "log": "self.logger.info(...)",
    "state": "what must be kept goes into items, requests or meta; the crawl itself is kept",
}

#: what a login step returns that other frameworks would send: what it is, and what to write
RETURNED: Final[dict[str, tuple[str, str]]] = {
    "request": (
        "a request",
        "send it there: session.submit(page.form(), {...}), session.get(url) or session.post(url)",
    ),
    "form": ("a form", "send it there: session.submit(form, {...})"),
    "generator": ("a generator", "call session.get and session.submit there, line by line, without `yield`"),
    "coroutine": ("a coroutine", "call session.get and session.submit there, line by line, without `async`"),
}

SETTINGS: Final[dict[str, str]] = {
    "ADDONS": "there are none",
    "AUTOTHROTTLE_START_DELAY": "`throttle` finds the delay by itself; `delay` is the least one",
    "AUTOTHROTTLE_MAX_DELAY": "`throttle` finds the delay by itself",
    "AUTOTHROTTLE_TARGET_CONCURRENCY": "`per_host`",
    "BOT_NAME": "`user_agent`",
    "CLOSESPIDER_ERRORCOUNT": "a run goes on; `crawl status` lists the failures",
    "CLOSESPIDER_ITEMCOUNT": "`max_pages`",
    "CONCURRENT_ITEMS": "leave it out; items are stored with their page",
    "CONCURRENT_REQUESTS_PER_IP": "`per_host`",
    "COOKIES_DEBUG": "`-s log_level=DEBUG`",
    "COOKIES_ENABLED": "leave it out: each session has its own; a spider may have several in `sessions`",
    "DEPTH_PRIORITY": "`Request(priority=...)`",
    "DNSCACHE_ENABLED": "leave it out",
    "DOWNLOADER_CLIENTCONTEXTFACTORY": "`verify`, and Identity(cert=...)",
    "DOWNLOADER_MIDDLEWARES": "`plugins`, or on_request and on_response in the spider",
    "DOWNLOAD_HANDLERS": "session.mount(...) in login(self, session)",
    "DUPEFILTER_CLASS": "`Request(dont_filter=True)` for a page that is wanted again",
    "EXTENSIONS": "`plugins`, with on_event; or run(Orders, observers=[...])",
    "FEEDS": "`crawl export NAME -o items.jsonl` writes the items",
    "FEED_EXPORT_ENCODING": "leave it out: exports are UTF-8",
    "FEED_EXPORT_FIELDS": "`crawl export NAME -o items.csv --columns A,B`",
    "FEED_FORMAT": "`crawl export NAME -o items.csv`",
    "FEED_URI": "`crawl export NAME -o items.jsonl`",
    "FILES_STORE": "yield File(url): it is kept below data/files",
    "HTTPCACHE_ENABLED": "leave it out: a page that is done is not fetched again; `--fresh` fetches all again",
    "HTTPERROR_ALLOWED_CODES": "handle_httpstatus_list = [404] in the spider",
    "HTTPERROR_ALLOW_ALL": "handle_httpstatus_list = [...] in the spider",
    "IMAGES_STORE": "yield File(url): it is kept below data/files",
    "ITEM_PIPELINES": "`plugins`, or def on_item(self, item, response) in the spider; `crawl export` writes files",
    **dict.fromkeys(
        (
            "PLAYWRIGHT_ABORT_REQUEST",
            "PLAYWRIGHT_BROWSER_TYPE",
            "PLAYWRIGHT_CONTEXTS",
            "PLAYWRIGHT_LAUNCH_OPTIONS",
            "PLAYWRIGHT_MAX_PAGES_PER_CONTEXT",
        ),
        "leave it out: `render = True` in the spider renders pages, `render_pages` says how many at once",
    ),
    "JOBDIR": "leave it out: a run always goes on where the last one stopped; `store` names the database",
    "LOG_ENABLED": "`crawl run NAME --quiet`",
    "MEMUSAGE_LIMIT_MB": "leave it out",
    "METAREFRESH_ENABLED": "leave it out: pages that say nothing themselves are followed",
    "METAREFRESH_IGNORE_TAGS": "leave it out: what is in <noscript> does not count",
    "METAREFRESH_MAXDELAY": "leave it out: it is 100 s",
    "NEWSPIDER_MODULE": "leave it out: spiders are in spiders/",
    "RANDOMIZE_DOWNLOAD_DELAY": "`delay` is the least one",
    "REACTOR_THREADPOOL_MAXSIZE": "`workers`",
    "REDIRECT_ENABLED": "handle_httpstatus_list = [301, 302] in the spider",
    "REDIRECT_MAX_TIMES": "set `session.max_redirects` in login(self, session)",
    "REFERER_ENABLED": "Request(headers={'Referer': ...})",
    "REQUEST_FINGERPRINTER_IMPLEMENTATION": "leave it out",
    "RETRY_ENABLED": "`retries=0`",
    "SCHEDULER": "leave it out: the frontier is in the database",
    "SPIDER_MIDDLEWARES": "`plugins`, or on_item and on_response in the spider",
    "SPIDER_MODULES": "leave it out: spiders are in spiders/",
    "STATS_CLASS": "`crawl run NAME --json`",
    "TELNETCONSOLE_ENABLED": "leave it out: there is none",
    "TWISTED_REACTOR": "leave it out: there is no reactor",
}

#: keys of Scrapy's meta that a request must not be sent without: what to write instead
_META_REFUSED: Final[dict[str, str]] = {
    "proxy": "`proxy` in custom_settings, or an Identity with a `proxy` among the `sessions` of the spider, which the"
    " request names as its `session`",
    "cookiejar": "a name for each jar in the `sessions` of the spider, which the request names as its `session`",
    "bindaddress": "session.mount(...) in login(self, session), with an adapter that binds to it",
}
#: the others that have no effect here: of what type the value is that Scrapy wants, and what to write
_META_IGNORED: Final[dict[str, tuple[type | tuple[type, ...], str]]] = {
    "download_timeout": ((int, float), "`deadline` in custom_settings"),
    "download_maxsize": (int, "`max_size` in custom_settings"),
    "dont_retry": (bool, "`retries` in custom_settings"),
    "max_retry_times": (int, "`retries` in custom_settings"),
    "dont_merge_cookies": (bool, "one more name in `sessions`, which the request names as its `session`"),
    "allow_offsite": (bool, "its host in allowed_domains"),
    "dont_obey_robotstxt": (bool, "`robots` in custom_settings"),
}
_PROXY: Final = late_pattern(r"\A(?:[a-z][a-z0-9+.-]*://\S+|(?:\S+@)?(?:[\w-]+\.)*[\w-]*[a-z0-9]:\d{2,5}/?)\Z")

#: attributes of the Failure that Scrapy gives an errback
_OF_FAILURE: Final[dict[str, str]] = {
    "value": "write error, error.response (None without an answer), error.status for an error status",
    "check": "write isinstance(error, StatusError), or TimedOut, UnknownHost ... of crawler.errors",
    "trap": "write isinstance(error, StatusError), or TimedOut, UnknownHost ... of crawler.errors",
    "type": "write type(error)",
    "getErrorMessage": "write str(error)",
    "getTraceback": "write str(error)",
    "printTraceback": "write self.logger.warning(str(error))",
}

#: what Python says about a wrong name in a spider, and the right one
_SAID: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (late_pattern(pattern), hint)
    for pattern, hint in (
        (r"Request\.__init__\(\) got an unexpected keyword argument 'formdata'", "write data={...}"),
        (r"Request\.__init__\(\) got an unexpected keyword argument 'params'", "write it into the URL"),
        (r"Request\.__init__\(\) got an unexpected keyword argument '(?:encoding|flags)'", "leave it out"),
        (
            r"Request\.__init__\(\) got an unexpected keyword argument 'auth'",
            "set session.auth in login(self, session)",
        ),
        (
            r"Rule\.__init__\(\) got an unexpected keyword argument 'process_links'",
            "choose links with LinkExtractor(allow=..., deny=..., restrict_css=...), or in a callback",
        ),
        (
            r"Rule\.__init__\(\) got an unexpected keyword argument 'process_request'",
            "write `def on_request(self, request)` in the spider",
        ),
        (
            r"Rule\.__init__\(\) got an unexpected keyword argument 'errback'",
            "follow the links in a callback: Request(url, errback=...)",
        ),
        (
            r"LinkExtractor\.__init__\(\) got an unexpected keyword argument 'process_value'",
            "follow such links in a callback: response.follow(url)",
        ),
        (r"LinkExtractor\.__init__\(\) got an unexpected keyword argument '(?:canonicalize|strip)'", "leave it out"),
        (r"'PreparedRequest' object has no attribute 'meta'", "write response.meta"),
        (r"'PreparedRequest' object has no attribute 'cb_kwargs'", "write response.cb_kwargs"),
        (r"'Response' object has no attribute 'body_as_unicode'", "write response.text"),
        (r"'Response' object has no attribute 'jmespath'", "write response.selector.jmespath(...)"),
        (r"'Response' object has no attribute 're(?:_first)?'", "write response.css(...).re(...)"),
        (r"'Response' object has no attribute 'status_text'", "write response.reason"),
        (r"a callback yielded (?:all that follow_all|map|filter|list|tuple|generator)", "write `yield from` before it"),
        *(
            (rf"object has no attribute '{name}', in the errback for", f"an errback gets the error itself: {instead}")
            for name, instead in _OF_FAILURE.items()
        ),
        (
            r"\AKeyError: 'depth'",
            "in response.meta is what the request was given; `max_depth` is a limit, or pass it on in meta yourself",
        ),
        (r"\AKeyError: 'redirect_urls'", "if that was response.meta: write response.history"),
        (r"\AKeyError: 'download_latency'", "if that was response.meta: write response.elapsed"),
        (r"'str' object has no attribute 'decode'", "headers and texts are str already: leave `.decode()` out"),
        (r"'method' object is not subscriptable", "are the brackets of a call missing, as in response.json()['x']?"),
        (r"takes 1 positional argument but 2 were given", "is `self` missing in its parameters?"),
        (r"takes 0 positional arguments but [12] (?:was|were) given", "is `self` missing in its parameters?"),
    )
)
_MISSING_NAME: Final = late_pattern(r"cannot import name '(\w+)' from '(?:crawler|scrapy)")


def of_import(error: ImportError) -> str:
    """What to write instead of what could not be imported; "" where we do not know."""
    module = (error.name or "").split(".")
    found = _MISSING_NAME.search(str(error))
    if found is not None:
        return NAMES.get(found[1], "")
    if not isinstance(error, ModuleNotFoundError) or module[0] not in ("crawler", "scrapy", "twisted"):
        return ""
    if module[0] == "twisted":
        return "there is no reactor; from crawler.errors import ConnectFailed, TimedOut, UnknownHost"
    if module == ["scrapy"]:
        return "from crawler import CrawlSpider, LinkExtractor, Request, Rule, SitemapSpider, Spider"
    return next((MODULES[part] for part in module[1:] if part in MODULES), "")


def of_text(error: str) -> str:
    """What to write instead, judging by Python's error message; "" where we do not know."""
    return next((hint for pattern, hint in _SAID if pattern.search(error)), "")


def refused_meta(meta: Mapping[str, Any]) -> str:
    """What is said of a key of Scrapy's meta without which a request must not be sent; "" for none.

    A value that Scrapy would not take is the user's own.
    """
    for name in _META_REFUSED.keys() & meta.keys():
        value = meta[name]
        own = name == "proxy" and not (isinstance(value, str) and _PROXY.search(value.lower()))
        if value is not None and value != "" and not own:
            return f"meta[{name!r}] has no effect here; instead: {_META_REFUSED[name]}"
    return ""


def ignored_meta(meta: Mapping[str, Any]) -> list[str]:
    """Keys of Scrapy's meta that have no effect here, and whose value is one that Scrapy would heed."""
    found = _META_IGNORED.keys() & meta.keys()
    return [name for name in found if meta[name] is not False and isinstance(meta[name], _META_IGNORED[name][0])]


def told_of_meta(counted: Mapping[str, int]) -> list[str]:
    """One line about such keys, by the number of requests that have them; none where there are none."""
    each = [
        f"{name} ({count:,} request{'' if count == 1 else 's'}; instead: {_META_IGNORED[name][1]})"
        for name, count in sorted(counted.items())
    ]
    return [f"without effect in meta: {', '.join(each)}"] if each else []
