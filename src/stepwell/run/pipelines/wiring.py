"""Wiring proposals: scored and explained sources for the open inputs of a pipeline."""

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
    """Return the text of a pipeline with additional inputs.

    Args:
        additions: source of each new input, by the position of the step in the document.

    Raises:
        PipelineError: the file cannot be edited without changing the rest.
    """
    if document.path.endswith(".toml"):
        raise PipelineError(f"cannot edit {document.path}: only YAML is supported")
    text = document.text
    edits = sorted(
        (_edit(document, pointer, fed) for pointer, fed in additions.items() if fed),
        key=lambda edit: -edit[0],
    )
    for start, end, piece in edits:
        text = text[:start] + piece + text[end:]
    again = read_text(document.path, text.encode("utf-8"))
    if isinstance(again, Diagnostic) or thaw(again.data) != _expected(document, additions):
        raise PipelineError(f"cannot add inputs to {document.path} without changing its formatting")
    return text


def _edit(document: Document, pointer: Pointer, fed: Mapping[str, str]) -> tuple[int, int, str]:
    """Return one insertion: start, end and text."""
    text, places = document.text, document.locate(document.text)
    inputs = (*pointer, "inputs")
    data: Any = document.data
    for step in pointer:
        data = data[step]
    pairs = [f"{_key(name)}: {word}" for name, word in fed.items()]
    line_break = "\r\n" if "\r\n" in text else "\n"
    if data.get("inputs"):
        last = inputs + (list(data["inputs"])[-1],)  # noqa: RUF005 - a star in an index needs Python 3.11
        end = places.values[last][1]
        if text[places.values[inputs][0]] == "{":
            return end, end, "".join(f", {pair}" for pair in pairs)
        indent = " " * _column(text, places.keys[last][0])
        at = _line_end(text, end)
        return at, at, "".join(f"{line_break}{indent}{pair}" for pair in pairs)
    flow = f"{{{', '.join(pairs)}}}"
    if "inputs" in data:  # present but empty
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


_MAX_POINTS: Final = 1.4
"""Maximum number of points; a score is a fraction of it."""
_MIN_SCORE: Final = 0.28
"""Minimum score of a proposal."""
_MIN_LEAD: Final = 0.03
"""Minimum lead of the best candidate over the next one."""
_MIN_LEAD_OPTIONAL: Final = 0.1
"""The same for an optional input, which may stay open."""
_SHOWN: Final = 5
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@final
class WiringCandidate(NamedTuple):
    """An output that could be the source of an input.

    Args:
        score: 0 to 1.
        is_related: whether names or keywords match.
    """

    fed: OutputOf
    score: float
    reasons: tuple[str, ...]
    is_related: bool = True


@final
class Proposal(NamedTuple):
    """Candidates for one open input.

    Args:
        required: whether the step needs the input.
        chosen: ``None`` if there is no clear winner.
    """

    node: str
    input: str
    required: bool
    chosen: WiringCandidate | None
    candidates: tuple[WiringCandidate, ...]

    @property
    def is_ambiguous(self) -> bool:
        """Return whether there are candidates but no clear winner."""
        return self.chosen is None and bool(self.candidates)


def propose(
    pipeline: Pipeline, views: Callable[[str | None], View], settings: Settings
) -> tuple[Proposal, ...]:
    """Return a proposal for every open input that declares compatible sources.

    A step with upstream steps gets outputs of these only, and each output at most once.

    Args:
        views: returns the view of a workspace; ``None`` is the core.
    """
    return tuple(_Wiring(pipeline, views, settings).proposals())


def wired(pipeline: Pipeline, proposals: Iterable[Proposal]) -> Pipeline:
    """Return the pipeline with the chosen proposals applied."""
    nodes = dict(pipeline.nodes)
    for proposal in proposals:
        if proposal.chosen is not None:
            node = nodes[proposal.node]
            inputs = {**node.inputs, proposal.input: proposal.chosen.fed}
            nodes[proposal.node] = replace(node, inputs=inputs)
    return replace(pipeline, nodes=nodes)


@final
class _Output(NamedTuple):
    """One output of the pipeline, prepared for comparison."""

    node: Node
    step: str
    name: str
    type: str | None
    names: frozenset[str]
    words: frozenset[str]


