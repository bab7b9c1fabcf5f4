"""Other people's test data, where it is at hand: one test a suite, each at its target or above.

The data is not part of this repository. CRAWL_CONFORMANCE says where it is; by default beside the checkout.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CRAWL_CONFORMANCE") or ROOT.parent / "shared" / "conformance")
sys.path.append(str(Path(__file__).parent))


def load_runner() -> ModuleType | None:
    if not (FOLDER / "run.py").is_file():
        return None
    spec = importlib.util.spec_from_file_location("conformance_runner", FOLDER / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # nothing is written into that folder
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module


RUNNER = load_runner()
SUITES: list[Any] = list(RUNNER.SUITES) if RUNNER is not None else []
ABSENT = pytest.mark.skip(reason=f"no conformance data in {FOLDER}; CRAWL_CONFORMANCE can say where it is")


# Where we differ on purpose: what is asked, and why. Nothing else may, and what stands here must.
ONLY_ABSOLUTE = "the key is that of a URL that can be fetched: absolute, http or https"
NO_USER = "a user name and a password are secrets and no part of a key: two URLs that differ in them are one page"
PUNYCODE = "one spelling of a host, the one that is sent: Punycode"
LONG_NAME = "http://www." + "éxamplé" * 11 + ".com/résumé?q=résumé"
DIFFERENCES = {
    "url_w3lib": {
        "a#frag": ONLY_ABSOLUTE,
        "a?b=1#frag": ONLY_ABSOLUTE,
        "?b=1": ONLY_ABSOLUTE,
        "sftp://UsEr:PaSsWoRd@www.EXAMPLE.com/": ONLY_ABSOLUTE,
        "http://user:pass@www.example.com:81/do?now=1": NO_USER,
        "http://user:pass@www.example.com/do?a=1#frag": NO_USER,
        "http://user@例え.jp/path": NO_USER,
        "http://user:pass@例え.jp:8080/p": NO_USER,
        "http://.éxamplé.com/résumé?q=résumé": PUNYCODE,
        LONG_NAME: PUNYCODE,
    }
}


@pytest.mark.parametrize(
    "suite",
    [pytest.param(suite, id=suite.run.__name__) for suite in SUITES] or [pytest.param(None, id="absent", marks=ABSENT)],
)
def test_a_conformance_suite_reaches_its_target(suite: Any) -> None:
    from adapter import Adapter

    assert RUNNER is not None
    cases = list(suite.run(Adapter()))
    # a case that compares two results must not be passed by raising twice
    raised = RUNNER.Raised
    bad = [c for c in cases if not c.good or (isinstance(c.got, raised) and c.got is not RUNNER.REFUSED)]
    differs = DIFFERENCES.get(suite.run.__name__, {})
    passed = len(cases) - len(bad) + len(differs)

    assert cases
    assert {c.asked for c in bad} >= differs.keys(), "a difference that is none any more"
    assert passed >= suite.target, "\n".join(
        f"{c.asked!r:.160}: want {c.want!r:.80}, got {c.got!r:.80}" for c in bad[:20]
    )
