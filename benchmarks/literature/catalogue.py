"""All steps, in the order of the page."""

from __future__ import annotations

from benchmarks.literature.digits import STEPS_OF_DIGITS
from benchmarks.literature.documents import STEPS_OF_DOCUMENTS
from benchmarks.literature.faces import STEPS_OF_FACES
from benchmarks.literature.restoring import STEPS_OF_RESTORING
from benchmarks.literature.work import Step

STEPS: dict[str, Step] = {
    step.name: step
    for step in (*STEPS_OF_DIGITS, *STEPS_OF_RESTORING, *STEPS_OF_FACES, *STEPS_OF_DOCUMENTS)
}
