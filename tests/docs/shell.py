"""Runs the commands of a page as a reader would type them, one after the other, and compares what they print."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sysconfig
from pathlib import Path

_MARK = "\x1e"
COMMAND_WITHIN_S = 60.0


class Shell:
    """A shell whose variables and folder live from block to block.

    Args:
        project: Where it begins.
        addresses: What stands on the page, and what is meant in this test.
        programs: A folder whose programs come before those of the environment.
    """

    def __init__(self, project: Path, state: Path, addresses: dict[str, str], *, programs: Path | None = None) -> None:
        self._project, self._state, self._addresses = project, state, addresses
        scripts = sysconfig.get_path("scripts")
        if programs is not None:
            scripts = f"{programs}:{scripts}"
        self._environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}", "NO_COLOR": "1", "COLUMNS": "120"}

    def run(self, text: str, *, exit_code: int = 0) -> None:
        """Run the commands of a block and compare what they print, both streams together.

        Raises:
            AssertionError: An exit code or the output is not what the page says.
        """
        commands = _commands(text)
        script = "\n".join(f"printf '{_MARK}\\n'; {command}" for command, _ in commands)
        state = shlex.quote(str(self._state))
        saved = f"export -p > {state}; printf 'cd %q\\n' \"$PWD\" >> {state}"
        begin = f"[ -e {state} ] && . {state}"
        lines = f"{begin}\nset -e\ntrap {shlex.quote(saved)} EXIT\n{self._meant(script)}\n"
        code, output = _ended(["bash", "-c", lines], self._project, self._environment)
        output = self._written(output)
        assert code == exit_code, f"exit code {code}, not {exit_code}:\n{output}"
        printed = output.split(f"{_MARK}\n")[1:]
        for (command, wanted), said in zip(commands, printed, strict=True):
            assert matches(wanted, said), f"$ {command}\nshould print:\n{wanted}\nprinted:\n{said}"

    def as_cron(self, line: str) -> None:
        """Run the command of a crontab line as cron does: no terminal, a bare PATH, and here no HOME either."""
        command = self._meant(line.split(maxsplit=5)[5]).replace("\\%", "%")
        bare = {"PATH": "/usr/bin:/bin", "LANG": "C", "XDG_CONFIG_HOME": self._environment["XDG_CONFIG_HOME"]}
        code, output = _ended(["/bin/sh", "-c", command], Path("/"), bare)
        assert (code, output) == (0, ""), f"{command}\nended with {code}:\n{output}"

    def _meant(self, text: str) -> str:
        for written, meant in self._addresses.items():
            text = text.replace(written, meant)
        return text

    def _written(self, text: str) -> str:
        for written, meant in self._addresses.items():
            text = text.replace(meant, written)
        return text


def _ended(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a command without a terminal: its exit code, and both streams together.

    Raises:
        AssertionError: It did not end; it and all that it started is gone.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=COMMAND_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            raise AssertionError(f"{command[-1]}\ndid not end within {COMMAND_WITHIN_S:g} s:\n{output}") from None
        return process.returncode, output


def _commands(text: str) -> list[tuple[str, str]]:
    """Commands with what stands below them; a command goes on in the next line after a backslash."""
    found: list[tuple[str, str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif found:
            command, wanted = found[-1]
            found[-1] = (command, f"{wanted}{line}\n")
    return found


def matches(wanted: str, said: str) -> bool:
    """Whether the lines of *wanted* are lines of *said*, in their order; ``...`` and numbers stand for any."""
    lines = iter(said.splitlines())
    for line in filter(None, (line.strip() for line in wanted.splitlines())):
        if line == "...":
            continue
        parts = (re.sub(r"\d+", r"\\d+", re.escape(part)) for part in re.split(r" *\.\.\. *", line))
        pattern = re.compile(r"\s*" + ".*".join(re.sub(r"(\\ )+", r"\\s+", part) for part in parts) + r"\s*")
        if not any(pattern.fullmatch(each) for each in lines):
            return False
    return True
