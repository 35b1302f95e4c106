"""The colours that the workbook and the page share."""

from typing import Final

from bulk_referrals.model import Outcome

INK: Final = "#1B2733"
MUTED: Final = "#5B6B7B"
LINE: Final = "#D9E0E7"
PAPER: Final = "#F5F7FA"
BRAND: Final = "#1F4E79"

# Strong enough for a bar, and told apart by people who do not see red and green alike.
SOLID: Final = {
    Outcome.UNKNOWN: "#7A4FB0",
    Outcome.FAILED: "#C0392B",
    Outcome.REJECTED: "#E08E0B",
    Outcome.NOT_SENT: "#3C83C8",
    Outcome.ACCEPTED: "#2E8B63",
    Outcome.DUPLICATE: "#9AA7B4",
    Outcome.ALREADY_SENT: "#6FB59A",
    Outcome.SUPPRESSED: "#5F6F7F",
}

# The same, light enough to read dark text on.
TINT: Final = {
    Outcome.UNKNOWN: "#EBE2F6",
    Outcome.FAILED: "#FADEDB",
    Outcome.REJECTED: "#FDEBCF",
    Outcome.NOT_SENT: "#DCEAF7",
    Outcome.ACCEPTED: "#D9F0E4",
    Outcome.DUPLICATE: "#E9EDF1",
    Outcome.ALREADY_SENT: "#DFF1EA",
    Outcome.SUPPRESSED: "#E1E6EB",
}
