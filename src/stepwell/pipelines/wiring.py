"""What could feed the open inputs of a pipeline: proposed, scored and explained, never chosen by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.alignment.wiring import step_named
from stepwell.graph import Node, OutputOf, Pipeline
from stepwell.model import StepDefinition
from stepwell.project import Settings
from stepwell.rules.input_type_mismatch import fits
from stepwell.snapshot import View

__all__ = ["Candidate", "Proposal", "propose", "wired"]

_MOST: Final = 1.4
"""What everything that can speak for an output adds up to; a score is a share of it."""
_LEAST: Final = 0.28
"""The score below which nothing is proposed."""
_APART: Final = 0.03
"""How much better the best must be than the next, so that it is no matter of chance."""
_SHOWN: Final = 5
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class Candidate(NamedTuple):
    """An output that could feed an input.

    Args:
        fed: the output.
        score: from 0 to 1.
        reasons: what speaks for it, each in a few words.
    """

    fed: OutputOf
    score: float
    reasons: tuple[str, ...]


@final
class Proposal(NamedTuple):
    """What could feed one open input.

    Args:
        node: whose input.
        input: its name.
        required: whether the step cannot run without it.
        chosen: what is proposed; ``None`` where nothing fits, or several do equally.
        candidates: the best ones, best first.
    """

    node: str
    input: str
    required: bool
    chosen: Candidate | None
    candidates: tuple[Candidate, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Whether several fit, and nothing tells them apart."""
        return self.chosen is None and bool(self.candidates)


def propose(
    pipeline: Pipeline, views: Callable[[str | None], View], settings: Settings
) -> tuple[Proposal, ...]:
    """A proposal for every input that nothing feeds and that says what it takes.

    Args:
        pipeline: the pipeline.
        views: gives the view of a workspace, of the core for ``None``.
        settings: the project's.
    """
    return tuple(_Wiring(pipeline, views, settings).proposals())


def wired(pipeline: Pipeline, proposals: Iterable[Proposal]) -> Pipeline:
    """A pipeline in which what is proposed is done.

    Args:
        pipeline: the pipeline.
        proposals: those that are taken; one that chooses nothing changes nothing.
    """
    nodes = dict(pipeline.nodes)
    for one in proposals:
        if one.chosen is not None:
            node = nodes[one.node]
            inputs = MappingProxyType({**node.inputs, one.input: one.chosen.fed})
            nodes[one.node] = replace(node, inputs=inputs)
    return replace(pipeline, nodes=MappingProxyType(nodes))


