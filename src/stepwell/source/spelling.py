"""Naming styles, file names derived from names, and suggestions for misspelled names."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final, final

from stepwell.source.diagnostic import Fix, Span

__all__ = [
    "DEFAULT_ABBREVIATIONS",
    "DEFAULT_SUFFIXES",
    "STYLES",
    "SUGGESTION",
    "Naming",
    "canonical_name",
    "closest",
    "did_you_mean",
    "respelled",
    "similarity",
    "snake_case",
    "suggest",
]

SUGGESTION: Final = "did you mean"
"""Beginning of every hint that suggests a name."""

DEFAULT_SUFFIXES: Final = ("training", "validation", "testing", "calibration")
DEFAULT_ABBREVIATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "xgb": "XGBoost",
        "xgboost": "XGBoost",
        "pytorch": "PyTorch",
        "mims": "",
        "tabular": "Tabular",
        "preprocess": "Preprocessing",
    }
)

STYLES: Final = MappingProxyType(
    {
        "PascalCase": re.compile(r"[A-Z][A-Za-z0-9]*"),
        "snake_case": re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*"),
        "any": re.compile(r"[\s\S]+"),
    }
)
"""Values of ``[naming] step_name`` and the names that they allow."""


@final
@dataclass(frozen=True, slots=True)
class Naming:
    """The ``[naming]`` table of a project.

    Args:
        step_name: a key of ``STYLES``.
        abbreviations: word of a file name to its form in a step name; these words also stay together in file
            names (``XGBoost`` becomes ``xgboost``).
    """

    step_name: str = "PascalCase"
    job_type_suffixes: tuple[str, ...] = DEFAULT_SUFFIXES
    abbreviations: Mapping[str, str] = field(default_factory=lambda: DEFAULT_ABBREVIATIONS)

    _whole_words: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Cached: every file needs a stem with the same words.
        object.__setattr__(self, "_whole_words", _with_capitals_inside(self.abbreviations.values()))

    def stem(self, name: str) -> str:
        """Return the file name of a definition without extension."""
        return snake_case(name, self._whole_words)


def _with_capitals_inside(expansions: Iterable[str]) -> tuple[str, ...]:
    """Return the words with inner capitals, longest first."""
    inner = {word for word in expansions if word and not word[1:].islower()}
    return tuple(sorted(inner, key=lambda word: (-len(word), word)))


def snake_case(name: str, whole_words: tuple[str, ...] = ()) -> str:
    """Return the stem of a definition's file: ``XGBoostModelEval`` becomes ``xgboost_model_eval``."""
    return ("_".join(_words(whole_words)(name)) or name).lower()


@lru_cache(maxsize=16)
def _words(whole_words: tuple[str, ...]) -> Callable[[str], list[str]]:
    whole = "".join(f"{re.escape(word)}(?![a-z])|" for word in whole_words)
    # The first branch only spares most words the second, which cannot fit them; the third fits them too.
    rest = r"[A-Z][a-z][a-z0-9]*|[A-Z]+[0-9]*(?![a-z])|[A-Z]?[a-z0-9]+|[A-Z]+|[0-9]+"
    return re.compile(f"{whole}{rest}").findall


def closest(word: str, choices: Iterable[str], count: int = 1) -> tuple[str, ...]:
    """Return the existing names closest to a misspelled one, best first.

    Args:
        count: the maximum number of names.
    """
    reach = max(2, len(word) // 3)
    near: dict[str, list[str]] = {}
    for choice in choices:
        if abs(len(choice) - len(word)) <= reach:
            near.setdefault(choice.lower(), []).append(choice)
    if not near:
        return ()
    from difflib import get_close_matches  # slow to import, and only needed for mistakes

    lower = word.lower()
    swapped = [name for name in near if sorted(name) == sorted(lower)]  # `di` for `id`
    matches = get_close_matches(lower, near, count, 0.7) or swapped
    return tuple(choice for item in matches for choice in near[item])[:count]


def did_you_mean(names: Sequence[str], form: str = "`{}`") -> str:
    """Return a hint that suggests names, or an empty string.

    Args:
        names: suggestions, best first.
    """
    return f"{SUGGESTION} {' or '.join(form.format(name) for name in names)}?" if names else ""


def respelled(span: Span, word: str, choices: Iterable[str], old: str = "", form: str = "{}") -> Fix | None:
    """Return a fix for a misspelled name; ``None`` unless exactly one existing name resembles it.

    Args:
        span: the key or value that contains the name.
        old: the part to replace, if it is more than the name.
        form: the name in that part.
    """
    near = closest(word, choices, 2)
    if len(near) != 1:
        return None
    return Fix(f"replace `{word}` by `{near[0]}`", "respell", span, form.format(near[0]), old or word)


def suggest(word: str, choices: Iterable[str], count: int = 1, form: str = "`{}`") -> str:
    """Return a hint with the closest existing names, or an empty string.

    Args:
        count: the maximum number of names.
    """
    return did_you_mean(closest(word, choices, count), form)


def canonical_name(
    file_name: str, step_names: Collection[str], suffixes: Collection[str], abbreviations: Mapping[str, str]
) -> str:
    """Return the step that a file name refers to.

    Args:
        file_name: words joined by ``_``, without folder or extension.
        step_names: the steps in table order, which breaks ties.
        abbreviations: word to its expansion; ``""`` removes the word.

    Raises:
        ValueError: the name is empty or matches no step. As in the old module, the text lists the name in
            PascalCase, without its job type, and expanded, even if two of them are equal.
    """
    if not file_name:
        raise ValueError("File name cannot be empty")
    words = file_name.split("_")
    whole = "".join(map(str.capitalize, words))
    if whole in step_names:
        return whole
    has_job_type = len(words) > 1 and words[-1] in suffixes
    stem = "".join(map(str.capitalize, words[:-1])) if has_job_type else ""
    expanded = _expand(words, abbreviations)
    tried = [stem, expanded]
    if has_job_type:
        tried.append(_expand(words[:-1], abbreviations))
    if len(words) > 2:
        first, second, last = words[0], words[1], words[-1]
        compound = {"evaluation": "Eval", **abbreviations}
        tried.append(_expand([last, first, second], compound))
        tried.append(_expand([first, second, last], compound))
    for variation in tried:
        if variation in step_names:
            return variation
    best, best_similarity = "", 0.0
    for step_name in step_names:
        similar = similarity(file_name, step_name)
        if similar > best_similarity and similar >= 0.8:
            best, best_similarity = step_name, similar
    if best:
        return best
    raise ValueError(
        f"Cannot map file name '{file_name}' to canonical name. "
        f"Tried variations: {list(filter(None, (whole, stem, expanded)))}. "
        f"Available canonical names: {sorted(step_names)}"
    )


def similarity(file_name: str, canonical_name: str) -> float:
    """Return how well a file name matches a step's name, from 0.0 to 1.0."""
    wanted = file_name.lower()
    joined = wanted.replace("_", "")
    known = canonical_name.lower().replace("_", "")
    if joined in known:
        return 1.0 if joined == known else 0.9
    words = wanted.split("_")
    shared = sum(word in known for word in words)
    if shared * 5 >= len(words) * 4:
        return 0.85 if shared == len(words) else 0.8
    return shared / len(words) * 0.7


def _expand(words: Sequence[str], abbreviations: Mapping[str, str]) -> str:
    return "".join(abbreviations.get(word, word.capitalize()) for word in words)
