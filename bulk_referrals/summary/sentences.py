"""The sentences of the report, for somebody who never saw the command line.

What may have reached the platform without our knowing comes first, because it is what a person
must look at before anything is sent again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bulk_referrals.model import Outcome, RunReport, RunState

# What a person must act on row by row, the most pressing first.
NEEDS_A_PERSON: Final = (Outcome.UNKNOWN, Outcome.FAILED, Outcome.REJECTED)
LEFT_OUT: Final = (Outcome.DUPLICATE, Outcome.ALREADY_SENT, Outcome.SUPPRESSED)
# The order in which figures are shown.
READING_ORDER: Final = (*NEEDS_A_PERSON, Outcome.NOT_SENT, Outcome.ACCEPTED, *LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """An outcome in plain words: a label of a word or two, and its meaning as a sentence."""

    label: str
    meaning: str


_WORDS: Final = {
    Outcome.ACCEPTED: Words(label="Accepted", meaning="The platform took the invite."),
    Outcome.REJECTED: Words(
        label="To correct", meaning="Not sent: something in the row is wrong or missing."
    ),
    Outcome.DUPLICATE: Words(
        label="Duplicate", meaning="Left out: the same invite stands earlier in these files."
    ),
    Outcome.ALREADY_SENT: Words(
        label="Already sent", meaning="Left out: an earlier run made this very invite."
    ),
    Outcome.SUPPRESSED: Words(
        label="Suppressed", meaning="Left out: on the list of people never to be invited."
    ),
    Outcome.FAILED: Words(label="Refused", meaning="Sent, and the platform refused it."),
    Outcome.UNKNOWN: Words(
        label="Unknown",
        meaning="May have reached the platform; no answer said so. Never sent again on its own.",
    ),
    Outcome.NOT_SENT: Words(label="Not sent", meaning="The run ended before its turn."),
}
_READY: Final = Words(label="Ready to send", meaning="Nothing is wrong with it; a run sends it.")


def words(outcome: Outcome, *, sending: bool) -> Words:
    """Return the plain words for an outcome; for a check, what was not sent is ready to be."""
    return _READY if outcome is Outcome.NOT_SENT and not sending else _WORDS[outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do.

    Attributes:
        label: a word or two for what it is about.
        outcome: of the invites that it is about; None where it is about the whole run.
        what: what is the matter, a sentence.
        how: how to go about it, a sentence.
    """

    label: str
    outcome: Outcome | None
    what: str
    how: str


def count(number: int, noun: str) -> str:
    """Return the number with its noun: `1 row`, `2,000 rows`."""
    return f"{number:,} {noun if number == 1 else noun + 's'}"


def headline(report: RunReport, outcomes: Mapping[str, int], *, invites: int) -> str:
    """Return what happened to so many invites, in one sentence."""
    if report.state in {RunState.REFUSED, RunState.NOTHING_TO_DO}:
        return report.stop_reason
    if not invites:
        return "The files hold no rows, so there was nothing to do."
    if outcomes[Outcome.ACCEPTED] == invites > 1:
        return f"All {invites:,} invites were accepted."
    main = Outcome.ACCEPTED if report.sending else Outcome.NOT_SENT
    others = [outcome for outcome in (*NEEDS_A_PERSON, Outcome.NOT_SENT) if outcome is not main]
    told = [_told(main, outcomes[main], sending=report.sending)]
    told += [_told(it, outcomes[it], sending=True) for it in others if outcomes[it]]
    left_out = sum(outcomes[outcome] for outcome in LEFT_OUT)
    verb = _was(left_out) if report.sending else "will be"
    told += [f"{left_out:,} {verb} left out on purpose"] if left_out else []
    opening = "Of" if report.sending else "Nothing was sent, this was a check: of"
    return f"{opening} {count(invites, 'invite')}, {_listed(told)}."


