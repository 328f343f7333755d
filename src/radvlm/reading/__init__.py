"""One radiograph → a reading: report, findings with boxes and confidences, contradictions."""

from radvlm.reading.prose import draw_reading, reading_as_text
from radvlm.reading.reader import Reader, open_reader
from radvlm.reading.record import FoundFinding, Reading, schema

__all__ = [
    "FoundFinding",
    "Reader",
    "Reading",
    "draw_reading",
    "open_reader",
    "reading_as_text",
    "schema",
]
