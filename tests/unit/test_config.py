"""Settings: where they come from, what they refuse, and what they never show."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulk_referrals.config import (
    CLUSTER_HOSTS,
    CLUSTER_TIMEZONES,
    Cluster,
    Settings,
    in_quiet_hours,
    load_settings,
    parse_quiet_hours,
    parse_rate,
    parse_rows,
    shown,
)
from bulk_referrals.errors import UsageError
from bulk_referrals.model import MobileFormat

SECRET = "hush-hush-77"


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


def faults(flags: dict[str, Any], file: Path | None = None) -> list[str]:
    with pytest.raises(UsageError) as caught:
        load_settings(file, flags)
    return str(caught.value).splitlines()


# --- where they come from


def test_a_file_yields_to_the_environment_and_that_to_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of(tmp_path, 'region = "IN"\ncampaign_token = "FILE"\nconcurrency = 2\n')
    monkeypatch.setenv("BULK_REFERRALS_CAMPAIGN_TOKEN", "ENV")
    monkeypatch.setenv("BULK_REFERRALS_CONCURRENCY", "3")
    got = load_settings(file, {"concurrency": 4})
    assert (got.region, got.campaign_token, got.concurrency) == ("IN", "ENV", 4)


def test_without_anything_all_settings_have_their_defaults() -> None:
    got = load_settings(None, {})
    assert got.public() == Settings().public()
    assert (str(got.ledger), str(got.reports)) == (".bulk_referrals/ledger.sqlite3", "reports")
    assert (got.rate, got.batch_size, got.customers_per_request) == (300.0, 50, 1)
    assert (got.settle_s, got.timeout, got.concurrency) == (30.0, 30.0, 16)
    assert got.mobile_format is MobileFormat.DIGITS


IN_THE_ENVIRONMENT = {
    "ledger": "/l.sqlite3", "reports": "/r", "wait_s": "5", "columns": '{"Phone": "identifier"}',
    "sheets": "Wave 1, Wave 2", "encoding": "cp1252", "delimiter": ";", "campaign_token": "J0H7Q",
    "region": "AE", "invited_on": "2026-01-02", "timezone": "Asia/Dubai",
    "cluster_timezone": "UTC", "day_first": "true", "mobile_format": "e164",
    "mobile": '{"country_codes": ["91"]}', "suppress": "a.csv,b.csv",
    "host": "https://example.com", "cluster": "eu", "organisation": "brand",
    "proxy": "http://proxy:3128", "username": "till", "password": SECRET, "client_key": SECRET,
    "client_secret": SECRET, "token_host": "https://tokens.example.com",
    "attribution_type": "TILL", "attribution_code": "till.01", "rate": "7/s", "concurrency": "7",
    "timeout": "12.5", "batch_size": "9", "customers_per_request": "2", "max_attempts": "3",
    "settle_s": "0", "outage_s": "60", "max_failures": "0", "max_failure_rate": "0.2",
    "canary": "3", "limit": "0", "quiet_hours": "21:00-09:00", "max_memory": "1GiB",
    "read_timeout": "20", "lookup_codes": "true", "engine": "dask",
    "scheduler": "tcp://10.0.0.5:8786", "partition_size": "8MiB", "work": "/w",
    "expect_rows": "1000..50000", "expect_growth": "10", "allow_empty": "true",
    "log_file": "/n.log", "log_format": "json",
    "notify": f"mailto://u:{SECRET}@example.com?to=a@b.c,d@e.f, slack://{SECRET}/b",
    "notify_on": "always", "notify_attach": "report.xlsx,run.json", "metrics": "/m.prom",
    "new_only": "true", "unchanged_for_s": "60", "afterwards": "move", "done_folder": "sent",
    "failed_folder": "amiss", "remote_timeout": "5", "known_hosts": "/k", "sftp_password": SECRET,
}  # fmt: skip


# They say where the settings are; tests of their own stand in test_layering.
OUTSIDE = {"config", "profile"}


def test_every_setting_is_tried_below() -> None:
    assert set(Settings.model_fields) - OUTSIDE <= set(IN_THE_ENVIRONMENT)


@pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - OUTSIDE))
def test_every_setting_has_its_variable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"BULK_REFERRALS_{name.upper()}", IN_THE_ENVIRONMENT[name])
    assert getattr(load_settings(None, {}), name) != getattr(Settings.model_construct(), name)


def test_lists_and_tables_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("sheets", "suppress", "columns", "mobile"):
        monkeypatch.setenv(f"BULK_REFERRALS_{name.upper()}", IN_THE_ENVIRONMENT[name])
    got = load_settings(None, {})
    assert got.sheets == ("Wave 1", "Wave 2")
    assert got.suppress == ("a.csv", "b.csv")
    assert got.columns == {"Phone": "identifier"}
    assert got.mobile.country_codes == ("91",)


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULK_REFERRALS_CONCURRENCY", "")
    assert load_settings(None, {}).concurrency == 16


def test_tables_and_lists_are_read_from_a_file(tmp_path: Path) -> None:
    file = file_of(
        tmp_path,
        'sheets = ["Wave 1"]\nday_first = true\n[columns]\n"Friend\'s phone" = "identifier"\n'
        '[mobile]\ncountry_codes = ["91", "971"]\npattern = "91\\\\d{10}"\nlengths = [12]\n',
    )
    got = load_settings(file, {})
    assert got.columns == {"Friend's phone": "identifier"}
    assert (got.mobile.country_codes, got.mobile.lengths) == (("91", "971"), (12,))
    assert (got.sheets, got.day_first) == (("Wave 1",), True)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load_settings(None, {}), "rate", 1.0)  # noqa: B010 - mypy knows it is frozen


# --- what they refuse


def test_all_faults_are_said_at_once_and_none_shows_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = file_of(tmp_path, f'concurency = 3\ntimeout = "{SECRET}"\n')
    monkeypatch.setenv("BULK_REFERRALS_RATE", SECRET)
    said = faults({"host": f"ftp://{SECRET}", "batch_size": 0}, file)
    assert len(said) == 5
    assert f"{file}: there is no setting concurency. Did you mean concurrency?" in said
    assert "BULK_REFERRALS_RATE: write a rate as 300/min, 5/s or unlimited." in said
    assert "host: write it as https://HOST (http only on this machine)." in said
    assert not any(SECRET in line for line in said)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("concurrency", 0, "greater than or equal to 1"),
        ("concurrency", 1001, "less than or equal to 1000"),
        ("timeout", 0, "greater than 0"),
        ("cluster", "mars", "'apac'"),
        ("mobile_format", "fancy", "'digits'"),
        ("timezone", "Asia/Nowhere", "write a time zone as"),
        ("cluster_timezone", "../../etc/passwd", "write a time zone as"),
        ("quiet_hours", "9pm-9am", "write quiet hours as"),
        ("max_failure_rate", 1.5, "less than or equal to 1"),
        ("canary", 0, "greater than or equal to 1"),
        ("limit", -1, "greater than or equal to 0"),
    ],
)
def test_a_fault_names_its_setting_and_what_to_write(name: str, value: object, words: str) -> None:
    (said,) = faults({name: value})
    assert said.startswith(f"{name}: ")
    assert words in said
    assert said.endswith(".")


@pytest.mark.parametrize("name", ["columns", "mobile"])
def test_a_table_in_the_environment_that_is_no_json_is_a_fault_like_any_other(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"BULK_REFERRALS_{name.upper()}", f"Phone={SECRET}")
    (said,) = faults({})
    assert f"BULK_REFERRALS_{name.upper()}" in said
    assert SECRET not in said


def test_a_file_that_is_not_there_or_not_toml_is_said(tmp_path: Path) -> None:
    (said,) = faults({}, tmp_path / "none.toml")
    assert said.startswith(f"{tmp_path / 'none.toml'}: ")
    (said,) = faults({}, tmp_path)
    assert "cannot be read" in said
    (said,) = faults({}, file_of(tmp_path, "region = IN\n"))
    assert "not valid TOML" in said
    (tmp_path / "settings.toml").write_bytes(b'region = "\xff"')
    (said,) = faults({}, tmp_path / "settings.toml")
    assert "not valid TOML" in said


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
@pytest.mark.parametrize("name", ["username", "password", "client_key", "client_secret"])
def test_a_file_with_credentials_must_be_its_owners_alone(
    tmp_path: Path, mode: int, name: str
) -> None:
    file = file_of(tmp_path, f'{name} = "{SECRET}"\n', mode)
    (said,) = faults({}, file)
    assert f"chmod 600 {file}" in said
    assert SECRET not in said
    file.chmod(0o600)
    assert load_settings(file, {}) is not None


def test_a_file_without_credentials_may_be_read_by_all(tmp_path: Path) -> None:
    assert load_settings(file_of(tmp_path, 'region = "IN"\n', 0o644), {}).region == "IN"


# --- what they never show


def test_no_secret_is_shown(tmp_path: Path) -> None:
    file = file_of(
        tmp_path,
        f'username = "till"\npassword = "{SECRET}"\nclient_key = "{SECRET}"\n'
        f'client_secret = "{SECRET}"\nproxy = "http://me:{SECRET}@proxy:3128"\n',
    )
    got = load_settings(file, {})
    assert SECRET not in repr(got)
    assert SECRET not in repr(got.public())
    assert SECRET not in repr(shown(got.public()))
    assert "till" not in repr(got.public())
    assert got.password.get_secret_value() == SECRET


def test_a_proxy_without_credentials_is_shown() -> None:
    assert shown(load_settings(None, {"proxy": "http://proxy:1"}).public()) == {
        "proxy": "http://proxy:1"
    }


def test_what_is_kept_of_a_run_is_enough_to_go_on_with(tmp_path: Path) -> None:
    flags = {
        "rate": "5/s", "sheets": ["A"], "columns": {"Phone": "identifier"}, "cluster": "sea",
        "mobile": {"country_codes": ["91"]}, "day_first": False, "reports": tmp_path,
    }  # fmt: skip
    got = load_settings(None, flags)
    assert load_settings(None, got.public()).public() == got.public()


def test_only_what_differs_from_the_defaults_is_shown_to_people() -> None:
    assert shown(load_settings(None, {}).public()) == {}
    got = load_settings(None, {"sheets": ["A", "B"], "columns": {"P": "name"}, "canary": 3})
    assert shown(got.public()) == {"sheets": "A, B", "columns": "P=name", "canary": "3"}


# --- rates


@pytest.mark.parametrize(
    ("text", "rate_per_min"),
    [
        ("300/min", 300.0), ("300 / Minute", 300.0), ("5/s", 300.0), ("0.5/sec", 30.0),
        ("120/h", 2.0), ("90/hour", 1.5), ("unlimited", None), (" None ", None),
    ],
)  # fmt: skip
def test_a_rate_is_read_as_requests_a_minute(text: str, rate_per_min: float | None) -> None:
    assert load_settings(None, {"rate": text}).rate == rate_per_min


@pytest.mark.parametrize("text", ["", "300", "300/day", "-5/s", "0/min", "fast", "1e3/s", "٣/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a rate as"):
        parse_rate(text)


def test_a_rate_of_a_resumed_run_is_taken_as_it_was_kept() -> None:
    assert load_settings(None, {"rate": 42.0}).rate == 42.0
    assert load_settings(None, {"rate": None}).rate is None
    (said,) = faults({"rate": 0.0})
    assert "rate" in said


# --- quiet hours


@pytest.mark.parametrize(
    ("hours", "moment", "quiet"),
    [
        ("21:00-09:00", "20:59:59", False), ("21:00-09:00", "21:00:00", True),
        ("21:00-09:00", "00:00:00", True), ("21:00-09:00", "08:59:59", True),
        ("21:00-09:00", "09:00:00", False), ("12:30-13:00", "12:45:00", True),
        ("12:30-13:00", "13:00:00", False), ("9:00 - 9:30", "09:29:00", True),
        ("09:00-09:00", "09:00:00", False), ("", "03:00:00", False),
    ],
)  # fmt: skip
def test_quiet_hours_may_run_over_midnight(hours: str, moment: str, *, quiet: bool) -> None:
    at = datetime.fromisoformat(f"2026-11-23T{moment}").replace(tzinfo=ZoneInfo("Asia/Kolkata"))
    assert in_quiet_hours(hours, at) is quiet


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=12))
def test_quiet_hours_are_read_or_refused(text: str) -> None:
    if re.fullmatch(r"\s*\d?\d:\d\d\s*-\s*\d?\d:\d\d\s*", text):
        return
    with pytest.raises(ValueError, match="write quiet hours as"):
        parse_quiet_hours(text)


# --- hosts


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("https://eu.example.com", "https://eu.example.com"),
        ("eu.example.com", "https://eu.example.com"),
        ("https://eu.example.com:8443/", "https://eu.example.com:8443"),
        ("https://eu.example.com/v1.1/?a=b", "https://eu.example.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080/", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_host_is_reached_over_tls_or_on_this_machine(host: str, base_url: str) -> None:
    assert load_settings(None, {"host": host}).base_url.rstrip("/") == base_url


@pytest.mark.parametrize(
    "host",
    [
        "http://eu.example.com", "http://127.0.0.1.example.com", "http://localhost.example.com",
        "ftp://eu.example.com", "https://", "https://till:pass@eu.example.com", "//", "http://",
        "https://eu.example.com:port", "https://eu exa mple.com", "http://till:pass@localhost",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["host", "token_host"])
def test_credentials_never_leave_in_clear(name: str, host: str) -> None:
    (said,) = faults({name: host})
    assert said == f"{name}: write it as https://HOST (http only on this machine)."


@pytest.mark.parametrize("cluster", get_args(Cluster))
def test_a_cluster_has_its_host_and_its_zone(cluster: str) -> None:
    got = load_settings(None, {"cluster": cluster})
    assert got.base_url == CLUSTER_HOSTS[cluster]
    assert got.api_timezone == CLUSTER_TIMEZONES[cluster]
    own = load_settings(
        None, {"cluster": cluster, "host": "https://x.example.com", "cluster_timezone": "UTC"}
    )
    assert (own.base_url, own.api_timezone) == ("https://x.example.com", "UTC")


# --- what a night is expected to bring, and who is told


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("", (0, None)),
        ("..", (0, None)),
        ("off", (0, None)),
        ("1000..50000", (1000, 50000)),
        ("1000 .. ", (1000, None)),
        ("..50000", (0, 50000)),
        ("7..7", (7, 7)),
    ],
)
def test_a_number_of_rows_may_be_open_at_either_end(
    text: str, rows: tuple[int, int | None]
) -> None:
    assert parse_rows(text) == rows
    assert load_settings(None, {"expect_rows": text}).expect_rows == text


@pytest.mark.parametrize("text", ["1000", "50..20", "a..b", "-1..3", "1,000..2", "٣..٤"])
def test_anything_else_is_told(text: str) -> None:
    told = "expect_rows: write a number of rows as 1000..50000, 1000.., ..50000 or off."
    assert faults({"expect_rows": text}) == [told]


def test_growth_is_a_factor_above_one_and_a_flag_can_switch_it_off(tmp_path: Path) -> None:
    file = file_of(tmp_path, "expect_growth = 10\n")
    assert load_settings(file, {}).expect_growth == 10
    assert load_settings(file, {"expect_growth": "off"}).expect_growth is None
    assert faults({"expect_growth": "1"})


def test_addresses_may_hold_commas_and_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BULK_REFERRALS_NOTIFY", IN_THE_ENVIRONMENT["notify"])
    settings = load_settings(None, {})
    assert [each.get_secret_value() for each in settings.notify] == [
        f"mailto://u:{SECRET}@example.com?to=a@b.c,d@e.f",
        f"slack://{SECRET}/b",
    ]
    assert SECRET not in repr(settings) + str(settings.public())
    assert "notify" not in settings.public()
    assert faults({"notify_attach": ["/etc/passwd"]})


def test_a_file_with_addresses_is_for_its_owner_alone(tmp_path: Path) -> None:
    text = f'notify = ["slack://{SECRET}/b"]\n'
    assert load_settings(file_of(tmp_path, text), {}).notify
    (told,) = faults({}, file_of(tmp_path, text, 0o644))
    assert "others can read it" in told
