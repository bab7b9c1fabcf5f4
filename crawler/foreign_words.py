"""What libraries say about a value, in the words of our own messages. Loaded for messages only."""

from __future__ import annotations

from crawler.late_pattern import late_pattern

_VERDICT = late_pattern(r"\A(?:Value error|Assertion failed), ")
#: What pydantic says, and what we say instead.
_OF_PYDANTIC = (
    (late_pattern(r"\AField required\Z"), "it is missing"),
    (late_pattern(r"\AExtra inputs are not permitted\Z"), "the class has no such field"),
    (
        late_pattern(r"\AInput should be a valid integer, got a number with a fractional part\Z"),
        "it should be a whole number",
    ),
    (late_pattern(r"\AInput should be a valid integer\b.*\Z"), "it should be a whole number"),
    (late_pattern(r"\AInput should be a valid (?:number|decimal)\b.*\Z"), "it should be a number"),
    (late_pattern(r"\AInput should be a valid boolean\b.*\Z"), "it should be true or false"),
    (late_pattern(r"\AInput should be a valid string\Z"), "it should be a text"),
    (late_pattern(r"\AInput should be a valid dictionary\b.*\Z"), "it should be a dict"),
    (late_pattern(r"\AInput should be greater than or equal to (.+)\Z"), r"it should be at least \1"),
    (late_pattern(r"\AInput should be less than or equal to (.+)\Z"), r"it should be at most \1"),
    (late_pattern(r"\AInput should be greater than (.+)\Z"), r"it should be above \1"),
    (late_pattern(r"\AInput should be less than (.+)\Z"), r"it should be below \1"),
    (late_pattern(r"\AInput should (?:be a valid|be)\b"), "it should be"),
)


def in_plain_words(said: str) -> str:
    """What pydantic says about a value, as our own messages would say it; anything else as it is."""
    said = _VERDICT.sub("", said)
    for words, ours in _OF_PYDANTIC:
        said = words.sub(ours, said)
    return said
