"""`crawl sessions push` and `pull`: through a real sshd, to a project that has a key of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from crawler.errors import UsageError
from crawler.sessions.over_ssh import Place, crawl_there
from tests.cli.conftest import Crawl

from .members_only import SECRET, SPIDER, serve

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
CRAWL = Path(sys.executable).parent / "crawl"
CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/me.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
"""


@dataclass(frozen=True)
class Server:
    """Another machine, as far as ssh can tell."""

    ssh: str
    home: Path

    def crawl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command there, as its cron would."""
        program = self.home / "jobs" / ".venv" / "bin" / "crawl"
        return subprocess.run(
            [program, *words], cwd=self.home / "jobs", capture_output=True, text=True, timeout=60, check=False
        )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    if SSHD is None or shutil.which("ssh-keygen") is None:
        pytest.skip("needs sshd and ssh-keygen: apt-get install openssh-server openssh-client")
    folder = tmp_path / "sshd"
    folder.mkdir()
    for name in ("host", "me"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd, started as root, locks itself in
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / "config").write_text(CONFIG.format(port=port, folder=folder))
    bin_ = tmp_path / "server" / "jobs" / ".venv" / "bin"
    bin_.mkdir(parents=True)
    own = f"HOME='{tmp_path}/server' XDG_CONFIG_HOME='{tmp_path}/server/.config' CRAWL_KEY="
    (bin_ / "crawl").write_text(f'#!/bin/sh\n{own} exec "{CRAWL}" "$@"\n')
    (bin_ / "crawl").chmod(0o755)
    known = f"-o UserKnownHostsFile={folder}/known -o StrictHostKeyChecking=no -o LogLevel=ERROR"
    ssh = f"ssh -F /dev/null -p {port} -i {folder}/me {known} -o BatchMode=yes"
    command = [SSHD, "-D", "-E", folder / "log", "-f", folder / "config"]
    with subprocess.Popen(command) as running:
        try:
            wait_for(port)
            yield Server(ssh, tmp_path / "server")
        finally:
            running.terminate()


def wait_for(port: int) -> None:
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            continue
        return
    raise AssertionError("sshd did not start")


@pytest.fixture
def both(httpserver: HTTPServer, project: Path, server: Server) -> Server:
    """The same spider here and there."""
    url = serve(httpserver)
    for folder in (project, server.home / "jobs"):
        (folder / "spiders").mkdir()
        (folder / "spiders" / "orders.py").write_text(SPIDER.format(url=url))
    (project / "cookies.json").write_text(
        f'[{{"name": "sid", "value": "{SECRET}", "domain": "localhost", "path": "/"}}]'
    )
    return server


def test_a_session_is_pushed_to_where_cron_runs_and_pulled_back(both: Server, project: Path, command: Crawl) -> None:
    there = f"{getpass.getuser()}@127.0.0.1:{both.home}/jobs"
    assert command("sessions", "import", "orders", "cookies.json").code == 0

    pushed = command("sessions", "push", there, "orders", "--ssh", both.ssh)
    run = both.crawl("run", "orders")
    pulled = command("sessions", "pull", there, "orders", "--ssh", both.ssh, "--store", "elsewhere.db")
    here = command("run", "orders", "--store", "elsewhere.db")

    assert (pushed.code, pulled.code) == (0, 0), pushed.err + pulled.err
    assert "has 1 cookie now" in pushed.out
    assert "127.0.0.1" in pushed.out
    assert run.returncode == 0, run.stderr
    assert "restored without one" in run.stdout
    assert here.code == 0
    own, theirs = project.parent / "config" / "crawl" / "key", both.home / ".config" / "crawl" / "key"
    assert own.read_text() != theirs.read_text(), "each machine encrypts with its own key"
    said = "".join((pushed.out, pushed.err, pulled.out, pulled.err, run.stdout, run.stderr, here.out, here.err))
    assert SECRET not in said
    (project / "cookies.json").unlink()
    for folder in (project, both.home):
        assert not [file for file in folder.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]


def test_what_fails_there_is_one_line_here(both: Server, command: Crawl) -> None:
    there = f"{getpass.getuser()}@127.0.0.1"
    empty = command("sessions", "push", f"{there}:{both.home}/jobs", "orders", "--ssh", both.ssh)
    assert command("sessions", "import", "orders", "cookies.json").code == 0

    nowhere = command("sessions", "push", f"{there}:{both.home}/nothing", "orders", "--ssh", both.ssh)
    stranger = command("sessions", "push", f"nobody-here@127.0.0.1:{both.home}/jobs", "orders", "--ssh", both.ssh)
    without = command("sessions", "push", f"{there}:{both.home}", "orders", "--ssh", both.ssh, "--crawl", "no-such")
    no_ssh = command("sessions", "push", there, "orders", "--ssh", "no-such-ssh")
    nothing = command("sessions", "pull", f"{there}:{both.home}/jobs", "orders", "--ssh", both.ssh)

    assert {each.code for each in (empty, nowhere, stranger, without, no_ssh, nothing)} == {2}
    assert "no session is stored yet" in empty.err
    assert "ended with" in nowhere.err
    assert "ssh did not reach nobody-here@127.0.0.1" in stranger.err
    assert "--crawl PATH" in without.err
    assert "--ssh names another" in no_ssh.err
    assert "sessions export" in nothing.err


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("server", Place("server")),
        ("me@server.example:jobs/orders", Place("me@server.example", "jobs/orders")),
        ("server:~/jobs with space", Place("server", "~/jobs with space")),
        ("me@[::1]:jobs", Place("me@::1", "jobs")),
        ("server:", Place("server")),
        ("-oProxyCommand=evil", None),
        ("ser ver:jobs", None),
        ("", None),
    ],
)
def test_a_place_is_written_as_for_scp(text: str, wanted: Place | None) -> None:
    if wanted is None:
        with pytest.raises(UsageError, match="HOST"):
            Place.of(text)
    else:
        assert Place.of(text) == wanted


def test_every_part_of_a_place_reaches_the_shell_as_a_single_word(tmp_path: Path) -> None:
    """The program stands for ssh: it runs what it is given, as the shell of another machine would."""
    odd = tmp_path / 'it\'s $(touch broken); `touch broken` & "x"'
    odd.mkdir()
    fake = tmp_path / "ssh"
    fake.write_text('#!/bin/sh\nshift 3\nexec sh -c "$1"\n')
    fake.chmod(0o755)
    echo = tmp_path / "echo"
    echo.write_text('#!/bin/sh\npwd; for each; do echo "<$each>"; done; cat\n')
    echo.chmod(0o755)

    said = crawl_there(
        Place("server", str(odd)), ["a b", "$HOME", "'", "*"], ssh=str(fake), crawl=str(echo), text="é secret"
    )

    assert said == f"{odd}\n<a b>\n<$HOME>\n<'>\n<*>\né secret"
    assert not list(tmp_path.rglob("broken"))
