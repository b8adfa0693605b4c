"""Feedback on a lab as one page: the student's notebook with points, and nothing in it that could run.

Text is escaped, pictures are PNG or JPEG, HTML and scripts that a cell put out are left out, and the page
forbids the browser to load or run anything.
"""

import base64
import binascii
import re
from html import escape

from nbformat import NotebookNode

from qbp.teaching.grader.scoring import Graded, Points
from qbp.teaching.release import grade_id, role

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .6rem; margin: .3rem 0 }
pre.code { background: #f4f4f4; border-left: 3px solid #999 } pre.error { background: #fdecea }
section { margin: 1rem 0 } .graded { border: 1px solid #bbb; padding: .6rem } .lost { border-color: #b00020 }
table { border-collapse: collapse }
td, th { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ccc }
img { max-width: 100% }
"""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def page(student: str, lab: str, notebook: NotebookNode, graded: Graded) -> str:
    """Return the page of one student and lab.

    Args:
        student: whose it is.
        lab: name of the lab.
        notebook: executed, with a student's answers.
        graded: its points.
    """
    points = {p.name: p for p in graded.points}
    title = escape(f"{lab}: {student}")
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    head += f"<title>{title}</title><style>{_STYLE}</style>"
    parts = [
        f'<!DOCTYPE html><html lang="en"><head>{head}</head><body>',
        f"<h1>{title}</h1>",
        _summary(graded),
        *(_cell(cell, points.get(grade_id(cell))) for cell in notebook.cells),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _summary(graded: Graded) -> str:
    unread = f", and {graded.unread:g} for answers that a person reads" if graded.unread else ""
    rows = "".join(f"<tr><td>{escape(p.name)}</td><td>{_given(p)}</td></tr>" for p in graded.points)
    notes = "".join(f"<li>{escape(note)}</li>" for note in graded.notes)
    return (
        f"<p><b>{graded.total:g} of {graded.of:g} points</b>{unread}.</p>"
        f"<table><tr><th>graded cell</th><th>points</th></tr>{rows}</table>"
        + (f"<h2>Notes</h2><ul>{notes}</ul>" if notes else "")
    )


def _given(points: Points) -> str:
    return f"to be read, of {points.of:g}" if points.score is None else f"{points.score:g} of {points.of:g}"


def _cell(cell: NotebookNode, points: Points | None) -> str:
    source = _hidden_out(cell.source) if role(cell) == "test" else cell.source
    kind = "code" if cell.cell_type == "code" else "text"
    parts = [f'<pre class="{kind}">{escape(source)}</pre>'] if source.strip() else []
    parts += [_output(o) for o in cell.get("outputs", [])]
    if points is None:
        return f"<section>{''.join(parts)}</section>"
    lost = " lost" if points.score is not None and points.score < points.of else ""
    said = f"<p><b>{escape(points.name)}: {_given(points)}</b> {escape(points.why)}</p>"
    return f'<section class="graded{lost}">{said}{"".join(parts)}</section>'


def _hidden_out(source: str) -> str:
    """Return a test as students see it: its hidden part is used again next year."""
    kept, inside = [], False
    for line in source.split("\n"):
        if "BEGIN HIDDEN TESTS" in line:
            inside = True
        elif "END HIDDEN TESTS" in line:
            inside = False
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def _output(output: NotebookNode) -> str:
    kind = output.output_type
    if kind == "stream":
        return f"<pre>{_text(output.text)}</pre>"
    if kind == "error":
        return f'<pre class="error">{_text(_error(output))}</pre>'
    data = output.get("data", {})
    for mime in ("image/png", "image/jpeg"):
        if picture := _picture(data.get(mime)):
            return f'<img alt="" src="data:{mime};base64,{picture}">'
    shown = data.get("text/plain", "")
    return f"<pre>{_text(shown)}</pre>" if shown else ""


def _error(output: NotebookNode) -> str:
    """Return the kind of an error and what it says: a traceback of a test would show its hidden part."""
    return f"{output.get('ename', '')}: {output.get('evalue', '')}"


def _text(value: object) -> str:
    joined = "".join(map(str, value)) if isinstance(value, list) else str(value)
    return escape(_ANSI.sub("", joined))


def _picture(value: object) -> str:
    """Return a picture in base64, if it is one."""
    if not isinstance(value, str):
        return ""
    try:
        return base64.b64encode(base64.b64decode("".join(value.split()), validate=True)).decode()
    except (binascii.Error, ValueError):
        return ""
