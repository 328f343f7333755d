"""One radiograph → a reading: report, findings with boxes and confidences, contradictions."""

from radvlm.reading.prose import draw_reading, reading_as_text
from radvlm.reading.reader import Reader, open_reader
from radvlm.reading.record import FoundFinding, Reading, schema
from radvlm.reading.study import (
    Shot,
    StudyReading,
    check_prior,
    read_shot,
    read_study,
    study_schema,
)

__all__ = [
    "FoundFinding",
    "Reader",
    "Reading",
    "Shot",
    "StudyReading",
    "check_prior",
    "draw_reading",
    "open_reader",
    "read_shot",
    "read_study",
    "reading_as_text",
    "schema",
    "study_schema",
]
