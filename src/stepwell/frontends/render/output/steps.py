"""The steps of a view: listed, explained, chosen, located."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import UNSET, UnsetType

from stepwell.frontends.render.output.findings import FilePosition, file_position
from stepwell.frontends.render.output.record import Ordinal, OutputPart, OutputRecord, Priority, doc, one_of
from stepwell.model.component import COMPONENT_KINDS, CodePlace, Component, ComponentState
from stepwell.model.layer import Layer, Origin
from stepwell.model.step_type import INTERFACE
from stepwell.resolve.conflicts import Agreement, Conflict
from stepwell.source.document import thaw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.code.usages import Impact
    from stepwell.model import StepDefinition
    from stepwell.resolve.candidates import Candidate
    from stepwell.resolve.choose import Resolution
    from stepwell.resolve.provenance import Explanation
    from stepwell.resolve.view import View
    from stepwell.run.steps.compatibility import Compatibility, Fallback


HOW: Final = ("stated", "removed", "by convention", "schema default", "not stated")
"""How a field can get its value."""


class ListedStep(OutputPart, frozen=True, kw_only=True):
    """One step as the view serves it, in short. `stepwell show STEP` shows all its fields."""

    name: Annotated[str, doc("The name of the step, unique in the list.", "XGBoostTraining")]
    sagemaker_step_type: Annotated[
        str | None,
        doc(
            "The kind of SageMaker step that is built from it; null for a step that is not in the "
            "legacy tables.",
            "Training",
        ),
    ]
    framework: Annotated[
        str | None,
        doc("The framework that it is written for; null for a step that is tied to none.", "xgboost", None),
    ]
    priority: Annotated[
        Priority, doc("Where it stands among definitions of the same name: the lowest number wins.", 100)
    ]
    layer: Annotated[Layer, doc("The topmost layer that says something of it.")]
    file: Annotated[
        str,
        doc(
            "The file in that layer, relative to the project, with `/` on every system.",
            "registry.d/steps/training/xgboost_training.yaml",
        ),
    ]
    description: Annotated[
        str,
        doc("What the step does, in one sentence.", "Train a gradient-boosted tree model on tabular data."),
    ]


class ListOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell list --format json` prints, and with `--format yaml` as YAML: the steps of one view,
    in the order of its table.
    """

    workspace: Annotated[
        str | None, doc("The id of the workspace whose view it is; null for the core's.", "alice", None)
    ]
    steps: Annotated[tuple[ListedStep, ...], doc("The steps, in table order.")]


class ValueOrigin(OutputPart, frozen=True, kw_only=True):
    """One thing that speaks of a field: a file, the naming convention, or the schema's default."""

    value: Annotated[
        Any,
        doc(
            "The value that it gives, of a secret the reference; null where it removes the field or "
            "where nothing gives one.",
            "XGBoostTrainingConfig",
        ),
    ]
    how: Annotated[
        str,
        one_of(*HOW),
        doc(
            "`stated` or `removed` in a file, `by convention` of names, `schema default`, or `not "
            "stated` anywhere."
        ),
    ]
    layer: Annotated[Layer | None, doc("The layer of the file; null where no file speaks.")]
    workspace: Annotated[
        str | None,
        doc("The workspace of the layer; null for the core and where no file speaks.", "alice", None),
    ]
    file: Annotated[
        str | None,
        doc(
            "The file, relative to the project, with `/` on every system; null where no file speaks.",
            "registry.d/steps/training/xgboost_training.yaml",
            None,
        ),
    ]
    line: Annotated[Ordinal | None, doc("The line of the value, from 1; null where no file speaks.", 3)]
    column: Annotated[
        Ordinal | None,
        doc("The column of the value in Unicode code points, from 1; null where no file speaks.", 15),
    ]


class ExplainedField(OutputPart, frozen=True, kw_only=True):
    """Where the value of one field comes from."""

    field: Annotated[
        str, doc("The field; dotted for one inside a mapping.", "config_class", "deprecated.note")
    ]
    value: Annotated[
        Any, doc("The value that the view serves; null for none.", "EnhancedXGBoostTrainingConfig")
    ]
    winner: Annotated[ValueOrigin, doc("What gave the value.")]
    losers: Annotated[
        tuple[ValueOrigin, ...],
        doc("What else speaks of the field, topmost layer first, the convention or default last."),
    ]


