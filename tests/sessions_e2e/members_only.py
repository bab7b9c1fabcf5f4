"""A site whose one door sets a lasting cookie: what browsers and other machines are logged in to."""

from __future__ import annotations

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

SECRET = "Zx81-kept-by-a-browser"

SPIDER = """
from crawler import Spider


class Orders(Spider):
    name = "orders"
    start_urls = ["{url}/orders"]
    logged_out_css = "form"

    def parse(self, response):
        yield {{"order": response.css("td::text").get()}}
"""


def serve(server: HTTPServer) -> str:
    """Put the site up. Returns its address."""

    def enter(request: Request) -> Response:
        answer = Response("<h1>welcome</h1>", mimetype="text/html")
        answer.set_cookie("sid", SECRET, max_age=86_400, httponly=True)
        answer.set_cookie("of_this_visit", "1")
        return answer

    def orders(request: Request) -> Response:
        if request.cookies.get("sid") != SECRET:
            return Response("<form><input type=password name=p></form>", mimetype="text/html")
        return Response("<table><tr><td>A-17</td></tr></table>", mimetype="text/html")

    server.expect_request("/enter").respond_with_handler(enter)
    server.expect_request("/orders").respond_with_handler(orders)
    server.expect_request("/robots.txt").respond_with_data("", content_type="text/plain")
    return server.url_for("").rstrip("/")
