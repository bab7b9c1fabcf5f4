"""What a mistyped command or option was meant to be. For messages only."""

from __future__ import annotations

import re
from typing import Any

from crawler.errors import CrawlError
from crawler.habits import COMMANDS
from crawler.nearest import nearest

#: settings that have an option with another name
_OPTION_OF = {"max_pages": "--limit-pages"}


def meant_command(word: str) -> str:
    """What to type instead of a word that is not a command; "" if that is not known."""
    if word in COMMANDS:
        return f"{COMMANDS[word]} does it here"
    from crawler.loading import load_spiders

    try:
        is_spider = word in load_spiders()[0]
    except (CrawlError, OSError):
        return ""
    return f"did you mean `crawl run {word}`?" if is_spider else ""


def meant_option(option: str, context: Any) -> str:
    """The message for an option that the command of *context* does not have; "" for typer's own."""
    from crawler.habits import SETTINGS
    from crawler.settings import FIELDS, SCRAPY_NAMES

    params = getattr(getattr(context, "command", None), "params", ())
    names = [each for param in params for each in getattr(param, "opts", ()) if each.startswith("--")]
    if re.fullmatch(r"-[A-Za-z]", option):  # a letter is near to any short word
        known = [each for param in params for each in getattr(param, "opts", ())]
        return f"No such option: {option}; did you mean {option.swapcase()}?" if option.swapcase() in known else ""
    word = option.lstrip("-").partition("=")[0].lower().replace("-", "_")
    setting = SCRAPY_NAMES.get(word.upper(), word)
    if (own := _OPTION_OF.get(setting)) in names:
        return f"No such option: {option}; write {own}"
    near = nearest("--" + word.replace("_", "-"), names, cutoff=0.7)
    found = nearest(setting, FIELDS, cutoff=0.7) if "--set" in names else []
    if found and (not near or setting in FIELDS):
        said = f"write -s {setting}=..." if setting in FIELDS else f"did you mean -s {found[0]}=...?"
        return f"No such option: {option}; {said}"
    if near:
        return f"No such option: {option}; did you mean {near[0]}?"
    if word.upper() in SETTINGS:
        return f"No such option: {option}; {SETTINGS[word.upper()]}"
    return ""
