"""How the workbook's cells look: one place for every format."""

from typing import Any, Final

from bulk_referrals.model import Outcome
from bulk_referrals.reporter.grids import FAULT, NUMBER, TEXT, WRAPPED
from bulk_referrals.reporter.palette import BRAND, INK, LINE, MUTED, PAPER, SOLID, TINT

_BASE: Final[dict[str, Any]] = {"font_name": "Calibri", "font_size": 11, "font_color": INK}
# "@" keeps a cell text even when somebody edits it: a mobile keeps its digits, and what begins
# with an equals sign never comes alive.
_CELL: Final = {
    **_BASE,
    "num_format": "@",
    "align": "left",
    "valign": "top",
    "indent": 1,
    "bottom": 1,
    "bottom_color": LINE,
}

_LOOKS: Final[dict[str, dict[str, Any]]] = {
    TEXT: _CELL,
    NUMBER: {
        **_BASE,
        "num_format": '#,##0;-#,##0;"–"',  # a zero steps back  # noqa: RUF001 - a dash is meant
        "valign": "top",
        "align": "right",
        "indent": 1,
        "bottom": 1,
        "bottom_color": LINE,
    },
    WRAPPED: {**_CELL, "text_wrap": True},
    FAULT: {**_CELL, "bg_color": TINT[Outcome.REJECTED], "border": 1, "border_color": "#E08E0B"},
    **{str(outcome): {**_CELL, "bg_color": tint} for outcome, tint in TINT.items()},
    "header": {
        **_BASE,
        "indent": 1,
        "num_format": "@",
        "bold": True,
        "font_color": "#FFFFFF",
        "bg_color": BRAND,
        "valign": "vcenter",
        "text_wrap": True,
    },
    "header_right": {
        **_BASE,
        "bold": True,
        "font_color": "#FFFFFF",
        "bg_color": BRAND,
        "valign": "vcenter",
        "align": "right",
        "indent": 1,
        "text_wrap": True,
    },
    "title": {**_BASE, "font_size": 22, "bold": True, "font_color": BRAND, "valign": "vcenter"},
    "subtitle": {**_BASE, "font_color": MUTED, "valign": "top", "text_wrap": True},
    "headline": {
        **_BASE,
        "font_size": 14,
        "text_wrap": True,
        "valign": "vcenter",
        "bg_color": PAPER,
        "indent": 1,
        "left": 5,
        "left_color": BRAND,
    },
    "section": {
        **_BASE,
        "font_size": 14,
        "bold": True,
        "font_color": BRAND,
        "valign": "bottom",
        "bottom": 2,
        "bottom_color": BRAND,
    },
    "line": {
        **_CELL,
        "text_wrap": True,
        "bottom": 1,
        "bottom_color": LINE,
        "valign": "vcenter",
    },
    "line_bold": {
        **_CELL,
        "text_wrap": True,
        "bold": True,
        "valign": "vcenter",
    },
    "line_number": {
        **_BASE,
        "num_format": "#,##0",
        "align": "right",
        "indent": 1,
        "bottom": 1,
        "bottom_color": LINE,
        "valign": "vcenter",
    },
    "line_share": {
        **_BASE,
        "num_format": "0.0%",
        "align": "right",
        "indent": 1,
        "bottom": 1,
        "bottom_color": LINE,
        "font_color": MUTED,
        "valign": "vcenter",
    },
    "total": {**_BASE, "num_format": "@", "bold": True, "indent": 1, "top": 1, "top_color": INK},
    "total_number": {
        **_BASE,
        "num_format": "#,##0",
        "bold": True,
        "align": "right",
        "indent": 1,
        "top": 1,
        "top_color": INK,
    },
    "good": {**_BASE, "font_color": "#1E6B4A", "text_wrap": True, "valign": "vcenter"},
    "good_line": {**_BASE, "font_color": "#1E6B4A"},
    "bad": {
        **_BASE,
        "font_color": "#FFFFFF",
        "bg_color": SOLID[Outcome.FAILED],
        "bold": True,
        "text_wrap": True,
        "valign": "vcenter",
    },
}


def add_looks(book: Any) -> dict[str, Any]:  # noqa: ANN401 - XlsxWriter is not typed
    """Add every look to the XlsxWriter workbook and return look -> its format.

    The chips, `chip` and `chip_<outcome>`, are in strong colours, the outcomes in light ones.
    """
    strong = {"chip": MUTED, **{f"chip_{outcome}": solid for outcome, solid in SOLID.items()}}
    chip = {**_LOOKS["line_bold"], "font_color": "#FFFFFF", "align": "center", "indent": 0}
    chips = {name: {**chip, "bg_color": colour} for name, colour in strong.items()}
    chips["chip_none"] = {**chip, "bg_color": PAPER, "font_color": MUTED, "bold": False}
    return {name: book.add_format(look) for name, look in {**_LOOKS, **chips}.items()}
