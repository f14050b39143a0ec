"""Running steps, providers, pipelines and workflows."""
