"""Contracts and specifications of old Python modules as interfaces, read without running them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, final

from stepwell.model.layer import Layer
from stepwell.model.legacy_rows import INTERFACE, interface_of
from stepwell.source.diagnostic import Diagnostic, Severity
from stepwell.source.document import Document, Pointer, Stretch, TextMap, freeze
from stepwell.source.python import PythonSource, read_source, text_of
from stepwell.write.migrate.entries import EntryKey, PlannedDefinition, fail

__all__ = ["CLASSES", "PythonInterfaces"]

CLASSES: Final = ("ScriptContract", "StepSpecification")
"""Ends of the names of the classes whose calls are read."""

_CONTRACT: Final = {"expected_input_paths": "inputs", "expected_output_paths": "outputs"}
_RENAMED: Final = {"dependency_type": "type", "output_type": "type"}
_LONGEST: Final = 1000
"""Maximum length of a description of an interface."""


class _NotStatic(Exception):
    """Expression that cannot be evaluated statically."""

    def __init__(self, node: ast.expr) -> None:
        super().__init__()
        self.node = node


@final
@dataclass(frozen=True, slots=True)
class _CreatedObject:
    """One object that a module creates."""

    source: PythonSource
    node: ast.Call
    data: Mapping[str, Any]


class _StepType(NamedTuple):
    name: str
    job_type: str = ""


@final
@dataclass(slots=True)
class PythonInterfaces:
    """Contracts and specifications of the sources of an import."""

    contracts: dict[str, _CreatedObject] = field(default_factory=dict)
    specifications: list[_CreatedObject] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)

    def take(self, path: str, content: bytes) -> list[str]:
        """Read a module, and return the names of its objects."""
        source = read_source(path, content)
        if isinstance(source, Diagnostic):  # reported with the tables
            return []
        names: list[str] = []
        module = _Module(source)
        for name, node in module.objects():
            try:
                data = module.arguments(node)
            except _NotStatic as refused:
                words = f"`{name}` has a value that is not a literal, so it is skipped"
                span = source.span(source.stretch(refused.node))
                self.findings.append(Diagnostic("not-literal", Severity.ERROR, words, span, _WRITE_IT_OUT))
                continue
            names.append(name)
            call = _CreatedObject(source, node, data)
            if _class_of(node).endswith(CLASSES[1]):
                self.specifications.append(call)
            else:
                self.contracts[name] = call
        return names

    def entries(self, known: Collection[EntryKey]) -> Iterator[PlannedDefinition]:
        """Yield one definition per step.

        Args:
           known: steps that another source describes.
        """
        by_step: dict[str, list[tuple[str, _CreatedObject]]] = {}
        for call in self.specifications:
            step = call.data.get("step_type")
            step = _StepType(step) if isinstance(step, str) else step
            if isinstance(step, _StepType):
                by_step.setdefault(step.name, []).append((step.job_type, call))
            else:
                span = call.source.span(call.source.stretch(call.node))
                words = "the specification names no step, so it is skipped"
                self.findings.append(Diagnostic("not-carried", Severity.ERROR, words, span, _WRITE_IT_OUT))
        for name, calls in by_step.items():
            calls.sort(key=lambda item: item[0])
            document = self._document(name, calls, is_known=("steps", Layer.CORE, None, name) in known)
            if document is not None:
                yield PlannedDefinition("steps", Layer.CORE, None, document, {})

    def _document(
        self, name: str, calls: list[tuple[str, _CreatedObject]], *, is_known: bool
    ) -> Document | None:
        first = calls[0][1]
        used = (str(call.data.get("script_contract")) for _, call in calls)
        linked = [self.contracts[contract] for contract in used if contract in self.contracts]
        contract = _contract(linked[0].data) if linked else {}
        variants = {job_type: {"spec": _specification(call.data)} for job_type, call in calls if job_type}
        data = {
            "node_type": first.data.get("node_type"),
            "contract": contract,
            "spec": None if calls[0][0] else _specification(first.data),
            "variants": variants or None,
        }
        place = first.source.stretch(first.node)
        places: dict[Pointer, Stretch] = {("name",): place, (INTERFACE,): place}
        own = TextMap(places, places)
        text = str(contract.get("description") or contract.get("x-description") or "").strip()
        about = (
            {} if is_known else {"description": text.partition("\n")[0].rstrip(" :") or f"Purpose of {name}."}
        )
        source, stated = first.source, {"name": name, **about}
        document = Document(source.path, source.text, freeze(stated), lambda _: own)
        interface = interface_of(data)
        if interface is None:
            words = f"the specification of `{name}` does not fit an interface, so it is skipped"
            self.findings.append(fail("not-carried", words, document, ("name",), "add it by hand"))
            return None
        return document._replace(data=freeze({**stated, INTERFACE: interface}))


_WRITE_IT_OUT: Final = "write the value out, or add it to the definition by hand"


def _contract(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contract in the form of an interface file."""
    made: dict[str, Any] = {}
    required, optional = data.get("required_env_vars"), data.get("optional_env_vars")
    for key, value in data.items():
        if key in _CONTRACT:
            paths = (
                {name: {"path": path} for name, path in value.items()} if isinstance(value, dict) else value
            )
            made[_CONTRACT[key]] = paths or {}
        elif key == "expected_arguments":
            made["arguments"] = value
        elif key == "description" and isinstance(value, str):
            text = "\n".join(line.strip() for line in value.strip().splitlines())
            made["description" if len(text) <= _LONGEST else "x-description"] = text
        elif not key.endswith("_env_vars"):
            made[key] = value
    if required or optional:
        made["env_vars"] = {"required": required or [], "optional": optional or {}}
    return made


