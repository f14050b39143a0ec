"""The tables of old Python registries, read as they are written: nothing of them is run.

A table is a dict of literals that a module builds at its top level. What cannot be read without
running it is told, with its place, and the rest is read all the same.
"""

from __future__ import annotations

from stepwell.python_tables.reading import read_tables
from stepwell.python_tables.tables import HYPERPARAMETERS, METADATA, TABLES, PythonTables, Remark, Row, Table

__all__ = [
    "HYPERPARAMETERS",
    "METADATA",
    "TABLES",
    "PythonTables",
    "Remark",
    "Row",
    "Table",
    "read_tables",
]
