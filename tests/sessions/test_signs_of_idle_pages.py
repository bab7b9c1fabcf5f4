"""What a browser would do later, or on a click, is not what the page says."""

from __future__ import annotations

import pytest

from tests.sessions.sign_pages import page, sign

REPORT = "<p>Report of the day</p>"


@pytest.mark.parametrize(
    "markup",
    [
        '<meta http-equiv="refresh" content="1800; url=/login?timeout=1">',
        '<meta content="900;url=/login" http-equiv=Refresh>',
        "<META HTTP-EQUIV='REFRESH' CONTENT='1200, URL=\"/login\"'>",
        '<noscript><meta http-equiv="refresh" content="0; url=/login?nojs"></noscript>',
        '<!-- <meta http-equiv="refresh" content="0; url=/login"> -->',
        '<meta http-equiv="refresh" content="60">',
        '<meta name="description" content="0; url=/login"><meta http-equiv="refresh" content="300; url=/orders">',
        "<script>setTimeout(function(){ location.href='/login?timeout=1' }, 1800000)</script>",
        "<script>setTimeout(() => { if (idle) { location = '/login'; } }, 30 * 60 * 1000)</script>",
        "<script>function out(){location='/login'} setInterval(out, 900000)</script>",
        "<a onclick=\"location.href='/login'\">other account</a>",
    ],
    ids=lambda markup: markup[:60],
)
def test_what_happens_to_an_idle_browser_is_not_what_the_page_says(markup: str) -> None:
    assert sign(page(f"<html><head>{markup}</head>{REPORT}</html>")) is None


@pytest.mark.parametrize(
    "markup",
    [
        '<meta http-equiv="refresh" content="0; url=/login">',
        '<meta content="5;url=/login" http-equiv=Refresh>',
        "<META HTTP-EQUIV='REFRESH' CONTENT='3, URL=\"/login\"'>",
        '<meta http-equiv="refresh" content="0;/login">',
        "<script>location.href='/login'</script>",
        "<script>setTimeout(function(){ location.href='/login' }, 3000)</script>",
        "<script>window.onload = function(){ window.location = '/login' }</script>",
    ],
    ids=lambda markup: markup[:60],
)
def test_a_short_page_that_leads_to_the_login_at_once_is_logged_out(markup: str) -> None:
    assert sign(page(f"<html><head>{markup}</head><p>Please wait</p></html>")) == (
        "it sends the browser on to what looks like a login page"
    )
