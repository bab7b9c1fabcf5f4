"""P7: no terminal, no HOME, LANG=C, a bare PATH, closed streams, a reader that goes away; and the crontab line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crawler.sessions.vault import Vault
from crawler.testing import SiteProcess
from tests.crash.project import CHECKOUT, Project
from tests.crash.proof import remains, wrong_at_the_end

pytestmark = pytest.mark.crash
CRAWL = f"{sys.executable} -m crawler.cli"


def exact(project: Project, shop: SiteProcess) -> list[str]:
    return wrong_at_the_end(project, remains(project.database), shop.truth.member_items("alice"))


def in_shell(
    project: Project, line: str, *, variables: dict[str, str] | None = None, shell: str = "/bin/sh"
) -> subprocess.CompletedProcess[str]:
    """Run a line as cron does: with `env -i` and what is given here, no terminal, in the project's folder."""
    given = project.environment if variables is None else variables
    words = ["env", "-i", *(f"{name}={value}" for name, value in given.items()), shell, "-c", line]
    return subprocess.run(
        words, cwd=project.folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


def run_line(project: Project) -> str:
    return f"{CRAWL} {' '.join(project.words())}"


def test_P7_a_run_without_home_locale_and_path_is_complete(project: Project, shop: SiteProcess) -> None:
    variables = {name: value for name, value in project.environment.items() if name not in ("HOME", "PATH")}
    variables |= {"LANG": "C", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    variables["CRAWL_KEY"] = Vault.new_key()  # else the key would go to the home that the password database names

    ended = in_shell(project, run_line(project), variables=variables)
    exported = in_shell(
        project, f"{CRAWL} export members -o - --store {project.database} --format csv", variables=variables
    )

    assert ended.returncode == 0, ended.stderr
    assert exact(project, shop) == []
    assert exported.returncode == 0, exported.stderr
    assert len(exported.stdout.splitlines()) == 11
    assert "Łódź" in exported.stdout or "Último" in exported.stdout or "Naïve" in exported.stdout


@pytest.mark.parametrize(
    "streams", [">&-", "2>&-", ">&- 2>&- <&-", "> /dev/null 2>&1"], ids=["stdout", "stderr", "all", "dev-null"]
)
def test_P7_closed_streams_end_no_run_and_get_into_no_file(streams: str, project: Project, shop: SiteProcess) -> None:
    ended = in_shell(project, f"{run_line(project)} {streams}")

    assert ended.returncode == 0, ended.stderr
    assert exact(project, shop) == []
    assert b"crawler.run" not in project.database.read_bytes()


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash for the codes of a pipe")
@pytest.mark.parametrize("command", ["run", "export"])
def test_P7_a_reader_that_goes_away_does_not_change_the_code(command: str, project: Project, shop: SiteProcess) -> None:
    line = run_line(project)
    if command == "export":
        assert in_shell(project, line).returncode == 0
        line = f"{CRAWL} export members -o - --store {project.database} --format json"

    ended = in_shell(project, f"{line} | true; echo ${{PIPESTATUS[0]}} >&2", shell=shutil.which("bash") or "")

    assert ended.stderr.splitlines()[-1] == "0", ended.stderr
    assert "Traceback" not in ended.stderr
    assert exact(project, shop) == []


def test_P7_results_that_do_not_fit_on_the_disk_behind_standard_output_are_an_error(
    project: Project, shop: SiteProcess
) -> None:
    assert in_shell(project, run_line(project)).returncode == 0

    ended = in_shell(project, f"{CRAWL} export members -o - --store {project.database} --format json > /dev/full")

    assert ended.returncode == 6, ended.stderr
    assert "Traceback" not in ended.stderr


def test_P7_the_printed_crontab_line_runs_the_crawl_in_silence_with_the_credentials_of_the_file(
    project: Project, shop: SiteProcess
) -> None:
    account = shop.accounts[0]
    shutil.rmtree(project.folder / "home")
    accounts = project.folder / "home" / ".config" / "crawl" / "accounts.toml"
    accounts.parent.mkdir(parents=True)
    accounts.touch(mode=0o600)
    accounts.write_text(f'[default]\nusername = "{account.username}"\npassword = "{account.password}"\n')
    words = ["schedule", "members", "--cron", "0 3 * * *", "-a", f"site={shop.url}", "-s", f"store={project.database}"]
    printed = project.run(words)
    assert printed.code == 0, printed.err
    line = printed.out.splitlines()[0]
    assert line.startswith("0 3 * * * ")
    command = line.removeprefix("0 3 * * * ").replace("\\%", "%")
    cron = {"HOME": str(project.folder / "home"), "LOGNAME": "root", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}

    first = in_shell(project, command, variables=cron)
    second = in_shell(project, command, variables=cron)

    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert remains(project.database).runs == 2
    assert shop.record.logins == {account.username: 1}
    assert {shop.record.hits[url] for url in shop.truth.member_urls} == {2}


def test_P7_the_crontab_line_of_the_readme_is_the_one_that_is_printed(project: Project) -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    by_hand = next(line for line in readme.splitlines() if line.startswith("0 3 * * * cd "))
    printed = project.run(["schedule", "members", "--cron", "0 3 * * *"]).out.splitlines()[0]

    assert by_hand.split()[:6] == printed.split()[:6]
    assert printed.split()[6] == str(project.folder)
    assert by_hand.split(" run ")[1].split()[1:] == printed.split(" run ")[1].split()[1:]
    assert os.access(printed.split(" run ")[0].split()[-1], os.X_OK)


def test_P7_errors_are_reported_on_standard_error_with_the_code_of_the_table(
    project: Project, shop: SiteProcess
) -> None:
    variables = project.environment | {"CRAWL_DEFAULT_PASSWORD": "not-her-pa55"}

    ended = in_shell(project, f"{run_line(project)} --quiet", variables=variables)

    assert ended.returncode == 3
    assert ended.stderr.strip()
    assert "not-her-pa55" not in ended.stderr
    assert shop.record.failed_logins == {"alice": 1}
    assert Path(project.database).exists()
