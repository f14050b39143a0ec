"""Installed packages bring steps: below the core, never instead of it, and one fault stops no other."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell.live.registry import Registry
from stepwell.model.settings import open_project
from stepwell.resolve.plugins import Plugin, find_plugins

pytestmark = pytest.mark.slow

TODAY = date(2026, 7, 1)
SCORING = "name: Scoring\nsagemaker_step_type: Processing\ndescription: Score a batch.\n"
RANKING = "name: Ranking\ndescription: Rank a batch.\npriority: 7\n"
HYPERPARAMETERS = "name: ScoringHyperparameters\nmodule_path: acme_steps.parameters\ndescription: All.\n"

PACKAGES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "acme-steps": (
        {"folder": "acme_steps.definitions"},
        {
            "acme_steps/__init__.py": "raise RuntimeError('imported')\n",
            "acme_steps/definitions/steps/scoring.yaml": SCORING,
            "acme_steps/definitions/steps/any_name.yaml": RANKING,
            "acme_steps/definitions/steps/broken.yaml": "name: Broken\ndescripton: Typed too fast.\n",
            "acme_steps/definitions/hyperparameters/scoring.yaml": HYPERPARAMETERS,
            "acme_steps/elsewhere/steps/more.yaml": "not: a step\n",
        },
    ),
    "bolt-steps": (
        {"code": "bolt_steps:steps", "fails": "bolt_steps:fails", "gone": "bolt_steps.nowhere"},
        {
            "bolt_steps/__init__.py": (
                "def steps():\n"
                "    yield {'name': 'Routing', 'description': 'Route a batch.', 'aliases': ['OldRouting']}\n"
                "    yield {'name': 'Routing two', 'description': 'Route a batch.'}\n"
                "def fails():\n"
                "    raise LookupError('no catalog')\n"
            )
        },
    ),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that wheels of example packages are installed into."""
    folder = tmp_path_factory.mktemp("packages")
    for name, (entries, files) in PACKAGES.items():
        points = "\n".join(f'{key} = "{value}"' for key, value in entries.items())
        described = (
            '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
            f'[project]\nname = "{name}"\nversion = "1"\n'
            f'[project.entry-points."stepwell.steps"]\n{points}\n'
        )
        for path, content in {"pyproject.toml": described, **files}.items():
            (folder / name / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / path).write_text(content, encoding="utf-8")
        build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "wheels"]
        subprocess.run(build, cwd=folder / name, check=True, capture_output=True)
    wheels = sorted((folder / "wheels").iterdir())
    assert len(wheels) == len(PACKAGES)
    target = folder / "site"
    offline = ["--quiet", "--no-index", "--no-deps", "--no-compile"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *offline, "--target", target, *wheels],
        check=True,
        capture_output=True,
    )
    return target