def _told(outcome: Outcome, number: int, *, sending: bool) -> str:
    """Return the clause about one outcome, such as `3 were accepted`."""
    was, has = ("was", "has") if number == 1 else ("were", "have")
    clause = {
        Outcome.ACCEPTED: f"{was} accepted",
        Outcome.UNKNOWN: "may or may not have arrived",
        Outcome.FAILED: f"{was} refused by the platform",
        Outcome.REJECTED: f"{has} something to correct",
        Outcome.NOT_SENT: f"{was} not sent" if sending else f"{_be(number)} ready to send",
    }
    return f"{number:,} {clause[outcome]}"


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def tasks(
    report: RunReport,
    outcomes: Mapping[str, int],
    *,
    imbalance: str,
    warnings: int,
    to_fix: Sequence[str],
) -> tuple[Task, ...]:
    """Return what to do, in the order in which to do it.

    Args:
        report: the run.
        outcomes: outcome -> invites, all eight.
        imbalance: what keeps the books from balancing; "" when they do.
        warnings: invites with a warning.
        to_fix: the names of the files with the rows to correct, the workbook first.
    """
    waiting = outcomes[Outcome.NOT_SENT]
    stopped = _stopped(report, waiting)
    found = [
        _unbalanced(imbalance),
        stopped,
        *(_by_hand(outcome, outcomes[outcome], to_fix) for outcome in NEEDS_A_PERSON),
        None if stopped else _waiting(report, waiting),
        _look(warnings),
    ]
    return tuple(task for task in found if task is not None)


def _unbalanced(imbalance: str) -> Task | None:
    if not imbalance:
        return None
    return Task(
        label="Books",
        outcome=None,
        what=f"The books do not balance: {imbalance}.",
        how="Do not rely on this report. Keep the whole folder and ask for support.",
    )


def _stopped(report: RunReport, waiting: int) -> Task | None:
    if not report.stop_reason and report.state in {RunState.CHECKED, RunState.FINISHED}:
        return None
    if report.state is RunState.NOTHING_TO_DO:
        return None
    if report.state is RunState.REFUSED:
        return Task(
            label="Not expected",
            outcome=Outcome.NOT_SENT if waiting else None,
            what="The files are not what was expected, so nothing was sent.",
            how="Look at them; if they are right, have them run without that expectation.",
        )
    reason = report.stop_reason or "The run ended before it was through."
    unsent = f" {count(waiting, 'invite')} {_was(waiting)} not sent." if waiting else ""
    return Task(
        label="Stopped",
        outcome=Outcome.NOT_SENT if waiting else None,
        what=reason + unsent,
        how=_going_on(report) or "Have the same files run again: nobody is invited twice.",
    )


def _going_on(report: RunReport) -> str:
    return f"To go on where it stopped: {report.resume_command}" if report.resume_command else ""


def _by_hand(outcome: Outcome, number: int, to_fix: Sequence[str]) -> Task | None:
    if not number:
        return None
    invites, book = count(number, "invite"), to_fix[0]
    was, has = ("was", "has") if number == 1 else ("were", "have")
    if outcome is Outcome.UNKNOWN:
        what = f"{invites} may have reached the platform, but no answer confirmed it."
        how = (
            "Look each one up on the platform before inviting again. They stand first on the "
            "sheet To fix of report.xlsx, and are never sent again on their own."
        )
    elif outcome is Outcome.FAILED:
        what = f"{invites} {was} refused by the platform."
        how = f"Their reasons say what to change. The rows are in {book}."
    else:
        what = f"{invites} {has} something to correct, and will not go out before that."
        how = f"Correct the rows in {book}, save it, and have it run as it is."
        if texts := " and ".join(to_fix[1:]):
            has = "holds" if len(to_fix) == 2 else "hold"  # noqa: PLR2004 - one besides the book
            how += (
                f" ({texts} {has} rows too, for editors other than Excel, which spoils mobiles.)"
            )
    return Task(label=_WORDS[outcome].label, outcome=outcome, what=what, how=how)


def _waiting(report: RunReport, number: int) -> Task | None:
    if not number:
        return None
    label = words(Outcome.NOT_SENT, sending=report.sending).label
    if not report.sending:
        what, how = (
            f"{count(number, 'invite')} {_be(number)} ready to send.",
            "Have the files run.",
        )
    else:
        what = f"{count(number, 'invite')} {_was(number)} not sent."
        again = "Have the same files run again: nobody is invited twice."
        how = _going_on(report) or again
    return Task(label=label, outcome=Outcome.NOT_SENT, what=what, how=how)


def _look(number: int) -> Task | None:
    if not number:
        return None
    what = f"{count(number, 'invite')} {'deserves' if number == 1 else 'deserve'} a look."
    how = "Nothing stopped them. The sheet Warnings of report.xlsx says what is odd."
    return Task(label="Warnings", outcome=None, what=what, how=how)


def books(report: RunReport, imbalance: str, *, invites: int) -> str:
    """Return whether the books balance, as a sentence; `imbalance` is "" when they do."""
    if imbalance:
        return f"The books do not balance: {imbalance}."
    read = sum(source.rows for source in report.sources)
    asked = "" if read == invites else f", asking for {invites:,} invites"
    return f"The books balance: {count(read, 'row')} read{asked}, every one accounted for."