@final
class _Wiring:
    """The wiring of one pipeline, from the first step to the last."""

    def __init__(self, pipeline: Pipeline, views: Callable[[str | None], View], settings: Settings) -> None:
        self._pipeline = pipeline
        self._views = views
        self._settings = settings
        self._needs = {one: set(node.needs) for one, node in pipeline.nodes.items()}
        self._by_step: dict[str, list[Node]] = {}
        for node in pipeline.nodes.values():
            if node.definition is not None:
                self._by_step.setdefault(node.definition.name, []).append(node)
        self._static: dict[tuple[int, str, int, str], tuple[float, tuple[str, ...]] | None] = {}
        self._named: dict[tuple[str | None, str], tuple[str, str | None] | None] = {}

    def proposals(self) -> Iterator[Proposal]:
        for node in self._pipeline.nodes.values():
            for name, said in _part(node, "inputs").items():
                if name in node.inputs or name in node.given or not _says_what(said):
                    continue
                yield self._proposal(node, name, said)

    def _proposal(self, node: Node, name: str, said: Mapping[str, Any]) -> Proposal:
        scored = sorted(self._scored(node, name, said), key=lambda one: -one.score)
        fitting: list[Candidate] = []
        for one in scored:
            if one.score < _LEAST or len(fitting) == _SHOWN:
                break
            if not self._leads_to(node.id, one.fed.node):
                fitting.append(one)
        required = bool(said.get("required", True))
        if not fitting:
            return Proposal(node.id, name, required, None, ())
        clear = len(fitting) == 1 or fitting[0].score - fitting[1].score >= _APART - 1e-9
        if clear:
            self._needs[node.id].add(fitting[0].fed.node)
        return Proposal(node.id, name, required, fitting[0] if clear else None, tuple(fitting))

    def _scored(self, node: Node, name: str, said: Mapping[str, Any]) -> Iterator[Candidate]:
        words = said.get("compatible_sources", ())
        wanted, generic = self._sources(node, words)
        open_to_all = generic or not words
        for step in self._by_step if open_to_all else wanted:
            for other in self._by_step.get(step, ()):
                if other.id == node.id or other.definition is None:
                    continue
                for output, given in _part(other, "outputs").items():
                    static = self._alike(node, name, said, other.definition, output, given)
                    if static is not None:
                        yield self._candidate(node, other, output, static, wanted.get(step), bool(words))

    def _candidate(
        self,
        node: Node,
        other: Node,
        output: str,
        static: tuple[float, tuple[str, ...]],
        named: frozenset[str | None] | None,
        says_sources: bool,
    ) -> Candidate:
        score, reasons = static[0], list(static[1])
        if named is not None:
            score += 0.3
            reasons.append(f"`{other.step}` is a compatible source")
            if other.job_type is not None and other.job_type in named:
                score += 0.1
                reasons.append(f"it asks for the job type {other.job_type}")
            elif other.job_type is not None and None not in named:
                score -= 0.2
                reasons.append(f"it asks for another job type than {other.job_type}")
        elif says_sources:
            score += 0.1
            reasons.append("a generic source takes any step")
        else:
            score += 0.15
        if other.id in node.needs:
            score += 0.2
            reasons.append(f"`{node.id}` needs `{other.id}` already")
        if node.job_type is not None and node.job_type == other.job_type:
            score += 0.1
            reasons.append(f"both are of the job type {node.job_type}")
        return Candidate(OutputOf(other.id, output), round(max(score, 0.0) / _MOST, 2), tuple(reasons))

    def _sources(self, node: Node, words: Iterable[str]) -> tuple[dict[str, frozenset[str | None]], bool]:
        """The steps that words name, each with the job types that they ask for; whether one is generic."""
        found: dict[str, frozenset[str | None]] = {}
        generic = False
        whose = self._pipeline.workspace if node.workspace is None else node.workspace
        for word in words:
            if word in self._settings.alignment.generic_sources:
                generic = True
            key = (whose, word)
            if key not in self._named:
                self._named[key] = self._step_named(whose, word)
            named = self._named[key]
            if named is not None:
                found[named[0]] = found.get(named[0], frozenset()) | {named[1]}
        return found, generic

    def _step_named(self, whose: str | None, word: str) -> tuple[str, str | None] | None:
        view = self._views(whose)
        step = step_named(view, word, self._settings)
        if step is None:
            return None
        if word in view:
            return step.name, None
        known = self._settings.naming.job_type_suffixes
        return step.name, next((one for one in known if word.lower().endswith(one.lower())), None)

    def _alike(
        self,
        node: Node,
        name: str,
        said: Mapping[str, Any],
        other: StepDefinition,
        output: str,
        given: Mapping[str, Any],
    ) -> tuple[float, tuple[str, ...]] | None:
        """How alike an input and an output are by themselves; ``None`` where their types do not fit."""
        key = (id(node.definition), name, id(other), output)
        if key not in self._static:
            self._static[key] = _alike(name, said, output, given)
        return self._static[key]

    def _leads_to(self, start: str, end: str) -> bool:
        """Whether a node is needed by another, however far away, or is it."""
        seen, waiting = {end}, [end]
        while waiting:
            one = waiting.pop()
            if one == start:
                return True
            fresh = [each for each in self._needs.get(one, ()) if each not in seen]
            seen.update(fresh)
            waiting += fresh
        return False


def _alike(
    name: str, said: Mapping[str, Any], output: str, given: Mapping[str, Any]
) -> tuple[float, tuple[str, ...]] | None:
    wanted, has = said.get("type"), given.get("type")
    reasons: list[str] = []
    score = 0.15
    if wanted is not None and has is not None:
        if not fits(wanted, has):
            return None
        score = 0.3 if wanted == has else 0.25
        reasons.append(f"`{has}` is its type" if wanted == has else f"`{has}` fits `{wanted}`")
    if name == output:
        score += 0.25
        reasons.append("the names are equal")
    elif name in given.get("aliases", ()):
        score += 0.25
        reasons.append(f"`{name}` is an alias of `{output}`")
    shared = sorted(_words(name, said) & _words(output, given))
    if shared:
        score += 0.15 * len(shared) / max(1, min(len(_words(name, said)), len(_words(output, given))))
        reasons.append(f"both are about {', '.join(shared[:3])}")
    return score, tuple(reasons)


def _words(name: str, said: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(word.lower() for word in (*said.get("semantic_keywords", ()), *name.split("_")) if word)


def _says_what(said: Mapping[str, Any]) -> bool:
    """Whether an input says anything by which an output could be found."""
    return bool(said.get("compatible_sources"))


def _part(node: Node, part: str) -> Mapping[str, Any]:
    interface = (node.definition.interface if node.definition is not None else None) or _NOTHING
    found: Mapping[str, Any] = interface.get(part) or _NOTHING
    return found
