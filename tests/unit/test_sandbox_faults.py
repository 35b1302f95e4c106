from collections import Counter

import pytest

from bulk_referrals.sandbox import FAULTS, parse_fault, parse_faults
from bulk_referrals.sandbox.faults import FaultScript, FaultSource, Landing, Route, Symptom, Turn

REFERRERS = [f"91799983{number:04d}" for number in range(200)]


def dealt(source: FaultSource, referrers: list[str], calls: int = 3) -> dict[str, list[str]]:
    seen: dict[str, list[str]] = {referrer: [] for referrer in referrers}
    for _ in range(calls):
        for referrer in referrers:
            fault = source.next_for(Route.POST, referrer)
            seen[referrer].append(fault.name if fault else "")
    return seen


def test_faults_are_read_with_their_probabilities_in_order() -> None:
    read = parse_faults(" reset-after=0.05, late=0.02,get-lag=1 ")
    assert [(fault.name, chance) for fault, chance in read] == [
        ("reset-after", 0.05),
        ("504-late", 0.02),
        ("get-lag", 1.0),
    ]
    assert parse_faults("") == ()


@pytest.mark.parametrize(
    ("name", "route", "symptom", "landing"),
    [
        ("error-before", Route.POST, Symptom.E500, Landing.BEFORE),
        ("cut", Route.POST, Symptom.CUT, Landing.AFTER),
        ("late-reset", Route.POST, Symptom.RESET, Landing.LATE),
        ("429", Route.POST, Symptom.E429, Landing.BEFORE),
        ("slow", Route.POST, Symptom.SLOW, Landing.AFTER),
        ("get-error", Route.GET, Symptom.E500, Landing.BEFORE),
        ("token-hang", Route.TOKEN, Symptom.HANG, Landing.BEFORE),
    ],
)
def test_a_name_says_where_what_and_whether_it_commits(
    name: str, route: Route, symptom: Symptom, landing: Landing
) -> None:
    fault = parse_fault(name)
    assert (fault.route, fault.symptom, fault.landing) == (route, symptom, landing)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "reset=0.1",
            (
                "fault 'reset': it does not say whether it commits. "
                "Write reset-before or reset-after or reset-late."
            ),
        ),
        (
            "429=2",
            "fault '429=2': no probability from 0 to 1. Write it so: reset-after=0.05.",
        ),
        (
            "429",
            "fault '429': no probability from 0 to 1. Write it so: reset-after=0.05.",
        ),
        (
            "cut=nan",
            "fault 'cut=nan': no probability from 0 to 1. Write it so: reset-after=0.05.",
        ),
        (
            "cut=0.6,slow=0.6",
            "faults 'cut=0.6,slow=0.6': the chances of a post sum to 1.2. Keep it to 1.",
        ),
    ],
)
def test_faults_that_cannot_be_meant_are_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="fault") as refused:
        parse_faults(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("name", ["", "explode", "get-521", "slow-before", "get-reset-after"])
def test_an_unknown_fault_is_answered_with_those_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=r"no such fault\. Use one of: reset-before, .*late"):
        parse_fault(name)


def test_every_fault_reads_back_by_its_own_name() -> None:
    assert all(parse_fault(name) is fault for name, fault in FAULTS.items())


def test_chances_do_not_hang_on_the_order_of_arrival() -> None:
    script = FaultScript.read(faults="reset-after=0.3,hang-before=0.2", seed=7)
    forwards = dealt(FaultSource(script), REFERRERS)
    backwards = dealt(FaultSource(script), REFERRERS[::-1])
    assert forwards == backwards


def test_another_seed_draws_other_faults() -> None:
    first, second = (
        dealt(FaultSource(FaultScript.read(faults="cut=0.5", seed=seed)), REFERRERS)
        for seed in (1, 2)
    )
    assert first != second


def test_faults_come_about_as_often_as_asked() -> None:
    source = FaultSource(FaultScript.read(faults="reset-after=0.3,cut=0.2", seed=1))
    referrers = [str(number) for number in range(5000)]
    counts = Counter(name for names in dealt(source, referrers, 2).values() for name in names)
    assert counts["reset-after"] == pytest.approx(3000, rel=0.05)
    assert counts["cut-after"] == pytest.approx(2000, rel=0.05)


def test_a_plan_goes_by_the_order_of_calls_and_then_chance_takes_over() -> None:
    script = FaultScript.read(plan=["reset-after", None, "late"], faults="cut=1")
    source = FaultSource(script)
    names = [fault and fault.name for fault in (source.next_for(Route.POST) for _ in range(4))]
    assert names == ["reset-after", None, "504-late", "cut-after"]


def test_a_plan_for_each_counts_every_referrer_by_itself() -> None:
    source = FaultSource(FaultScript.read(plan_each=["429", ""]))
    assert dealt(source, ["a", "b"]) == {"a": ["429", "", ""], "b": ["429", "", ""]}


def test_posts_and_gets_have_plans_of_their_own() -> None:
    source = FaultSource(FaultScript.read(plan=["429"], get_plan=["get-lag"]))
    get, post = source.next_for(Route.GET, "a"), source.next_for(Route.POST, "a")
    assert get is FAULTS["get-lag"]
    assert post is FAULTS["429"]


def test_a_fault_in_the_wrong_plan_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'get-lag': it is not of a post\. Put it into the"):
        FaultScript.read(plan=["get-lag"])


def test_a_caller_that_chooses_is_asked_first_and_told_which_call_it_is() -> None:
    asked: list[Turn] = []

    def choose(turn: Turn) -> str | None:
        asked.append(turn)
        return "hang-after" if turn.attempt == 2 else None

    source = FaultSource(FaultScript.read(plan=["429"]), choose)
    names = [fault and fault.name for fault in (source.next_for(Route.POST, "a"), None)]
    second = source.next_for(Route.POST, "a")
    assert (names[0], second) == ("429", FAULTS["hang-after"])
    assert asked[1] == Turn(route=Route.POST, referrer="a", ordinal=2, attempt=2)
