"""``python -m tests.conformance``: the figures of every suite, ours beside those of the usual parts, in one run.

The usual parts are requests, http.cookiejar, Protego, urljoin, w3lib and publicsuffixlist, as the data's own adapter
calls them. Ends with 1 when a suite of ours is below its target.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from tests.conformance.test_conformance import DIFFERENCES, FOLDER, RUNNER


def passed(suite: Any, adapter: Any) -> tuple[int, int]:
    """How many cases of a suite an adapter passes, and of how many. Raising twice is no equal answer."""
    assert RUNNER is not None
    cases = list(suite.run(adapter))
    good = [c for c in cases if c.good and not (isinstance(c.got, RUNNER.Raised) and c.got is not RUNNER.REFUSED)]
    return len(good), len(cases)


def main() -> int:
    if RUNNER is None:
        print(f"no conformance data in {FOLDER}; CRAWL_CONFORMANCE can say where it is", file=sys.stderr)
        return 2
    from adapter import Adapter  # the test has put its folder on the path

    sys.dont_write_bytecode = True  # nothing is written into that folder
    sys.path.append(str(FOLDER))
    usual = importlib.import_module("baseline_adapter").Baseline()
    below = 0
    print(f"{'suite':28}{'cases':>6}{'usual':>7}{'ours':>6}{'target':>8}")
    for suite in RUNNER.SUITES:
        name = suite.run.__name__
        theirs, _ = passed(suite, usual)
        ours, number = passed(suite, Adapter())
        on_purpose = len(DIFFERENCES.get(name, {}))
        below += ours + on_purpose < suite.target
        note = f"  and {on_purpose} that differ on purpose, listed with the test" if on_purpose else ""
        print(f"{name:28}{number:>6}{theirs:>7}{ours:>6}{suite.target:>8}{note}")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
