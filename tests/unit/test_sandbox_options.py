import json
import subprocess
import sys
from dataclasses import fields
from typing import Any

import pytest

from bulk_referrals.sandbox import SandboxOptions
from bulk_referrals.sandbox.__main__ import main, parser


def test_options_survive_the_way_to_another_process() -> None:
    options = SandboxOptions(
        tills={"a": "b"}, customers=frozenset({"1", "2"}), plan=("429", None), faults="cut=0.1"
    )
    assert SandboxOptions.from_json(json.loads(json.dumps(options.to_json()))) == options


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ValueError, match=r"^speed: no such option of the sandbox\.$"):
        SandboxOptions.from_json({"speed": 1})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"window": "round"}, "window 'round': not known. Use one of: sliding, fixed."),
        ({"limit_code": 503}, "limit_code 503: not known. Use one of: 429, 517."),
        ({"late_s": -1.0}, "late_s -1.0: below 0. Use 0 or more."),
        ({"window_s": 0.0}, "window_s 0.0: not above 0. Use seconds, such as 60."),
    ],
)
def test_an_option_out_of_its_range_is_refused_with_a_sentence(
    wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match="Use ") as refused:
        SandboxOptions(**wrong)
    assert str(refused.value) == sentence


@pytest.mark.parametrize("wrong", [{"faults": "x=1"}, {"plan": ("x",)}, {"base_mobile": "("}])
def test_what_cannot_be_read_is_refused_when_the_options_are_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no such fault|not a regular expression"):
        SandboxOptions(**wrong)


def test_every_option_is_a_flag_with_the_same_default() -> None:
    asked = vars(parser().parse_args([]))
    assert {one.name for one in fields(SandboxOptions)} <= set(asked)
    options = {name: asked[name] for name in SandboxOptions().to_json()}
    assert SandboxOptions(**options) == SandboxOptions()


def test_flags_are_read_as_their_options_types() -> None:
    asked = parser().parse_args(
        ["--plan=reset-after,-,late", "--tills=a:b:c", "--customers=x, y", "--terse", "--seed=9"]
    )
    assert asked.plan == ("reset-after", None, "late")
    assert asked.tills == {"a": "b:c"}
    assert asked.customers == {"x", "y"}
    assert asked.terse is True
    assert asked.seed == 9


def test_a_wrong_option_on_the_command_line_is_a_sentence_and_exit_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--faults", "reset=1"]) == 2
    assert capsys.readouterr().err.startswith("fault 'reset': it does not say whether it commits")


def test_the_sandbox_imports_nothing_of_the_house_that_it_judges() -> None:
    script = (
        "import sys, bulk_referrals.sandbox.app, bulk_referrals.sandbox.__main__\n"
        "print([m for m in sys.modules if m.startswith('bulk_referrals.')"
        " and not m.startswith('bulk_referrals.sandbox')], 'pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] False"
