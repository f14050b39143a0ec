"""Text to plain data, and back from a place in the data to a place in the text.

``read`` never raises for what a file holds: it gives a Document, or the findings that say why not.
"""

from __future__ import annotations

from stepwell.documents.document import Document, Pointer, Unreadable, span_of
from stepwell.documents.frozen import freeze, thaw
from stepwell.documents.reading import MAX_BYTES, SUFFIXES, read, read_bytes, read_text, too_large

__all__ = [
    "MAX_BYTES",
    "SUFFIXES",
    "Document",
    "Pointer",
    "Unreadable",
    "freeze",
    "read",
    "read_bytes",
    "read_text",
    "span_of",
    "thaw",
    "too_large",
]
