"""scrapy-redis: queue, seen requests and items in Redis, set up as in its README; several processes work together."""

import os
import sys
import urllib.parse
import urllib.request
from urllib.parse import urljoin, urlsplit

from orders import AT_ONCE, HOSTS, LOGIN, PER_HOST, fields_of
from scrapy import Request
from scrapy.crawler import CrawlerProcess
from scrapy_redis.spiders import RedisSpider


class LoggedIn:
    """Logs in when the process starts, and sends the cookie with each request."""

    def __init__(self):
        form = urllib.parse.urlencode({"username": "u", "password": "p"}).encode()
        opener = urllib.request.build_opener(Stay)
        with opener.open(LOGIN.replace("/login.html", "/login"), form) as answer:
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]

    def process_request(self, request):
        request.headers["Cookie"] = self.cookie


class Stay(urllib.request.HTTPRedirectHandler):
    def http_error_303(self, request, answer, code, message, headers):
        return answer


class Shop(RedisSpider):
    name = "shop"
    redis_key = "shop:start_urls"

    def __init__(self, **arguments):
        super().__init__(**arguments)
        self.seen = set()

    def parse(self, response):
        item = fields_of(response)
        if item is not None:
            yield item
        for href in response.css("a::attr(href)").getall():
            url = urljoin(response.url, href.partition("#")[0])
            if url not in self.seen and url.startswith("http") and urlsplit(url).netloc in HOSTS:
                self.seen.add(url)
                yield Request(url)


process = CrawlerProcess(
    {
        "LOG_LEVEL": "ERROR",
        "TELNETCONSOLE_ENABLED": False,
        "COOKIES_ENABLED": False,
        "REDIRECT_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "REFERER_ENABLED": False,
        "DOWNLOAD_DELAY": 0,
        "CONCURRENT_REQUESTS": AT_ONCE,
        "CONCURRENT_REQUESTS_PER_DOMAIN": PER_HOST,
        "MEMUSAGE_ENABLED": False,
        "DOWNLOADER_MIDDLEWARES": {LoggedIn: 543},
        "SCHEDULER": "scrapy_redis.scheduler.Scheduler",
        "DUPEFILTER_CLASS": "scrapy_redis.dupefilter.RFPDupeFilter",
        "SCHEDULER_PERSIST": True,
        "ITEM_PIPELINES": {"scrapy_redis.pipelines.RedisPipeline": 300},
        "REDIS_URL": os.environ["FLEET_STORE"],
        "MAX_IDLE_TIME_BEFORE_CLOSE": 10,
    }
)
process.crawl(Shop)
process.start()
sys.exit(0)
