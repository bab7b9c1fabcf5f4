"""How many situations of form submission are right: ours beside other programs, in one run.

``python -m tests.form_submission``; ``--chromium`` asks Chromium, too; ``-v`` names what is wrong. The other programs
are the extra ``forms-bench``; one that is not installed is left out, with a word.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import sys
from collections import Counter

from tests.form_submission.recorder import Recorder, Sent, is_right, wanted
from tests.form_submission.situation import Situation
from tests.form_submission.situations import SITUATIONS
from tests.form_submission.tools import TOOLS, Tool, chromium, quiet

_MODULES = {"form2request": "form2request", "MechanicalSoup": "mechanicalsoup", "mechanize": "mechanize"}


def answer_of(tool: Tool, recorder: Recorder, situation: Situation) -> Sent | str | None:
    """What it sends, or the error that it ends with."""
    url = recorder.show(situation)
    try:
        tool(situation, url)
    except Exception as error:  # noqa: BLE001  # whatever the others raise
        if not recorder.sent:
            return f"{type(error).__name__}: {error}"[:200]
    if situation.want is not None:
        recorder.arrived.wait(2.0)
    return recorder.sent[0] if recorder.sent else None


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--chromium", action="store_true", help="ask Chromium, too")
    words.add_argument("-v", "--verbose", action="store_true", help="name what is wrong")
    words.add_argument("only", nargs="*", help="parts of names of situations")
    options = words.parse_args()
    quiet()
    tools = dict(TOOLS, **({"Chromium": chromium} if options.chromium else {}))
    for name, module in _MODULES.items():
        if importlib.util.find_spec(module) is None:
            print(f"{name} is not installed (pip install 'crawl-sessions[forms-bench]'): left out")
            del tools[name]
    chosen = [each for each in SITUATIONS if not options.only or any(part in each.name for part in options.only)]
    print(f"{len(chosen)} situations, of {len({each.source for each in chosen})} files of web-platform-tests")
    recorder = Recorder()
    right: dict[str, set[str]] = {}
    for name, opened in tools.items():
        with opened(recorder.url) as tool:
            found = {each.name: answer_of(tool, recorder, each) for each in chosen}
        good = {
            each.name for each in chosen if not isinstance(found[each.name], str) and is_right(each, found[each.name])
        }
        right[name] = good
        errors = sum(isinstance(answer, str) for answer in found.values())
        version = importlib.metadata.version(_MODULES[name]) if name in _MODULES else ""
        print(
            f"{f'{name} {version}':24} right {len(good):4} of {len(chosen)}, wrong {len(chosen) - len(good):4}"
            f" (of these with an error {errors})"
        )
        if options.verbose:
            for each in chosen:
                if each.name not in good:
                    print(f"    {each.name}: wanted {wanted(each)}\n{'':8}got {found[each.name]}")
    recorder.close()
    folders = Counter(each.source.rpartition("/")[0] for each in chosen)
    print("\nright, by folder of web-platform-tests:")
    for folder, number in sorted(folders.items()):
        names = {each.name for each in chosen if each.source.rpartition("/")[0] == folder}
        print(f"  {folder} ({number}): " + ", ".join(f"{name} {len(names & good)}" for name, good in right.items()))
    return 0 if len(right["ours"]) == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
