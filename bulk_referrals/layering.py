"""Where settings come from, and all that is wrong with them at once.

The layers, the lowest first: the top of a TOML file, the chosen profile of that file, the
environment, flags. A higher layer wins; tables (`columns`, `mobile`) are merged key by key.

```toml
region = "IN"

[profiles.prod]
cluster = "apac"
```

Every layer is checked on its own, profiles that were not chosen too, so that a fault is told
where it stands, and does not wait for the night on which its profile is used.
"""

import json
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from dataclasses import fields as fields_of
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bulk_referrals.errors import UsageError

ENV_PREFIX: Final = "BULK_REFERRALS_"
PROFILES: Final = "profiles"
# They say where the settings are, so they cannot stand among them.
OUTSIDE: Final = ("config", "profile")

# http://me:secret@proxy:3128, postgresql://me:secret@host/database
_PASSWORD_IN_ADDRESS: Final = re.compile(r"://[^/\s@]*:[^/\s@]+@")

Values = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Some settings, and where they stand.

    Attributes:
        name: for people: "file", "profile prod", "environment", "flag".
        place: where the layer is, as a fault begins.
        values: setting -> value, as written.
    """

    name: str
    place: str
    values: Values

    def where(self, setting: str) -> str:
        """Return where a setting of this layer stands, as a fault begins."""
        if self.name == "environment":
            name, *inner = setting.split(".")
            return ".".join((f"{ENV_PREFIX}{name.upper()}", *inner))
        return f"{self.place}: {setting}" if self.place else setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """All that was given.

    Attributes:
        file: the TOML file, absolute; None without one.
        profile: the chosen profile; "" for none.
        profiles: the names of all profiles of the file.
        used: the layers that count, the lowest first.
        others: the profiles that were not chosen.
        faults: what is wrong already, sentences.
        strays: variables of the environment that look like settings and are none.
    """

    file: Path | None
    profile: str
    profiles: tuple[str, ...]
    used: tuple[Layer, ...]
    others: tuple[Layer, ...]
    faults: tuple[str, ...]
    strays: tuple[str, ...]

    def merged(self) -> Values:
        """Return the values that count."""
        return _merged(layer.values for layer in self.used)

    def origins(self) -> dict[str, str]:
        """Return setting -> where its value comes from; a merged table names all its layers."""
        found: dict[str, str] = {}
        for layer in self.used:
            for name, value in layer.values.items():
                both = name in found and isinstance(value, dict)
                found[name] = f"{found[name]}, {layer.name}" if both else layer.name
        return found


def read_layers(
    model: type[BaseModel],
    file: Path | None,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    *,
    secrets: Sequence[str],
) -> Layers:
    """Read all layers; what is wrong with their form is in the `faults`.

    Args:
        model: tells which settings there are, and which of them are tables.
        file: a TOML file; None takes that of the flags or the environment, if any.
        flags: setting -> value, only those that were given; `config` and `profile` too.
        environment: variable -> text.
        secrets: settings for which the file must be its owner's alone.

    Raises:
        UsageError: the file cannot be read.
    """
    variables = {name.upper(): text for name, text in environment.items() if text}
    chosen = file or flags.get("config") or variables.get(f"{ENV_PREFIX}CONFIG")
    file = Path(chosen).absolute() if chosen else None
    profile = str(flags.get("profile") or variables.get(f"{ENV_PREFIX}PROFILE") or "")
    content, faults = _read_file(file, secrets) if file else ({}, [])
    profiles, more = _profiles(content.pop(PROFILES, {}), file)
    top = Layer(name="file", place=str(file), values=content)
    from_environment, damaged = _environment(model, variables)
    inside = {name: value for name, value in flags.items() if name not in OUTSIDE}
    mine = [profiles[profile]] if profile in profiles else []
    unknown = [] if mine or not profile else [_no_profile(profile, tuple(profiles), file)]
    return Layers(
        file=file,
        profile=profile,
        profiles=tuple(profiles),
        used=(top, *mine, from_environment, Layer(name="flag", place="", values=inside)),
        others=tuple(layer for name, layer in profiles.items() if name != profile),
        faults=(*faults, *more, *unknown, *damaged),
        strays=_strays(model, variables),
    )


def check_layers(
    layers: Layers, model: type[BaseModel], validate: Callable[[Values], BaseModel]
) -> None:
    """Check every layer on its own, and then what each profile makes of the top of the file.

    Args:
        layers: from `read_layers`.
        model: tells which settings there are.
        validate: builds the settings from values; their defaults fill what is missing.

    Raises:
        UsageError: one sentence per fault, all at once, none with a value: it may be a secret.
    """
    faults = [*layers.faults]
    for layer in (*layers.used, *layers.others):
        faults += _faults(layer, model, validate)
    if not faults and layers.others:
        top = layers.used[0]
        for layer in layers.others:  # what no layer shows alone
            both = Layer(
                name=layer.name, place=layer.place, values=_merged((top.values, layer.values))
            )
            faults += _faults(both, model, validate)
    if faults:
        raise UsageError("\n".join(dict.fromkeys(faults)))


def sentence(fault: ErrorDetails, layer: Layer, model: type[BaseModel]) -> str:
    """Say one fault that pydantic found, without its value."""
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        return _no_setting(name, layer, model)
    where = f"{layer.where(name)}: " if name else f"{layer.place}: " if layer.place else ""
    message = fault["msg"]
    if message.startswith("Value error, "):
        return f"{where}{message.removeprefix('Value error, ')}."
    field = model.model_fields.get(str(fault["loc"][0])) if fault["loc"] else None
    what = f" {field.description}" if field and field.description else ""
    return f"{where}{message.replace('Input should', 'it should')}.{what}"


def _faults(
    layer: Layer, model: type[BaseModel], validate: Callable[[Values], BaseModel]
) -> Iterator[str]:
    known = {name: value for name, value in layer.values.items() if name in model.model_fields}
    for name in layer.values:
        if name in OUTSIDE:
            yield (
                f"{layer.place}: {name} is chosen outside, by --{name} or "
                f"{ENV_PREFIX}{name.upper()}. Take it out."
            )
        elif name not in known:
            yield _no_setting(name, layer, model)
    try:
        validate({name: value for name, value in known.items() if name not in OUTSIDE})
    except ValidationError as error:
        for fault in error.errors(include_input=False, include_url=False):
            yield sentence(fault, layer, model)


def _no_setting(name: str, layer: Layer, model: type[BaseModel]) -> str:
    table, _, inner = name.rpartition(".")
    near = get_close_matches(inner, [n for n in _names(model, table) if n not in OUTSIDE], n=1)
    hint = f" Did you mean {'.'.join(filter(None, (table, near[0])))}?" if near else ""
    return f"{layer.place or 'settings'}: there is no setting {name}.{hint}"


def _names(model: type[BaseModel], table: str) -> Sequence[str]:
    if not table:
        return list(model.model_fields)
    kind = model.model_fields[table].annotation if table in model.model_fields else None
    return [field.name for field in fields_of(kind)] if is_dataclass(kind) else ()


def _read_file(file: Path, secrets: Sequence[str]) -> tuple[Values, list[str]]:
    try:
        with file.open("rb") as stream:
            mode = file.stat().st_mode
            content = tomllib.load(stream)
    except OSError as error:
        message = f"{file}: the configuration cannot be read ({error.strerror}). Check --config."
        raise UsageError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{file}: the configuration is not valid TOML ({error}). Correct it."
        raise UsageError(message) from error
    profiles = content.get(PROFILES)
    tables = [content, *(profiles.values() if isinstance(profiles, dict) else ())]
    held = any(_holds_secret(table, secrets) for table in tables if isinstance(table, dict))
    open_to_others = mode & (stat.S_IRWXG | stat.S_IRWXO)
    fault = f"{file}: it holds credentials, and others can read it. Run: chmod 600 {file}"
    return _plain(content), [fault] if held and open_to_others else []


def _holds_secret(table: Values, secrets: Sequence[str]) -> bool:
    in_addresses = (_PASSWORD_IN_ADDRESS.search(str(value)) for value in table.values())
    return any(table.get(name) for name in secrets) or any(in_addresses)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any TOML
    """Take a date that was written without quotes for its text."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return str(value) if isinstance(value, date | time) else value


