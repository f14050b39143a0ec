"""The secrets of one provider: found when they are needed, kept nowhere, shown by nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import Final, NoReturn, final

from stepwell.model.provider import Failure, ProviderError
from stepwell.source.redaction import SHORTEST, without_secrets
from stepwell.source.spelling import closest

__all__ = ["Secrets"]

_MOST: Final = 64 * 1024
"""Bytes of a file that may be a secret."""


@final
class Secrets:
    """What a definition's ``secrets`` refer to.

    Args:
        provider: the provider's name.
        references: ``env:NAME`` or ``file:PATH`` by name.
        environment: the environment variables.
        root: the project's folder, absolute.
    """

    __slots__ = ("_environment", "_provider", "_references", "_root")

    def __init__(
        self, provider: str, references: Mapping[str, str], environment: Mapping[str, str], root: str
    ) -> None:
        self._provider = provider
        self._references = references
        self._environment = environment
        self._root = root

    def __repr__(self) -> str:
        return f"<Secrets of {self._provider}: {', '.join(self._references) or 'none'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("secrets are not pickled")

    def get(self, name: str) -> str | None:
        """A secret by its name; ``None`` where none of this name is declared.

        Raises:
            ProviderError: the reference leads nowhere; the message tells the reference, not what it holds.
        """
        reference = self._references.get(name)
        if reference is None:
            return None
        how, _, where = reference.partition(":")
        found = self._variable(where) if how == "env" else self._file(where)
        if not found:
            raise self._missing(f"`{reference}` for `{name}` is empty")
        if not found.isprintable():
            raise self._missing(f"`{reference}` for `{name}` holds more than one line of plain text")
        return found

    def without(self, text: str) -> str:
        """A text with each of the secrets drawn over, and whatever else looks like one."""
        return without_secrets(text, self.known())

    def known(self) -> tuple[str, ...]:
        """Every secret that can be found at this instant, the longest first.

        One of fewer than four characters is not told, since it would be seen everywhere.
        """
        known: list[str] = []
        for name in self._references:
            try:
                found = self.get(name)
            except ProviderError:
                continue
            if found and len(found) >= SHORTEST:
                known.append(found)
        return tuple(sorted(known, key=len, reverse=True))

    def _variable(self, name: str) -> str:
        value = self._environment.get(name)
        if value is None:
            near = closest(name, self._environment)
            hint = f" (did you mean `{near[0]}`?)" if near else ""
            raise self._missing(f"the environment variable {name} is not set{hint}")
        return value.strip()

    def _file(self, path: str) -> str:
        full = path if os.path.isabs(path) else os.path.join(self._root, path)
        if not os.path.isabs(path):
            inside = os.path.realpath(self._root)
            if os.path.commonpath([inside, os.path.realpath(full)]) != inside:
                raise self._missing(f"the file {path} leads out of the project; name it by its absolute path")
        fault = ""
        content = b""
        try:
            if stat.S_ISREG(os.stat(full).st_mode):  # a pipe would hold us for ever
                with open(full, "rb") as file:
                    content = file.read(_MOST + 1)
                fault = f"the file {path} is too long to be a secret" if len(content) > _MOST else ""
            else:
                fault = f"{path} is no file"
        except OSError as error:
            fault = f"the file {path} cannot be read: {error.strerror}"
        text = "" if fault else content.decode("utf-8", "replace").strip()
        if "\ufffd" in text:
            fault = f"the file {path} is not text in UTF-8"
        if fault:
            raise self._missing(fault)
        return text

    def _missing(self, fault: str) -> ProviderError:
        return ProviderError(self._provider, Failure.AUTHENTICATION, fault)
