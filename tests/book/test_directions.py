"""Words that say a direction, held to the sign of the glued numbers beside them, in every stored chapter."""

import re
from pathlib import Path

import nbformat
import pytest

from qbp.book.pages import glued

BOOK = Path(__file__).parents[2] / "book"
GLUE = re.compile(r"\{glue:\w*\}`([^`:]+)(?::[^`]*)?`")
FALL = r"(?:falls?|fell|drops?|sinks?|shrinks?|decreases?|lowers|lowered|reduces?|loses?|lost|fades?)"
RISE = r"(?:rises?|rose|grows?|grew|increases?|climbs?|raises?|gains|costs)"
LESS, MORE = r"(?:lower|smaller|fewer|less|below|down)", r"(?:higher|larger|greater|more|above|up)"
NUMBER = r"([-+−]?)(\d[\d,]*\.?\d*(?:e[-+]?\d+)?)"
VALUE = rf"⟦{NUMBER}(?! of )[^⟧]*⟧"  # a count, 7 of 20, has no direction
FEW = r"[^.;:⟦⟧]{0,60}?"
# What is written, and the signs its numbers may have: a fall takes a size, a signed change "changes by".
SIGNS = {
    rf"\b{FALL}\b{FEW}\b(?:by|with|of) ?{VALUE}": ("",),
    rf"\b{FALL}\b(?: up to)? ?{VALUE}": ("",),
    rf"\b{FALL}\b{FEW} to the power {VALUE}": ("-", "−"),
    rf"\b{RISE}\b{FEW}\b(?:by|with|of) ?{VALUE}": ("", "+"),
    rf"\b{RISE}\b(?: up to)? ?{VALUE}": ("", "+"),
    rf"\b{RISE}\b{FEW} to the power {VALUE}": ("", "+"),
    rf"\b{LESS} by {VALUE}": ("",),
    rf"\b{MORE} by {VALUE}": ("", "+"),
    rf"\b{LESS}(?: it)? \({VALUE}": ("", "-", "−"),
    rf"\b{MORE}(?: it)? \({VALUE}": ("", "+"),
    rf"{VALUE} (?:times|percent|per cent|%|\w+|\$\w\$) {LESS}\b": ("",),
    rf"{VALUE} (?:times|percent|per cent|%|\w+|\$\w\$) {MORE}\b": ("", "+"),
}
FROM_TO = rf"(?:\b({FALL}|{RISE})\b{FEW})?\bfrom {VALUE}{FEW}(?:\b(up|down) )?\bto {VALUE}"


def as_read(name):
    """Return the paragraphs of a chapter, with each glued number in place of its name, as ⟦number⟧."""
    cells = nbformat.read(BOOK / f"{name}.ipynb", as_version=4).cells
    values = glued(cells)
    texts = (" ".join(cell.source.split()) for cell in cells if cell.cell_type == "markdown")
    return [GLUE.sub(lambda m: f"⟦{values[m[1]]}⟧".replace("'", ""), text) for text in texts]


def size(sign, digits):
    return float(digits.replace(",", "")) * (-1 if sign in ("-", "−") else 1)


def contradictions(text):
    """Return the places of a text where a direction and a number disagree."""
    found = []
    for pattern, signs in SIGNS.items():
        for match in re.finditer(pattern, text):
            sign, digits = match.groups()
            times = "times" in match[0] and size(sign, digits) <= 1
            found += [match[0]] if sign not in signs or times else []
    for match in re.finditer(FROM_TO, text):
        verb, sign_a, a, way, sign_b, b = match.groups()
        step = size(sign_b, b) - size(sign_a, a)
        falls = way == "down" or re.fullmatch(FALL, verb or "") is not None
        rises = way == "up" or re.fullmatch(RISE, verb or "") is not None
        found += [match[0]] if (falls and step >= 0) or (rises and step <= 0) else []
    return found


@pytest.mark.parametrize("name", sorted(path.stem for path in BOOK.glob("*.ipynb")))
def test_a_word_of_direction_agrees_with_its_number(name):
    assert [wrong for text in as_read(name) for wrong in contradictions(text)] == []


WRONG = [
    "its validation loss falls by ⟦+4.5 % [+3.2 %, +5.7 %] (n = 20)⟧",
    "with ridge it falls by ⟦-6.4 % [-7.9 %, -5.0 %]⟧",
    "the norm rises by ⟦-0.98⟧ bits",
    "the largest falls from ⟦0.000⟧ to ⟦0.26⟧",
    "it takes the loss from ⟦0.180⟧ up to ⟦0.030⟧",
    "it takes ⟦-196 [-203, -188]⟧ steps more",
    "is ⟦0.5⟧ times smaller",
    "and the variance below it (⟦+25.1 %⟧)",
    "lower by ⟦-3.1⟧ bits",
    "falls as dim to the power ⟦0.75⟧",
    "A larger amplitude costs ⟦-142 [-181, -104]⟧ steps",
]


@pytest.mark.parametrize("text", WRONG)
def test_a_direction_that_the_number_denies_is_found(text):
    assert len(contradictions(text)) >= 1
    mended = text.translate(str.maketrans("+-", "-+"))
    if text.count("⟦") == 1 and "falls by" not in text and "times" not in text and "power" not in text:
        assert contradictions(mended.replace("lower by ⟦+", "lower by ⟦")) == []


def test_words_and_numbers_that_agree_pass():
    text = "It changes by ⟦-6.4 %⟧, falls by ⟦2.68 ± 0.04⟧ bits, from ⟦0.26⟧ to ⟦0.0⟧, lower on ⟦7 of 20⟧."
    assert contradictions(text) == [] and contradictions("grows from ⟦1,600⟧ to ⟦2⟧") != []
