"""The built pages: what is computed says by which command, what is committed links to its rows, and no result
is typed.  `pytest -m pages tests/test_traceability.py`, after `make book`."""

import hashlib
import json
import re
import shlex
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from test_book import TYPED, typed_numbers

from qbp.cli import arguments
from qbp.results import store

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
CHAPTERS = sorted(path.stem for path in (ROOT / "book").glob("*.ipynb"))
PAGES = sorted(path.stem for path in (ROOT / "book").iterdir() if path.suffix in (".md", ".ipynb"))
# Pages without prose of ours: docstrings, and the list of references.
NO_PROSE = {"api", "references"}
# Tables that show sources and indices, not results.
NO_RESULTS = {"qbp-beside", "qbp-map"}
LOADS = re.compile(r"\b(results\.load(_keys)?|claims\.(committed|everything)|ablations\.load)\(")
COMMAND = re.compile(r"(qbp|papermill|make|python -m) \S")
# What is no prose: code, formulas, what was glued, outputs, numbers of sections, figures, equations and
# citations, and what the manifest and the records of chapters say.
OTHER = (
    "code, pre, script, style, .math, mjx-container, .pasted-text, .cell_input, .section-number, .qbp-rows,"
    ".qbp-status, .caption-number, .headerlink, a.reference.internal,"
    ".cell_output :not(figcaption, figcaption *, figure)"
)


def page(name):
    """Return what a page says, without its frame."""
    return BeautifulSoup((HTML / f"{name}.html").read_text(), "html.parser").find("article")


def commands(part):
    """Return the commands in a part of a page."""
    return [c for code in part.find_all("code") if COMMAND.match(c := " ".join(code.get_text().split()))]


def trace_below(part):
    """Return the line that says what computes an output again, None if there is none."""
    output = part.find_parent(class_="text_html") or part
    line = output.find_next_sibling()
    return line if line is not None and "qbp-trace" in (line.get("class") or []) else None


def computed(article):
    """Yield each figure and table of results with the part that has to say where it comes from, or None."""
    for image in article.find_all("img"):
        if explorer := image.find_parent(class_="qbp-explorer"):
            yield image, trace_below(explorer)
        else:
            figure = image.find_parent("figure")
            yield image, figure and figure.find("figcaption")
    for table in article.select(".cell_output table"):
        if not NO_RESULTS & set(table.get("class") or []):
            yield table, trace_below(table)


def untraced(article):
    """Return what a page shows without the command that computes it, or without a link to committed rows."""
    missing = []
    for shown, line in computed(article):
        what = shown.get("alt") or " ".join(shown.get_text().split())[:60]
        if line is None or not commands(line):
            missing.append(f"no command: {what}")
            continue
        cell = shown.find_parent(class_="cell")
        code = cell.select_one(".cell_input pre") if cell else None  # a cell may hide what it runs
        source = code.get_text() if code else ""
        if LOADS.search(source.strip().splitlines()[-1] if source.strip() else ""):
            links = [a["href"] for a in line.find_all("a", href=True)]
            if not any("tables.html#rows-" in link for link in links):
                missing.append(f"no link to its rows: {what}")
    return missing


def prose(article):
    """Return the text of a page that somebody typed."""
    article = BeautifulSoup(str(article), "html.parser")
    for part in article.select(OTHER):
        part.decompose()
    return article.get_text(" ")


# --------------------------------------------------------------------------------------- the built pages


@pytest.mark.pages
@pytest.mark.parametrize("name", CHAPTERS)
def test_every_figure_and_table_has_its_command_and_a_link_to_committed_rows(name):
    assert untraced(page(name)) == []


@pytest.mark.pages
def test_chapters_show_figures_tables_and_links_to_rows():
    shown = [item for name in CHAPTERS for item in computed(page(name))]
    assert sum(part.name == "img" for part, _ in shown) > 20
    assert sum(part.name == "table" for part, _ in shown) > 20
    assert sum("tables.html#rows-" in str(line) for _, line in shown) > 10


@pytest.mark.pages
def test_there_is_no_stray_page_and_no_link_is_said_twice():
    assert {path.stem for path in HTML.glob("*.html")} == {*PAGES, "search", "genindex", "py-modindex"}
    for name in CHAPTERS:
        for figure in page(name).find_all("figcaption"):
            assert figure.get_text().count("Rows:") <= 1, figure.get_text()


@pytest.mark.pages
def test_the_search_opened_from_a_file_says_that_it_shows_titles_only():
    assert "search.js" in (HTML / "search.html").read_text()
    assert "titles only" in (HTML / "_static" / "search.js").read_text()


@pytest.mark.pages
def test_the_claims_page_shows_a_result_before_it_shows_source():
    """What is folded is out of sight."""
    article = BeautifulSoup(str(page("claims")), "html.parser")
    first = article.select_one("table.dataframe, table.qbp-claims")
    seen = [pre for pre in first.find_all_previous("pre") if not pre.find_parent("details")]
    assert sum(len(pre.get_text().splitlines()) for pre in seen) < 60


@pytest.mark.pages
@pytest.mark.parametrize("name", sorted(set(PAGES) - NO_PROSE))
def test_no_result_is_typed_on_a_page(name):
    assert typed_numbers(prose(page(name))) == []


