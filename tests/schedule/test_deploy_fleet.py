"""deploy/: workers under compose, Kubernetes, systemd, SLURM and Dask. What each starts is a command that there is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from crawler.cli.command_tree import app
from crawler.settings import field_names

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
GRACE_S = 15  # the setting `grace`


def parses(words: list[str]) -> None:
    """Our own command line takes the words of a command; nothing is run."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("crawl", list(words), resilient_parsing=False)
    name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
    assert name == words[0]
    with found.make_context(name, rest, parent=context) as made:
        assert made.params


def crawl_lines(text: str) -> Iterator[list[str]]:
    """The words after ``crawl`` of each line of a script or unit that starts it."""
    for line in text.splitlines():
        line = line.split(" #")[0].strip().removesuffix("&").removesuffix(";;")
        started = re.search(r"(?:^|=|^\S+/)(?:\S*/)?crawl ((?:run|worker|workers) .*)", line)
        if started and not line.startswith("#"):
            words = shlex.split(re.sub(r"\$\{\w+[^}]*\}|\$\w+", "8", started[1]).replace("%i", "orders"))
            yield words


def all_commands() -> list[tuple[str, list[str]]]:
    compose = yaml.safe_load((DEPLOY / "fleet-compose.yaml").read_text())["services"]
    kubernetes = yaml.safe_load((DEPLOY / "fleet-kubernetes.yaml").read_text())["items"]
    worker = kubernetes[0]["spec"]["template"]["spec"]["containers"][0]
    run = kubernetes[1]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]
    found = [
        ("compose", compose["worker"]["command"]),
        ("compose", compose["worker"]["healthcheck"]["test"][2:]),
        ("kubernetes", worker["args"]),
        ("kubernetes", worker["livenessProbe"]["exec"]["command"][1:]),
        ("kubernetes", worker["readinessProbe"]["exec"]["command"][1:]),
        ("kubernetes", run["args"]),
    ]
    scripts = [*UNITS, DEPLOY / "slurm_workers.sh", DEPLOY / "dask_workers.sh"]
    return found + [(path.name, words) for path in scripts for words in crawl_lines(path.read_text())]


COMMANDS = all_commands()


def test_each_way_starts_something() -> None:
    assert {where for where, _ in COMMANDS} == {
        *("compose", "kubernetes", "slurm_workers.sh", "dask_workers.sh"),
        *(path.name for path in UNITS if path.suffix == ".service"),
    }


@pytest.mark.parametrize(("where", "words"), COMMANDS, ids=[f"{where}: {' '.join(words)}" for where, words in COMMANDS])
def test_what_is_started_is_a_command_that_there_is(where: str, words: list[str]) -> None:
    parses(words)


def test_a_command_that_there_is_not_would_be_seen() -> None:
    with pytest.raises((typer.Exit, SystemExit, Exception)):
        parses(["worker", "orders", "--for-ever"])


@pytest.mark.parametrize("file", ["fleet-compose.yaml", "fleet-kubernetes.yaml", "slurm_workers.sh", "dask_workers.sh"])
def test_each_variable_of_ours_is_a_setting_or_the_key(file: str) -> None:
    named = {name.lower() for name in re.findall(r"CRAWL_([A-Z]+)", (DEPLOY / file).read_text())}

    assert named <= {*field_names(), "key", "project"}


def test_workers_in_kubernetes_have_time_to_leave_and_nothing_secret_in_the_open() -> None:
    text = (DEPLOY / "fleet-kubernetes.yaml").read_text()
    deployment, job = yaml.safe_load(text)["items"]
    pods = [deployment["spec"]["template"], job["spec"]["jobTemplate"]["spec"]["template"]]

    assert [(each["apiVersion"], each["kind"]) for each in (deployment, job)] == [
        ("apps/v1", "Deployment"),
        ("batch/v1", "CronJob"),
    ]
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector.items() <= pods[0]["metadata"]["labels"].items()
    assert not selector.items() <= pods[1]["metadata"]["labels"].items(), "the run is no worker of the Deployment"
    assert deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    uid = re.search(r"--uid (\d+)", (DEPLOY / "Dockerfile").read_text())
    assert uid is not None
    for pod in (each["spec"] for each in pods):
        (container,) = pod["containers"]
        assert pod["terminationGracePeriodSeconds"] > GRACE_S
        assert pod["securityContext"]["runAsUser"] == int(uid[1])
        assert not container["securityContext"]["allowPrivilegeEscalation"]
        mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert set(mounted) <= {each["name"] for each in pod["volumes"]}
        assert mounted["tmp"] == "/tmp", "the root is read-only, and a probe finds the worker by a file there"
        variables = {each["name"]: each for each in container["env"]}
        assert "secretKeyRef" in variables["CRAWL_KEY"]["valueFrom"]
        assert all("@" not in each.get("value", "").partition("@")[2] for each in container["env"])
        for name in ("CRAWL_ACCOUNTS", "PGPASSFILE"):
            assert Path(variables[name]["value"]).parent == Path(mounted["secrets"])
    probe = pods[0]["spec"]["containers"][0]["livenessProbe"]
    assert probe["timeoutSeconds"] >= 10, "a command of Python takes a second, more on a busy node"


