"""The steps of a view: listed, selected, in conflict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from stepwell.frontends.render.output.record import Ordinal, OutputPart, OutputRecord, Priority, doc
from stepwell.model.layer import Layer
from stepwell.resolve.conflicts import Agreement, Conflict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stepwell.model import StepDefinition
    from stepwell.resolve.candidates import Candidate
    from stepwell.resolve.choose import Resolution
    from stepwell.resolve.view import View


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