@pytest.fixture
def answer(environment: Mapping[str, str], site: Path) -> Callable[[Path, str], Any]:
    """A function that runs code on a project with installed packages and returns its report."""

    def run(root: Path, code: str) -> Any:
        opening = "import json, sys, stepwell\nregistry = stepwell.open('.')\nreport = {}\n"
        ending = "\njson.dump(report, sys.stdout)\n"
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", opening + textwrap.dedent(code) + ending],
            cwd=root,
            env={**environment, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


def test_an_installed_package_is_served_below_the_core(
    answer: Callable[[Path, str], Any], project: Callable[[Mapping[str, str]], Path]
) -> None:
    root = project(
        {
            "registry.d/steps/ranking.yaml": "name: Ranking\ndescription: Ours.\n",
            "workspaces/alice/override/steps/scoring.yaml": "name: Scoring\npriority: 1\n",
        }
    )
    report = answer(
        root,
        """
        core, alice = registry.view(), registry.view("alice")
        def origins(view, step, field):
            one = view.explain(step, field)
            return [[o.layer and o.layer.value, o.span and o.span.path, o.value]
                    for o in (one.winner, *one.losers)]
        report["names"] = list(core)
        report["alias"] = core["OldRouting"].name
        report["table"] = list(core.legacy_table())
        report["hyperparameters"] = list(core.hyperparameters)
        report["layers"] = {name: step.sources[0].layer.value for name, step in alice.items()}
        report["alice"] = origins(alice, "Scoring", "priority")
        report["description"] = origins(alice, "Scoring", "description")
        report["ranking"] = origins(core, "Ranking", "description")
        report["priority"] = origins(core, "Ranking", "priority")
        report["imported"] = sorted(name for name in sys.modules if name.startswith(("acme", "bolt")))
        """,
    )
    assert report == {
        "names": ["Ranking", "Routing", "Scoring"],
        "alias": "Routing",
        "table": ["Scoring"],
        "hyperparameters": ["ScoringHyperparameters"],
        "layers": {"Ranking": "core", "Routing": "plugin", "Scoring": "override"},
        "alice": [["override", "workspaces/alice/override/steps/scoring.yaml", 1], [None, None, 100]],
        "description": [["plugin", "<acme-steps>/steps/scoring.yaml", "Score a batch."]],
        "ranking": [
            ["core", "registry.d/steps/ranking.yaml", "Ours."],
            ["plugin", "<acme-steps>/steps/any_name.yaml", "Rank a batch."],
        ],
        "priority": [[None, None, 100], ["plugin", "<acme-steps>/steps/any_name.yaml", 7]],
        "imported": ["bolt_steps"],
    }


def test_what_is_wrong_with_a_package_is_reported_and_the_rest_serves(
    site: Path, project: Callable[[Mapping[str, str]], Path], run_stepwell: Callable[..., Any]
) -> None:
    root = project({"registry.d/steps/ranking.yaml": "name: Ranking\ndescription: Ours.\n"})
    here = {"PYTHONPATH": str(site)}
    checked = run_stepwell("check", "--format", "concise", cwd=root, env=here)
    missing = "error[plugin-failed] cannot load steps of package bolt-steps:"
    form = "must be an ASCII identifier: letters, digits and `_`, not starting with a digit"
    hides = "this step hides `Ranking` of the package acme-steps"
    assert checked.stdout.splitlines() == [
        f"{missing} `bolt_steps:fails` fails with LookupError: no catalog",
        f"{missing} folder `bolt_steps.nowhere` does not exist",
        "<acme-steps>/steps/broken.yaml:2:1: error[unknown-field] step has no field `descripton`",
        f"<bolt-steps>:1:7: error[wrong-form] `name` {form}, got `Routing two`",
        f"registry.d/steps/ranking.yaml:1:7: info[plugin-hidden] {hides}",
    ]
    assert checked.exit_code == 1
    listed = run_stepwell("list", "--format", "json", cwd=root, env=here)
    assert [(one["name"], one["layer"], one["file"]) for one in json.loads(listed.stdout)["steps"]] == [
        ("Ranking", "core", "registry.d/steps/ranking.yaml"),
        ("Routing", "plugin", "<bolt-steps>"),
        ("Scoring", "plugin", "<acme-steps>/steps/scoring.yaml"),
    ]
    explained = run_stepwell("explain", "Ranking.description", cwd=root, env=here)
    assert explained.stdout.splitlines() == [
        "Ranking.description in the core",
        "  wins   Ours.          core    registry.d/steps/ranking.yaml:2:14",
        "  loses  Rank a batch.  plugin  <acme-steps>/steps/any_name.yaml:2:14",
    ]


def test_a_project_can_serve_no_packages(
    site: Path, project: Callable[[Mapping[str, str]], Path], run_stepwell: Callable[..., Any]
) -> None:
    root = project(
        {
            "stepwell.toml": "[plugins]\nenabled = false\n",
            "registry.d/steps/ranking.yaml": "name: Ranking\ndescription: Ours.\n",
        }
    )
    ran = run_stepwell("list", "--format", "json", cwd=root, env={"PYTHONPATH": str(site)})
    assert [one["name"] for one in json.loads(ran.stdout)["steps"]] == ["Ranking"]
    assert run_stepwell("check", cwd=root, env={"PYTHONPATH": str(site)}).exit_code == 0


def opened(root: Path, *found: Plugin) -> Registry:
    return Registry(open_project(str(root)), lambda: TODAY, plugins=lambda: found)


def step(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "description": f"Does {name}.", **fields}


def said(registry: Registry) -> list[tuple[str, str, str | None]]:
    return [
        (found.id, found.message, found.span.path if found.span else None) for found in registry.diagnostics
    ]


def test_of_two_packages_that_bring_one_name_neither_is_served(project: Any) -> None:
    registry = opened(
        project({}),
        Plugin("acme", given=(step("Scoring"), step("Ranking"))),
        Plugin("bolt", given=(step("Scoring"),)),
    )
    assert list(registry.view()) == ["Ranking"]
    assert said(registry) == [
        (
            "duplicate-definition",
            "packages acme and bolt both define step `Scoring`; both definitions are skipped",
            "<bolt>",
        )
    ]


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"aliases": ["Scoring"]}, "alias-collision"),
        ({"aliases": ["OldScoring"]}, "alias-collision"),
        ({"config_class": "ScoringConfig"}, "duplicate-config-class"),
    ],
)
def test_what_collides_with_the_core_is_skipped_and_changes_nothing_of_it(
    fields: dict[str, Any], rule: str, project: Any
) -> None:
    root = project({"registry.d/steps/scoring.yaml": SCORING + "aliases: [OldScoring]\n"})
    alone, beside = opened(root), opened(root, Plugin("acme", given=(step("A", **fields), step("B"))))
    assert [(found.id, found.span.path) for found in beside.diagnostics if found.span] == [(rule, "<acme>")]
    assert list(beside.view()) == ["B", "Scoring"]
    assert beside.view()["OldScoring"].name == "Scoring"
    config_class = beside.view().by_config_class("ScoringConfig")
    assert config_class is not None
    assert config_class.name == "Scoring"
    assert alone.view()["Scoring"] == beside.view()["Scoring"]