class ComponentPlace(OutputPart, frozen=True, kw_only=True):
    """A class, a function, a value or a whole file of Python."""

    file: Annotated[
        str,
        doc(
            "The file, relative to the project, with `/`; of an installed package `<package>/...`.",
            "src/builders/scoring.py",
        ),
    ]
    name: Annotated[
        str | None, doc("What it is called in the file; null for the whole file.", "ScoringStepBuilder", None)
    ]
    line: Annotated[Ordinal, doc("The line, from 1.", 12)]
    column: Annotated[Ordinal, doc("The column in Unicode code points, from 1.", 7)]
    layer: Annotated[
        str,
        one_of("local", "core", "plugin"),
        doc("`local` for the sources of a workspace, `core`, or `plugin` for an installed package."),
    ]
    workspace: Annotated[
        str | None, doc("Whose sources; null for the core's and a package's.", "alice", None)
    ]


_Kind = Annotated[str, one_of(*COMPONENT_KINDS), doc("Which part of the step.")]
_State = Annotated[
    ComponentState,
    doc(
        "`declared` by a definition; `found` by its name; `ambiguous`: several places could be "
        "meant; `missing`: it is named, and nowhere; `none`: nothing names it."
    ),
]
_Wanted = Annotated[
    str | None,
    doc(
        "What was looked for: the declaration, a class, or the end of a file's path; null where "
        "nothing names it.",
        "ScoringStepBuilder",
        None,
    ),
]
_Place = Annotated[ComponentPlace | None, doc("Where it is; null unless it is declared or found.")]
_DeclaredAt = Annotated[FilePosition | None, doc("The value that declares it; null where none does.")]
_Shadows = Annotated[
    tuple[ComponentPlace, ...],
    doc("The places that would be taken if this one were not there, nearest first."),
]
_Candidates = Annotated[
    tuple[ComponentPlace, ...], doc("The places of which any could be meant, where it is ambiguous.")
]
_Fault = Annotated[
    str | None, doc("Why it is not there; null where it is.", "there is no file `src/scoring.py`", None)
]
_Help = Annotated[
    str | None,
    doc(
        "What to do about that; null where there is nothing to do.",
        "did you mean `src/scorings.py`?",
        None,
    ),
]


class StepComponent(OutputPart, frozen=True, kw_only=True):
    """One part of a step in the view."""

    kind: _Kind
    state: _State
    wanted: _Wanted
    place: _Place
    declared_at: _DeclaredAt
    shadows: _Shadows
    candidates: _Candidates
    fault: _Fault
    help: _Help


class ListedComponent(OutputPart, frozen=True, kw_only=True):
    """One part of a step in the view, with the step's name."""

    step: Annotated[str, doc("The step's name.", "Scoring")]
    kind: _Kind
    state: _State
    wanted: _Wanted
    place: _Place
    declared_at: _DeclaredAt
    shadows: _Shadows
    candidates: _Candidates
    fault: _Fault
    help: _Help


class ExplainOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell explain STEP[.FIELD] --format json` prints: for each field of a step the value that
    the view serves, what gave it, and what lost to it.
    """

    workspace: Annotated[
        str | None, doc("The id of the workspace whose view it is; null for the core's.", "alice", None)
    ]
    step: Annotated[str, doc("The name of the step, also where an alias was asked for.", "XGBoostTraining")]
    fields: Annotated[
        tuple[ExplainedField, ...],
        doc(
            "The field that was asked for; without one, every field that has a value, in the order "
            "of the schema `step`.",
            min_length=1,
        ),
    ]
    components: Annotated[
        tuple[StepComponent, ...] | UnsetType,
        doc("Where each Python part of the step is; told where no FIELD was asked for."),
    ] = UNSET


class ComponentsOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell components --format json` prints: where each Python part of the steps of a view is,
    without any being run.
    """

    workspace: Annotated[str | None, doc("Whose view; null for the core's.", "alice", None)]
    components: Annotated[
        tuple[ListedComponent, ...],
        doc(
            "The parts, by step in the order of the table, then by kind; without STEP, those of the "
            "state `none` are left out."
        ),
    ]


class ResolveRequest(OutputPart, frozen=True, kw_only=True):
    """What a choice may depend on."""

    step: Annotated[str, doc("The name or alias.", "ModelEvaluation")]
    workspace: Annotated[str | None, doc("Who asks; null for nobody in particular.", "bob", None)]
    frameworks: Annotated[tuple[str, ...], doc("The preferred frameworks, best first.", ["pytorch"])]
    environment: Annotated[
        tuple[str, ...], doc("Where the step is to run: any of these tags.", ["production", "gpu"])
    ]


class StepCandidate(OutputPart, frozen=True, kw_only=True):
    """One definition of the name, as its view serves it."""

    name: Annotated[
        str,
        doc("The name of the step; another than was asked for where that is an alias.", "ModelEvaluation"),
    ]
    workspace: Annotated[
        str | None,
        doc(
            "The id of the workspace whose it is; null for the core's and for what lies below or "
            "above it for everybody.",
            "bob",
            None,
        ),
    ]
    layer: Annotated[Layer, doc("The topmost layer that says something of it.")]
    framework: Annotated[str | None, doc("Its framework; null for none.", "pytorch", None)]
    environment_tags: Annotated[
        tuple[str, ...], doc("The environments that it is meant for; none means all.", ["production", "gpu"])
    ]
    priority: Annotated[Priority, doc("Its priority; the lowest wins.", 85)]
    file: Annotated[
        str,
        doc(
            "The topmost file that says something of it, relative to the project, with `/` on every system.",
            "workspaces/bob/local/steps/model_evaluation.toml",
        ),
    ]
    line: Annotated[Ordinal, doc("The line of its name in that file, from 1.", 2)]
    column: Annotated[Ordinal, doc("The column of its name in Unicode code points, from 1.", 8)]


class TriedStrategy(OutputPart, frozen=True, kw_only=True):
    """One strategy and what it said."""

    strategy: Annotated[str, doc("Its name.", "framework_match")]
    reason: Annotated[
        str,
        doc(
            "Why it decided, or why it did not, in words.",
            "only that of workspace bob has the framework pytorch",
        ),
    ]


class ResolveOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell resolve STEP --format json` prints: which of the definitions of a name is chosen,
    what decided, and everything that it was chosen from.
    """

    asked: Annotated[
        ResolveRequest,
        doc("What was asked for, with what the workspace prefers where the command line does not say it."),
    ]
    chosen: Annotated[StepCandidate, doc("The definition that is chosen.")]
    strategy: Annotated[
        str,
        doc(
            "What decided: a strategy, `only_candidate` where there is one definition, or "
            "`interactive` where a person picked it. Installed packages may add strategies.",
            "workspace_priority",
            "framework_match",
            "environment_match",
            "priority_based",
            "only_candidate",
            "interactive",
        ),
    ]
    reason: Annotated[str, doc("Why, in words.", "only that of workspace bob has the framework pytorch")]
    ambiguous: Annotated[
        bool,
        doc("Whether nothing told the chosen one from another, so that only their order decided.", False),
    ]
    tried: Annotated[
        tuple[TriedStrategy, ...],
        doc("Every strategy that was asked, in order; the last one decided.", min_length=1),
    ]
    tied: Annotated[
        tuple[StepCandidate, ...],
        doc("The definitions that nothing told apart, the chosen one first; none when it is clear."),
    ]
    candidates: Annotated[
        tuple[StepCandidate, ...],
        doc(
            "Every definition that the name may stand for, the core's first, then by workspace.", min_length=1
        ),
    ]


class ConflictingDefinition(StepCandidate, frozen=True, kw_only=True):
    """One definition of the name."""

    hidden: Annotated[
        bool,
        doc(
            "Whether no view serves it, since another of the same owner lies above it: one that "
            "code registered, or one of the core above that of an installed package.",
            False,
        ),
    ]