@final
class _Wiring:
    """Wiring of one pipeline."""

    def __init__(self, pipeline: Pipeline, views: Callable[[str | None], View], settings: Settings) -> None:
        self._pipeline = pipeline
        self._views = views
        self._settings = settings
        self._needs: dict[str, list[str]] = {node.id: list(node.needs) for node in pipeline.nodes.values()}
        self._needed_by: dict[str, list[str]] = {}
        for node_id, needs in self._needs.items():
            for needed in needs:
                self._needed_by.setdefault(needed, []).append(node_id)
        self._placed = {
            node_id for node_id, needs in self._needs.items() if needs or node_id in self._needed_by
        }
        self._has_edges = any(node.depends_on for node in pipeline.nodes.values())
        self._outputs = [
            _Output(
                node,
                node.definition.name,
                name,
                declared.get("type"),
                frozenset((name, *declared.get("aliases", ()))),
                _words(name, declared),
            )
            for node in pipeline.nodes.values()
            if node.definition is not None
            for name, declared in _part(node, "outputs").items()
        ]
        self._by_step: dict[str, list[_Output]] = {}
        for output in self._outputs:
            self._by_step.setdefault(output.step, []).append(output)
        self._fitting: dict[str | None, list[_Output]] = {}
        self._named: dict[tuple[str | None, str], tuple[str, str | None] | None] = {}

    def proposals(self) -> Iterator[Proposal]:
        for node in self._pipeline.nodes.values():
            ranked = {
                name: self._candidates(node, name, declared)
                for name, declared in _part(node, "inputs").items()
                if name not in node.inputs and name not in node.given and declared.get("compatible_sources")
            }
            yield from self._assigned(node, ranked)

    def _assigned(self, node: Node, ranked: Mapping[str, list[WiringCandidate]]) -> Iterator[Proposal]:
        """Yield the proposals of a node: required inputs choose first, then those with the best match."""
        inputs = _part(node, "inputs")
        required = {name: bool(inputs[name].get("required", True)) for name in ranked}
        taken = set(node.inputs.values())
        proposals: dict[str, Proposal] = {}
        for name in sorted(
            ranked,
            key=lambda name: (not required[name], -max((each.score for each in ranked[name]), default=0)),
        ):
            free = [candidate for candidate in ranked[name] if candidate.fed not in taken]
            if required[name]:
                chosen = _clear(free, _MIN_LEAD)
            else:  # stays open if its best match is the source of another input, or one of several by chance
                chosen = _clear(ranked[name], _MIN_LEAD_OPTIONAL)
                by_chance = chosen is not None and not chosen.is_related and len(ranked[name]) > 1
                if chosen is not None and (chosen.fed in taken or by_chance):
                    chosen = None
            if chosen is not None:
                taken.add(chosen.fed)
                self._needs[node.id].append(chosen.fed.node)
                self._needed_by.setdefault(chosen.fed.node, []).append(node.id)
            proposals[name] = Proposal(node.id, name, required[name], chosen, tuple(free[:_SHOWN]))
        yield from (proposals[name] for name in ranked)

    def _candidates(self, node: Node, name: str, declared: Mapping[str, Any]) -> list[WiringCandidate]:
        sources, generic = self._sources(node, declared["compatible_sources"])
        match = _InputMatch(node, name, declared, sources)
        if generic:
            offered = self._of_fitting_type(declared.get("type"))
        else:
            offered = [output for step in sources for output in self._by_step.get(step, ())]
        least = _MIN_SCORE * _MAX_POINTS
        earlier = self._earlier(node)
        scored = [(match.score(output), output) for output in offered if output.node.id in earlier]
        return [
            WiringCandidate(
                OutputOf(output.node.id, output.name),
                round(score / _MAX_POINTS, 2),
                tuple(match.reasons(output)),
                match.is_related(output),
            )
            for score, output in sorted(scored, key=lambda pair: -pair[0])
            if score >= least
        ]

    def _earlier(self, node: Node) -> set[str]:
        """Return the nodes that run before a node, or that the pipeline does not order yet."""
        if node.needs:
            earlier = _reached(node.id, self._needs)
        elif self._has_edges and node.id in self._placed:
            earlier = set(self._pipeline.nodes) - self._placed
        else:
            earlier = set(self._pipeline.nodes)
        return earlier - {node.id} - _reached(node.id, self._needed_by)

    def _of_fitting_type(self, wanted: str | None) -> list[_Output]:
        outputs = self._fitting.get(wanted)
        if outputs is None:
            outputs = self._fitting[wanted] = [
                output
                for output in self._outputs
                if wanted is None or output.type is None or fits(wanted, output.type)
            ]
        return outputs

    def _sources(self, node: Node, words: Iterable[str]) -> tuple[dict[str, frozenset[str | None]], bool]:
        """Return the named steps with their job types, and whether one source is generic."""
        steps: dict[str, frozenset[str | None]] = {}
        generic = False
        whose = self._pipeline.workspace if node.workspace is None else node.workspace
        for word in words:
            generic = generic or word in self._settings.alignment.generic_sources
            key = (whose, word)
            if key not in self._named:
                self._named[key] = self._step_named(whose, word)
            named = self._named[key]
            if named is not None:
                steps[named[0]] = steps.get(named[0], frozenset()) | {named[1]}
        return steps, generic

    def _step_named(self, whose: str | None, word: str) -> tuple[str, str | None] | None:
        view = self._views(whose)
        step = step_named(view, word, self._settings)
        if step is None:
            return None
        if view.get(word) is step:
            return step.name, None
        known = self._settings.naming.job_type_suffixes
        return step.name, next((suffix for suffix in known if word.lower().endswith(suffix.lower())), None)


