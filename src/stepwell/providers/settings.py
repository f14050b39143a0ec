"""The settings of one provider, read by an implementation: wrong and unknown ones are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from stepwell.model import IMPLEMENTATION_SETTINGS
from stepwell.source.spelling import closest

__all__ = ["Settings"]


@final
class Settings:
    """Reads settings by name; what was read is what there is.

    Args:
        given: the settings.
        implementation: one of ours, whose settings are known.

    Raises:
        ValueError: there is another one; with "did you mean".
    """

    __slots__ = ("_given",)

    def __init__(self, given: Mapping[str, Any], implementation: str) -> None:
        self._given = given
        known = IMPLEMENTATION_SETTINGS[implementation]
        for name in given:
            if name not in known:
                near = closest(name, known)
                hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"
                raise ValueError(f"it has no setting `{name}` ({hint})")

    def text(self, name: str, default: str | None = None) -> str:
        """A text that is not empty."""
        value = self._given.get(name, default)
        if not isinstance(value, str) or not value:
            raise self._wrong(name, "a text")
        return value

    def one_of(self, name: str, choices: tuple[str, ...]) -> str:
        """One of some words, the first where none is given."""
        value = self._given.get(name, choices[0])
        if value not in choices:
            raise self._wrong(name, f"one of {', '.join(choices)}")
        return str(value)

    def seconds(self, name: str, default: float) -> float:
        """A time, above zero."""
        return self._number(name, default, "seconds, above zero")

    def count(self, name: str, default: int) -> int:
        """A whole number, above zero."""
        value = self._number(name, default, "a whole number above zero")
        if value != int(value):
            raise self._wrong(name, "a whole number above zero")
        return int(value)

    def delay(self, name: str) -> float:
        """A time that may be zero, which it is where none is given."""
        value = self._given.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            raise self._wrong(name, "seconds")
        return float(value)

    def texts(self, name: str, *, least: int = 0) -> tuple[str, ...]:
        """A list of texts."""
        value = self._given.get(name, ())
        if not isinstance(value, (tuple, list)) or len(value) < least:
            raise self._wrong(name, "a list of texts")
        if not all(isinstance(one, str) and "\0" not in one for one in value):
            raise self._wrong(name, "a list of texts")
        return tuple(value)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A mapping."""
        value = self._given.get(name, {})
        if not isinstance(value, Mapping):
            raise self._wrong(name, "a mapping")
        return value

    def _number(self, name: str, default: float, words: str) -> float:
        value = self._given.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
            raise self._wrong(name, words)
        return float(value)

    def _wrong(self, name: str, words: str) -> ValueError:
        if name not in self._given:
            return ValueError(f"it needs the setting `{name}`: {words}")
        return ValueError(f"the setting `{name}` must be {words}")
