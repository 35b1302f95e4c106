"""Write what follows from the settings: `docs/configuration.md` and the API's keywords.

Run it after a setting was added or changed; a test fails while one of the two is stale.

    python docs/make_reference.py
"""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import BeforeValidator, SecretStr

from bulk_referrals.cli import app
from bulk_referrals.config import Settings, is_secret, parse_rate, parse_size
from bulk_referrals.database import DatabaseUrl
from bulk_referrals.layering import ENV_PREFIX
from bulk_referrals.model import MobileFormat, MobileRule

ROOT: Final = Path(__file__).parents[1]
REFERENCE: Final = ROOT / "docs" / "configuration.md"
KEYWORDS: Final = ROOT / "bulk_referrals" / "api" / "keywords.py"

Hint = Any  # what stands behind a name of `Settings`: a type, or what typing makes of some

_COMMANDS: Final = ("run", "check", "resume", "report", "runs", "verify", "prune")
_HINTS: Final = get_type_hints(Settings, include_extras=True)

_KEYWORDS_HEAD: Final = '''"""All settings, as `docs/make_reference.py` writes them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypedDict

from pydantic import SecretStr

from bulk_referrals.model import MobileFormat, MobileRule


class Keywords(TypedDict, total=False):
    """Every setting, none of them needed; see the configuration reference."""

'''


def sections() -> Iterator[tuple[str, list[str]]]:
    """Yield the headings that stand in `Settings` as comments, with the settings below each."""
    heading, names = "", list[str]()
    for line in inspect.getsource(Settings).splitlines():
        if found := re.fullmatch(r"    # --- (.+)", line):
            if names:
                yield heading, names
            heading, names = found[1], []
        elif (named := re.match(r"    (\w+): ", line)) and named[1] in Settings.model_fields:
            names.append(named[1])
    yield heading, names


def origin(hint: Hint) -> object:
    """Return what a type is made with, such as `tuple`; None for a plain one."""
    return get_origin(hint)


def bare(hint: Hint) -> tuple[Hint, list[Any]]:
    """Return a type without its annotations, and these."""
    marks: list[Any] = []
    while origin(hint) is Annotated:
        hint, *more = get_args(hint)
        marks += more
    return hint, marks


def parts(name: str) -> tuple[list[Any], bool, list[Any]]:
    """Return the types that a setting may have, whether it may be None, and its annotations."""
    hint, marks = bare(_HINTS[name])
    kinds = get_args(hint) if origin(hint) in {Union, UnionType} else (hint,)
    plain = [bare(kind)[0] for kind in kinds]
    return [kind for kind in plain if kind is not NoneType], NoneType in plain, marks


def reads(marks: list[Any], how: object) -> bool:
    """Tell whether a setting is read from text by this function."""
    return any(isinstance(mark, BeforeValidator) and mark.func is how for mark in marks)


def type_in_words(name: str) -> str:
    """Return what a setting is, for people."""
    kinds, _, marks = parts(name)
    if reads(marks, parse_rate):
        return "rate"
    if reads(marks, parse_size):
        return "size"
    (kind, *_) = kinds
    if DatabaseUrl in kinds:
        return "path or address"
    words = {str: "text", SecretStr: "text", bool: "true or false", int: "whole number",
             float: "number", Path: "path", MobileRule: "table"}  # fmt: skip
    if origin(kind) is Literal:
        return " or ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is MobileFormat:
        return " or ".join(f"`{each}`" for each in MobileFormat)
    return words.get(kind) or ("table" if origin(kind) is dict else "list")


def type_in_python(name: str) -> str:
    """Return what a setting may be given as in Python."""
    kinds, optional, marks = parts(name)
    if DatabaseUrl in kinds:
        return "str | Path"
    written = [_python(kind) for kind in kinds]
    if reads(marks, parse_rate) or reads(marks, parse_size):
        written.append("str")
    return " | ".join([*written, *(["None"] if optional else [])])


def _python(kind: Hint) -> str:
    names = {SecretStr: "str | SecretStr", Path: "str | Path", MobileFormat: "MobileFormat | str",
             MobileRule: "MobileRule | Mapping[str, object]"}  # fmt: skip
    if origin(kind) is Literal:
        return f"Literal[{', '.join(json.dumps(choice) for choice in get_args(kind))}]"
    if origin(kind) is dict:
        return "Mapping[str, str]"
    if origin(kind) is tuple:
        return "Sequence[str]"
    return names.get(kind) or str(kind.__name__)


