"""The guide to nights and its examples: each is run, as cron, systemd or Airflow would run it."""

import configparser
import os
import re
import runpy
import shlex
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import pytest
import typer
import yaml
from croniter import croniter

from bulk_referrals.cli import app
from bulk_referrals.config import Settings
from bulk_referrals.events import Event
from bulk_referrals.model import RunState
from bulk_referrals.sandbox import Sandbox, SandboxOptions
from bulk_referrals.telling.ending import Ending
from bulk_referrals.telling.metrics import write_metrics

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples"
GUIDE = (DOCS / "nightly.md").read_text(encoding="utf-8")
HEADER = "referrer_mobile,type,identifier,name,invited_on,referral_code"
NIGHT = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)


def example(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


# --- the guide


def first_column(heading: str) -> list[str]:
    table = GUIDE[GUIDE.index(f"| {heading} |") :].split("\n\n", 1)[0].splitlines()
    return [name for line in table[2:] for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def test_the_guide_names_each_event_of_the_log() -> None:
    assert sorted(first_column("event")) == sorted(each.value for each in Event)


def test_the_guide_names_each_figure(tmp_path: Path) -> None:
    ending = Ending(
        name="", run_id="", state="finished", exit_code=0, headline="", started_at=NIGHT,
        finished_at=NIGHT,
    )  # fmt: skip
    write_metrics(tmp_path / "n.prom", ending)
    written = set(re.findall(r"(?m)^# TYPE (\S+)", (tmp_path / "n.prom").read_text("utf-8")))
    assert {name.partition("{")[0] for name in first_column("name")} == written
    rules = yaml.safe_load(example("alerts.yml"))["groups"][0]["rules"]
    used = {name for rule in rules for name in re.findall(r"bulk_referrals_\w+", rule["expr"])}
    assert len(rules) == 3
    assert used <= written


def test_what_the_guide_names_is_there() -> None:
    flags = {
        flag
        for command in dict(typer.main.get_group(app).commands).values()
        for parameter in command.params
        for flag in (*parameter.opts, *parameter.secondary_opts)
    }
    named = set(
        re.findall(
            r"(?<![\w-])--[a-z][a-z-]+", re.sub(r"```sh\n.*?```", "", GUIDE, flags=re.DOTALL)
        )
    )
    assert named - {"--now"} <= flags  # systemctl's
    settings = set(re.findall(r"\(`([a-z_]+)`", GUIDE)) | set(re.findall(r"`(notify\w*)", GUIDE))
    assert settings <= set(Settings.model_fields)
    for state in ("refused", "nothing_to_do"):
        assert f"`{state}`" in GUIDE
        assert RunState(state)
    for link in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", GUIDE):
        assert (DOCS / link).exists(), link
    examples = {each.name for each in EXAMPLES.iterdir() if each.is_file()}
    assert examples <= set(re.findall(r"[\w.-]+\.\w+", GUIDE))


# --- the examples


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(tills={"store123": "Pass123"})) as started:
        yield started


@pytest.fixture
def machine(tmp_path: Path, sandbox: Sandbox) -> Path:
    """A machine's folders under one, as the guide sets them up, and an export that landed."""
    sandbox.reset()
    for folder in ("etc/bulk-referrals", "opt/bulk-referrals/bin", "var/lib/bulk-referrals",
                   "var/lib/node_exporter", "var/log/bulk-referrals", "srv/exports"):  # fmt: skip
        (tmp_path / folder).mkdir(parents=True)
    program = tmp_path / "opt/bulk-referrals/bin/bulk-referrals"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m bulk_referrals "$@"\n', "utf-8")
    program.chmod(0o755)
    settings = moved(example("settings.toml"), tmp_path).replace("unchanged_for_s = 5", "")
    (tmp_path / "etc/bulk-referrals/settings.toml").write_text(settings, "utf-8")
    secrets = example("secrets.env") + (
        f"BULK_REFERRALS_HOST={sandbox.url}\nBULK_REFERRALS_SETTLE_S=0.1\n"
        "BULK_REFERRALS_RATE=unlimited\n"
    )
    (tmp_path / "etc/bulk-referrals/secrets.env").write_text(secrets, "utf-8")
    (tmp_path / "etc/bulk-referrals/secrets.env").chmod(0o600)
    export(tmp_path, "monday.csv", 12)
    return tmp_path


def export(machine: Path, name: str, rows: int, first: int = 0) -> None:
    lines = [
        f"+919876{number:06d},MOBILE,+9197000{number:05d},Asha,2026-01-02 10:00,pV7BF"
        for number in range(first, first + rows)
    ]
    (machine / "srv/exports" / name).write_text("\n".join([HEADER, *lines, ""]), "utf-8")


def moved(text: str, machine: Path) -> str:
    """Return the text with its folders below another root."""
    return re.sub(r"(?<![\w/])/(etc|opt|srv|var)/", rf"{machine}/\1/", text)


def assert_a_night_went_by(machine: Path, sandbox: Sandbox, invites: int) -> None:
    assert len(sandbox.invites()) == invites
    assert "run_ended" in (machine / "var/log/bulk-referrals/night.log").read_text("utf-8")
    figures = (machine / "var/lib/node_exporter/bulk_referrals.prom").read_text("utf-8")
    assert 'bulk_referrals_last_run_exit_code{organisation="brand",profile=""} 0.0' in figures
    (report,) = (machine / "var/lib/bulk-referrals/reports").glob("*/report.xlsx")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600


def run_bare(
    words: list[str], cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run without a terminal and with nothing in the environment but what is given."""
    return subprocess.run(
        words,
        cwd=cwd,
        env=environment or {},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        start_new_session=True,
    )


def test_the_settings_are_settings() -> None:
    settings = Settings(**tomllib.loads(example("settings.toml")))
    assert (settings.expect_rows, settings.expect_growth) == ("10..50000", 10)


def test_the_line_for_cron_runs_as_cron_runs_it(machine: Path, sandbox: Sandbox) -> None:
    lines = [line for line in example("bulk-referrals.cron").splitlines() if line[:1] != "#"]
    variables = dict(line.split("=", 1) for line in lines[:-1])
    *times, user, command = lines[-1].split(maxsplit=6)
    night = croniter(" ".join(times), NIGHT).get_next(datetime)
    assert (night, user) == (NIGHT.replace(day=24), "referrals")
    assert "%" not in command.replace(r"\%", "")  # cron takes it for the end of the line

    shell = [variables["SHELL"], "-c", moved(command, machine)]
    bare = {"PATH": variables["PATH"], "SHELL": variables["SHELL"], "HOME": str(machine),
            "LOGNAME": user, "USER": user}  # fmt: skip
    ran = run_bare(shell, machine, bare)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert_a_night_went_by(machine, sandbox, 12)

    again = run_bare(shell, machine, bare)  # no new export: somebody hears of it
    assert again.returncode == 2
    assert again.stderr.count("\n") == 2, again.stderr
    assert len(sandbox.invites()) == 12


def unit(name: str) -> configparser.ConfigParser:
    read = configparser.ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]  # as its documentation says
    read.read_string(example(name))
    return read


def test_the_unit_runs_as_systemd_runs_it(machine: Path, sandbox: Sandbox) -> None:
    service = unit("bulk-referrals.service")["Service"]
    environment = dict(
        line.split("=", 1)
        for line in Path(moved(service["EnvironmentFile"], machine))
        .read_text("utf-8")
        .splitlines()
        if line and line[0] != "#"
    )
    words = shlex.split(moved(service["ExecStart"], machine))  # no shell: nothing is expanded
    cwd = Path(moved(service["WorkingDirectory"], machine))
    ran = run_bare(words, cwd, environment)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert_a_night_went_by(machine, sandbox, 12)

    export(machine, "tuesday.csv", 400, first=500)
    ran = run_bare(words, cwd, environment)
    assert ran.returncode == 2
    assert "there are 400 rows, more than 10 times the usual 12" in ran.stderr
    assert service["SuccessExitStatus"] == "1"
    assert len(sandbox.invites()) == 12


@pytest.mark.systemd
def test_systemd_takes_the_units(machine: Path) -> None:
    folder = machine / "units"
    folder.mkdir()
    for name in ("bulk-referrals.service", "bulk-referrals.timer"):
        text = moved(example(name), machine).replace("User=referrals\n", "")
        (folder / name).write_text(text, "utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=one",
         folder / "bulk-referrals.service", folder / "bulk-referrals.timer"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    ours = [line for line in verified.stderr.splitlines() if "bulk-referrals" in line]
    assert (verified.returncode, ours) == (0, [])
    when = unit("bulk-referrals.timer")["Timer"]["OnCalendar"]
    told = subprocess.run(
        ["systemd-analyze", "calendar", when], capture_output=True, text=True, check=True
    )
    assert "02:15:00" in told.stdout


class Recorder:
    """Stands in for the two names that the example takes from Airflow; keeps what they get."""

    made: list[dict[str, Any]]

    def __init__(self, **given: Any) -> None:
        self.made.append(given)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        pass


@pytest.fixture
def dag(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the example gives to DAG and to BashOperator."""
    made: dict[str, list[dict[str, Any]]] = {"DAG": [], "BashOperator": []}
    for path in ("airflow", "airflow.sdk", "airflow.providers", "airflow.providers.standard",
                 "airflow.providers.standard.operators",
                 "airflow.providers.standard.operators.bash"):  # fmt: skip
        monkeypatch.setitem(sys.modules, path, ModuleType(path))
    for path, name in (("airflow.sdk", "DAG"),
                       ("airflow.providers.standard.operators.bash", "BashOperator")):  # fmt: skip
        vars(sys.modules[path])[name] = type(name, (Recorder,), {"made": made[name]})
    runpy.run_path(str(EXAMPLES / "airflow_dag.py"))
    ((whole,), (task,)) = made.values()
    return whole, task


def test_airflows_task_runs_as_airflow_runs_it(
    machine: Path, sandbox: Sandbox, dag: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    whole, task = dag
    assert croniter(whole["schedule"], NIGHT).get_next(datetime) == NIGHT.replace(day=24)
    assert (whole["catchup"], whole["max_active_runs"]) == (False, 1)
    shell = ["bash", "-c", moved(task["bash_command"], machine)]
    ran = run_bare(shell, machine, {"PATH": os.environ["PATH"]})
    assert (ran.returncode, '"event": "run_ended"' in ran.stderr) == (0, True)
    assert len(sandbox.invites()) == 12

    export(machine, "tuesday.csv", 12, first=100)  # one row needs a person: no failure of the task
    path = machine / "srv/exports/tuesday.csv"
    path.write_text(path.read_text("utf-8").replace("+9197000", "98-", 1), "utf-8")
    assert run_bare(shell, machine, {"PATH": os.environ["PATH"]}).returncode == 0
    assert len(sandbox.invites()) == 23
    assert run_bare(shell, machine, {"PATH": os.environ["PATH"]}).returncode == 2  # nothing new
