"""Source of the package as a chapter shows it, beside the paper's listing; numbers glued in a chapter."""

import html
import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

LISTING = {  # Algorithm 1 as the paper prints it
    1: "Initialize parameters θ₀ randomly",
    2: "Set λ ← λ₀, β ← β₀",
    3: "while ‖∇L_convex(θ)‖₂ / dim(θ) < τ_g do",
    4: "    Compute local convex loss L_convex(θ) = Σᵢ ‖⟨ψ(θ)|Oᵢ|ψ(θ)⟩ − bᵢ‖²",
    5: "    Update parameters θ ← θ − η_c ∇L_convex(θ)",
    6: "end while",
    7: "while not converged do",
    8: "    Compute oscillatory regularization R_osc(θ) = E_j[sin(ωθ_j + φ_j)]",
    9: "    Define total loss L_refine = (1 − λ)⟨ψ|H|ψ⟩ + λ L_convex + β R_osc",
    10: "    Update parameters θ ← θ − η_n ∇L_refine(θ)",
    11: "    Anneal λ ← max(0, 0.98 λ), β ← 0.99 β",
    12: "end while",
    13: "return θ*",
}


class Source:
    """The source of a function as it stands in the package now, for a cell's last line.

    Args:
        function: any function, class or module of the package.
        docstring: whether to show the docstring too.
    """

    def __init__(self, function: Any, *, docstring: bool = True) -> None:
        text = inspect.getsource(function)
        self.text = text if docstring else re.sub(r'\n\s+r?"""(.|\n)*?"""', "", text, count=1)
        whole = inspect.ismodule(function)
        self.name = function.__name__ if whole else f"{function.__module__}.{function.__qualname__}"

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from pygments import highlight
        from pygments.formatters import HtmlFormatter
        from pygments.lexers import PythonLexer

        code = highlight(self.text, PythonLexer(), HtmlFormatter(cssclass="highlight"))
        return f'<p class="qbp-source">{html.escape(self.name)}</p>{code}'


class Beside:
    """Algorithm 1 as printed, each line beside the lines of the source that carry its number in a comment.

    Args:
        function: source with comments such as ``# line 8: eq. 5`` or ``# lines 3, 6``.
        lines: which lines of the listing, all of them by default.
    """

    def __init__(self, function: Callable, lines: Iterable[int] = tuple(LISTING)) -> None:
        self.rows = [(n, text, []) for n, text in LISTING.items()]
        for line in inspect.getsource(function).splitlines():
            code, _, comment = line.partition("#")
            for part in re.findall(r"\blines? ((?:\d+(?:, | and )?)+)", comment):
                for number in re.findall(r"\d+", part):
                    self.rows[int(number) - 1][2].append(code.strip())
        self.rows = [self.rows[number - 1] for number in lines]

    def __repr__(self) -> str:
        return "\n".join(f"{n:>2}: {text:<76} | {' ; '.join(code)}" for n, text, code in self.rows)

    def _repr_html_(self) -> str:
        body = ""
        for n, text, code in self.rows:
            indent = len(text) - len(text.lstrip())
            ours = "<br>".join(f"<code>{html.escape(line)}</code>" for line in code)
            says = f'<td style="padding-left:{0.6 + indent * 0.35:.2f}em">{html.escape(text.strip())}</td>'
            body += f'<tr><th scope="row">{n}</th>{says}<td>{ours}</td></tr>'
        head = "<tr><th>line</th><th>Algorithm 1, as printed</th><th>the source that does it</th></tr>"
        return f'<table class="qbp-beside"><thead>{head}</thead><tbody>{body}</tbody></table>'


def glued(cells: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return what the outputs of these cells hold under glued names, {name: text}."""
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    named = [output for output in outputs if "scrapbook" in output.get("metadata", ())]
    return {
        output["metadata"]["scrapbook"]["name"]: "".join(text).strip("'")
        for output in named
        for kind, text in output["data"].items()
        if kind.endswith("text/plain")
    }
