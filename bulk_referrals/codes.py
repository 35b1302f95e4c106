"""Every code in plain words: the API's numbers and our own words for what has none.

A code is text. Where the API has a number for a fault, that number is used also for what we
refuse before sending ("1701"); where it has none, a short word in kebab case ("ragged-row").
The report shows `title` and `advice` beside the code; a row's own reason is more precise.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code in plain words.

    Attributes:
        title: what it means, a few words without a full stop.
        advice: what to do, a sentence for a person in marketing.
    """

    title: str
    advice: str


CODES: Final[dict[str, Code]] = {
    # --- the API's, at the level of an invite or a customer
    "1000": Code(title="Invited", advice="Nothing to do."),
    "1011": Code(
        title="The platform knows no customer with this referrer",
        advice="Check the referrer's mobile or e-mail, or register the customer first.",
    ),
    "1012": Code(
        title="The platform knows no customer with this referrer",
        advice="Check the referrer's mobile or e-mail, or register the customer first.",
    ),
    "1202": Code(
        title="The campaign token is not valid",
        advice="Copy the token from the campaign's home page and run the rows again.",
    ),
    "1203": Code(
        title="The campaign is not set up correctly",
        advice="Ask the campaign's owner to check its dates, state and incentives.",
    ),
    "1204": Code(
        title="The referrer may not refer in this campaign",
        advice="Check the campaign's audience, or leave this referrer out.",
    ),
    "1205": Code(
        title="The referrer is not part of the campaign",
        advice="Add the customer to the campaign's audience, or leave this referrer out.",
    ),
    "1206": Code(
        title="This type of referral is not supported",
        advice="Use MOBILE or EMAIL.",
    ),
    "1222": Code(
        title="The platform's referral system had an internal error",
        advice="Check the campaign token, then run these rows again later.",
    ),
    "1701": Code(
        title="The invitee's mobile or e-mail is not valid",
        advice="Ask the referrer for the right one and correct the cell.",
    ),
    # --- the API's, at the level of a request
    "400": Code(
        title="The platform did not understand the request",
        advice="Send the report to your support contact, with the request id.",
    ),
    "401": Code(
        title="The platform refused our credentials",
        advice="Check the user name and password or the key and secret, then resume.",
    ),
    "403": Code(
        title="These credentials may not refer customers",
        advice="Ask the platform's administrator for the right, then resume.",
    ),
    "404": Code(title="No such address on the platform", advice="Check the host, then resume."),
    "405": Code(title="The platform refused the method", advice="Check the host, then resume."),
    "415": Code(title="The platform refused the format", advice="Check the host, then resume."),
    "429": Code(title="Too many requests", advice="Lower the rate, then resume."),
    "461": Code(title="The platform was busy", advice="Resume later."),
    "500": Code(title="The platform had an internal error", advice="Resume later."),
    "502": Code(title="The platform could not be reached", advice="Resume later."),
    "503": Code(title="The platform was not available", advice="Resume later."),
    "504": Code(title="The platform answered too late", advice="Resume later."),
    "517": Code(title="Too many requests", advice="Lower the rate, then resume."),
    "521": Code(title="The platform was busy with the same customer", advice="Resume later."),
    "1060": Code(
        title="The request was too large", advice="Use a smaller --batch-size, then resume."
    ),
    # --- ours
    "no-answer": Code(
        title="The platform's answer never came or could not be read",
        advice="Look the invitee up on the platform before inviting again.",
    ),
    "ragged-row": Code(
        title="The row has more cells than the header",
        advice="Put quotes around cells that hold the separator, and save again.",
    ),
    "cut-row": Code(
        title="The file breaks off in this row", advice="Fetch or export the file again."
    ),
    "swallowed-lines": Code(
        title="A cell runs over several lines, as after a stray quote",
        advice="Remove the stray quote or the line breaks from the cell, and save again.",
    ),
    "error-cell": Code(
        title="A cell holds an error such as #N/A",
        advice="Correct the formula or type the value, and save again.",
    ),
    "no-value": Code(
        title="A cell holds a formula that was never calculated",
        advice="Open the workbook in Excel or LibreOffice, save it, and run it again.",
    ),
    "date-in-cell": Code(
        title="A cell was turned into a date",
        advice="Set the column's format to Text, type the value again, and save.",
    ),
    "damaged-number": Code(
        title="A number was rounded by the spreadsheet",
        advice="Set the column's format to Text, type all the digits again, and save.",
    ),
    "rounded-number": Code(
        title="A number ends in zeros, like others in its column: a spreadsheet rounded them",
        advice="Set the column's format to Text, type all the digits again, and save; a number "
        "that really is so is written with + and its country code.",
    ),
    "missing-invitee": Code(
        title="The row names nobody to invite", advice="Fill in the invitee's mobile or e-mail."
    ),
    "missing-campaign-token": Code(
        title="The row has no campaign token",
        advice="Fill in the campaign token, or give it with --campaign-token.",
    ),
    "missing-referral-code": Code(
        title="The row has no referral code",
        advice="Fill in the referrer's referral code for this campaign.",
    ),
    "no-referral-code": Code(
        title="The platform has no referral code for this referrer in this campaign",
        advice="Check the referrer and the campaign, or fill in the code.",
    ),
    "code-not-looked-up": Code(
        title="The referral code could not be asked for",
        advice="Resume the run, or fill in the code.",
    ),
    "bad-referral-code": Code(
        title="The referral code cannot be one",
        advice="Copy the referrer's referral code for this campaign.",
    ),
    "bad-invited-on": Code(
        title="The date of the invitation cannot be read",
        advice="Write it as 2026-11-23 18:30, and save again.",
    ),
    "bad-region": Code(
        title="The region is not a country code",
        advice="Write the two letters of the country, such as IN or AE.",
    ),
    "self-referral": Code(
        title="The referrer invites themselves", advice="Correct one of the two, or leave it out."
    ),
    "duplicate": Code(
        title="The same invite stands earlier in these files", advice="Nothing to do."
    ),
    "already-sent": Code(title="Invited in an earlier run", advice="Nothing to do."),
    "suppressed": Code(title="On the suppression list", advice="Nothing to do."),
    "campaign-held": Code(
        title="The campaign was refused several times in a row, so its rest was held",
        advice="Have the campaign checked, then resume.",
    ),
    "stopped": Code(title="The run ended before this row's turn", advice="Resume the run."),
    "unexpected": Code(
        title="The files were not what was expected, so nothing was sent",
        advice="Look at the files; if they are right, have them run without that expectation.",
    ),
    "limit": Code(title="Beyond the limit that was asked for", advice="Resume without --limit."),
    "ready": Code(title="Ready to send", advice="Have the files run."),
}


def describe(code: str) -> Code:
    """Return the plain words for a code; an unknown one is said to be so, never hidden."""
    known = CODES.get(code)
    if known is not None:
        return known
    return Code(
        title=f"The platform answered {code}, which its reference does not list",
        advice="Ask the platform's support, with the request id.",
    )
