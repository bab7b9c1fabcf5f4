"""What the apps of these logins share: one user, and pages of orders."""

from __future__ import annotations

import json

from werkzeug import Request, Response

USER, PASSWORD = "ann", "correct horse 42"
PAGES, PER_PAGE = 12, 5
ORDERS = [f"A-{number}" for number in range(1, PAGES * PER_PAGE + 1)]

#: For scripts of pages: the token that the storage keeps, and the page for whoever it lets in, in the element `place`.
SHOWN = """const kept = () => JSON.parse(localStorage.getItem("auth") || "null");
async function shown() {
  if (!kept()) return false;
  const answer = await fetch("/api/me", {headers: {Authorization: "Bearer " + kept().held.access_token}});
  if (answer.status !== 200) return false;
  place.innerHTML = "<p id=ready>Hello " + (await answer.json()).name + "</p><a href=#out>Log out</a>";
  return true;
}
"""


def json_answer(value: object, status: int = 200) -> Response:
    """*value* as JSON."""
    return Response(json.dumps(value), status, mimetype="application/json")


def page_of_orders(request: Request) -> Response:
    """The page that the argument ``page`` names, and the number of the next one."""
    page = int(request.args.get("page", 1))
    numbers = range((page - 1) * PER_PAGE + 1, page * PER_PAGE + 1)
    return json_answer({"orders": [f"A-{each}" for each in numbers], "next": page + 1 if page < PAGES else None})
