"""A site whose pages are empty until their scripts have fetched the content: for `benchmarks.rendered`.

Each page has an image, a stylesheet and a script, like most pages; the script fetches the rows. As a process it
prints its address, counts its requests, and ends when its standard input is closed.
"""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ROWS = 10
PAGE = (
    "<!doctype html><title>Product {number}</title><link rel=stylesheet href=/style.css><h1>Product</h1>"
    "<img src=/picture.png alt=''><ul id=rows></ul><script src=/app.js defer></script>"
)
APP = """
fetch('/api/product/' + location.pathname.split('/').pop()).then(answer => answer.json()).then(product => {
  document.querySelector('h1').textContent = product.title;
  for (const row of product.rows)
    document.querySelector('#rows').append(Object.assign(document.createElement('li'), {textContent: row}));
});
"""
LASTING = "public, max-age=3600"


def product(number: int) -> dict[str, Any]:
    """The content of page *number*."""
    return {"title": f"Product {number}", "rows": [f"offer {number}-{row}" for row in range(ROWS)]}


def answer(path: str, pages: int) -> tuple[str, str, str]:
    """Content-Type, Cache-Control and body."""
    name = path.rpartition("/")[2]
    if path == "/":
        links = "".join(f"<a href=/page/{number}>{number}</a> " for number in range(1, pages + 1))
        return "text/html", "", f"<!doctype html><title>All</title><ul id=rows><li>all</li></ul>{links}"
    if path.startswith("/page/"):
        return "text/html", "", PAGE.format(number=name)
    if path.startswith("/api/product/"):
        return "application/json", "", json.dumps(product(int(name)))
    kinds = {"app.js": ("text/javascript", APP), "style.css": ("text/css", "li { color: navy }")}
    kind, body = kinds.get(name, ("image/png", "no picture"))
    return kind, LASTING, body


def main() -> None:
    pages, asked = int(sys.argv[1]), Counter[str]()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/asked":
                kind, lasting, body = "application/json", "no-store", json.dumps(sum(asked.values()))
                asked.clear()
            else:
                asked[self.path.rpartition("/")[0]] += 1
                kind, lasting, body = answer(self.path, pages)
            content = body.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            if lasting:
                self.send_header("Cache-Control", lasting)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