def test_a_package_does_not_replace_a_file_of_the_core_that_is_skipped(project: Any) -> None:
    registry = opened(
        project({"registry.d/steps/scoring.yaml": "name: Scoring\n"}),
        Plugin("acme", given=(step("Scoring"),)),
    )
    assert "Scoring" not in registry.view()
    assert {found.id for found in registry.diagnostics} == {"missing-field", "plugin-hidden"}


def test_the_severity_of_plugin_hidden_is_the_projects_and_a_comment_can_hide_it(project: Any) -> None:
    files = {"registry.d/steps/scoring.yaml": SCORING, "stepwell.toml": '[rules]\nplugin-hidden = "error"\n'}
    registry = opened(project(files), Plugin("acme", given=(step("Scoring"),)))
    assert [(found.id, found.severity.value) for found in registry.diagnostics] == [
        ("plugin-hidden", "error")
    ]
    assert registry.view()["Scoring"].sources[0].layer.value == "core"
    ignored = SCORING.replace("Scoring\n", "Scoring  # stepwell: ignore[plugin-hidden] on purpose\n", 1)
    registry = opened(
        project({"registry.d/steps/scoring.yaml": ignored, "stepwell.toml": ""}),
        Plugin("acme", given=(step("Scoring"),)),
    )
    assert said(registry) == []


@pytest.mark.parametrize("severity", ["info", "off"])
def test_when_a_file_of_the_core_goes_what_it_hid_shows_again(severity: str, project: Any) -> None:
    root = project(
        {
            "registry.d/steps/scoring.yaml": SCORING,
            "registry.d/steps/other.yaml": "name: Other\ndescription: x.\n",
            "stepwell.toml": f'[rules]\nplugin-hidden = "{severity}"\n',
        }
    )
    registry = opened(root, Plugin("acme", given=(step("Scoring"),)))
    file = root / "registry.d/steps/scoring.yaml"
    file.unlink()
    registry._store.reload(["registry.d/steps/scoring.yaml"])
    assert registry.view()["Scoring"].sources[0].layer.value == "plugin"
    file.write_text(SCORING)
    registry._store.reload(["registry.d/steps/scoring.yaml"])
    assert registry.view()["Scoring"].sources[0].layer.value == "core"
    fresh = opened(root, Plugin("acme", given=(step("Scoring"),)))
    assert (fresh.digest, fresh.diagnostics) == (registry.digest, registry.diagnostics)


