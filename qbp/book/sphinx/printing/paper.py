"""Transforms for paper and e-readers: outputs, folds, sliders and equations as LaTeX and EPUB can show them.

Nothing is executed; what a page shows by script stands here as its stored frame and the page's address.
"""

import re
import shutil
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from PIL import Image
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.epub3 import Epub3Builder
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.math import get_node_equation_number

from qbp.book.sphinx.folding import Folded
from qbp.book.sphinx.printing.outputs import as_nodes

BUILDERS = ("latex", "epub")
EVERYWHERE = {f"{kind}-content" for kind in ("exercise", "solution", "proof")}  # ids that many boxes have
STYLES = ("pygments.css", "epub.css")  # those of screens have selectors that a reader may not know
PAGES = "_build/html/"  # where the pages are if they are nowhere else
LETTERS = 0.66  # of a figure's own size, on paper: 12 points become 8
LINE = 472  # points
FRAME_DPI = 150  # of an explorer's stored frame
UNNUMBERED, NUMBERED, APPENDIX = r"\setcounter{secnumdepth}{-2}", r"\setcounter{secnumdepth}{1}", r"\appendix"
_ROW_COMMANDS = re.compile("</summary><code>")


class ForPaper(SphinxPostTransform):
    """Transform that is run for LaTeX and EPUB alone."""

    builders = BUILDERS

    def page_of(self, node: nodes.Node) -> str:
        """Return the name of the page that a node stands on; LaTeX has all in one document."""
        while node := node.parent:  # an included page knows its parent by its sections alone
            if isinstance(node, nodes.section) and "docname" in node:
                return node["docname"]
        return self.env.docname

    def address(self, node: nodes.Node) -> nodes.literal:
        """Return the address of the page that a node stands on."""
        text = f"{self.config.html_baseurl or PAGES}{self.page_of(node)}.html"
        return nodes.literal(text, text)


class Outputs(ForPaper):
    """Stored outputs: HTML as text and tables, an explorer as its start frame, folds open."""

    default_priority = 3  # before MyST-NB selects one kind of each output

    def run(self, **kwargs: Any) -> None:
        """Rewrite every output of the document."""
        for cell in list(self.document.findall(_is_cell)):
            _unfold(cell)
        for bundle in list(self.document.findall(lambda node: _element(node) == "mime_bundle")):
            raws = [raw.astext() for raw in bundle.findall(nodes.raw) if raw.get("format") == "html"]
            if raws:
                _put(bundle, self.printed(bundle, raws[0]))
        for raw in list(self.document.findall(nodes.raw)):
            if raw.get("format") == "html" and "<" in raw.astext():
                _put(raw, self.scripted(raw))
        for title in self.document.findall(lambda node: "sd-card-title" in _classes(node)):
            said = title.astext()
            title.clear()
            title += nodes.paragraph("", "", nodes.strong(said, said))
        for link in list(self.document.findall(nodes.reference)):
            if re.match(r"(?!https?:|mailto:)\w+://", link.get("refuri", "")):  # an example of an address
                link.replace_self(link.children)
        for nested in list(self.document.findall(nodes.paragraph)):
            if any(isinstance(part, nodes.paragraph | nodes.bullet_list) for part in nested):
                nested.replace_self(nested.children)
        for image in self.document.findall(nodes.image):
            self.scale(image)
        for folded in list(self.document.findall(Folded)):
            if isinstance(folded[0], nodes.paragraph):
                folded[0].insert(0, nodes.Text(f"{folded['summary']}: "))
            else:
                folded.insert(0, nodes.paragraph("", "", nodes.strong("", folded["summary"])))
            folded.replace_self(folded.children)
        for block in list(self.document.findall(nodes.container)):
            block["classes"] = [name for name in block["classes"] if name != "toggle"]

    def printed(self, bundle: nodes.Element, html: str) -> list[nodes.Node]:
        """Return what stands for an output that has HTML."""
        if "qbp-explorer" in html:
            return self.frame(bundle, html)
        if "qbp-source" in html:
            name = unescape(re.search(r'class="qbp-source">([^<]*)', html)[1])
            code = next(part for part in bundle if part["mime_type"] == "text/plain").astext()
            block = nodes.literal_block(code, code, language="python")
            return [nodes.paragraph("", "", nodes.literal(name, name)), block]
        made = as_nodes(html, self.page_of(bundle))
        said = "What each line opens to" if 'class="below"' in html else "The command for each row"
        if 'class="below"' in html or _ROW_COMMANDS.search(html):
            words = nodes.Text(f"{said} is on the page ")
            made.append(nodes.paragraph("", "", words, self.address(bundle), nodes.Text(".")))
        return made

    def frame(self, bundle: nodes.Element, html: str) -> list[nodes.Node]:
        """Return the start frame of an explorer, what it shows, and where its sliders are."""
        title = unescape(re.search(r"<figcaption><strong>(.*?)</strong>", html, re.S)[1])
        state = unescape(re.search(r"shown is (.*?)\.</p></noscript>", html, re.S)[1])
        image = next(bundle.findall(nodes.image)).deepcopy()
        image["alt"] = unescape(re.search(r'<img(?! hidden)[^>]*? alt="([^"]*)"', html)[1])
        frames = html.count("<img ")
        words = f" Shown is {state}, one of {frames} frames; the page with the sliders is "
        line = nodes.paragraph("", "", nodes.strong(title, title), nodes.Text("." + words))
        line += [self.address(bundle), nodes.Text(".")]
        return [image, line]

    def scale(self, image: nodes.image) -> None:
        """Set the width of a figure, as a share of the line."""
        file = Path(self.env.srcdir, image["uri"])
        if file.suffix == ".png" and file.exists() and "width" not in image:
            with Image.open(file) as opened:
                points = opened.width / opened.info.get("dpi", (FRAME_DPI, FRAME_DPI))[0] * 72
            image["width"] = f"{min(100, round(100 * LETTERS * points / LINE))}%"

    def scripted(self, raw: nodes.raw) -> list[nodes.Node]:
        """Return what stands for HTML of a page: its words, and the address where it computes."""
        made = as_nodes(raw.astext(), self.page_of(raw))
        if "qbp-live" not in raw.astext():
            return made
        line = nodes.paragraph("", "", nodes.Text("This part computes in a browser, on the page "))
        line += [self.address(raw), nodes.Text(".")]
        return [*made, line]


