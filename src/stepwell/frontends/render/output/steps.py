"""The steps of a view: listed, selected, in conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stepwell.frontends.render.output.record import Ordinal, OutputPart, OutputRecord, Priority, doc
from stepwell.model.layer import Layer
from stepwell.resolve.conflicts import Agreement, Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.model import StepDefinition
    from stepwell.resolve.choose import Resolution
    from stepwell.resolve.strategies import Candidate


class ListedStep(OutputPart, frozen=True, kw_only=True):
    """Step as the view serves it, in short. `stepwell show STEP` shows all its fields."""

    name: Annotated[str, doc("Name of the step, unique in the list of a view.", "XGBoostTraining")]
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
        doc("Framework that it is written for; null for a step that is tied to none.", "xgboost", None),
    ]
    priority: Annotated[
        Priority, doc("Priority among definitions with the same name; the lowest number wins.", 100)
    ]
    layer: Annotated[Layer, doc("Topmost layer that defines or overrides it.")]
    workspace: Annotated[
        str | None, doc("Workspace of that layer; null for the core and other shared layers.", "alice", None)
    ]
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
        str | None, doc("Workspace of the view; null for the core, `all` for every workspace.", "alice", None)
    ]
    steps: Annotated[
        tuple[ListedStep, ...],
        doc("Steps, in table order; with `--workspace all` the core's, then what each workspace defines."),
    ]


class ResolveRequest(OutputPart, frozen=True, kw_only=True):
    """Criteria of a resolution."""

    step: Annotated[str, doc("Name or alias.", "ModelEvaluation")]
    workspace: Annotated[str | None, doc("Workspace to resolve for; null for none.", "bob", None)]
    frameworks: Annotated[tuple[str, ...], doc("Preferred frameworks, best first.", ["pytorch"])]
    environment: Annotated[tuple[str, ...], doc("Preferred environment tags.", ["production", "gpu"])]


class StepCandidate(OutputPart, frozen=True, kw_only=True):
    """Definition of the name, as its view serves it."""

    name: Annotated[
        str,
        doc("Name of the step; differs from the query if that is an alias.", "ModelEvaluation"),
    ]
    workspace: Annotated[
        str | None,
        doc(
            "Workspace of the definition; null for the core and other shared layers.",
            "bob",
            None,
        ),
    ]
    layer: Annotated[Layer, doc("Topmost layer that defines or overrides it.")]
    framework: Annotated[str | None, doc("Framework; null for none.", "pytorch", None)]
    environment_tags: Annotated[
        tuple[str, ...], doc("Environment tags; empty for all environments.", ["production", "gpu"])
    ]
    priority: Annotated[Priority, doc("Priority; the lowest number wins.", 85)]
    file: Annotated[
        str,
        doc(
            "Topmost file that defines or overrides it, relative to the project, with `/` on every system.",
            "workspaces/bob/local/steps/model_evaluation.toml",
        ),
    ]
    line: Annotated[Ordinal, doc("Line of its name in that file, from 1.", 2)]
    column: Annotated[Ordinal, doc("Column of its name in Unicode code points, from 1.", 8)]


class TriedStrategy(OutputPart, frozen=True, kw_only=True):
    """Strategy and its result."""

    strategy: Annotated[str, doc("Name.", "framework_match")]
    reason: Annotated[
        str,
        doc(
            "Why it decided or did not.",
            "only that of workspace bob has the framework pytorch",
        ),
    ]


class ResolveOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell resolve STEP --format json`: which of the definitions of a name is chosen,
    what decided, and everything that it was chosen from.
    """

    asked: Annotated[
        ResolveRequest,
        doc("Request, with preferences of the workspace as defaults."),
    ]
    chosen: Annotated[StepCandidate, doc("Selected definition.")]
    strategy: Annotated[
        str,
        doc(
            "Deciding strategy, `only_candidate` for a single definition, or `interactive` for a "
            "choice by the user. Installed packages may add strategies.",
            "workspace_priority",
            "framework_match",
            "environment_match",
            "priority_based",
            "only_candidate",
            "interactive",
        ),
    ]
    reason: Annotated[str, doc("Reason.", "only that of workspace bob has the framework pytorch")]
    ambiguous: Annotated[
        bool,
        doc("Whether definitions were tied, so that only their order decided.", False),
    ]
    tried: Annotated[
        tuple[TriedStrategy, ...],
        doc("Strategies in order of application; the last one decided.", min_length=1),
    ]
    tied: Annotated[
        tuple[StepCandidate, ...],
        doc("Tied definitions, the selected one first; empty without a tie."),
    ]
    candidates: Annotated[
        tuple[StepCandidate, ...],
        doc("Candidates for the name, the core's first, then by workspace.", min_length=1),
    ]


