"""The empty workbook that people fill in: columns, drop-downs, and a sheet that explains them.

Its examples stand on the sheet of notes, a column to a line, so that no reader, ours included, can
take them for invites.
"""

import io
from dataclasses import dataclass
from typing import Any, Final

from bulk_referrals.model import ReferralType
from bulk_referrals.reporter.long_sheets import print_well
from bulk_referrals.reporter.looks import add_looks
from bulk_referrals.reporter.palette import BRAND, MUTED

_LAST_ROW: Final = 1_048_575
_STEPS: Final = (
    "Fill in the sheet Invites, a line for each person to invite; grey columns may stay empty.",
    "Every cell is text, so that mobiles keep all digits. When you paste, paste values only.",
    "Save it, and check it: nothing is sent by a check. Then run it.",
)
_COMMANDS: Final = (
    "bulk-referrals check {name} --region IN",
    "bulk-referrals run {name} --region IN --cluster apac",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A column of the template; `needed` in a word or two, "" where it may stay empty."""

    heading: str
    needed: str
    what: str
    example: str
    width: int


FIELDS: Final = (
    _Field(
        heading="Referrer mobile",
        needed="A or B",
        what="Who invites: the customer's mobile, with its country code.",
        example="917999836466",
        width=20,
    ),
    _Field(
        heading="Referrer e-mail",
        needed="A or B",
        what="Who invites, where the platform knows the customer by e-mail.",
        example="shikhar@example.com",
        width=28,
    ),
    _Field(
        heading="Campaign token",
        needed="yes",
        what="From the campaign's home page. May be given with --campaign-token instead.",
        example="J0H7Q",
        width=17,
    ),
    _Field(
        heading="Type",
        needed="",
        what="MOBILE or EMAIL; where empty, it follows from the next column.",
        example="such as MOBILE",
        width=12,
    ),
    _Field(
        heading="Invitee mobile or e-mail",
        needed="yes",
        what="Who is invited.",
        example="917999836416",
        width=28,
    ),
    _Field(
        heading="Name",
        needed="",
        what="The invitee's name; the platform keeps 20 characters.",
        example="Asha",
        width=22,
    ),
    _Field(
        heading="Invited on",
        needed="",
        what="When; where empty, the time of the run.",
        example="2026-11-23 18:30",
        width=20,
    ),
    _Field(
        heading="Referral code",
        needed="yes",
        what="The referrer's own code in this campaign.",
        example="pV7BF",
        width=16,
    ),
    _Field(
        heading="ID",
        needed="",
        what="The invitee's user ID on the platform, if there is one.",
        example="",
        width=14,
    ),
    _Field(
        heading="Region",
        needed="",
        what="Country of mobiles written without their country code; or give --region.",
        example="such as IN",
        width=11,
    ),
)


def template(name: str) -> bytes:
    """Return an empty workbook to fill in: the sheets Invites and Notes.

    Args:
        name: the file's, for the commands in its notes.
    """
    import xlsxwriter  # noqa: PLC0415 - start-up time

    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_urls": False}) as book:
        looks = add_looks(book)
        grey = {"bg_color": "#E9EDF1", "font_color": MUTED, "bold": True, "num_format": "@"}
        looks["optional"] = book.add_format({**grey, "valign": "vcenter", "indent": 1})
        _invites(book.add_worksheet("Invites"), looks)
        _notes(book.add_worksheet("Notes"), looks, name)
    return stream.getvalue()


def _invites(sheet: Any, looks: dict[str, Any]) -> None:  # noqa: ANN401 - XlsxWriter is not typed
    for place, field in enumerate(FIELDS):
        sheet.set_column(place, place, field.width, looks["text"])
        look = looks["header" if field.needed else "optional"]
        sheet.write_string(0, place, field.heading, look)
        told = {"input_title": field.heading, "input_message": field.what}
        rule: dict[str, Any] = {"validate": "any"}
        if field.heading == "Type":
            rule = {
                "validate": "list",
                "source": [str(each) for each in ReferralType],
                "error_title": "MOBILE or EMAIL",
                "error_message": "Choose MOBILE or EMAIL, or leave the cell empty.",
            }
        sheet.data_validation(1, place, _LAST_ROW, place, {**rule, **told})
    sheet.set_row(0, 26)
    sheet.freeze_panes(1, 0)
    sheet.set_tab_color(BRAND)
    print_well(sheet, repeat_heading=True)
    sheet.activate()


def _notes(sheet: Any, looks: dict[str, Any], name: str) -> None:  # noqa: ANN401 - as above
    sheet.hide_gridlines(2)
    for place, width in enumerate((2, 36, 18, 72, 24)):
        sheet.set_column(place, place, width)
    sheet.set_row(0, 34)
    sheet.write_string(0, 1, "How to fill in this workbook", looks["title"])
    for row, step in enumerate(_STEPS, start=1):
        sheet.merge_range(row, 1, row, 4, "", looks["line"])
        sheet.write_string(row, 1, f"{row}.  {step}", looks["line"])
        sheet.set_row(row, 22)
    row = len(_STEPS) + 1
    for command in _COMMANDS:
        sheet.merge_range(row, 1, row, 4, "", looks["line_bold"])
        sheet.write_string(row, 1, command.format(name=name), looks["line_bold"])
        row += 1
    row += 1
    heads = ("The columns", "Needed", "What to write", "Example, never sent")
    for place, head in enumerate(heads, start=1):
        sheet.write_string(row, place, head, looks["header"])
    sheet.set_row(row, 24)
    for place, field in enumerate(FIELDS):
        row += 1
        # With its letter before it, a name is no heading that a reader would know.
        cells = (f"{chr(ord('A') + place)} · {field.heading}", field.needed or "no",
                 field.what, field.example)  # fmt: skip
        for at, text in enumerate(cells, start=1):
            sheet.write_string(row, at, text, looks["line_bold" if at == 1 else "line"])
        sheet.set_row(row, 22)
    print_well(sheet, repeat_heading=False)
