"""The next page where a script submits the form of the page for it, as ASP.NET's grids do (``__doPostBack``). Pure."""

from __future__ import annotations

import re
from typing import Final

from crawler.response import Response

_POSTED: Final = re.compile(r"__doPostBack\('[^']*','Page\$(?:2|Next)'\)")

#: Lines of `parse`: the first ones import, the last ones send the form of the page with what the script fills in.
IMPORTS: Final = ("import re", "")
LINES: Final = (
    'number = response.meta.get("number", 1) + 1',
    'links = " ".join(response.css("a::attr(href)").getall())',
    """for target, argument in re.findall(r"__doPostBack\\('([^']*)','([^']*)'\\)", links):""",
    '    if argument in (f"Page${number}", "Page$Next"):',
    '        fields = {"__EVENTTARGET": target, "__EVENTARGUMENT": argument}',
    "        filled = response.form().fill(fields, click=False)",
    '        yield filled.request(self.parse, meta={"number": number})',
    "        break",
)


def is_posted(response: Response) -> bool:
    """Whether a link of a page turns to its second page by ``__doPostBack``, and the form for it is there."""
    if not any(map(_POSTED.search, response.css("a::attr(href)").getall())):
        return False
    return bool(response.css("form [name=__EVENTTARGET]"))
