"""The layers of settings: which wins, where each value comes from, every fault in its place."""

from pathlib import Path
from typing import Any

import pytest

from bulk_referrals.config import Effective, is_secret, load_effective, load_settings
from bulk_referrals.errors import UsageError

SECRET = "hush-hush-77"
PROFILES = """region = "IN"
concurrency = 2
invited_on = 2026-01-02
[columns]
"Phone" = "identifier"
[profiles.prod]
cluster = "apac"
concurrency = 3
[profiles.prod.columns]
"Who" = "name"
[profiles.demo]
region = "AE"
"""


@pytest.fixture(autouse=True)
def _only_the_environment_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    import os  # noqa: PLC0415 - only here

    for name in os.environ:
        if name.startswith("BULK_REFERRALS_"):
            monkeypatch.delenv(name)


def file_of(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "settings.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def faults(file: Path | None, **flags: Any) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_settings(file, flags)
    return str(caught.value).splitlines()


def origins(got: Effective, *names: str) -> list[str]:
    return [got.origin(name) for name in names]


# --- which wins


def test_a_profile_overrides_the_top_of_its_file(tmp_path: Path) -> None:
    got = load_settings(file_of(tmp_path, PROFILES), {"profile": "prod"})
    assert (got.region, got.cluster, got.concurrency) == ("IN", "apac", 3)
    assert got.columns == {"Phone": "identifier", "Who": "name"}
    assert got.invited_on == "2026-01-02"
    assert (got.config, got.profile) == (tmp_path / "settings.toml", "prod")


def test_without_a_profile_none_counts(tmp_path: Path) -> None:
    got = load_settings(file_of(tmp_path, PROFILES), {})
    assert (got.region, got.cluster, got.concurrency, got.profile) == ("IN", None, 2, "")


def test_the_environment_names_file_and_profile_and_yields_to_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_CONFIG", str(file_of(tmp_path, PROFILES)))
    monkeypatch.setenv("BULK_REFERRALS_PROFILE", "demo")
    assert load_settings(None, {}).region == "AE"
    assert load_settings(None, {"profile": "prod"}).region == "IN"
    other = tmp_path / "other.toml"
    other.write_text('[profiles.demo]\nregion = "GB"\n', encoding="utf-8")
    assert load_settings(other, {}).region == "GB"


def test_each_setting_tells_where_it_comes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BULK_REFERRALS_TIMEZONE", "UTC")
    monkeypatch.setenv("BULK_REFERRALS_CONCURRENCY", "9")
    got = load_effective(file_of(tmp_path, PROFILES), {"profile": "prod", "rate": "5/s"})
    assert origins(got, "region", "cluster", "timezone", "rate", "timeout") == [
        "file", "profile prod", "environment", "flag", "default",
    ]  # fmt: skip
    assert got.origin("concurrency") == "environment"
    assert got.origin("columns") == "file, profile prod"


def test_a_run_that_is_resumed_finds_its_file_and_profile_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f'[profiles.prod]\nusername = "till"\npassword = "{SECRET}"\n'
    file_of(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    kept = load_settings(Path("settings.toml"), {"profile": "prod"}).public()
    monkeypatch.chdir("/")
    assert load_settings(None, kept).password.get_secret_value() == SECRET


# --- what is wrong, and where


def test_every_profile_is_checked_and_all_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of(
        tmp_path,
        f'regoin = "IN"\n[mobile]\npatern = "9"\n[profiles.prod]\nconcurrency = 0\n'
        f'[profiles.demo]\nquiet_hours = "{SECRET}"\nconfig = "x.toml"\n[profiles.demo.mobile]\n'
        f'lengths = ["{SECRET}"]\n',
    )  # fmt: skip
    monkeypatch.setenv("BULK_REFERRALS_BATCH_SIZE", SECRET)
    monkeypatch.setenv("BULK_REFERRALS_COLUMNS", SECRET)
    said = faults(file, profile="prod", timeout=-1.0)
    assert said == [
        ("BULK_REFERRALS_COLUMNS: write it as JSON, such as "
        '{"Your column": "identifier"}.'),
        f"{file}: there is no setting regoin. Did you mean region?",
        f"{file}: there is no setting mobile.patern. Did you mean mobile.pattern?",
        (f"{file} [profiles.prod]: concurrency: it should be greater than or equal to 1. "
        "Most requests under way at once."),
        ("BULK_REFERRALS_BATCH_SIZE: it should be a valid integer, unable to parse string as an "
        "integer. Most invites of one referrer in a request."),
        "timeout: it should be greater than 0. Seconds for one request and its answer.",
        (f"{file} [profiles.demo]: config is chosen outside, by --config or "
        "BULK_REFERRALS_CONFIG. Take it out."),
        (f"{file} [profiles.demo]: mobile.lengths.0: it should be a valid integer, unable to "
        "parse string as an integer. The brand's own rule."),
        f"{file} [profiles.demo]: quiet_hours: write quiet hours as 21:00-09:00.",
    ]  # fmt: skip


def test_a_fault_is_said_although_a_flag_covers_it(tmp_path: Path) -> None:
    (said,) = faults(file_of(tmp_path, 'rate = "fast"\n'), rate="5/s")
    assert said.endswith("rate: write a rate as 300/min, 5/s or unlimited.")


def test_a_profile_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    file = file_of(tmp_path, PROFILES)
    assert faults(file, profile="prd") == [
        f"{file}: there is no profile prd. Did you mean prod? It has: prod, demo."
    ]
    assert faults(file_of(tmp_path, ""), profile="prod")[0].endswith("prod. It has none.")
    assert faults(None, profile="prod") == [
        "There is no configuration, so no profile prod. Give --config FILE."
    ]


@pytest.mark.parametrize("text", ['profiles = "prod"\n', '[profiles]\nprod = "apac"\n'])
def test_a_profile_that_is_no_table_is_said(tmp_path: Path, text: str) -> None:
    (said,) = faults(file_of(tmp_path, text))
    assert said.endswith("is not a table. Write a profile as [profiles.prod].")


@pytest.mark.parametrize(
    "text",
    [
        f'[profiles.prod]\npassword = "{SECRET}"\n',
        f'proxy = "http://me:{SECRET}@p:1"\n',
        f'[profiles.prod]\nledger = "postgresql://me:{SECRET}@db/bulk"\n',
    ],
)
def test_credentials_anywhere_in_a_file_make_it_its_owners_alone(
    tmp_path: Path, text: str
) -> None:
    file = file_of(tmp_path, text + "\n", 0o644)
    (said,) = faults(file)
    assert f"chmod 600 {file}" in said
    assert SECRET not in said


def test_a_variable_that_is_no_setting_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULK_REFERRALS_CONCURENCY", SECRET)
    assert load_effective(None, {}).layers.strays == (
        (
            "BULK_REFERRALS_CONCURENCY: there is no such setting, so it counts for nothing. "
            "Did you mean BULK_REFERRALS_CONCURRENCY?"
        ),
    )


def test_what_may_hold_a_secret_is_never_shown() -> None:
    secret = {"username", "password", "client_key", "client_secret", "proxy"}
    assert secret <= {name for name in type(load_settings(None, {})).model_fields
                      if is_secret(name)}  # fmt: skip
    assert not is_secret("rate")
