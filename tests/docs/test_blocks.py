"""The runner of the pages itself: it must fail where a page is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import blocks_of
from tests.docs.shell import Shell, matches


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, tmp_path / "state", {"127.0.0.1:8000": "127.0.0.1:4711"})


@pytest.mark.parametrize(
    ("wanted", "said", "fits"),
    [
        pytest.param("pages  3 in ...", "x\npages       31 in 0.1 s", True, id="numbers-blanks-dots"),
        pytest.param("a\nb", "a\nother\nb", True, id="lines-between"),
        pytest.param("b\na", "a\nb", False, id="wrong-order"),
        pytest.param("finished", "finished, run 1", False, id="half-a-line"),
        pytest.param("finished", "", False, id="nothing"),
    ],
)
def test_output_matches_when_its_lines_come_in_their_order(wanted: str, said: str, fits: bool) -> None:
    assert matches(wanted, said) is fits


def test_output_that_differs_fails_and_addresses_are_translated_both_ways(shell: Shell) -> None:
    shell.run("$ echo http://127.0.0.1:8000/ | tee seen\nhttp://127.0.0.1:8000/\n$ cat seen | tr -d 4\n... :711/\n")

    with pytest.raises(AssertionError, match="should print"):
        shell.run("$ echo one\ntwo\n")


def test_variables_and_folder_live_on_in_the_next_block(shell: Shell) -> None:
    shell.run("$ export WORD=kept\n$ mkdir inner && cd inner\n")

    shell.run("$ echo $WORD $(basename $PWD)\nkept inner\n")


def test_a_wrong_exit_code_fails(shell: Shell) -> None:
    shell.run("$ exit 3\n", exit_code=3)

    with pytest.raises(AssertionError, match="exit code 1, not 0"):
        shell.run("$ false\n$ true\n")


def test_a_crontab_line_that_prints_or_fails_is_found(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.as_cron("0 3 * * * test -z $HOME && ! test -t 0")

    for command in ("echo done", "false"):
        with pytest.raises(AssertionError, match="ended with"):
            shell.as_cron(f"0 3 * * * {command}")


def test_a_comment_before_a_block_that_means_nothing_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- not-run -->\n```python\n1\n```\n")

    with pytest.raises(ValueError, match="means nothing"):
        list(blocks_of(page))