@pytest.mark.pages
@pytest.mark.parametrize("name", CHAPTERS)
def test_a_command_on_a_page_can_be_typed(name):
    for _, line in computed(page(name)):
        for command in commands(line):
            program, *words = shlex.split(command)
            if program == "qbp":
                arguments.parser().parse_args(words)  # a wrong one exits
            elif program == "papermill":
                assert (ROOT / words[0]).is_file()
            else:
                assert program == "python" or re.search(
                    rf"^{words[0]}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE
                )


@pytest.mark.pages
def test_the_page_of_the_tables_has_each_with_its_command_and_its_file():
    article, manifest = page("tables"), store.manifest()
    assert {part["id"] for part in article.select("section[id^=rows-]")} == {f"rows-{n}" for n in manifest}
    for name, entry in manifest.items():
        section = article.find(id=f"rows-{name}")
        assert entry["command"] in commands(section) and entry["sha256"] in section.get_text()
        file = HTML / section.select_one("a.download")["href"]
        assert file.name == f"{name}.parquet"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == entry["sha256"]
        for command in entry["configs"].values() if isinstance(entry.get("configs"), dict) else ():
            assert command in section.get_text()


# ----------------------------------------------------------------------------------- what these tests find

CELL = '<div class="cell"><div class="cell_input"><pre>{source}</pre></div>'
CELL += '<div class="cell_output">{out}</div></div>'
TABLE = '<div class="output text_html"><table class="dataframe"><td>0.123</td></table></div>'
FIGURE = "<figure><img alt='two lines'><figcaption>Two lines fall.{more}</figcaption></figure>"
TRACE = (
    '<details class="qbp-trace"><summary>Recompute</summary>'
    "<p><code>papermill book/curve.ipynb out.ipynb</code>.{more}</p></details>"
)
ROWS = ' Rows: <a href="tables.html#rows-curve">curve</a>.'
FOUND = {  # what a page has -> what is missing
    CELL.format(source="table", out=TABLE): ["no command: 0.123"],
    CELL.format(source="table", out=TABLE + TRACE.format(more="")): [],
    CELL.format(source="results.load('curve')", out=TABLE + TRACE.format(more="")): [
        "no link to its rows: 0.123"
    ],
    CELL.format(source="results.load('curve')", out=TABLE + TRACE.format(more=ROWS)): [],
    CELL.format(source="draw()", out=FIGURE.format(more="")): ["no command: two lines"],
    CELL.format(source="draw()", out=FIGURE.format(more=" <code>lines()</code>")): ["no command: two lines"],
    CELL.format(source="draw()", out=FIGURE.format(more=" <code>make results</code>")): [],
    CELL.format(source="claims.committed()", out=FIGURE.format(more=" <code>make results</code>")): [
        "no link to its rows: two lines"
    ],
    "<p><img alt='by hand'></p>": ["no command: by hand"],
    CELL.format(source="x", out='<table class="qbp-beside"></table>'): [],
}


@pytest.mark.parametrize("html", FOUND)
def test_what_lacks_its_command_or_its_rows_is_found(html):
    assert untraced(BeautifulSoup(f"<article>{html}</article>", "html.parser")) == FOUND[html]


def test_a_number_typed_anywhere_in_prose_is_found():
    html = (
        "<p>lower by 31.4 %</p><div class='admonition'>ends at 0.1234</div><li>wins 17 of 20</li>"
        "<table><td>9.87</td></table>"
        + CELL.format(source="x = 5.55", out="<pre>6.66</pre>" + FIGURE.format(more=" It ends at 7.77."))
        + "<p><span class='pasted-text'>1.23</span> <code>4.56</code> <span class='math'>8.88</span></p>"
        "<p>in <a class='reference internal'>Fig. 3.2</a> at level 95 %</p>"
    )
    found = typed_numbers(prose(BeautifulSoup(f"<article>{html}</article>", "html.parser")))
    assert [text.split(":")[0] for text in found] == ["31.4 %", "0.1234", "17 of 20", "9.87", "7.77"]
    assert "95" in TYPED and json.dumps(TYPED)


@pytest.mark.pages
@pytest.mark.parametrize("name", [path.stem for path in (ROOT / "book").glob("path-*.md")])
def test_a_reading_path_says_how_long_it_takes(name):
    said = page(name).find("ol").find_all("li")
    each = [int(re.search(r"(\d+) min ·", item.get_text())[1]) for item in said]
    assert all(item.find("a")["href"].endswith(".html") and item.find("a").get_text() for item in said)
    total = re.search(r"About (\d+) (hours|minutes), at 200 words a minute", page(name).get_text())
    assert int(total[1]) == (round(sum(each) / 60) if total[2] == "hours" else sum(each))


@pytest.mark.pages
def test_no_page_names_the_machine_that_built_it():
    named = [
        path.name for path in HTML.rglob("*.html") for text in (path.read_text(),) if "PosixPath(" in text
    ]
    assert named == []


@pytest.mark.pages
@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_can_be_had_as_a_script(name):
    script = (HTML / "_sources" / f"{name}.py").read_text()
    compile(script, name, "exec")
    assert "import" in script and "iVBOR" not in script