class ConflictingDefinition(StepCandidate, frozen=True, kw_only=True):
    """Definition of the name."""

    hidden: Annotated[
        bool,
        doc(
            "Whether another definition of the same owner shadows it: a registered one, or one of the "
            "core that shadows a package's.",
            False,
        ),
    ]


class NameConflict(OutputPart, frozen=True, kw_only=True):
    """Name with more than one definition."""

    name: Annotated[str, doc("Name.", "ModelEvaluation")]
    agreement: Annotated[
        Agreement,
        doc(
            "Agreement of the definitions: `identical`; `compatible` if only fields for lookup, "
            "selection and documentation differ (description, priority, tags, strategy, aliases, "
            "deprecation, `x-` fields); otherwise `conflicting`."
        ),
    ]
    ambiguous: Annotated[
        bool,
        doc(
            "Whether the name is ambiguous without a workspace, framework and environment.",
            True,
        ),
    ]
    differing: Annotated[
        tuple[str, ...],
        doc(
            "Fields with different values, in the order of the schema `step`; `extensions` represents "
            "fields with the prefix `x-`.",
            ["description", "framework"],
        ),
    ]
    recommendation: Annotated[
        str,
        doc(
            "Suggested fix.",
            "Rename one of them or lower its `priority`: the name is ambiguous "
            "for who asks without a workspace.",
        ),
    ]
    definitions: Annotated[
        tuple[ConflictingDefinition, ...],
        doc(
            "All definitions: effective ones, the core's first, then by workspace; then shadowed ones.",
            min_length=2,
        ),
    ]


class ConflictsOutput(OutputRecord, frozen=True, kw_only=True):
    """Output of `stepwell conflicts --format json`: every name that has more than one definition."""

    conflicts: Annotated[
        tuple[NameConflict, ...], doc("Every name that has more than one definition, by name.")
    ]


def list_output(workspace: str | None, steps: Iterable[StepDefinition]) -> ListOutput:
    """Steps of a view or of all workspaces, in order."""
    return ListOutput(workspace=workspace, steps=tuple(map(_listed, steps)))


def _listed(step: StepDefinition) -> ListedStep:
    top = step.sources[0]
    return ListedStep(
        name=step.name,
        sagemaker_step_type=step.sagemaker_step_type,
        framework=step.framework,
        priority=step.priority,
        layer=top.layer,
        workspace=top.workspace,
        file=top.document.path,
        description=step.description,
    )


def resolve_output(resolution: Resolution) -> ResolveOutput:
    """The result of a resolution."""
    context = resolution.context
    return ResolveOutput(
        asked=ResolveRequest(
            step=resolution.name,
            workspace=context.workspace,
            frameworks=tuple(context.frameworks),
            environment=tuple(context.environment),
        ),
        chosen=StepCandidate(**_candidate(resolution.chosen)),
        strategy=resolution.strategy,
        reason=resolution.reason,
        ambiguous=resolution.ambiguous,
        tried=tuple(TriedStrategy(strategy=item.strategy, reason=item.reason) for item in resolution.tried),
        tied=tuple(StepCandidate(**_candidate(item)) for item in resolution.tied),
        candidates=tuple(StepCandidate(**_candidate(candidate)) for candidate in resolution.candidates),
    )


def _candidate(candidate: Candidate) -> dict[str, Any]:
    step, span = candidate.definition, candidate.span
    return {
        "name": step.name,
        "workspace": candidate.workspace,
        "layer": candidate.layer,
        "framework": step.framework,
        "environment_tags": tuple(step.environment_tags),
        "priority": step.priority,
        "file": span.path,
        "line": span.line,
        "column": span.column,
    }


def conflicts_output(every_conflict: Iterable[Conflict]) -> ConflictsOutput:
    """Names that have more than one definition."""
    return ConflictsOutput(conflicts=tuple(map(_conflict, every_conflict)))


def _conflict(conflict: Conflict) -> NameConflict:
    return NameConflict(
        name=conflict.name,
        agreement=conflict.agreement,
        ambiguous=conflict.ambiguous,
        differing=tuple(conflict.differing),
        recommendation=conflict.recommendation,
        definitions=tuple(
            ConflictingDefinition(**_candidate(each), hidden=hidden)
            for several, hidden in ((conflict.candidates, False), (conflict.hidden, True))
            for each in several
        ),
    )