class Parts(ForPaper):
    """Parts of the book, with the captions of its table of contents; LaTeX has chapters alone."""

    default_priority = 600
    builders = ("latex",)

    def run(self, **kwargs: Any) -> None:
        """Put a part before the first chapter of each, and the landing page into a chapter of its own.

        Chapters have the numbers of the pages: those without one stand before the first, those after the last
        are an appendix.
        """
        root = next(self.document.findall(nodes.section))
        listed = list(self.env.get_doctree(self.config.root_doc).findall(addnodes.toctree))
        wrappers = [node for node in root.findall(nodes.compound) if "toctree-wrapper" in node["classes"]]
        wrappers = [node for node in wrappers if self.page_of(node) == self.config.root_doc]
        counted = False
        for wrapper, tree in zip(wrappers, listed, strict=True):
            style = NUMBERED if tree.get("numbered") else APPENDIX if counted else UNNUMBERED
            counted = counted or bool(tree.get("numbered"))
            part = style + (rf"\part{{{tree['caption']}}}" if tree.get("caption") else "")
            wrapper.insert(0, nodes.raw("", part, format="latex"))
        for formula in [part for title in root.findall(nodes.title) for part in title.findall(nodes.math)]:
            said = formula.astext()
            plain = re.sub(r"[\\{}$]|\\(mathrm|text)", "", said)  # for the bookmarks of a reader
            twice = rf"\texorpdfstring{{\({said}\)}}{{{plain}}}"
            formula.replace_self(nodes.raw("", twice, format="latex"))
        title, *rest = root.children
        landing = nodes.section("", nodes.title("", "The question"), ids=["landing"])
        landing += [node for node in rest if not any(node is wrapper for wrapper in wrappers)]
        root.clear()
        root += [title, nodes.raw("", UNNUMBERED, format="latex"), landing, *wrappers]


