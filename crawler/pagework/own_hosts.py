"""The hosts that a spider names: where it begins, and where its sessions belong."""

from __future__ import annotations

from crawler.frontier.start_requests import first_request_url
from crawler.sessions.from_spider import known_urls
from crawler.spider import Spider
from crawler.urls import host_of


class OwnHosts:
    """What a spider says about hosts, and what its start requests add.

    Attributes:
        begins: URL of the first start request, where it is known without making any; else None.
        trusted: Hosts that may be private.
        of_https: Hosts that are asked over https.
        start_origins: Of the start requests, in order.
    """

    def __init__(self, spider: Spider) -> None:
        self.begins = first_request_url(spider)
        urls = known_urls(spider)
        self.trusted = {host_of(url) for url in urls} | set(spider.allowed_domains)
        for identity in spider.identities():
            self.trusted |= {host_of(origin) if "://" in origin else origin for origin in identity.origins}
        self.of_https = {host_of(url) for url in urls if url.startswith("https://")}
        self.start_origins: list[str] = []

    def learn(self, origin: str) -> None:
        """A start request goes there."""
        host = host_of(origin)
        self.trusted.add(host)
        if origin == f"https://{host}:443":
            self.of_https.add(host)
        if origin not in self.start_origins:
            self.start_origins.append(origin)