class NameConflict(OutputPart, frozen=True, kw_only=True):
    """One name with more than one definition."""

    name: Annotated[str, doc("The name.", "ModelEvaluation")]
    agreement: Annotated[
        Agreement,
        doc(
            "How far the definitions agree: `identical`; `compatible` where they differ only in "
            "what tells how a step is found, chosen and talked about (description, priority, tags, "
            "strategy, aliases, deprecation, `x-` fields); else `conflicting`."
        ),
    ]
    ambiguous: Annotated[
        bool,
        doc(
            "Whether nothing tells those that are served apart for who asks without a workspace, a "
            "framework and an environment.",
            True,
        ),
    ]
    differing: Annotated[
        tuple[str, ...],
        doc(
            "The fields that differ between any two of them, in the order of the schema `step`; "
            "`extensions` stands for those that begin with `x-`.",
            ["description", "framework"],
        ),
    ]
    recommendation: Annotated[
        str,
        doc(
            "What to do about it, in a sentence.",
            "Give one of them a name of its own, or a lower `priority`: nothing tells them apart "
            "for who asks without a workspace.",
        ),
    ]
    definitions: Annotated[
        tuple[ConflictingDefinition, ...],
        doc(
            "All of them: those that are served, the core's first, then by workspace; then those "
            "that are hidden.",
            min_length=2,
        ),
    ]


class ConflictsOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell conflicts --format json` prints: every name that has more than one definition."""

    conflicts: Annotated[
        tuple[NameConflict, ...], doc("Every name that has more than one definition, by name.")
    ]


class ImpactName(OutputPart, frozen=True, kw_only=True):
    """One name and what it is to the step."""

    name: Annotated[str, doc("The name.", "XGBoostTrainingConfig")]
    roles: Annotated[
        tuple[
            Annotated[
                Annotated[
                    str, one_of("name", "alias", "configuration class", "builder", "specification type")
                ],
                doc("One role."),
            ],
            ...,
        ],
        doc("What it is to the step.", ["configuration class"], min_length=1),
    ]


class ImpactPlace(OutputPart, frozen=True, kw_only=True):
    """One place."""

    group: Annotated[str, one_of("definitions", "configuration", "python"), doc("The kind of file.")]
    what: Annotated[
        str,
        doc(
            "What the place is: words for definitions and configuration; for Python `class`, "
            "`function`, `import`, `name`, `attribute`, `argument`, `string`, or `text` in a file "
            "that cannot be parsed.",
            "import",
            "`replaced_by` of `OldTraining`",
        ),
    ]
    name: Annotated[
        str,
        doc(
            "The name that stands there; a text may add a job type to it.",
            "XGBoostTraining",
            "XGBoostTraining_Calibration",
        ),
    ]
    file: Annotated[str, doc("The file, relative to the project, with `/`.", "src/pipeline/train.py")]
    line: Annotated[Ordinal, doc("The line, from 1.", 12)]
    column: Annotated[Ordinal, doc("The column in characters, from 1.", 7)]


class GeneratedMention(OutputPart, frozen=True, kw_only=True):
    """One generated file."""

    file: Annotated[str, doc("The file, relative to the project, with `/`.", "generated/step_names.py")]
    times: Annotated[Ordinal, doc("How often it holds one of the names.", 10)]


class UnsearchedFile(OutputPart, frozen=True, kw_only=True):
    """One file that was not searched."""

    file: Annotated[str, doc("The file, relative to the project, with `/`.", "src/huge.py")]
    reason: Annotated[str, doc("Why it was not searched.", "it is larger than 4096 KiB")]


class ImpactOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell impact --format json` prints: every place that names a step, its classes or its
    aliases.
    """

    workspace: Annotated[str | None, doc("Whose view; `null` for the core's.", "alice")]
    step: Annotated[str, doc("The name of the step.", "Scoring")]
    names: Annotated[
        tuple[ImpactName, ...], doc("The names that were searched for, the step's own first.", min_length=1)
    ]
    places: Annotated[tuple[ImpactPlace, ...], doc("Every place, by kind of file, path, line and column.")]
    generated: Annotated[
        tuple[GeneratedMention, ...],
        doc("The files that Stepwell generated and that hold one of the names, by path."),
    ]
    unread: Annotated[tuple[UnsearchedFile, ...], doc("Python files that were not searched, by path.")]


class FallbackMigration(OutputPart, frozen=True, kw_only=True):
    """The file that would make it needless; null where it is so already."""

    file: Annotated[str, doc("The file, relative to the project.", "registry.d/steps/claude.yaml")]
    text: Annotated[
        str,
        doc(
            "What would stand in it.",
            "# yaml-language-server: $schema=../../schemas/step.schema.json\nname: claude\n"
            "description: The step type claude.\nimplementation: old_runner.steps:run_claude\n",
        ),
    ]


class FallbackUse(OutputPart, frozen=True, kw_only=True):
    """One fallback: whether a definition makes it needless, or which file would."""

    step: Annotated[str, doc("The name of the step.", "claude")]
    code: Annotated[str, doc("What serves it, as it is declared.", "old_runner.steps:run_claude")]
    file: Annotated[str, doc("The file that declares it, relative to the project.", "stepwell.toml")]
    line: Annotated[Ordinal, doc("The line, from 1.", 2)]
    column: Annotated[Ordinal, doc("The column, in characters from 1.", 10)]
    served_by: Annotated[
        str | None,
        doc(
            "The file and line of the definition that makes it needless; null where it is still used.",
            "registry.d/steps/claude.yaml:2",
            None,
        ),
    ]
    fault: Annotated[
        str | None,
        doc(
            "Why the code cannot be found from here; null where it is found, or is not needed.",
            "there is no installed module `old_runner`",
            None,
        ),
    ]
    migration: FallbackMigration | None


class InterfaceMismatch(OutputPart, frozen=True, kw_only=True):
    """One step that this version of the interface does not suit."""

    step: Annotated[str, doc("The name of the step.", "Summarize")]
    place: Annotated[str, doc("The file and line that define it.", "registry.d/steps/summarize.yaml:1")]
    reason: Annotated[
        str,
        doc("Why it does not suit, in words.", "it needs the interface 2.0 of step types, and this is 1.0"),
    ]


class CompatOutput(OutputRecord, frozen=True, kw_only=True):
    """What `stepwell compat --format json` prints: the steps that old code still runs, and those that were
    made for another version of the interface of step types.
    """

    interface: Annotated[
        str, doc("The version of the interface of step types that this Stepwell has.", "1.0")
    ]
    workspace: Annotated[
        str | None, doc("The id of the workspace whose view it is; null for the core's.", "alice", None)
    ]
    fallbacks: Annotated[
        tuple[FallbackUse, ...], doc("Every fallback that the project declares, by the step's name.")
    ]
    mismatches: Annotated[
        tuple[InterfaceMismatch, ...], doc("The steps that do not suit, in the order of the table.")
    ]


def list_output(view: View) -> ListOutput:
    """The steps of a view, in the order of its table."""
    return ListOutput(workspace=view.workspace, steps=tuple(map(_listed, view.values())))


def _listed(step: StepDefinition) -> ListedStep:
    top = step.sources[0]
    return ListedStep(
        name=step.name,
        sagemaker_step_type=step.sagemaker_step_type,
        framework=step.framework,
        priority=step.priority,
        layer=top.layer,
        file=top.document.path,
        description=step.description,
    )


def explain_output(
    view: View, explained: Iterable[Explanation], components: Iterable[Component] | None
) -> ExplainOutput:
    """The origins of fields of one step, and its components where all fields are explained."""
    explained = tuple(explained)
    return ExplainOutput(
        workspace=view.workspace,
        step=explained[0].step,
        fields=tuple(
            ExplainedField(
                field=one.field,
                value=thaw(one.value),
                winner=value_origin(one.winner),
                losers=tuple(map(value_origin, one.losers)),
            )
            for one in explained
        ),
        components=UNSET
        if components is None
        else tuple(StepComponent(**_component(one)) for one in components),
    )


def value_origin(origin: Origin) -> ValueOrigin:
    """An origin as a record."""
    span = origin.span
    return ValueOrigin(
        value=thaw(origin.value),
        how=origin.how,
        layer=origin.layer,
        workspace=origin.workspace,
        file=span.path if span else None,
        line=span.line if span else None,
        column=span.column if span else None,
    )


def components_output(view: View, found: Iterable[tuple[str, Component]]) -> ComponentsOutput:
    """Components of a view, each with the name of its step."""
    return ComponentsOutput(
        workspace=view.workspace,
        components=tuple(ListedComponent(step=step, **_component(one)) for step, one in found),
    )


def _component(one: Component) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "state": one.state,
        "wanted": one.wanted or None,
        "place": None if one.place is None else _place(one.place),
        "declared_at": file_position(one.declared_at),
        "shadows": tuple(map(_place, one.shadows)),
        "candidates": tuple(map(_place, one.candidates)),
        "fault": one.fault or None,
        "help": one.help or None,
    }


def _place(place: CodePlace) -> ComponentPlace:
    return ComponentPlace(
        file=place.path,
        name=place.name,
        line=place.line,
        column=place.column,
        layer=place.layer.value,
        workspace=place.workspace,
    )


def resolve_output(found: Resolution) -> ResolveOutput:
    """The result of a resolution."""
    context = found.context
    return ResolveOutput(
        asked=ResolveRequest(
            step=found.name,
            workspace=context.workspace,
            frameworks=tuple(context.frameworks),
            environment=tuple(context.environment),
        ),
        chosen=StepCandidate(**_candidate(found.chosen)),
        strategy=found.strategy,
        reason=found.reason,
        ambiguous=found.ambiguous,
        tried=tuple(TriedStrategy(strategy=one.strategy, reason=one.reason) for one in found.tried),
        tied=tuple(StepCandidate(**_candidate(one)) for one in found.tied),
        candidates=tuple(StepCandidate(**_candidate(one)) for one in found.candidates),
    )


def _candidate(one: Candidate) -> dict[str, Any]:
    step, span = one.definition, one.span
    return {
        "name": step.name,
        "workspace": one.workspace,
        "layer": one.layer,
        "framework": step.framework,
        "environment_tags": tuple(step.environment_tags),
        "priority": step.priority,
        "file": span.path,
        "line": span.line,
        "column": span.column,
    }


def conflicts_output(found: Iterable[Conflict]) -> ConflictsOutput:
    """Names that have more than one definition."""
    return ConflictsOutput(conflicts=tuple(map(_conflict, found)))


def _conflict(one: Conflict) -> NameConflict:
    return NameConflict(
        name=one.name,
        agreement=one.agreement,
        ambiguous=one.ambiguous,
        differing=tuple(one.differing),
        recommendation=one.recommendation,
        definitions=tuple(
            ConflictingDefinition(**_candidate(each), hidden=hidden)
            for several, hidden in ((one.candidates, False), (one.hidden, True))
            for each in several
        ),
    )


def impact_output(view: View, step: StepDefinition, found: Impact) -> ImpactOutput:
    """Every place that names a step."""
    return ImpactOutput(
        workspace=view.workspace,
        step=step.name,
        names=tuple(ImpactName(name=one.name, roles=tuple(one.roles)) for one in found.names),
        places=tuple(
            ImpactPlace(
                group=one.group,
                what=one.what,
                name=one.name,
                file=one.path,
                line=one.line,
                column=one.column,
            )
            for one in found.places
        ),
        generated=tuple(GeneratedMention(file=path, times=count) for path, count in found.generated.items()),
        unread=tuple(UnsearchedFile(file=path, reason=why) for path, why in found.unread.items()),
    )


def compat_output(found: Compatibility, workspace: str | None) -> CompatOutput:
    """Steps that old code runs, and steps made for another interface."""
    return CompatOutput(
        interface=INTERFACE,
        workspace=workspace,
        fallbacks=tuple(map(_fallback, found.fallbacks)),
        mismatches=tuple(
            InterfaceMismatch(step=one.step, place=one.place, reason=one.reason) for one in found.mismatches
        ),
    )


def _fallback(one: Fallback) -> FallbackUse:
    span = one.declared_at
    return FallbackUse(
        step=one.step,
        code=one.code,
        file=span.path,
        line=span.line,
        column=span.column,
        served_by=one.served_by or None,
        fault=one.fault or None,
        migration=FallbackMigration(file=one.file, text=one.text) if one.file else None,
    )