class Equations(ForPaper):
    """Equations of an e-book as MathML, which needs no script; each id of a page once."""

    default_priority = 650
    builders = ("epub",)

    def run(self, **kwargs: Any) -> None:
        """Replace every formula."""
        for part in self.document.findall(nodes.section):  # of exercises and solutions: all have the same
            part["ids"] = [name for name in part["ids"] if name not in EVERYWHERE]
        for node in list(self.document.findall(nodes.math)):
            node.replace_self(nodes.raw("", mathml(node.astext()), format="html"))
        writer = SimpleNamespace(builder=self.app.builder)
        for node in list(self.document.findall(nodes.math_block)):
            block = nodes.container("", ids=node["ids"], classes=["qbp-equation"])
            if node.get("number"):
                number = f"({get_node_equation_number(writer, node)})"
                block += nodes.inline(number, number, classes=["eqno"])
            block += nodes.raw("", mathml(node.astext(), block=True), format="html")
            node.replace_self(block)


def mathml(formula: str, *, block: bool = False) -> str:
    r"""Return a formula of LaTeX as MathML.

    Raises:
        docutils.utils.math.MathError: docutils, which translates it, lacks a command of it.

    Example:
        >>> mathml(r"\dots") == mathml(r"\ldots")
        True
    """
    formula = re.sub(r"\\dots(?![a-z])", r"\\ldots", formula).replace(r"\textstyle", "")
    formula = re.sub(r"\\([td]?)frac(\d)(\d)", r"\\\1frac{\2}{\3}", formula)
    made = tex2mathml(formula.strip(), as_block=block)
    made = made.replace("&ApplyFunction;", "&#8289;")  # EPUB knows no names, and no such sizes
    made = re.sub(r'(<mtable\b[^>]*) scriptlevel="\d"', r"\1", made)
    return re.sub(r'<mfrac(?: (?:displaystyle|scriptlevel)="[^"]*")+', "<mfrac", made)


def _element(node: nodes.Node) -> str:
    return node.get("nb_element", "") if isinstance(node, nodes.container) else ""


def _classes(node: nodes.Node) -> list[str]:
    return node.get("classes", []) if isinstance(node, nodes.Element) else []


def _is_cell(node: nodes.Node) -> bool:
    return _element(node) == "cell_code"


def _unfold(cell: nodes.Element) -> None:
    """Leave the folded code of a cell out, which the notebook has, and show all that it gave."""
    hidden = cell.attributes.pop("hide_mode", None)
    cell["classes"] = [name for name in cell["classes"] if not name.startswith("tag_hide-")]
    if hidden in ("all", "input", "input+output"):
        for part in [part for part in cell if _element(part) == "cell_code_source"]:
            cell.remove(part)
    if not cell.children:
        cell.parent.remove(cell)


def _put(node: nodes.Element, made: list[nodes.Node]) -> None:
    if made:
        node.replace_self(made)
    else:
        node.parent.remove(node)


class EBook(Epub3Builder):
    """Builder of the EPUB; its manifest names the pages with formulas."""

    def init(self) -> None:
        """Begin without what an earlier build has left: styles and scripts of screens, which come last."""
        shutil.rmtree(Path(self.outdir, "_static"), ignore_errors=True)
        super().init()

    def build_content(self) -> None:
        """Write the manifest."""
        super().build_content()
        manifest = Path(self.outdir, "content.opf")
        manifest.write_text(with_properties(manifest.read_text("utf-8"), Path(self.outdir)), "utf-8")


def with_properties(manifest: str, folder: Path) -> str:
    """Return the manifest in which each page with a formula has the property `mathml`.

    Args:
        manifest: text of ``content.opf``.
        folder: of the files that it names.
    """

    def item(match: re.Match[str]) -> str:
        page = folder / match[1]
        if page.suffix != ".xhtml" or "<math" not in page.read_text("utf-8"):
            return match[0]
        return match[0].replace(" />", ' properties="mathml" />')

    return re.sub(r'<item id="[^"]*" href="([^"]*)" media-type="[^"]*" />', item, manifest)


def leave_out_screens(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """Leave scripts, styles of screens, and ids that a box has twice out of a page of the e-book."""
    if app.builder.name == "epub":
        context["script_files"] = []
        context["body"] = re.sub(r'(<p class="admonition-title") id="[^"]*"', r"\1", context.get("body", ""))
        context["css_files"] = [one for one in context["css_files"] if one.filename.endswith(STYLES)]
