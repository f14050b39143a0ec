"""Old pipelines: graphs (``*.dag.json``, Python modules) and configurations of cross-workspace pipelines."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, final

from stepwell.model.layer import Layer
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import Document, Pointer, Stretch, TextMap, freeze
from stepwell.source.python import PythonSource, read_source, text_of
from stepwell.write.migrate.entries import PlannedDefinition, fail, note

__all__ = ["GRAPH", "is_configuration", "is_dag", "pipeline_entry", "read_graphs"]

_WITH_JOB_TYPE: Final = re.compile(r"([A-Z][A-Za-z0-9]*)_([a-z][a-z0-9]*)")
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
GRAPH: Final = "PipelineDAG"
"""Class of graphs in old Python modules."""
_MOST_ROUNDS: Final = 10_000
_ABOUT: Final = "DAGMetadata"
_STEP_FIELDS: Final = ("step_name", "developer_id", "step_type", "config_data", "dependencies")
_FIELDS: Final = ("pipeline_name", "description", "steps")


def is_dag(document: Document) -> bool:
    """Return whether a document is a graph of nodes and edges."""
    graph = document.data.get("dag")
    return isinstance(graph, Mapping) and "nodes" in graph


def is_configuration(document: Document) -> bool:
    """Return whether a document configures a cross-workspace pipeline."""
    return "pipeline_name" in document.data and isinstance(document.data.get("steps"), tuple)


def pipeline_entry(
    document: Document, workspace: str | None
) -> tuple[PlannedDefinition, tuple[Diagnostic, ...]]:
    """Return the definition of an old pipeline and findings about changed content.

    Args:
       workspace: target of the local layer; ``None`` for the core.
    """
    making = _Making(document)
    if is_dag(document):
        making.from_dag()
    else:
        making.from_configuration()
    layer = Layer.CORE if workspace is None else Layer.LOCAL
    return PlannedDefinition("pipelines", layer, workspace, making.made(), making.graph()), tuple(
        making.findings
    )


class _Making:
    """Definition under construction."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._origin: dict[Pointer, Pointer] = {}
        self._data: dict[str, Any] = {}
        self._steps: list[dict[str, Any]] = []
        self.findings: list[Diagnostic] = []

    def from_dag(self) -> None:
        data = self._document.data
        graph, about = data["dag"], data.get("metadata")
        about = about if isinstance(about, Mapping) else {}
        self._state("name", about.get("name") or _stem(self._document.path), ("metadata", "name"))
        where: Pointer = ("dag", "description") if graph.get("description") else ("metadata", "description")
        self._describe(graph.get("description") or about.get("description"), where)
        places: dict[str, int] = {}
        for at, node in enumerate(graph["nodes"] if isinstance(graph["nodes"], tuple) else ()):
            here: Pointer = ("dag", "nodes", at)
            if not isinstance(node, str) or not _ID.fullmatch(node):
                self._skip(f"`{node}` is not a valid step name", here)
            elif node in places:
                self._skip(f"the step `{node}` is listed twice, only the first is used", here)
            else:
                places[node] = self._add(node, _step_word(node), here)
        for at, edge in enumerate(graph.get("edges") or ()):
            self._edge(edge, places, ("dag", "edges", at))
        self._keep(data, ("dag",), {"metadata": self._beyond(about)})
        for key in graph:
            if key not in ("nodes", "edges", "description"):
                self._own(f"x-{key}", graph[key], ("dag", key), key)

    def from_configuration(self) -> None:
        data = self._document.data
        self._state("name", data["pipeline_name"], ("pipeline_name",))
        self._describe(data.get("description"), ("description",))
        places: dict[str, int] = {}
        for at, step in enumerate(data["steps"]):
            here: Pointer = ("steps", at)
            name = step.get("step_name") if isinstance(step, Mapping) else None
            if not isinstance(name, str) or not _ID.fullmatch(name):
                self._skip("a step must have a name of letters, digits, `_` and `-`", here)
            elif name in places:
                self._skip(f"the step `{name}` is listed twice, only the first is used", here)
            else:
                places[name] = self._configured(name, step, here)
        for at, step in enumerate(data["steps"]):
            if isinstance(step, Mapping) and step.get("step_name") in places:
                for number, needed in enumerate(step.get("dependencies") or ()):
                    self._edge((needed, step["step_name"]), places, ("steps", at, "dependencies", number))
        self._keep(data, _FIELDS, {})

    def made(self) -> Document:
        """Return the fields with their locations in the source."""
        data = freeze({**self._data, "steps": self._steps})
        places = self._document.locate(self._document.text)
        keys = {way: places.keys.get(old) or places.values.get(old) for way, old in self._origin.items()}
        values = {way: places.values.get(old) for way, old in self._origin.items()}
        own = TextMap(
            {way: key for way, key in keys.items() if key is not None},
            {way: value for way, value in values.items() if value is not None},
        )
        return Document(self._document.path, self._document.text, data, lambda _: own)

    def graph(self) -> Mapping[str, Any]:
        """Return the steps and edges for verification."""
        edges = [(item, step["id"]) for step in self._steps for item in step.get("depends_on", ())]
        return {"steps": [(step["id"], step["step"]) for step in self._steps], "edges": edges}

    def _configured(self, name: str, step: Mapping[str, Any], here: Pointer) -> int:
        kind, owner = step.get("step_type") or name, step.get("developer_id")
        word = str(kind)
        if owner:
            word = f"{owner}:{kind}" if word[:1].isupper() else f"{owner}:{kind}:"
        place = self._add(name, word, here, ("step_type",))
        if step.get("config_data"):
            self._steps[place]["config"] = step["config_data"]
            self._origin["steps", place, "config"] = (*here, "config_data")
        for key, value in step.items():
            if key not in _STEP_FIELDS and value not in (None, "", (), {}):
                self._steps[place][f"x-{key}"] = value
                self._report_kept(f"a step of a pipeline has no field `{key}`", f"x-{key}", (*here, key))
        return place

    def _add(self, step_id: str, word: str, here: Pointer, inner: Pointer = ()) -> int:
        place = len(self._steps)
        self._steps.append({"id": step_id, "step": word})
        self._origin["steps", place] = self._origin["steps", place, "id"] = here
        self._origin["steps", place, "step"] = here + inner
        return place

    def _edge(self, edge: Any, places: Mapping[str, int], here: Pointer) -> None:
        if not isinstance(edge, tuple) or len(edge) != 2:
            self._skip("an edge must name two steps", here)
            return
        for item in edge:
            if item not in places:
                self._skip(f"an edge references the unknown step `{item}`", here)
                return
        source, target = edge
        needed = self._steps[places[target]].setdefault("depends_on", [])
        if source not in needed:
            self._origin["steps", places[target], "depends_on", len(needed)] = here
            self._origin.setdefault(("steps", places[target], "depends_on"), here)
            needed.append(source)

    def _state(self, field: str, value: Any, place: Pointer) -> None:
        self._data[field] = value
        self._origin[field,] = place

    def _describe(self, description: Any, place: Pointer) -> None:
        if isinstance(description, str) and description.strip():
            self._state("description", description.strip(), place)
        else:
            self._state("description", f"Purpose of {self._data['name']}.", ("pipeline_name",))

    def _keep(self, data: Mapping[str, Any], taken: tuple[str, ...], instead: Mapping[str, Any]) -> None:
        """Keep unknown keys as custom fields."""
        for key in data:
            value = instead.get(key, data[key])
            if key not in taken and value not in (None, "", (), {}):
                self._own(f"x-{key}", value, (key,), key)

    def _own(self, new: str, value: Any, place: Pointer, key: str) -> None:
        self._state(new, value, place)
        self._report_kept(f"a pipeline has no field `{key}`", new, place)

    def _report_kept(self, words: str, new: str, place: Pointer) -> None:
        self.findings.append(note("kept-as-own", f"{words}; it is kept as `{new}`", self._document, place))

    def _skip(self, words: str, place: Pointer) -> None:
        message = f"{words}; skipped"
        self.findings.append(
            fail("not-carried", message, self._document, place, "fix the source, or add it by hand")
        )

    def _beyond(self, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the metadata that the definition does not contain."""
        stated = (self._data["name"], self._data["description"])
        return {
            key: item
            for key, item in about.items()
            if key not in ("name", "description") or item not in stated
        }


def _step_word(node: str) -> str:
    """Return the step and job type of a node."""
    match = _WITH_JOB_TYPE.fullmatch(node)
    return node if match is None else f"{match[1]}:{match[2]}"


def _stem(path: str) -> str:
    return path[path.rfind("/") + 1 :].partition(".")[0]


def read_graphs(path: str, content: bytes) -> tuple[tuple[Document, ...], tuple[Diagnostic, ...]]:
    """Read the graphs that a Python module builds, without running it, in the form of ``*.dag.json``."""
    source = read_source(path, content)
    if isinstance(source, Diagnostic):
        return (), (source,)
    about = _about(source.tree)
    findings: list[Diagnostic] = []
    graphs: list[_Graph] = []
    for name, body in _scopes(source.tree):
        scope = _GraphScope(source, name)
        scope.run(body, {})
        if built := [graph for graph in scope.graphs.values() if graph.nodes]:
            graphs += built
            findings += scope.findings
    only = len(graphs) == 1
    documents = (graph.document(source, about if only else {}, only=only) for graph in graphs)
    return tuple(documents), tuple(findings)


def _scopes(tree: ast.Module) -> Iterator[tuple[str, list[ast.stmt]]]:
    """Yield the statements of the module, and of each function and method by name."""
    yield "", tree.body
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.body


def _about(tree: ast.Module) -> dict[str, str]:
    """Return the name and description of the only graph of a module, if they are literals."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node) == _ABOUT:
            stated = {word.arg: text_of(word.value) for word in node.keywords}
            return {key: text for key in ("name", "description") if (text := stated.get(key)) is not None}
    return {}


def _called(node: ast.expr | None) -> str:
    """Return the last part of the name of a called function, or an empty string."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


class _Graph:
    """Graph under construction."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: dict[str, Stretch] = {}
        self.edges: dict[tuple[str, str], Stretch] = {}

    def document(self, source: PythonSource, about: Mapping[str, str], *, only: bool) -> Document:
        name = _stem(source.path) if only or not self.name else self.name
        metadata = {"name": name.removeprefix("create_").removesuffix("_dag"), **about}
        places: dict[Pointer, Stretch] = {
            ("dag", "nodes", at): place for at, place in enumerate(self.nodes.values())
        }
        places |= {("dag", "edges", at): place for at, place in enumerate(self.edges.values())}
        first = next(iter(self.nodes.values()))
        places |= {("metadata", key): first for key in ("name", "description")}
        own = TextMap(MappingProxyType(places), MappingProxyType(places))
        data = {"dag": {"nodes": list(self.nodes), "edges": list(self.edges)}, "metadata": metadata}
        return Document(source.path, source.text, freeze(data), lambda _: own)


@final
class _GraphScope:
    """Evaluates the statements of one function that build graphs."""

    def __init__(self, source: PythonSource, name: str) -> None:
        self._source = source
        self._name = name
        self.findings: list[Diagnostic] = []
        self._rounds = 0
        self._lists: dict[str, ast.expr] = {}
        self.graphs: dict[str, _Graph] = {}

    def run(self, body: list[ast.stmt], bound: Mapping[str, ast.expr]) -> None:
        """Evaluate statements in order.

        Args:
           bound: values of loop variables.
        """
        for statement in body:
            if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                for target in targets:
                    if isinstance(target, ast.Name):
                        self._bind(target.id, statement.value, bound)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                self._bind("", statement.value, bound)
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                self._call(statement.value, bound)
            elif isinstance(statement, ast.For):
                self._loop(statement, bound)
            elif isinstance(statement, (ast.With, ast.Try)):
                self.run(statement.body, bound)
            elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                for node in ast.walk(statement):
                    if isinstance(node, ast.Call) and self._graph_of(node) is not None:
                        self._refuse(node, "the graph is changed under a condition")

    def _bind(self, name: str, value: ast.expr, bound: Mapping[str, ast.expr]) -> None:
        if isinstance(value, ast.Call) and _called(value) == GRAPH:
            graph = self.graphs[name] = _Graph(self._name or name)
            given = dict(zip(("nodes", "edges"), value.args, strict=False))
            given |= {word.arg: word.value for word in value.keywords if word.arg in ("nodes", "edges")}
            for item in self._items(given.get("nodes"), bound):
                self._node(graph, item, bound)
            for item in self._items(given.get("edges"), bound):
                self._edge(graph, item, bound)
        elif isinstance(value, (ast.List, ast.Tuple, ast.Set)):
            self._lists[name] = value

    def _call(self, call: ast.Call, bound: Mapping[str, ast.expr]) -> None:
        graph = self._graph_of(call)
        if graph is None:
            return
        words = sorted(call.keywords, key=lambda word: word.arg in ("dst", "target", "to_node"))
        values = [*call.args, *(word.value for word in words)]
        if _called(call) == "add_node" and len(values) == 1:
            self._node(graph, values[0], bound)
        elif _called(call) == "add_edge" and len(values) == 2:
            self._edge(graph, ast.copy_location(ast.Tuple(values, ast.Load()), call), bound)
        else:
            self._refuse(call, "this call changes the graph in an unknown way")

    def _loop(self, loop: ast.For, bound: Mapping[str, ast.expr]) -> None:
        changes = [node for node in ast.walk(loop) if isinstance(node, ast.Call) and self._graph_of(node)]
        for item in self._items(loop.iter, bound) if changes else ():
            self._rounds += 1
            if self._rounds > _MOST_ROUNDS:
                if self._rounds == _MOST_ROUNDS + 1:
                    self._refuse(loop.iter, f"loops have more than {_MOST_ROUNDS} rounds")
                return
            names, values = [loop.target], [item]
            if isinstance(loop.target, ast.Tuple) and isinstance(item, (ast.Tuple, ast.List)):
                names, values = loop.target.elts, item.elts
            pairs = zip(names, values, strict=False)
            inner = {name.id: value for name, value in pairs if isinstance(name, ast.Name)}
            self.run(loop.body, {**bound, **inner})

    def _graph_of(self, call: ast.Call) -> _Graph | None:
        """Return the graph that a call of a method adds to."""
        function = call.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            return self.graphs.get(function.value.id) if function.attr.startswith("add_") else None
        return None

    def _items(self, node: ast.expr | None, bound: Mapping[str, ast.expr]) -> list[ast.expr]:
        """Return the items of a list, and report other expressions."""
        if isinstance(node, ast.Name):
            node = bound.get(node.id) or self._lists.get(node.id, node)
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return node.elts
        if node is not None:
            self._refuse(node, "this is no list of literals")
        return []

    def _text(self, node: ast.expr, bound: Mapping[str, ast.expr]) -> str | None:
        text = text_of(bound.get(node.id, node) if isinstance(node, ast.Name) else node)
        if text is None:
            self._refuse(node, "this name of a step is no literal")
        return text

    def _node(self, graph: _Graph, node: ast.expr, bound: Mapping[str, ast.expr]) -> None:
        name = self._text(node, bound)
        if name is not None:
            graph.nodes.setdefault(name, self._source.stretch(node))

    def _edge(self, graph: _Graph, node: ast.expr, bound: Mapping[str, ast.expr]) -> None:
        pair = bound.get(node.id, node) if isinstance(node, ast.Name) else node
        if not isinstance(pair, (ast.Tuple, ast.List)) or len(pair.elts) != 2:
            self._refuse(node, "an edge must name two steps")
            return
        names = [self._text(item, bound) for item in pair.elts]
        if None not in names:
            for item in pair.elts:
                self._node(graph, item, bound)
            graph.edges.setdefault((str(names[0]), str(names[1])), self._source.stretch(node))

    def _refuse(self, node: ast.expr, words: str) -> None:
        span = self._source.span(self._source.stretch(node))
        help_text = "write literal names, or add it to the pipeline by hand"
        self.findings.append(
            Diagnostic("not-literal", Severity.ERROR, f"{words}, so it is skipped", span, help_text)
        )
