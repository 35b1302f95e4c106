"""The address of a database: read exactly, and shown without its password."""

import sys
from pathlib import Path

import pytest

from bulk_referrals.config import load_settings
from bulk_referrals.database import DatabaseUrl, path_or_url
from bulk_referrals.errors import LedgerError, UsageError
from bulk_referrals.ledger import open_ledger


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("postgresql://ann@db/refs", "postgresql://ann@db/refs"),
        ("postgres://ann:s3cret@db:5433/refs", "postgres://ann@db:5433/refs"),
        ("postgresql://ann:s3cret@a:1,b:2/refs?sslmode=verify-full&password=s3cret",
         "postgresql://ann@a:1,b:2/refs?sslmode=verify-full"),
        ("postgresql:///refs?user=ann&sslpassword=s3cret", "postgresql:///refs?user=ann"),
        ("postgresql://ann:s3%40cret@[::1]/refs", "postgresql://ann@[::1]/refs"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_its_password(written: str, shown: str) -> None:
    url = DatabaseUrl.read(written)
    assert url.secret == written
    assert str(url) == f"{url}" == shown
    assert "s3" not in repr(url)


def test_passwords_are_known_as_they_are_written_and_as_they_are_meant() -> None:
    url = DatabaseUrl.read("postgresql://ann:s3%40cret@db/refs?password=other")
    assert set(url.passwords) == {"s3%40cret", "s3@cret", "other"}
    assert DatabaseUrl.read("postgresql:///refs").passwords == ()


@pytest.mark.parametrize(
    "written",
    [
        "postgresql://ann:s3@cret@db/refs",
        "postgresql://ann:s3/cret@db/refs",
        "postgresql://ann:s3#cret@db/refs",
        "postgresql://ann:s3?cret@db/refs",
        "postgresql:/ann:s3cret@db/refs",
        "postgresql://ann:s3cret@[db/refs",
        "postgresql://ann@db/refs?s3cret",
    ],
)
def test_a_url_that_would_be_misread_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(None, {"ledger": written})
    assert "write it as postgresql://" in str(caught.value)
    assert "s3" not in str(caught.value)
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("place", ["ledger.sqlite3", "postgres.sqlite3", "/srv/postgresql/x"])
def test_anything_else_is_a_path(place: str) -> None:
    assert path_or_url(place) == place
    assert load_settings(None, {"ledger": place}).ledger == Path(place)


def test_settings_keep_the_password_to_themselves() -> None:
    settings = load_settings(None, {"ledger": "postgresql://ann:s3cret@db/refs"})
    assert settings.ledger == DatabaseUrl("postgresql://ann:s3cret@db/refs")
    assert settings.public()["ledger"] == "postgresql://ann@db/refs"
    assert "s3cret" not in f"{settings!r}{settings}{settings.model_dump_json()}"


def test_a_database_that_is_not_there_is_told_without_the_password() -> None:
    url = DatabaseUrl.read("postgresql://ann:s3cret@127.0.0.1:1/refs?connect_timeout=2")
    with pytest.raises(LedgerError, match="the ledger cannot be used") as caught:
        open_ledger(url)
    assert "s3cret" not in str(caught.value)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bulk_referrals.ledger.postgres", None)
    with pytest.raises(LedgerError, match=r"pip install 'bulk-referrals\[postgres\]'"):
        open_ledger(DatabaseUrl("postgresql:///refs"))
