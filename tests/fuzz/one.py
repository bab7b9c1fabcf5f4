"""Feeds one target for some seconds, in a process of its own: with atheris where it is installed, else by mutation.

``python -m tests.fuzz.one TARGET --seconds N [--folder F]``. The last line that it prints is JSON: inputs, seconds,
engine, and the finding, if there was one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PIECES = (
    b"\r\n",
    b"\0",
    b"%",
    b"%25",
    b";",
    b"=",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"<",
    b"&",
    b"{",
    b"[",
    b'"',
    b"9" * 20,
    b"-1",
)


def mutations(seeds: tuple[bytes, ...], chance: random.Random) -> Iterator[bytes]:
    """Inputs without end: seeds with pieces cut, doubled, swapped, put in, or flipped."""
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(data) + 1)
            match chance.randrange(7):
                case 0:
                    del data[at : at + chance.randint(1, 20)]
                case 1:
                    data[at:at] = chance.choice(_PIECES)
                case 2:
                    data[at:at] = chance.randbytes(chance.randint(1, 8))
                case 3:
                    data[at:at] = data[at : at + chance.randint(1, 40)] * chance.choice((2, 3, 50, 2_000))
                case 4:
                    other = chance.choice(seeds)
                    data[at:at] = other[chance.randrange(len(other) + 1) :][: chance.randint(1, 60)]
                case 5 if data:
                    data[at % len(data)] = chance.randrange(256)
                case _:
                    data[at:] = b""
        yield bytes(data[:200_000])


def by_mutation(name: str, seconds: float, seed: int) -> dict[str, Any]:
    from tests.fuzz.targets import TARGETS, Finding, tried

    target, started, count = TARGETS[name], time.monotonic(), 0
    for data in mutations(target.seeds, random.Random(seed)):
        if time.monotonic() - started > seconds:
            break
        count += 1
        try:
            tried(target, data)
        except Finding as finding:
            return {
                "engine": "mutation",
                "inputs": count,
                "seconds": round(time.monotonic() - started, 1),
                "finding": str(finding),
            }
    return {"engine": "mutation", "inputs": count, "seconds": round(time.monotonic() - started, 1), "finding": ""}


def by_atheris(name: str, seconds: float, seed: int, folder: Path) -> None:
    """Guided by coverage. Ends the process itself, as libFuzzer does."""
    import atheris

    with atheris.instrument_imports(include=["crawler"]):
        from tests.fuzz.targets import TARGETS, Finding, tried

    target = TARGETS[name]
    state = {"inputs": 0}
    started = time.monotonic()

    def say(finding: str) -> None:
        took = round(time.monotonic() - started, 1)
        print(
            json.dumps({"engine": "atheris", "inputs": state["inputs"], "seconds": took, "finding": finding}),
            flush=True,
        )

    def one(data: bytes) -> None:
        state["inputs"] += 1
        try:
            tried(target, data)
        except Finding as finding:
            say(str(finding))
            os._exit(1)
        if time.monotonic() - started > seconds:
            say("")
            os._exit(0)

    corpus = folder / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed_data in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed_data)
    options = [
        f"-seed={seed}",
        "-max_len=65536",
        "-len_control=20",
        "-rss_limit_mb=0",
        "-timeout=60",
        f"-artifact_prefix={folder}/",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.one")
    parser.add_argument("target")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--engine", choices=("atheris", "mutation"), default=None)
    chosen = parser.parse_args()
    engine = chosen.engine or _engine()
    if engine == "atheris":
        with tempfile.TemporaryDirectory() as folder:
            by_atheris(chosen.target, chosen.seconds, chosen.seed, chosen.folder or Path(folder))
    found = by_mutation(chosen.target, chosen.seconds, chosen.seed)
    print(json.dumps(found), flush=True)
    return 1 if found["finding"] else 0


def _engine() -> str:
    from importlib.util import find_spec

    return "atheris" if find_spec("atheris") is not None else "mutation"


if __name__ == "__main__":
    sys.exit(main())