def default_of(name: str) -> str:
    """Return a setting's default as it would be written; "" where it has none."""
    value = Settings.model_construct().model_dump(mode="json")[name]
    if is_secret(name) or value in (None, "", [], {}) or isinstance(value, dict):
        return ""
    _, _, marks = parts(name)
    if reads(marks, parse_rate):
        return f'`"{value:g}/min"`'
    if reads(marks, parse_size):
        return f'`"{value >> 30}GiB"`' if value >> 30 else f'`"{value >> 20}MiB"`'
    return f"`{json.dumps(value)}`"


def flags() -> dict[str, str]:
    """Return setting -> its flag on the command line."""
    group = typer.main.get_command(app)
    commands: dict[str, Any] = vars(group)["commands"]
    found: dict[str, str] = {}
    for command in (commands[name] for name in _COMMANDS if name in commands):
        for option in command.params:
            if option.name in Settings.model_fields and option.opts[0].startswith("--"):
                shown = " / ".join([option.opts[0], *option.secondary_opts])
                found.setdefault(option.name, f"`{shown}`")
    return found


def reference() -> str:
    """Return the text of the configuration reference."""
    known = flags()
    lines = [_INTRODUCTION]
    for heading, names in sections():
        lines += [f"## {heading.capitalize()}", ""]
        lines += ["| setting | what it does | what it is | default | flag |"]
        lines += ["|---|---|---|---|---|"]
        for name in names:
            cells = (
                f"`{name}`",
                str(Settings.model_fields[name].description),
                type_in_words(name),
                default_of(name),
                known.get(name, ""),
            )
            lines.append("|".join(["", *(f" {cell} " if cell else " " for cell in cells), ""]))
        lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def keywords() -> str:
    """Return the module of the API's keyword arguments."""
    own = [name for name in Settings.model_fields if name != "config"]
    return _KEYWORDS_HEAD + "".join(f"    {name}: {type_in_python(name)}\n" for name in own)


_INTRODUCTION: Final = rf"""# Configuration reference

Written by `docs/make_reference.py` from the settings themselves.

Nothing needs a configuration file. A setting may come from four places; a later one wins, and
tables (`columns`, `mobile`) are merged key by key:

1. a TOML file, named by `--config` or `{ENV_PREFIX}CONFIG`;
2. a profile of that file, named by `--profile` or `{ENV_PREFIX}PROFILE`;
3. the environment: `{ENV_PREFIX}` and the setting's name in capitals, such as
   `{ENV_PREFIX}RATE` for `rate`. A list is written with commas, a table as JSON;
4. flags, and keyword arguments in [Python](python-api.md).

```toml
region = "IN"
campaign_token = "J0H7Q"

[columns]
"Friend's phone" = "identifier"

[mobile]                        # the brand's own rule, which overrides libphonenumber
country_codes = ["91", "971"]   # the countries supported, the base country first
pattern = '91[6-9]\d{{9}}'       # what the digits must match; a match is accepted
lengths = [12]                  # of the digits, country code included

[profiles.prod]
cluster = "apac"
rate = "300/min"
ledger = "/var/lib/bulk-referrals/ledger.sqlite3"

[profiles.demo]
host = "https://demo.example.com"
```

The whole file is checked by every command, profiles not in use too, and all that is wrong is said
at once. `bulk-referrals config show --profile prod` shows every setting and where it comes from;
`bulk-referrals config check --profile prod` tries whether they work, and sends nothing.

Credentials (`username`, `password`, `client_key`, `client_secret`, and a password within an
address) come from the environment, from the keyring under the service `bulk-referrals`, or from a
file of mode 0600; never from a flag. A file that holds one and that others can read is refused.

A run remembers its settings, its file and its profile, but no secret: `resume` finds these again.
"""


def main() -> None:
    """Write both files."""
    REFERENCE.write_text(reference(), encoding="utf-8")
    KEYWORDS.write_text(keywords(), encoding="utf-8")


if __name__ == "__main__":
    main()
