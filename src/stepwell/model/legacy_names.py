"""Legacy mapping of file names to steps; frozen modules contain the same algorithm."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

__all__ = ["canonical_name", "similarity"]


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
    found = sum(word in known for word in words)
    if found * 5 >= len(words) * 4:
        return 0.85 if found == len(words) else 0.8
    return found / len(words) * 0.7


def _expand(words: Sequence[str], abbreviations: Mapping[str, str]) -> str:
    return "".join(abbreviations.get(word, word.capitalize()) for word in words)
