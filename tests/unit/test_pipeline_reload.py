"""Pipelines follow what changes: a reload finds in them what a whole look would find."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import stepwell
from stepwell.frontends.render.events import in_words
from stepwell.frontends.render.output.project import watch_line
from stepwell.live.store import Event
from stepwell.model.settings import open_project
from stepwell.resolve.incremental import reload
from stepwell.resolve.load import load

Project = Callable[[Mapping[str, "str | bytes"]], Path]

LOAD = "name: Loading\ndescription: Load.\ninterface: {outputs: {rows: {type: processing_output}}}\n"
SCORE = "name: Scoring\ndescription: Score.\ninterface: {inputs: {data: {compatible_sources: [Loading]}}}\n"
NIGHTLY = (
    "name: Nightly\ndescription: Every night.\nsteps:\n  - {id: load, step: Loading}\n"
    "  - {id: score, step: Scoring, inputs: {data: load.rows}}\n"
)
WEEKLY = "name: Weekly\ndescription: Every week.\nextends: Nightly\n"
STEPS, PIPELINES = "registry.d/steps", "registry.d/pipelines"
FILES = {
    f"{STEPS}/loading.yaml": LOAD,
    f"{STEPS}/scoring.yaml": SCORE,
    f"{PIPELINES}/nightly.yaml": NIGHTLY,
    f"{PIPELINES}/weekly.yaml": WEEKLY,
    "workspaces/alice/workspace.yaml": "description: Mine.\n",
    "workspaces/bob/local/pipelines/own.yaml": (
        "name: Own\ndescription: Mine.\nsteps:\n  - {id: load, step: 'alice:Loading'}\n"
    ),
}
EDITS: tuple[tuple[str, str | None], ...] = (
    (f"{STEPS}/loading.yaml", LOAD.replace("rows", "lines")),
    (f"{STEPS}/loading.yaml", LOAD),
    (f"{PIPELINES}/nightly.yaml", NIGHTLY.replace("Scoring", "Scorring")),
    (f"{PIPELINES}/nightly.yaml", NIGHTLY),
    ("workspaces/alice/override/steps/loading.yaml", "name: Loading\ninterface: {outputs: {rows: null}}\n"),
    ("workspaces/alice/override/steps/loading.yaml", None),
    ("workspaces/bob/local/steps/loading.yaml", LOAD.replace("rows", "more")),
    (f"{PIPELINES}/weekly.yaml", WEEKLY.replace("Nightly", "Nihgtly")),
    (f"{STEPS}/scoring.yaml", None),
    (f"{STEPS}/scoring.yaml", SCORE),
    (f"{PIPELINES}/nightly.yaml", None),
)


def test_a_reload_finds_in_pipelines_what_a_whole_load_finds(project: Project) -> None:
    root = project(FILES)
    today = date(2026, 11, 1)
    opened = open_project(str(root))
    loaded = load(opened, today)
    assert loaded.diagnostics == ()
    seen = set()
    for path, text in EDITS:
        file = root / path
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        loaded = reload(loaded, [path])
        whole = load(opened, today)
        assert loaded.diagnostics == whole.diagnostics, path
        for one in (None, *loaded.snapshot.workspaces):
            assert loaded.snapshot.view(one).diagnostics == whole.snapshot.view(one).diagnostics, (path, one)
        seen.update(one.id for one in loaded.diagnostics)
    assert {"unknown-output", "unknown-step", "unknown-base"} <= seen


def test_a_change_that_breaks_a_pipeline_is_not_served(project: Project) -> None:
    root = project(FILES)
    registry = stepwell.open(root)
    (root / STEPS / "loading.yaml").write_text(LOAD.replace("rows", "lines"), encoding="utf-8")
    event = registry.reload()
    assert event is not None
    assert (event.accepted, [one.id for one in registry.diagnostics]) == (
        False,
        ["unknown-output"],
    )
    assert registry.pipeline("Nightly").nodes["load"].definition == registry.view()["Loading"]
    assert list((registry.view()["Loading"].interface or {})["outputs"]) == ["rows"]


def test_a_step_and_a_pipeline_of_one_name_are_distinguished(project: Project) -> None:
    root = project({**FILES, f"{STEPS}/nightly.yaml": LOAD.replace("Loading", "Nightly")})
    step, pipeline = root / STEPS / "nightly.yaml", root / PIPELINES / "nightly.yaml"
    registry = stepwell.open(root, today=date(2026, 11, 1))
    events: list[Event] = []
    registry.subscribe(events.append)
    step.write_text(step.read_text().replace("Load.", "Load it."))
    registry.reload()
    pipeline.write_text(NIGHTLY.replace("Every", "Each"))
    registry.reload()
    assert [dict(event.changes.core.changed) for event in events] == [
        {("Nightly", "step"): ("description",)},
        {("Nightly", "pipeline"): ("description",)},
    ]
    both = Event(True, events[0].old, events[1].new, (), 0.0)
    assert in_words(both.changes, both.old, both.new) == (
        "changed pipeline Nightly (description), step Nightly (description)"
    )
    line = watch_line("reload", "", "", changes=both.changes)
    assert line.core.changed == {"pipeline Nightly": ("description",), "step Nightly": ("description",)}
    step.unlink()
    registry.reload()
    assert events[2].changes.core.removed == (("Nightly", "step"),)
