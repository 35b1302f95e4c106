"""What the settings are and where each comes from, for people; no secret is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from bulk_referrals.config import Settings, is_secret, load_effective
from bulk_referrals.errors import UsageError
from bulk_referrals.pipeline.credentials import with_credentials

SET: Final = "set"
_CHARACTERS_SHOWN: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One setting.

    Attributes:
        name: of the setting.
        value: as a JSON value; "set" for a secret that is set, and None for one that is not.
        origin: default, file, profile NAME, environment, flag or keyring.
    """

    name: str
    value: Any
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All settings as they are in effect.

    Attributes:
        file: the TOML file; None without one.
        profile: the one in use; "" for none.
        profiles: those of the file.
        settings: in the order of the reference.
        notes: sentences about what looks odd.
    """

    file: Path | None
    profile: str
    profiles: tuple[str, ...]
    settings: tuple[Shown, ...]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "file": str(self.file) if self.file else None,
            "profile": self.profile or None,
            "profiles": list(self.profiles),
            "settings": {one.name: {"value": one.value, "from": one.origin}
                         for one in self.settings},
            "notes": list(self.notes),
        }  # fmt: skip


def configuration(file: Path | None, flags: Mapping[str, Any]) -> Configuration:
    """Return the settings in effect.

    Args:
        file: as for `load_settings`.
        flags: as for `load_settings`.

    Raises:
        UsageError: a setting is wrong: one sentence per fault.
    """
    effective = load_effective(file, flags)
    notes = list(effective.layers.strays)
    settings = effective.settings
    try:
        settings = with_credentials(settings, sandbox=False)
    except UsageError as error:
        notes.append(str(error))
    plain = settings.model_dump(mode="json")
    shown = []
    for name in Settings.model_fields:
        from_keyring = getattr(settings, name) != getattr(effective.settings, name)
        origin = "keyring" if from_keyring else effective.origin(name)
        shown.append(Shown(name=name, value=_value(settings, name, plain), origin=origin))
    return Configuration(
        file=effective.layers.file,
        profile=effective.layers.profile,
        profiles=effective.layers.profiles,
        settings=tuple(one for one in shown if one.name not in {"config", "profile"}),
        notes=tuple(notes),
    )


def _value(settings: Settings, name: str, plain: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON
    value = getattr(settings, name)
    if is_secret(name):
        bare = value.get_secret_value() if isinstance(value, SecretStr) else value
        return SET if bare else None
    if name == "campaign_token" and value:
        # Enough to tell two campaigns apart; a token in full belongs into the report alone.
        return f"{value[:_CHARACTERS_SHOWN]}… ({len(value)} characters)"
    return plain[name]