def _profiles(found: object, file: Path | None) -> tuple[dict[str, Layer], list[str]]:
    if not isinstance(found, dict):
        return {}, [f"{file}: {PROFILES} is not a table. Write a profile as [{PROFILES}.prod]."]
    tables = {str(name): table for name, table in found.items() if isinstance(table, dict)}
    layers = {
        name: Layer(name=f"profile {name}", place=f"{file} [{PROFILES}.{name}]", values=table)
        for name, table in tables.items()
    }
    wrong = [
        f"{file}: {PROFILES}.{name} is not a table. Write a profile as [{PROFILES}.prod]."
        for name in found
        if name not in tables
    ]
    return layers, wrong


def _no_profile(profile: str, profiles: Sequence[str], file: Path | None) -> str:
    if file is None:
        return f"There is no configuration, so no profile {profile}. Give --config FILE."
    near = get_close_matches(profile, profiles, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    there = f" It has: {', '.join(profiles)}." if profiles else " It has none."
    return f"{file}: there is no profile {profile}.{hint}{there}"


def _environment(model: type[BaseModel], variables: Mapping[str, str]) -> tuple[Layer, list[str]]:
    values: Values = {}
    faults: list[str] = []
    for name in (each for each in model.model_fields if each not in OUTSIDE):
        text = variables.get(f"{ENV_PREFIX}{name.upper()}")
        if text is None:
            continue
        example = _table_example(model, name)
        if not example:
            values[name] = text
            continue
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError:
            variable = f"{ENV_PREFIX}{name.upper()}"
            faults.append(f"{variable}: write it as JSON, such as {example}.")
    return Layer(name="environment", place="environment", values=values), faults


def _table_example(model: type[BaseModel], name: str) -> str:
    """Return how a table is written in the environment; "" for a setting that is none."""
    field = model.model_fields[name]
    examples = field.examples or ()
    return json.dumps(examples[0]) if examples and isinstance(examples[0], dict) else ""


def _strays(model: type[BaseModel], variables: Mapping[str, str]) -> tuple[str, ...]:
    names = {f"{ENV_PREFIX}{name.upper()}" for name in model.model_fields}
    found = []
    for name in sorted(each for each in variables if each.startswith(ENV_PREFIX)):
        if name in names:
            continue
        near = get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        found.append(f"{name}: there is no such setting, so it counts for nothing.{hint}")
    return tuple(found)


def _merged(layers: Iterator[Values] | Sequence[Values]) -> Values:
    merged: Values = {}
    for values in layers:
        for name, value in values.items():
            below = merged.get(name)
            if isinstance(below, dict) and isinstance(value, dict):
                merged[name] = {**below, **value}
            else:
                merged[name] = value
    return merged
