"""The script that a competent user writes today: right, clear, and one row at a time.

pandas reads, `phonenumbers` and `email_validator` check each row, groupby packs the requests,
openpyxl writes the workbook. It gives the same outcomes, numbers and payloads as bulk_referrals.

    python benchmarks/typical.py rows.csv FOLDER
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from openpyxl import Workbook
from openpyxl.styles import Font

REGION: Final = "IN"
BATCH_SIZE: Final = 50
COLUMNS: Final = (
    "row",
    "outcome",
    "code",
    "reason",
    "what_to_do",
    "referrer",
    "campaign_token",
    "type",
    "identifier",
    "name",
    "invited_on",
    "referral_code",
)
_MOBILES: Final = {
    phonenumbers.PhoneNumberType.MOBILE,
    phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
}
_LOOKS_LIKE_A_NUMBER: Final = re.compile(r"[+(]?[0-9][0-9 ()+-]*")

Checked = dict[str, Any]


def mobile(text: str) -> str | None:
    """Return a mobile's digits with its country code, or None."""
    # phonenumbers takes "98765O43210" and "Ravi 9876543210" for mobiles.
    if not _LOOKS_LIKE_A_NUMBER.fullmatch(text.replace("(+", "+")):
        return None
    try:
        number = phonenumbers.parse(text, REGION)
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.number_type(number) not in _MOBILES:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164).lstrip("+")


def email(text: str) -> str | None:
    """Return an e-mail address with its domain in small letters, or None."""
    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{found.local_part}@{found.ascii_domain}"


def moment(text: str) -> datetime | None:
    """Return a date and time, or None."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - a wall time
    except ValueError:
        return None


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".xlsx":
        return pd.read_excel(path, dtype=str, keep_default_na=False, engine="openpyxl")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def check_row(
    number: int,
    row: Any,  # noqa: ANN401 - a named tuple of pandas
    *,
    mobile_of: Any = mobile,  # noqa: ANN401 - a function, perhaps behind a cache
    email_of: Any = email,  # noqa: ANN401 - as above
) -> Checked:
    """Return a row checked: what it says as it is sent, or why it is not."""
    kind = row.Type.strip().upper()
    identifier = row.Identifier.strip()
    referrer = mobile_of(row.Referrer_Mobile.strip())
    invitee = (email_of if kind == "EMAIL" else mobile_of)(identifier) if identifier else None
    when = moment(row.Invited_On)
    code, reason = "", ""
    if not identifier:
        code, reason = "missing-invitee", "nobody to invite"
    elif kind not in {"MOBILE", "EMAIL"}:
        code, reason = "1206", f"'{row.Type}' is no type"
    elif invitee is None:
        code, reason = "1701", f"'{identifier}' is not a valid {kind.lower()}"
    elif referrer is None:
        code, reason = "1012", f"'{row.Referrer_Mobile}' is not a valid mobile"
    elif not row.Campaign_Token:
        code, reason = "missing-campaign-token", "no campaign token"
    elif when is None:
        code, reason = "bad-invited-on", f"'{row.Invited_On}' is no date"
    elif not row.Referral_Code:
        code, reason = "missing-referral-code", "no referral code"
    elif referrer == invitee:
        code, reason = "self-referral", "referrer and invitee are the same"
    good = not code
    return {
        "row": number,
        "outcome": "not_sent" if good else "rejected",
        "code": code,
        "reason": reason,
        "what_to_do": "" if good else "Correct the row and run it again.",
        "referrer": referrer if good else row.Referrer_Mobile,
        "campaign_token": row.Campaign_Token,
        "type": kind,
        "identifier": invitee if good else identifier,
        "name": row.Name.strip(),
        "invited_on": f"{when:%Y%m%dT%H:%M:%S}.{row.Referral_Code}" if good else row.Invited_On,
        "referral_code": row.Referral_Code,
    }


def check(rows: pd.DataFrame) -> pd.DataFrame:
    named = rows.rename(columns=lambda name: name.replace(" ", "_"))
    checked = pd.DataFrame(
        [check_row(number, row) for number, row in enumerate(named.itertuples(), start=2)],
        columns=list(COLUMNS),
    )
    good = checked[checked["outcome"] == "not_sent"]
    again = good[good.duplicated(["campaign_token", "referrer", "type", "identifier"])].index
    checked.loc[again, ["outcome", "code", "reason"]] = [
        "duplicate",
        "duplicate",
        "the same invite stands earlier",
    ]
    return checked


def payload(referrer: str, token: str, kind: str, invites: list[dict[str, str]]) -> str:
    body = {
        "root": {
            "customer": [
                {
                    "mobile": referrer,
                    "referrals": {
                        "campaign_token": token,
                        "referral_type": {"type": kind, "referral": invites},
                    },
                }
            ]
        }
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def payloads(checked: pd.DataFrame) -> Iterator[str]:
    ready = checked[checked["outcome"] == "not_sent"].assign(id="")
    keys = ["referrer", "campaign_token", "type"]
    for (referrer, token, kind), group in ready.groupby(keys, sort=False):
        invites = group[["id", "invited_on", "name", "identifier"]].to_dict("records")
        for start in range(0, len(invites), BATCH_SIZE):
            yield payload(referrer, token, kind, invites[start : start + BATCH_SIZE])


def write_workbook(checked: pd.DataFrame, path: Path) -> None:
    book = Workbook()
    summary = book.active
    summary.title = "Summary"
    for line in checked["outcome"].value_counts().items():
        summary.append(line)
    results = book.create_sheet("Results")
    results.append(COLUMNS)
    for cell in results[1]:
        cell.font = Font(bold=True)
    for row in checked.itertuples(index=False):
        results.append(row)
    results.freeze_panes = "A2"
    results.auto_filter.ref = results.dimensions
    book.save(path)


def write_lines(lines: Iterable[str], path: Path) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(line + "\n" for line in lines)


def main(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = read(source)
    checked = check(rows)
    write_lines(payloads(checked), folder / "payloads.jsonl")
    checked.to_csv(folder / "results.csv", index=False)
    to_fix = checked["outcome"] == "rejected"
    rows[to_fix].assign(Reason=checked["reason"][to_fix]).to_csv(
        folder / "to_fix.csv", index=False
    )
    write_workbook(checked, folder / "report.xlsx")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
