"""What browsers send for a form: one situation a row, with the right request.

The situations are those of web-platform-tests (the folder in `source`; the right values follow the HTML standard and
were compared with what Chromium sends: ``python -m tests.form_submission --chromium``). The markup is written anew.
"""

from __future__ import annotations

from tests.form_submission.choices import SELECTS, TEXTAREAS, TYPED
from tests.form_submission.controls import CONTROLS
from tests.form_submission.encodings import CHARSETS, ENCODED
from tests.form_submission.owners import DIRNAME, OWNERS, TWINS
from tests.form_submission.situation import Situation
from tests.form_submission.targets import TARGETS

SITUATIONS: list[Situation] = [
    *ENCODED,
    *CHARSETS,
    *CONTROLS,
    *SELECTS,
    *TEXTAREAS,
    *TYPED,
    *TARGETS,
    *OWNERS,
    *DIRNAME,
    *TWINS,
]