def test_packages_are_looked_for_once_and_survive_reading_everything_again(project: Any) -> None:
    asked = []

    def find() -> tuple[Plugin, ...]:
        asked.append(1)
        return (Plugin("acme", given=(step("Scoring"),)),)

    registry = Registry(open_project(str(project({}))), lambda: TODAY, plugins=find)
    assert registry.reload() is None
    assert list(registry.view()) == ["Scoring"]
    assert len(asked) == 1


def test_a_step_of_a_package_is_served_again_when_the_core_step_that_hides_it_goes(project: Any) -> None:
    own = {
        f"registry.d/steps/{name.lower()}.yaml": f"name: {name}\ndescription: Own.\n"
        for name in ("Other", "Scoring")
    }
    root = project({**own, "stepwell.toml": '[rules]\nplugin-hidden = "off"\n'})
    registry = opened(root, Plugin("acme", given=(step("Scoring"),)))
    for path in own:
        (root / path).unlink()
    registry._store.reload(own)
    assert [(item.name, item.sources[0].layer.value) for item in registry.view().values()] == [
        ("Scoring", "plugin")
    ]


def test_a_local_step_that_hides_one_of_a_package_is_reported(project: Any) -> None:
    root = project({"workspaces/alice/local/steps/scoring.yaml": SCORING})
    registry = opened(root, Plugin("acme", given=(step("Scoring"),)))
    assert said(registry) == [
        (
            "shadows-core",
            "this local step hides `Scoring` of a plugin",
            "workspaces/alice/local/steps/scoring.yaml",
        )
    ]
    losers = registry.view("alice").explain("Scoring", "description").losers
    assert [one.layer.value for one in losers if one.layer] == ["plugin"]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("stepwell_no_such_package", "folder `stepwell_no_such_package` does not exist"),
        (
            "json",
            "its folder has no definitions in `steps/` or `hyperparameters/` or `providers/` or `pipelines/`",
        ),
        ("json:loads", "`json:loads` fails with TypeError: "),
        ("json:nothing", "`json:nothing` cannot be loaded: AttributeError: "),
        ("platform:system", "`platform:system` must return a list of steps, got str"),
        ("not a module", "`not a module` is neither a folder nor a callable"),
    ],
)
def test_each_way_an_entry_point_fails_names_the_package(
    value: str, fault: str, project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = tmp_path / "elsewhere" / "odd_steps-1.dist-info"
    written.mkdir(parents=True)
    (written / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-steps\nVersion: 1\n")
    (written / "entry_points.txt").write_text(f"[stepwell.steps]\nodd = {value}\n")
    monkeypatch.syspath_prepend(str(written.parent))
    registry = stepwell.open(project({}), today=TODAY)
    ((rule, message, path),) = said(registry)
    assert (rule, path) == ("plugin-failed", None)
    assert message.startswith(f"cannot load steps of package odd-steps: {fault}")


def test_without_any_such_package_the_slow_scan_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.setitem(sys.modules, "importlib.metadata", None)  # importing it would now fail
    assert find_plugins() == ()


def test_a_link_out_of_a_packages_folder_is_reported_by_the_package_and_not_followed(
    project: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "package"
    (folder / "steps").mkdir(parents=True)
    (folder / "steps" / "scoring.yaml").write_text(SCORING)
    (folder / "steps" / "out.yaml").symlink_to("/etc/hostname")
    registry = opened(project({}), Plugin("acme", str(folder)))
    assert [(rule, path) for rule, _, path in said(registry)] == [
        ("outside-project", "<acme>/steps/out.yaml")
    ]
    assert list(registry.view()) == ["Scoring"]
