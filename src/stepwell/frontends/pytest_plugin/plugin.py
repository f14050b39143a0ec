"""pytest plugin: options, markers, fixtures and collection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from stepwell.frontends.pytest_plugin.items import PluginOptions
    from stepwell.live.registry import Registry
    from stepwell.resolve.view import View

__all__ = ["stepwell_registry", "stepwell_workspace"]

_ASKED = pytest.StashKey["PluginOptions"]()
_IDS = pytest.StashKey["list[str]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("stepwell", "steps of a Stepwell project")
    group.addoption(
        "--stepwell",
        action="store_true",
        help="collect tests for every step of the project",
    )
    group.addoption(
        "--stepwell-workspace",
        metavar="ID",
        help="test the steps of a workspace, `core`, or `all` for core and every workspace "
        "(default: the current workspace)",
    )
    group.addoption(
        "--stepwell-project",
        metavar="DIR",
        help="project folder (default: the project of the working directory)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and remove step ids from the arguments, since they are not files."""
    config.addinivalue_line(
        "markers",
        "stepwell_workspace(id): workspace of the fixture `stepwell_workspace`; `core` or None for the core",
    )
    ids = [arg for arg in config.args if _names_steps(config, arg)]
    config.stash[_IDS] = ids
    if ids:
        config.args[:] = [arg for arg in config.args if arg not in ids]
    if _is_on(config) and not config.option.help and not hasattr(config, "workerinput"):
        asked = _asked(config)  # report invalid options early and once
        if ids:
            from stepwell.frontends.pytest_plugin.items import check_ids

            check_ids(asked)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the tests of steps before other plugins select tests."""
    if _is_on(session.config):
        from stepwell.frontends.pytest_plugin.items import collect_steps

        items += collect_steps(session, _asked(session.config))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize tests that use ``stepwell_workspace`` with every view if ``all`` is requested."""
    if "stepwell_workspace" not in metafunc.fixturenames:
        return
    marked = metafunc.definition.get_closest_marker("stepwell_workspace") is not None
    if not marked and metafunc.config.getoption("stepwell_workspace") == "all":
        from stepwell.frontends.pytest_plugin.items import every_label

        labels = every_label(_asked(metafunc.config).registry)
        metafunc.parametrize("stepwell_workspace", labels, indirect=True)


@pytest.fixture(scope="session")
def stepwell_registry(pytestconfig: pytest.Config) -> Registry:
    """Return the registry of the project (``--stepwell-project`` or the working directory's)."""
    try:
        return _asked(pytestconfig).registry
    except pytest.UsageError as error:
        wrong = str(error)
    pytest.fail(wrong, pytrace=False)  # outside of except, to avoid a chained exception


@pytest.fixture
def stepwell_workspace(request: pytest.FixtureRequest, stepwell_registry: Registry) -> View:
    """Return the view of the marker's workspace, or of ``--stepwell-workspace``."""
    from stepwell.frontends.pytest_plugin.items import find_view

    named: Any = getattr(request, "param", request.config.getoption("stepwell_workspace"))
    marker = request.node.get_closest_marker("stepwell_workspace")
    if marker is not None:
        if len(marker.args) != 1 or marker.kwargs or not isinstance(marker.args[0], (str, type(None))):
            pytest.fail('use the marker as @pytest.mark.stepwell_workspace("alice")', pytrace=False)
        named = marker.args[0] or ""
    elif named == "all":
        pytest.fail("`all` is not a single view: request the fixture as a test argument", pytrace=False)
    try:
        return find_view(stepwell_registry, named)
    except pytest.UsageError as error:
        wrong = str(error)
    pytest.fail(wrong, pytrace=False)


def _is_on(config: pytest.Config) -> bool:
    return bool(config.getoption("stepwell") or config.stash.get(_IDS, None))


def _names_steps(config: pytest.Config, argument: str) -> bool:
    """Return whether an argument is a step test id, or ``stepwell`` if there is no such path."""
    first, colons, _ = argument.partition("::")
    if first == "stepwell":
        return bool(colons) or not (config.invocation_params.dir / first).exists()
    # ids are relative to the invocation directory
    inside = bool(colons) and first.endswith("/stepwell")
    return inside and (config.invocation_params.dir / first).resolve() == config.rootpath / "stepwell"


def _asked(config: pytest.Config) -> PluginOptions:
    """Return the options, with the project opened on first use."""
    known = config.stash.get(_ASKED, None)
    if known is None:
        from stepwell.frontends.pytest_plugin.items import ask

        ids: list[str] = config.stash[_IDS]
        known = ask(
            config.rootpath,
            config.invocation_params.dir,
            config.getoption("stepwell_project"),
            config.getoption("stepwell_workspace"),
            ids,
        )
        config.stash[_ASKED] = known
    return known
