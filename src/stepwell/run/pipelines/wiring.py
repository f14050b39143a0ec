"""What could feed the open inputs of a pipeline: proposed, scored and explained, never chosen by chance."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, NamedTuple, final

from stepwell.check.pipelines.input_type_mismatch import fits
from stepwell.code.alignment.check import step_named
from stepwell.model.graph import Node, OutputOf, Pipeline
from stepwell.model.settings import Settings
from stepwell.resolve.view import View
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document, Pointer, thaw
from stepwell.source.errors import PipelineError
from stepwell.source.read import read_text

__all__ = [
    "Proposal",
    "WiringCandidate",
    "propose",
    "wired",
    "with_inputs",
]


def with_inputs(document: Document, additions: Mapping[Pointer, Mapping[str, str]]) -> str:
    """The text of a pipeline with more inputs fed.

    Args:
        additions: the way to each entry of ``steps`` to what feeds its inputs, by input.

    Raises:
        PipelineError: the file is written in a way in which this cannot be done without touching the rest.
    """
    if document.path.endswith(".toml"):
        raise PipelineError(f"{document.path} is TOML, and only YAML can be written into")
    text = document.text
    edits = sorted(
        (_edit(document, pointer, fed) for pointer, fed in additions.items() if fed), key=lambda one: -one[0]
    )
    for start, end, piece in edits:
        text = text[:start] + piece + text[end:]
    again = read_text(document.path, text.encode("utf-8"))
    if isinstance(again, Diagnostic) or thaw(again.data) != _expected(document, additions):
        raise PipelineError(f"{document.path} is written in a way that inputs cannot be added to safely")
    return text


def _edit(document: Document, pointer: Pointer, fed: Mapping[str, str]) -> tuple[int, int, str]:
    """One insertion: from where to where, and the text."""
    text, places = document.text, document.locate(document.text)
    inputs = (*pointer, "inputs")
    data: Any = document.data
    for step in pointer:
        data = data[step]
    pairs = [f"{_key(name)}: {word}" for name, word in fed.items()]
    line_break = "\r\n" if "\r\n" in text else "\n"
    if data.get("inputs"):
        last = inputs + (list(data["inputs"])[-1],)  # noqa: RUF005 - an index with a star needs Python 3.11
        end = places.values[last][1]
        if text[places.values[inputs][0]] == "{":
            return end, end, "".join(f", {pair}" for pair in pairs)
        indent = " " * _column(text, places.keys[last][0])
        at = _line_end(text, end)
        return at, at, "".join(f"{line_break}{indent}{pair}" for pair in pairs)
    flow = f"{{{', '.join(pairs)}}}"
    if "inputs" in data:  # it is there, and empty
        start, end = places.values[inputs]
        return start, end, flow
    after: Pointer = (*pointer, "step" if "step" in data else "id")
    end = places.values[after][1]
    if text[places.values[pointer][0]] == "{":
        return end, end, f", inputs: {flow}"
    indent = " " * _column(text, places.keys[after][0])
    at = _line_end(text, end)
    return at, at, f"{line_break}{indent}inputs:" + "".join(f"{line_break}{indent}  {pair}" for pair in pairs)


def _column(text: str, at: int) -> int:
    return at - max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) - 1


def _line_end(text: str, at: int) -> int:
    while at < len(text) and text[at] not in "\r\n":
        at += 1
    return at


def _key(name: str) -> str:
    from stepwell.source.yaml_writer import to_yaml

    return to_yaml({name: None}).partition(": null")[0]


def _expected(document: Document, additions: Mapping[Pointer, Mapping[str, str]]) -> Any:
    data = thaw(document.data)
    for pointer, fed in additions.items():
        entry = data
        for step in pointer:
            entry = entry[step]
        if fed:
            entry["inputs"] = {**(entry.get("inputs") or {}), **fed}
    return data


_MOST: Final = 1.4
"""What everything that can speak for an output adds up to; a score is a share of it."""
_LEAST: Final = 0.28
"""The score below which nothing is proposed."""
_APART: Final = 0.03
"""How much better the best must be than the next, so that it is no matter of chance."""
_SHOWN: Final = 5
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class WiringCandidate(NamedTuple):
    """An output that could feed an input.

    Args:
        score: from 0 to 1.
    """

    fed: OutputOf
    score: float
    reasons: tuple[str, ...]


@final
class Proposal(NamedTuple):
    """What could feed one open input.

    Args:
        required: whether the step cannot run without it.
        chosen: what is proposed; ``None`` where nothing fits, or several do equally.
    """

    node: str
    input: str
    required: bool
    chosen: WiringCandidate | None
    candidates: tuple[WiringCandidate, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Whether several fit, and nothing tells them apart."""
        return self.chosen is None and bool(self.candidates)