def _specification(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a specification in the form of an interface file."""
    return {key: _by_name(data[key]) for key in ("dependencies", "outputs") if data.get(key)}


def _by_name(items: Any) -> Any:
    """Return inputs or outputs by name; other values as they are, which no interface accepts."""
    listed = list(items.values()) if isinstance(items, dict) else items
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        return items
    return {
        str(item.get("logical_name")): {
            _RENAMED.get(key, key): value for key, value in item.items() if key != "logical_name"
        }
        for item in listed
    }


def _class_of(node: ast.expr) -> str:
    function = node.func if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


@final
class _Module:
    """Values of one module."""

    def __init__(self, source: PythonSource) -> None:
        self._source = source
        self._values: dict[str, ast.expr] = {}
        self._returned: dict[str, ast.expr] = {}
        for statement in source.tree.body:
            if isinstance(statement, ast.FunctionDef):
                for node in statement.body:
                    if isinstance(node, ast.Return) and node.value is not None:
                        self._returned[statement.name] = node.value
            elif isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value is not None:
                target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
                if isinstance(target, ast.Name):
                    self._values[target.id] = statement.value

    def objects(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield the contracts and specifications that the module assigns."""
        for name, value in self._values.items():
            if isinstance(value, ast.Call) and _class_of(value).endswith(CLASSES):
                yield name, value

    def arguments(self, call: ast.Call) -> dict[str, Any]:
        """Return the keyword arguments of a call.

        Raises:
           _NotStatic: an argument cannot be evaluated statically.
        """
        if call.args:
            raise _NotStatic(call.args[0])
        data: dict[str, Any] = {}
        for word in call.keywords:
            if word.arg is None:
                raise _NotStatic(word.value)
            is_contract = word.arg == "script_contract"
            data[word.arg] = self._contract_of(word.value) if is_contract else self._value(word.value)
        return data

    def _contract_of(self, node: ast.expr) -> str | None:
        """Return the name of the contract that a specification refers to."""
        if isinstance(node, ast.Call):
            node = self._returned.get(_class_of(node), node)
        return _class_of(node) or None

    def _value(self, node: ast.expr, depth: int = 0) -> Any:
        if depth > 20:
            raise _NotStatic(node)
        text = text_of(node)
        if text is not None:
            return text
        if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, type(None))):
            return node.value
        if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
            return [self._value(item, depth + 1) for item in node.elts]
        if isinstance(node, ast.Dict):
            keys = [None if key is None else self._value(key, depth + 1) for key in node.keys]
            if not all(isinstance(key, str) for key in keys):
                raise _NotStatic(node)
            return {key: self._value(value, depth + 1) for key, value in zip(keys, node.values, strict=True)}
        if isinstance(node, ast.Attribute) and node.attr.isupper():  # member of an enumeration
            return node.attr.lower()
        if isinstance(node, ast.Name) and node.id in self._values:
            return self._value(self._values[node.id], depth + 1)
        if isinstance(node, ast.Call):
            return self._called(node, depth)
        raise _NotStatic(node)

    def _called(self, node: ast.Call, depth: int) -> Any:
        name = _class_of(node)
        if name in ("DependencySpec", "OutputSpec"):
            if node.args or not all(word.arg for word in node.keywords):
                raise _NotStatic(node)
            return {word.arg: self._value(word.value, depth + 1) for word in node.keywords}
        values = [self._value(item, depth + 1) for item in node.args]
        if name.startswith("get_spec_step_type") and values and all(isinstance(item, str) for item in values):
            return _StepType(*values[:2])
        raise _NotStatic(node)