def test_compose_has_three_workers_that_wait_for_the_database_and_read_secrets_from_files() -> None:
    found = yaml.safe_load((DEPLOY / "fleet-compose.yaml").read_text())
    services = found["services"]

    assert services["worker"]["deploy"]["replicas"] == 3
    for name in ("worker", "crawl"):
        each = services[name]
        assert each["depends_on"]["database"]["condition"] == "service_healthy"
        assert int(each["stop_grace_period"][:-1]) > GRACE_S
        assert set(each["secrets"]) <= set(found["secrets"])
        assert "password" not in each["environment"]["CRAWL_STORE"]
        for variable in ("CRAWL_ACCOUNTS", "PGPASSFILE"):
            assert Path(each["environment"][variable]).name in each["secrets"]
    assert services["crawl"]["profiles"] == ["once"]
    assert "healthcheck" in services["database"]


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("needs systemd-analyze")
    for each in UNITS:
        text = each.read_text().replace("/srv/shop/.venv/bin/crawl", "/bin/true").replace("User=crawl", "User=root")
        (tmp_path / each.name.replace("@", "@orders")).write_text(text.replace("/srv/shop", "/tmp"))

    done = subprocess.run(
        [tool, "verify", "--man=no", *map(str, tmp_path.iterdir())], capture_output=True, text=True, timeout=60
    )

    said = [line for line in done.stderr.splitlines() if "crawl-" in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_a_worker_under_systemd_leaves_on_sigterm_and_comes_back_unless_that_is_useless() -> None:
    text = (DEPLOY / "systemd" / "crawl-worker@.service").read_text()
    found = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))

    assert (found["KillSignal"], found["Restart"]) == ("SIGTERM", "on-failure")
    assert int(found["TimeoutStopSec"]) > GRACE_S
    assert found["RestartPreventExitStatus"].split() == ["2", "3", "7"]


@pytest.mark.parametrize("script", ["slurm_workers.sh", "dask_workers.sh"])
def test_bash_takes_the_scripts(script: str) -> None:
    done = subprocess.run(["bash", "-n", str(DEPLOY / script)], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(DEPLOY / script, os.X_OK)


@pytest.mark.parametrize(("ends", "code"), [("exit 0", 0), ("exit 6", 6), ("sleep 60", 0)], ids=["good", "6", "told"])
def test_a_job_of_slurm_passes_on_the_word_to_leave_and_the_exit_code(tmp_path: Path, ends: str, code: int) -> None:
    program = tmp_path / "crawl"
    program.write_text(
        f"#!/bin/bash\necho \"$@\" > words\ntrap 'exit 0' TERM\ntouch there\n{ends} & wait $!\nexit $?\n"
    )
    if ends.startswith("exit"):
        program.write_text(f'#!/bin/bash\necho "$@" > words\n{ends}\n')
    program.chmod(0o755)
    environment = {
        **{"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_SUBMIT_DIR": str(tmp_path)},
        **{"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"},
    }
    with subprocess.Popen(["bash", str(DEPLOY / "slurm_workers.sh"), "orders"], env=environment) as job:
        if ends.startswith("sleep"):
            deadline = time.monotonic() + 20
            while not (tmp_path / "there").exists():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            job.send_signal(signal.SIGTERM)  # as --signal=B:TERM@60 does
        assert job.wait(20) == code

    assert (tmp_path / "words").read_text().split() == [
        *("worker", "orders", "--wait", "--until-empty", "--name", "slurm-7-3"),
    ]
