"""deploy/: what a container is made from and told. Built where a builder is; otherwise its steps are run here."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from crawler.cli import exits
from crawler.settings import field_names

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def steps() -> list[tuple[str, str]]:
    """Instruction and rest of each line of the Dockerfile."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def variables(text: str) -> set[str]:
    """The settings that are named as variables."""
    return {name.lower() for name in re.findall(r"CRAWL_([A-Z_]+)", text)}


@pytest.mark.parametrize("file", ["Dockerfile", "compose.yaml", "cronjob.yaml"])
def test_each_variable_of_ours_is_a_setting(file: str) -> None:
    assert variables((DEPLOY / file).read_text()) <= set(field_names())


def test_the_image_is_small_not_root_and_keeps_its_data() -> None:
    found = dict(steps())

    assert found["FROM"].endswith("-slim")
    assert found["USER"] == "crawl"
    assert [word for word, _ in steps()].index("USER") < [word for word, _ in steps()].index("ENTRYPOINT")
    assert found["VOLUME"] == "/project/data"


@pytest.mark.slow
def test_the_steps_of_the_dockerfile_give_a_command_that_runs(tmp_path: Path) -> None:
    """The COPY and the pip of the image, here; what the package depends on is there already."""
    for word, rest in steps():
        if word == "COPY":
            *sources, target = rest.split()
            for source in sources:
                place = tmp_path / target / (Path(source).name if target.endswith("/") else "")
                place.parent.mkdir(parents=True, exist_ok=True)
                if (ROOT / source).is_dir():
                    shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, place)
        elif word == "RUN" and "pip install" in rest:
            assert "./package[${EXTRAS}]" in shlex.split(rest)
            subprocess.run(
                [*(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile"),
                 *("--target", "installed", "./package")],
                cwd=tmp_path, check=True, timeout=110, capture_output=True,
            )  # fmt: skip
    environ = {**os.environ, "PYTHONPATH": str(tmp_path / "installed"), "CRAWL_LOG_FORMAT": "json"}

    done = subprocess.run(
        [sys.executable, "-m", "crawler.cli", "list"], cwd=tmp_path, env=environ, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert "bookshop" in done.stdout


def test_docker_builds_the_image() -> None:
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode != 0:
        pytest.skip("needs docker, and its daemon")
    done = subprocess.run(
        ["docker", "build", "-q", "-f", "deploy/Dockerfile", "."], cwd=ROOT, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr


def test_compose_runs_commands_that_there_are_and_stops_softly() -> None:
    services: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]

    loop = services["schedule"]["entrypoint"]
    assert loop[:2] == ["sh", "-c"]
    assert subprocess.run(["sh", "-n", "-c", loop[2]], capture_output=True).returncode == 0
    assert "crawl schedule run-due" in loop[2]
    assert all(int(each["stop_grace_period"][:-1]) > 15 for each in services.values())  # the setting `grace`


def test_the_cron_job_lets_one_run_at_a_time_as_the_user_of_the_image_and_tries_no_failed_night_again() -> None:
    job = yaml.safe_load((DEPLOY / "cronjob.yaml").read_text())
    template = job["spec"]["jobTemplate"]["spec"]
    pod = template["template"]["spec"]

    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert (template["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    uid = re.search(r"--uid (\d+)", (DEPLOY / "Dockerfile").read_text())
    assert uid is not None
    assert pod["securityContext"]["runAsUser"] == int(uid[1])
    assert pod["terminationGracePeriodSeconds"] > 15
    mounts = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert "/project/data" in mounts


def test_the_dag_of_airflow_names_commands_that_there_are_and_gives_their_codes_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Airflow is not installed for the tests: stand-ins take what the file gives it."""
    tasks: dict[str, dict[str, Any]] = {}

    class Operator:
        def __init__(self, **words: Any) -> None:
            tasks[words["task_id"]] = words

        def __rshift__(self, other: Operator) -> None:
            tasks["order"] = {}

    monkeypatch.setitem(sys.modules, "airflow.sdk", SimpleNamespace(DAG=lambda *_, **words: nullcontext(words)))
    for name in ("airflow", "airflow.providers", "airflow.providers.standard", "airflow.providers.standard.operators"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    monkeypatch.setitem(
        sys.modules, "airflow.providers.standard.operators.bash", SimpleNamespace(BashOperator=Operator)
    )
    made = runpy.run_path(str(DEPLOY / "airflow_dag.py"))

    assert (made["dag"]["catchup"], made["dag"]["max_active_runs"]) == (False, 1)
    assert (tasks["crawl"]["retries"], tasks["crawl"]["skip_on_exit_code"]) == (0, exits.RUNNING)
    program = tmp_path / "crawl"
    program.write_text('#!/bin/sh\necho "$@" >> words\nexit "$CODE"\n')
    program.chmod(0o755)
    for code in (0, 3, 4, 11):
        for name in ("crawl", "export"):
            command = tasks[name]["bash_command"].replace(made["CRAWL"], str(program))
            done = subprocess.run(["bash", "-c", command], cwd=tmp_path, env={**os.environ, "CODE": str(code)})
            assert done.returncode == code
    words = (tmp_path / "words").read_text().splitlines()
    assert set(words) == {"run orders --quiet", "export orders -o data/orders.csv"}


def test_what_the_page_tells_kubernetes_not_to_try_again_is_what_another_try_would_not_change() -> None:
    page = (ROOT / "docs" / "howto" / "exit-codes.md").read_text(encoding="utf-8")
    policy = yaml.safe_load(page.partition("```text\n")[2].partition("```")[0])["podFailurePolicy"]
    codes = next(rule["onExitCodes"]["values"] for rule in policy["rules"] if "onExitCodes" in rule)

    known = {code for code, *_ in exits.TABLE}
    assert set(codes) == known & {
        *(exits.USAGE, exits.LOGIN, exits.HUMAN, exits.NOTHING, exits.NO_ITEMS, exits.LESS),
    }