def _reached(start: str, edges: Mapping[str, list[str]]) -> set[str]:
    """Return all nodes that are reachable from a node."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = set(edges.get(waiting.pop(), ())) - seen
        seen |= fresh
        waiting += fresh
    return seen


def _clear(candidates: list[WiringCandidate], lead: float) -> WiringCandidate | None:
    """Return the best candidate if it leads."""
    if not candidates or (len(candidates) > 1 and candidates[0].score - candidates[1].score < lead - 1e-9):
        return None
    return candidates[0]


@final
class _InputMatch:
    """Scores outputs for one input."""

    def __init__(
        self,
        node: Node,
        name: str,
        declared: Mapping[str, Any],
        sources: Mapping[str, frozenset[str | None]],
    ) -> None:
        self._node = node
        self._name = name
        self._type: str | None = declared.get("type")
        self._words = _words(name, declared)
        self._sources = sources
        self._required = bool(declared.get("required", True))
        self._needs = frozenset(node.needs)
        self._of_types: dict[str | None, float] = {}

    def score(self, output: _Output) -> float:
        """Return the points of an output, at most ``_MAX_POINTS``; 0 if its type does not match."""
        score = self._of_types.get(output.type, -1.0)
        if score < 0:
            score = self._of_types[output.type] = self._of_type(output.type)
        if score == 0:
            return 0.0
        if self._name in output.names:
            score += 0.25
        shared = self._words & output.words
        if shared:
            score += 0.15 * len(shared) / min(len(self._words), len(output.words))
        named = self._sources.get(output.step)
        job_type = output.node.job_type
        if named is None:
            if not self._required and not self.is_related(output):
                return 0.0
            score += 0.1
        else:
            score += 0.3
            if job_type is not None:
                score += 0.1 if job_type in named else 0.0 if None in named else -0.2
        if output.node.id in self._needs:
            score += 0.2
        if job_type is not None and job_type == self._node.job_type:
            score += 0.1
        return score

    def is_related(self, output: _Output) -> bool:
        """Return whether names or keywords match."""
        return self._name in output.names or not self._words.isdisjoint(output.words)

    def reasons(self, output: _Output) -> Iterator[str]:
        """Yield the arguments for and against an output."""
        if self._type is not None and output.type is not None:
            same = self._type == output.type
            yield (
                f"same type `{output.type}`"
                if same
                else f"type `{output.type}` is compatible with `{self._type}`"
            )
        if self._name == output.name:
            yield "same name"
        elif self._name in output.names:
            yield f"`{self._name}` is an alias of `{output.name}`"
        shared = sorted(self._words & output.words)
        if shared:
            yield f"shared keywords: {', '.join(shared[:3])}"
        named, job_type = self._sources.get(output.step), output.node.job_type
        if named is None:
            yield "a generic source accepts any step"
        else:
            yield f"`{output.step}` is a compatible source"
            if job_type is not None and job_type in named:
                yield f"requested job type {job_type}"
            elif job_type is not None and None not in named:
                yield f"different job type {job_type}"
        if output.node.id in self._needs:
            yield f"`{self._node.id}` already needs `{output.node.id}`"
        if job_type is not None and job_type == self._node.job_type:
            yield f"same job type {job_type}"

    def _of_type(self, type_: str | None) -> float:
        if self._type is None or type_ is None:
            return 0.15
        if not fits(self._type, type_):
            return 0.0
        return 0.3 if type_ == self._type else 0.25


def _words(name: str, declared: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(
        word.lower() for word in (*declared.get("semantic_keywords", ()), *name.split("_")) if word
    )


def _part(node: Node, part: str) -> Mapping[str, Any]:
    interface = (node.definition.interface if node.definition is not None else None) or _NOTHING
    declared: Mapping[str, Any] = interface.get(part) or _NOTHING
    return declared
