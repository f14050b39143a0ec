"""Old pipelines: ``*.dag.json`` graphs and configurations of cross-workspace pipelines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from stepwell.model.layer import Layer
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.document import Document, Pointer, TextMap, freeze
from stepwell.write.migrate.entries import PlannedDefinition, fail, note

__all__ = ["is_configuration", "is_dag", "pipeline_entry"]

_WITH_JOB_TYPE: Final = re.compile(r"([A-Z][A-Za-z0-9]*)_([a-z][a-z0-9]*)")
_ID: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
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
        making.found
    )


class _Making:
    """Definition under construction."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._origin: dict[Pointer, Pointer] = {}
        self._data: dict[str, Any] = {}
        self._steps: list[dict[str, Any]] = []
        self.found: list[Diagnostic] = []

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
            {way: one for way, one in keys.items() if one is not None},
            {way: one for way, one in values.items() if one is not None},
        )
        return Document(self._document.path, self._document.text, data, lambda _: own)

    def graph(self) -> Mapping[str, Any]:
        """Return the steps and edges for verification."""
        edges = [(one, step["id"]) for step in self._steps for one in step.get("depends_on", ())]
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

    def _add(self, one: str, word: str, here: Pointer, inner: Pointer = ()) -> int:
        place = len(self._steps)
        self._steps.append({"id": one, "step": word})
        self._origin["steps", place] = self._origin["steps", place, "id"] = here
        self._origin["steps", place, "step"] = here + inner
        return place

    def _edge(self, edge: Any, places: Mapping[str, int], here: Pointer) -> None:
        if not isinstance(edge, tuple) or len(edge) != 2:
            self._skip("an edge must name two steps", here)
            return
        for one in edge:
            if one not in places:
                self._skip(f"an edge references the unknown step `{one}`", here)
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

    def _describe(self, said: Any, place: Pointer) -> None:
        if isinstance(said, str) and said.strip():
            self._state("description", said.strip(), place)
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
        self.found.append(note("kept-as-own", f"{words}; it is kept as `{new}`", self._document, place))

    def _skip(self, words: str, place: Pointer) -> None:
        message = f"{words}; skipped"
        self.found.append(
            fail("not-carried", message, self._document, place, "fix the source, or add it by hand")
        )

    def _beyond(self, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the metadata that the definition does not contain."""
        said = (self._data["name"], self._data["description"])
        return {
            key: one for key, one in about.items() if key not in ("name", "description") or one not in said
        }


def _step_word(node: str) -> str:
    """Return the step and job type of a node."""
    found = _WITH_JOB_TYPE.fullmatch(node)
    return node if found is None else f"{found[1]}:{found[2]}"


def _stem(path: str) -> str:
    return path[path.rfind("/") + 1 :].partition(".")[0]
