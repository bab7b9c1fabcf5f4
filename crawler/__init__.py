"""Crawling for jobs behind a login: persistent sessions, a durable frontier, honest endings.

The public names. Each is loaded when it is first used, so that importing a spider loads no engine and no store.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crawler.engine.application import run
    from crawler.errors import CrawlError, DropItem, IgnoreRequest, LoginFailed, NeedsHuman, QuotaSpent, WrongPassword
    from crawler.events import Summary
    from crawler.files import File
    from crawler.identity import Identity
    from crawler.links import LinkExtractor, Rule
    from crawler.pages.filled import Filled
    from crawler.pages.forms import Form
    from crawler.plugins import Plugin
    from crawler.render import Render
    from crawler.response import Request, Response
    from crawler.runs.results import results
    from crawler.sessions.auth.digest import DigestAuth
    from crawler.sessions.auth.oauth import OAuth2
    from crawler.sessions.auth.schemes import BearerAuth
    from crawler.sessions.auth.storage_token import PageRefresh, TokenRefresh
    from crawler.sessions.session import Session
    from crawler.settings import Settings
    from crawler.spider import CrawlSpider, SitemapSpider, Spider

__version__ = "0.1.0"

_HOMES = {
    "BearerAuth": "crawler.sessions.auth.schemes",
    "CrawlError": "crawler.errors",
    "CrawlSpider": "crawler.spider",
    "DigestAuth": "crawler.sessions.auth.digest",
    "DropItem": "crawler.errors",
    "File": "crawler.files",
    "Filled": "crawler.pages.filled",
    "Form": "crawler.pages.forms",
    "Identity": "crawler.identity",
    "IgnoreRequest": "crawler.errors",
    "LinkExtractor": "crawler.links",
    "LoginFailed": "crawler.errors",
    "NeedsHuman": "crawler.errors",
    "OAuth2": "crawler.sessions.auth.oauth",
    "PageRefresh": "crawler.sessions.auth.storage_token",
    "Plugin": "crawler.plugins",
    "QuotaSpent": "crawler.errors",
    "Render": "crawler.render",
    "Request": "crawler.response",
    "Response": "crawler.response",
    "Rule": "crawler.links",
    "Session": "crawler.sessions.session",
    "Settings": "crawler.settings",
    "SitemapSpider": "crawler.spider",
    "Spider": "crawler.spider",
    "Summary": "crawler.events",
    "TokenRefresh": "crawler.sessions.auth.storage_token",
    "WrongPassword": "crawler.errors",
    "results": "crawler.runs.results",
    "run": "crawler.engine.application",
}

__all__ = [
    "BearerAuth",
    "CrawlError",
    "CrawlSpider",
    "DigestAuth",
    "DropItem",
    "File",
    "Filled",
    "Form",
    "Identity",
    "IgnoreRequest",
    "LinkExtractor",
    "LoginFailed",
    "NeedsHuman",
    "OAuth2",
    "PageRefresh",
    "Plugin",
    "QuotaSpent",
    "Render",
    "Request",
    "Response",
    "Rule",
    "Session",
    "Settings",
    "SitemapSpider",
    "Spider",
    "Summary",
    "TokenRefresh",
    "WrongPassword",
    "results",
    "run",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    from crawler.habits import NAMES

    if name in NAMES:  # an AttributeError would become "cannot import name", which helps nobody
        raise ImportError(f"crawler has no {name}; write: {NAMES[name]}", name="crawler")
    raise AttributeError(f"module 'crawler' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
