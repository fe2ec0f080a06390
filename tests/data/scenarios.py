"""The pipelines that are recorded: every transformation, and the common ways to put them together."""

from . import files, functions, sources

BUILDS = {**sources.scenario.builds, **functions.scenario.builds, **files.scenario.builds}
