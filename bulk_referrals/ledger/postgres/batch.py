"""Which entries can be written together, and which invites may leave. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from bulk_referrals.ledger.port import Entry, Intent, InviteState, Result, Withheld

_IN_DOUBT = frozenset({InviteState.IN_FLIGHT, InviteState.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An invite as the ledger has it.

    Attributes:
        state: where it stands.
        holder: the lease of whoever has it in doubt; None for nobody.
    """

    state: InviteState
    holder: int | None

    @property
    def in_doubt(self) -> bool:
        """Tell whether it may have arrived, and nobody knows."""
        return self.state in _IN_DOUBT


@dataclass(slots=True, kw_only=True)
class Batch:
    """Entries of which no two touch the same invite, line or request: their order is free."""

    intents: list[Intent] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)

    @property
    def keys(self) -> list[bytes]:
        """All invites that it touches, in order, so that two batches never wait for each other."""
        begun = (key for intent in self.intents for key, _ in intent.invites)
        settled = (line.key for result in self.results for line in result.lines if line.key)
        return sorted({*begun, *settled})


def batches(entries: Iterable[Entry]) -> Iterator[Batch]:
    """Yield the entries in batches, in order where it matters."""
    batch, touched = Batch(), set[object]()
    for entry in entries:
        touches = _touched(entry)
        if len(touches) and not touched.isdisjoint(touches):
            yield batch
            batch, touched = Batch(), set()
        touched |= touches
        if isinstance(entry, Intent):
            batch.intents.append(entry)
        else:
            batch.results.append(entry)
    if batch.intents or batch.results:
        yield batch


def _touched(entry: Entry) -> set[object]:
    if isinstance(entry, Intent):
        pairs = entry.invites
    else:
        pairs = [(line.key or b"", line.line) for line in entry.lines]
    touches: set[object] = {part for pair in pairs for part in pair if part != b""}
    if entry.request is not None:
        touches.add(("request", entry.request))
    return touches


def foreign(
    intents: Iterable[Intent], standing: Mapping[bytes, Standing], holder: int
) -> set[int | None]:
    """Return who else has invites in doubt that are about to leave; None for nobody."""
    named = (standing.get(key) for intent in intents for key, _ in intent.invites)
    return {one.holder for one in named if one and one.in_doubt and one.holder != holder}


def withheld(
    intents: Iterable[Intent],
    standing: Mapping[bytes, Standing],
    *,
    holder: int,
    alive: AbstractSet[int],
) -> dict[bytes, Withheld]:
    """Return the invites that may not leave, and why.

    Args:
        intents: what is about to leave.
        standing: what is known of their invites.
        holder: our lease.
        alive: all leases that are held.
    """
    kept: dict[bytes, Withheld] = {}
    for intent in intents:
        for key, _ in intent.invites:
            one = standing.get(key)
            if one is None or one.state is InviteState.REFUSED:
                continue
            if one.state is InviteState.ACCEPTED:
                kept[key] = Withheld.ACCEPTED
            elif one.holder != holder:
                kept[key] = Withheld.BUSY if one.holder in alive else Withheld.DOUBTFUL
    return kept


def applied(intents: Sequence[Intent], kept: Mapping[bytes, Withheld]) -> list[Intent]:
    """Return the intents of which all invites may leave."""
    if not kept:
        return list(intents)
    return [one for one in intents if not any(key in kept for key, _ in one.invites)]