def propose(
    pipeline: Pipeline, views: Callable[[str | None], View], settings: Settings
) -> tuple[Proposal, ...]:
    """A proposal for every input that nothing feeds and that says what it takes.

    Args:
        views: gives the view of a workspace, of the core for ``None``.
    """
    return tuple(_Wiring(pipeline, views, settings).proposals())


def wired(pipeline: Pipeline, proposals: Iterable[Proposal]) -> Pipeline:
    """A pipeline in which what is proposed is done."""
    nodes = dict(pipeline.nodes)
    for one in proposals:
        if one.chosen is not None:
            node = nodes[one.node]
            inputs = {**node.inputs, one.input: one.chosen.fed}
            nodes[one.node] = replace(node, inputs=inputs)
    return replace(pipeline, nodes=nodes)


@final
class _Output(NamedTuple):
    """One output of the pipeline, made ready to be compared."""

    node: Node
    step: str
    name: str
    type: str | None
    names: frozenset[str]
    words: frozenset[str]


@final
class _Wiring:
    """The wiring of one pipeline, from the first step to the last."""

    def __init__(self, pipeline: Pipeline, views: Callable[[str | None], View], settings: Settings) -> None:
        self._pipeline = pipeline
        self._views = views
        self._settings = settings
        self._needed_by: dict[str, list[str]] = {}
        for node in pipeline.nodes.values():
            for one in node.needs:
                self._needed_by.setdefault(one, []).append(node.id)
        self._outputs = [
            _Output(
                node,
                node.definition.name,
                name,
                said.get("type"),
                frozenset((name, *said.get("aliases", ()))),
                _words(name, said),
            )
            for node in pipeline.nodes.values()
            if node.definition is not None
            for name, said in _part(node, "outputs").items()
        ]
        self._by_step: dict[str, list[_Output]] = {}
        for output in self._outputs:
            self._by_step.setdefault(output.step, []).append(output)
        self._fitting: dict[str | None, list[_Output]] = {}
        self._named: dict[tuple[str | None, str], tuple[str, str | None] | None] = {}

    def proposals(self) -> Iterator[Proposal]:
        for node in self._pipeline.nodes.values():
            for name, said in _part(node, "inputs").items():
                if name in node.inputs or name in node.given or not said.get("compatible_sources"):
                    continue
                yield self._proposal(node, name, said)

    def _proposal(self, node: Node, name: str, said: Mapping[str, Any]) -> Proposal:
        sources, generic = self._sources(node, said["compatible_sources"])
        comparing = _InputMatch(node, name, said, sources)
        if generic:
            offered = self._of_fitting_type(said.get("type"))
        else:
            offered = [one for step in sources for one in self._by_step.get(step, ())]
        scored = [(comparing.score(one), one) for one in offered if one.node is not node]
        least = _LEAST * _MOST
        scored = sorted((one for one in scored if one[0] >= least), key=lambda one: -one[0])
        after = self._after(node.id)
        fitting: list[WiringCandidate] = []
        for score, one in scored:
            if len(fitting) == _SHOWN:
                break
            if one.node.id not in after:
                fed, reasons = OutputOf(one.node.id, one.name), tuple(comparing.reasons(one))
                fitting.append(WiringCandidate(fed, round(score / _MOST, 2), reasons))
        clear = len(fitting) == 1 or (
            len(fitting) > 1 and fitting[0].score - fitting[1].score >= _APART - 1e-9
        )
        if clear:
            self._needed_by.setdefault(fitting[0].fed.node, []).append(node.id)
        chosen = fitting[0] if clear else None
        return Proposal(node.id, name, bool(said.get("required", True)), chosen, tuple(fitting))

    def _of_fitting_type(self, wanted: str | None) -> list[_Output]:
        found = self._fitting.get(wanted)
        if found is None:
            found = self._fitting[wanted] = [
                one for one in self._outputs if wanted is None or one.type is None or fits(wanted, one.type)
            ]
        return found

    def _sources(self, node: Node, words: Iterable[str]) -> tuple[dict[str, frozenset[str | None]], bool]:
        """The steps that words name, each with the job types that they ask for; whether one is generic."""
        found: dict[str, frozenset[str | None]] = {}
        generic = False
        whose = self._pipeline.workspace if node.workspace is None else node.workspace
        for word in words:
            generic = generic or word in self._settings.alignment.generic_sources
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
        if view.get(word) is step:
            return step.name, None
        known = self._settings.naming.job_type_suffixes
        return step.name, next((one for one in known if word.lower().endswith(one.lower())), None)

    def _after(self, start: str) -> set[str]:
        """A node and all that need it, however far away: what they give cannot feed it."""
        seen, waiting = {start}, [start]
        while waiting:
            fresh = [one for one in self._needed_by.get(waiting.pop(), ()) if one not in seen]
            seen.update(fresh)
            waiting += fresh
        return seen


