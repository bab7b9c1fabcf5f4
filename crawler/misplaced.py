"""Attributes of a spider class that would be silently ignored: a misspelt one, a setting, a field of an Identity.

A class may have attributes of its own, by any name. So one is refused only where everything speaks against it: no class
above says it, nothing in the spider's file or in what that imports reads it, and it is one mistake away from an
attribute that the class does not set and that takes such a value, or it is a setting by its very name.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

from crawler.errors import SpiderError

_LIST: Final = (list, tuple, set, str)
_TAKES: Final[dict[str, tuple[type, ...]]] = {  # by attributes of our classes: what is written there
    "start_urls": _LIST,
    "allowed_domains": _LIST,
    "custom_settings": (dict,),
    "sessions": _LIST,
    "keys": (dict,),
    "key": _LIST,
    "handle_httpstatus_list": (list, tuple, set, int),
    "login_url": (str,),
    "probe_url": (str,),
    "logged_out_css": (str,),
    "logged_out_text": (str,),
    "logged_in_css": (str,),
    "logged_in_text": (str,),
    "render": (bool,),
    "plugins": (list, tuple),
    "rules": (list, tuple),
    "sitemap_urls": _LIST,
    "sitemap_rules": (list, tuple),
    "sitemap_follow": _LIST,
}
_OURS: Final = ("Identity", "Render", "Rule")  # classes whose objects are written there, too
_SHORT: Final = 4  # characters: of a word that is no longer, one letter more or less is another word
_OF_IDENTITY: Final = frozenset(("auth", "cert", "keeps", "origins", "params", "quota", "secret_headers", "serial"))
_OF_OTHERS: Final = sys.stdlib_module_names | {"crawler"}
_OF_SCRAPY: Final = {"http_user": "auth", "http_pass": "auth"}


def refuse_misplaced(cls: Any) -> None:
    """Refuse an attribute that would be silently ignored and is none of the user's own.

    Args:
        cls: A spider class, just created. One without a name is a base for others, and looked at with them.
    Raises:
        SpiderError: There is one; its value is not shown.
    """
    if not cls.name:
        return
    own = [each for each in cls.__mro__ if not each.__module__.startswith("crawler.") and each is not object]
    known = {name for each in cls.__mro__ if each not in own for name in vars(each)}
    for kind in own:
        for name, value in list(vars(kind).items()):
            if name.startswith("_") or name in known or _is_behaviour(value):
                continue
            said = _said_of(name, value, {each for other in own for each in vars(other)})
            if said and not _is_read(name, own):
                raise SpiderError(f"{kind.__name__}.{name} has no effect here; {said}")


def _is_behaviour(value: Any) -> bool:
    return isinstance(value, type) or hasattr(value, "__get__")


def _said_of(name: str, value: Any, own: set[str]) -> str:
    """What to write instead; "" for an attribute that may have any meaning."""
    plain = name.lower().replace("_", "")
    for meant, types in _TAKES.items():
        fits = isinstance(value, types) or type(value).__name__ in _OURS
        if fits and meant not in own and (plain == meant.replace("_", "") or _is_near(name, meant)):
            return f"did you mean {meant!r}?"
    if name == "settings" and isinstance(value, Mapping):
        return "did you mean 'custom_settings'?"
    field = _OF_SCRAPY.get(name, name)
    if field in _OF_IDENTITY:
        return f"{field!r} is a field of an Identity, as in `sessions`: [Identity('default', ...)]"
    from crawler.settings import FIELDS, SCRAPY_NAMES  # loaded where a class has attributes of its own

    setting = SCRAPY_NAMES.get(name.upper(), name)
    if setting not in FIELDS:
        return ""
    return f"{setting!r} is a setting: write it into custom_settings = {{{setting!r}: ...}}"


def _is_near(name: str, meant: str) -> bool:
    """Whether one mistake makes *name* of *meant*: two letters exchanged; in a long one a letter more or less."""
    if name == meant or abs(len(name) - len(meant)) > 1:
        return False
    at = next((place for place, (one, two) in enumerate(zip(name, meant, strict=False)) if one != two), None)
    if at is None:
        return len(meant) > _SHORT and not name[-1].isdigit()
    if name[at + 2 :] == meant[at + 2 :] and name[at : at + 2] == meant[at : at + 2][::-1]:
        return True
    one_off = (name[at + 1 :] == meant[at + 1 :], name[at + 1 :] == meant[at:], name[at:] == meant[at + 1 :])
    return len(meant) > _SHORT and any(one_off) and not name[at : at + 1].isdigit()


def _is_read(name: str, classes: list[Any]) -> bool:
    """Whether something in the files of these classes, or in what these import, may read an attribute of that name.

    Where there is no file, as in a notebook, their methods are looked at.
    """
    spoken = re.compile(
        rf"(?<!\bresponse)(?<!\bsession)(?<!\brequest)\.{re.escape(name)}\b|attr\([^()]*[\"']{re.escape(name)}[\"']"
    )
    for kind in classes:
        module = sys.modules.get(kind.__module__)
        if any(spoken.search(_text(each)) for each in (module, *_imported(module))):
            return True
        codes = [code for value in vars(kind).values() for code in codes_of(value)]
        if not _text(module) and any(name in (*code.co_names, *code.co_consts) for code in codes):
            return True
    return False


def _imported(module: ModuleType | None) -> list[ModuleType | None]:
    """Modules of the user that are imported, or from which something is: a step for items, or a helper."""
    said = list(vars(module).values()) if module is not None else []
    names = {each.__name__ if isinstance(each, ModuleType) else getattr(each, "__module__", None) for each in said}
    theirs = {name for name in names if isinstance(name, str) and name.partition(".")[0] not in _OF_OTHERS}
    return [sys.modules.get(name) for name in sorted(theirs)]


def _text(module: ModuleType | None) -> str:
    """The source of a module that is not installed; "" where there is none."""
    file = getattr(module, "__file__", None)
    if not file or "site-packages" in file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def codes_of(value: Any) -> Iterator[CodeType]:
    """The code of a function, and of those within it; nothing for anything else."""
    code = value if isinstance(value, CodeType) else getattr(value, "__code__", None)
    if isinstance(code, CodeType):
        yield code
        for each in code.co_consts:
            if isinstance(each, CodeType):
                yield from codes_of(each)
