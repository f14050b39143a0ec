"""One new definition of a pipeline: its steps, what feeds them, its place and its text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from stepwell.importing.texts import file_text, in_schema_order
from stepwell.model.graph import Among, Pipeline
from stepwell.model.graph.node import read_step
from stepwell.model.graph.serialize import plain_of
from stepwell.model.settings import Project
from stepwell.resolve.view import View
from stepwell.run.pipelines.wiring import propose, wired
from stepwell.scaffolding.stepping import NewFile, NotWritten, schema_near
from stepwell.source.diagnostic import Diagnostic
from stepwell.source.spelling import closest

__all__ = ["plan_pipeline"]


def plan_pipeline(
    project: Project,
    view: View,
    views: Callable[[str | None], View],
    among: Among,
    name: str,
    like: Pipeline | None,
    steps: Iterable[str],
) -> NewFile:
    """The file of a new pipeline, for the core or for a workspace's local layer.

    Args:
        project: the project.
        view: who gets it.
        views: gives the view of a workspace, of the core for ``None``.
        among: what else its steps may be named by.
        name: what it is called.
        like: a pipeline whose steps it takes over.
        steps: more steps, each as ``steps`` of a file names it; what clearly feeds them is written, too.

    Raises:
        NotWritten: the name or the file is taken, or there is no such step.
    """
    if name in view.pipelines:
        path = view.pipelines[name].sources[0].document.path
        raise NotWritten(f"there is a pipeline `{name}` already ({path})")
    description = like.description if like is not None else ""
    made = Pipeline(name, description or f"What {name} is for, in one sentence.", workspace=view.workspace)
    if like is not None:
        made = like.clone(name)
    words = tuple(steps)
    for word in words:
        made = _with_step(project, made, view, views, among, word)
    if words:
        made = wired(made, propose(made, views, project.settings))
    return _file(project, view, name, plain_of(made, among))


def _with_step(
    project: Project,
    pipeline: Pipeline,
    view: View,
    views: Callable[[str | None], View],
    among: Among,
    word: str,
) -> Pipeline:
    reading = read_step(word, among.views, among.job_types)
    if reading.workspace is not None and reading.workspace not in among.views:
        raise NotWritten(f"there is no workspace `{reading.workspace}`")
    whose = view if reading.workspace is None else views(reading.workspace)
    if reading.name not in whose:
        near = closest(reading.name, whose)
        hint = f" (did you mean `{near[0]}`?)" if near else ""
        raise NotWritten(f"there is no step `{reading.name}` in {whose.title}{hint}")
    stem = project.settings.naming.stem(reading.name)
    one = wanted = f"{stem}_{reading.job_type}" if reading.job_type else stem
    count = 1
    while one in pipeline.nodes:
        count += 1
        one = f"{wanted}_{count}"
    definition = whose[reading.name]
    return pipeline.add_step(one, definition, workspace=reading.workspace, job_type=reading.job_type)


def _file(project: Project, view: View, name: str, data: dict[str, Any]) -> NewFile:
    settings = project.settings
    layer = settings.core if view.workspace is None else f"{settings.workspaces}/{view.workspace}/local"
    path = f"{layer}/pipelines/{settings.naming.stem(name)}.yaml"
    target = project.tree.follow(path)
    if target.path is None or target.path != path:
        raise NotWritten(f"{path} leads elsewhere through a link, so nothing is written")
    if target.kind is not None or os.path.lexists(f"{project.root}/{path}"):
        raise NotWritten(f"{path} exists already, and nothing was written")
    text = file_text(in_schema_order("pipeline", data), schema_path=schema_near(project, path, "pipeline"))
    if isinstance(text, Diagnostic):
        raise NotWritten(f"no file can hold `{name}`: {text.message}")
    return NewFile(path, text)