@final
class _InputMatch:
    """One input, held against outputs."""

    def __init__(
        self,
        node: Node,
        name: str,
        said: Mapping[str, Any],
        sources: Mapping[str, frozenset[str | None]],
    ) -> None:
        self._node = node
        self._name = name
        self._type: str | None = said.get("type")
        self._words = _words(name, said)
        self._sources = sources
        self._required = bool(said.get("required", True))
        self._needs = frozenset(node.needs)
        self._of_types: dict[str | None, float] = {}

    def score(self, one: _Output) -> float:
        """How well an output fits, at most ``_MOST``; 0 where its type does not."""
        score = self._of_types.get(one.type, -1.0)
        if score < 0:
            score = self._of_types[one.type] = self._of_type(one.type)
        if score == 0:
            return 0.0
        if self._name in one.names:
            score += 0.25
        shared = self._words & one.words
        if shared:
            score += 0.15 * len(shared) / min(len(self._words), len(one.words))
        named = self._sources.get(one.step)
        job_type = one.node.job_type
        if named is None:
            if not self._required and not shared and self._name not in one.names:
                return 0.0  # that it would fit is too little to fill what may stay open
            score += 0.1
        else:
            score += 0.3
            if job_type is not None:
                score += 0.1 if job_type in named else 0.0 if None in named else -0.2
        if one.node.id in self._needs:
            score += 0.2
        if job_type is not None and job_type == self._node.job_type:
            score += 0.1
        return score

    def reasons(self, one: _Output) -> Iterator[str]:
        """What speaks for an output, or against it."""
        if self._type is not None and one.type is not None:
            same = self._type == one.type
            yield f"`{one.type}` is its type" if same else f"`{one.type}` fits `{self._type}`"
        if self._name == one.name:
            yield "the names are equal"
        elif self._name in one.names:
            yield f"`{self._name}` is an alias of `{one.name}`"
        shared = sorted(self._words & one.words)
        if shared:
            yield f"both are about {', '.join(shared[:3])}"
        named, job_type = self._sources.get(one.step), one.node.job_type
        if named is None:
            yield "a generic source takes any step"
        else:
            yield f"`{one.step}` is a compatible source"
            if job_type is not None and job_type in named:
                yield f"it asks for the job type {job_type}"
            elif job_type is not None and None not in named:
                yield f"it asks for another job type than {job_type}"
        if one.node.id in self._needs:
            yield f"`{self._node.id}` needs `{one.node.id}` already"
        if job_type is not None and job_type == self._node.job_type:
            yield f"both are of the job type {job_type}"

    def _of_type(self, given: str | None) -> float:
        if self._type is None or given is None:
            return 0.15
        if not fits(self._type, given):
            return 0.0
        return 0.3 if given == self._type else 0.25


def _words(name: str, said: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(word.lower() for word in (*said.get("semantic_keywords", ()), *name.split("_")) if word)


def _part(node: Node, part: str) -> Mapping[str, Any]:
    interface = (node.definition.interface if node.definition is not None else None) or _NOTHING
    found: Mapping[str, Any] = interface.get(part) or _NOTHING
    return found
