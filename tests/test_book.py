"""The book as files: chapters have the agreed shape, numbers come from runs, commands can be typed."""

import ast
import base64
import io
import os
import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import fields
from pathlib import Path

import nbformat
import numpy as np
import papermill
import pytest
import yaml
from nbclient import NotebookClient
from PIL import Image

from qbp.algorithm_1 import TwoStageConfig
from qbp.book import api, readme
from qbp.book.run import chapters, known_parameters
from qbp.book.sphinx.traces import ALL_CLAIMS, tables_shown
from qbp.cli import arguments, commands
from qbp.results import store
from qbp.studies.tables import gridded, resolve
from qbp.sweeps import axes

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
NOTEBOOKS = {path.stem: nbformat.read(path, as_version=4) for path in sorted(BOOK.glob("*.ipynb"))}
LOADERS = re.compile(
    r"\b(?:(?:store|tables|benchmarks)\.load|load_places|load_depths|claims\.(?:committed|everything|of_tables))\("
)
GLUED = re.compile(r"\{glue:\w*\}`([^`:]+)(?::[^`]*)?`")

# Numbers that prose may type, because they do not come from a run of ours.
TYPED = {
    **dict.fromkeys(["27.3", "11.5"], "the paper's results"),
    **dict.fromkeys(["0.98", "0.99", "0.9", "0.05"], "the paper's schedule; 0.05 is a tolerance as well"),
    **dict.fromkeys(["2", "0.49"], "1 - 0.98 in per cent; 0.9 * 0.98**30"),
    **dict.fromkeys(["0.1", "0.001"], "the released notebook's factor of R_osc and its step size"),
    **dict.fromkeys(["2.303", "2.3"], "ln 10: ten equal outputs"),
    **dict.fromkeys(["0.03", "0.6", "0.007", "0.8", "0.2"], "the released notebook's telecom series"),
    **dict.fromkeys(["0.15", "0.60", "0.80"], "the released notebook's points on the curve"),
    "2.75": "where the packets' weights end",
    "0.00000": "the released notebook's last stored values, but for their sign",
    "100 of 500": "the paper's Stage 1",
    "95": "per cent: the level of the intervals",
    **dict.fromkeys(["3.11", "4.0"], "versions of Python and of a license"),
}


def code_cells(name):
    return [cell for cell in NOTEBOOKS[name].cells if cell.cell_type == "code"]


def prose(name):
    return "\n\n".join(cell.source for cell in NOTEBOOKS[name].cells if cell.cell_type == "markdown")


def without_code(text):
    """Return Markdown without its blocks of code; directives stay, whatever blocks stand inside them."""
    kept, fences, code = [], [], None  # fences of open directives; that of an open block of code
    for line in text.splitlines():
        fence = re.match(r" *(`{3,}|:{3,}) *(\S*)", line)
        if code:
            code = None if fence and not fence[2] and fence[1].startswith(code) else code
        elif fence and fence[2].startswith("{"):
            fences.append(fence[1])
        elif fence and not fence[2] and fences and fence[1].startswith(fences[-1]):
            fences.pop()
        elif fence and fence[1][0] == "`":
            code = fence[1]
        else:
            kept.append(line)
    assert not fences and not code, "a block is not closed"
    return re.sub(r"`[^`\n]*`", "", "\n".join(kept))


NUMBER = re.compile(
    r"(?<![\w.])(?:(\d+ (?:out )?of (?:the )?\d+)"  # 17 of 20
    r"|(\d+\.\d+(?:e-?\d+)?|\d+e-?\d+)\s?%?"  # 0.123, 1e-5, 31.4 %
    r"|(\d+)\s?(?:%|per cent|times\b))"  # 5 %, 3 times
)


def typed_numbers(text):
    """Return the numbers in prose that look like results and are not in TYPED, each with what is around."""
    found = []
    for match in NUMBER.finditer(text):
        number = next(filter(None, match.groups()))
        if number not in TYPED:
            around = " ".join(text[max(0, match.start() - 60) : match.end() + 20].split())
            found.append(f"{match.group().strip()}: ...{around}")
    return found


def data(name):
    """Yield (kind, text) of every stored output that is not a picture."""
    for cell in code_cells(name):
        for output in cell.outputs:
            found = {"stream": output.text} if output.output_type == "stream" else output.data
            for kind, text in found.items():
                if not kind.startswith("image/"):
                    yield kind, re.sub(r"[A-Za-z0-9+/=]{200,}", "", text)  # without pictures in the HTML


def test_the_table_of_contents_lists_every_source_once():
    listed = re.findall(r"^ *(?:- file|root): (\S+)$", (BOOK / "_toc.yml").read_text(), re.MULTILINE)
    sources = [path.relative_to(BOOK).with_suffix("").as_posix() for path in BOOK.rglob("*.ipynb")]
    sources += [path.relative_to(BOOK).with_suffix("").as_posix() for path in BOOK.rglob("*.md")]
    assert sorted(listed) == sorted(sources) and yaml.safe_load((BOOK / "_toc.yml").read_text())["root"]
    assert {path.stem for path in chapters()} == NOTEBOOKS.keys() and NOTEBOOKS


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_has_one_cell_of_parameters_that_papermill_explains(name):
    tagged = [cell for cell in code_cells(name) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1 and tagged[0] is code_cells(name)[0]
    body, lines = ast.parse(tagged[0].source).body, tagged[0].source.splitlines()
    assert len(body) == len(lines) and all(isinstance(node, ast.Assign) for node in body)
    values = {node.targets[0].id: ast.literal_eval(node.value) for node in body}  # plain literals alone
    found = papermill.inspect_notebook(str(BOOK / f"{name}.ipynb"))
    assert found.keys() == values.keys()
    for parameter, entry in found.items():
        assert len(entry["help"]) > 10, f"{parameter} is not explained"
        assert ast.literal_eval(entry["default"]) == values[parameter]


@pytest.mark.parametrize("name", sorted(NOTEBOOKS.keys() - {"index"}))
def test_a_chapter_says_what_one_can_do_after_it_and_what_to_remember(name):
    question, *_ = (cell.source for cell in NOTEBOOKS[name].cells if cell.cell_type == "markdown")
    assert re.search(r"^\*\*The question\.\*\* .*?\n\n\*\*After it\*\* you can ", question, re.M | re.S)
    said = re.findall(
        r"^```\{admonition\} To remember\n:class: important\n(.*?)\n```$", prose(name), re.M | re.S
    )
    assert len(said) == (name != "paper-map")  # which is an index
    assert all(len(sentence.split()) < 25 for sentence in said)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_tells_and_the_package_computes(name):
    for cell in code_cells(name):
        assert len(cell.source.splitlines()) <= 15, cell.source
        for node in ast.walk(ast.parse(cell.source)):
            assert not isinstance(node, ast.ClassDef)
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 5, f"{node.name} belongs in the package"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_outputs_name_the_committed_tables_they_are_made_from(name):
    """In the metadata of their cells; what is loaded by a name that can be read off must be among them."""
    cells = code_cells(name)
    named = {table for cell in cells for table in cell.metadata.get("tables", ())}
    assert named <= {*store.manifest(), ALL_CLAIMS}
    shown = {table for cell in cells for table in tables_shown(cell.metadata)}
    source = "\n".join(cell.source for cell in cells)
    assert bool(named) == bool(re.search(LOADERS, source))
    for cell in cells:
        *_, last = ast.parse(cell.source).body or [None]
        if isinstance(last, ast.Expr) and re.search(LOADERS, ast.unparse(last)):
            assert "tables" in cell.metadata, cell.source
    for loaded in re.findall(r"\b(?:store|tables)\.load\(\"([^{}\"]+)\"\)", source):
        assert shown.issuperset(resolve(loaded).tables), loaded


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_chapter_is_stored_as_one_run_from_top_to_bottom_left_it(name):
    notebook = NOTEBOOKS[name]
    assert notebook.metadata.kernelspec.name == "python3"
    counts = [cell.execution_count for cell in code_cells(name)]
    assert counts == list(range(1, len(counts) + 1))
    outputs = [output for cell in code_cells(name) for output in cell.outputs]
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]
    assert not any("execution" in cell.metadata for cell in notebook.cells)  # wall-clock times
    assert "papermill" not in notebook.metadata and "widgets" not in notebook.metadata


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_output_holds_a_path_of_the_machine_that_ran_it(name):
    for kind, text in data(name):
        found = re.search(r".{0,40}(/home/|/root/|/tmp/|/Users/|[A-Z]:\\\\|site-packages).{0,40}", text)
        assert not found, (kind, found.group())
        assert str(ROOT) not in text


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_glued_number_is_glued_in_the_same_chapter(name):
    outputs = [output for cell in code_cells(name) for output in cell.outputs]
    keys = [o.metadata.scrapbook.name for o in outputs if "scrapbook" in o.get("metadata", {})]
    used = set(GLUED.findall(prose(name)))
    assert used <= set(keys), f"not glued: {used - set(keys)}"
    assert len(set(keys)) == len(keys), "one name, two numbers"
    assert "{glue" not in re.sub(GLUED, "", prose(name))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_code_that_glues_is_out_of_sight(name):
    """Whoever reads a cell reads what it computes; what hands numbers to the prose stands in hidden cells."""
    for cell in code_cells(name):
        calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
        if any(getattr(call.func, "id", "") == "glue" for call in calls):
            assert {"remove-cell", "hide-cell", "hide-input"} & set(cell.metadata.get("tags", [])), (
                cell.source
            )


FOLDS = re.compile(r"^<!-- (fold: .+?|end of fold) -->$", re.M)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_fold_is_a_line_of_its_own_and_holds_something(name):
    text = prose(name)
    assert text.count("<!-- fold") + text.count("<!-- end of fold") == len(FOLDS.findall(text))
    cells = NOTEBOOKS[name].cells
    for at, cell in enumerate(cells):
        if cell.cell_type == "markdown" and re.search(r"<!-- fold: .+? -->\s*$", cell.source):
            assert cells[at + 1].cell_type == "code", cell.source  # what is folded begins there
        for opened in re.finditer(r"<!-- fold: .+? -->\n+(.*)", cell.source):
            assert not opened[1].startswith(("#", "<!--")), "an empty fold"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_figure_has_a_caption_with_its_command_and_an_alternative_text(name):
    labels = []
    for cell in code_cells(name):
        shown = [output.get("data", {}) for output in cell.outputs]
        if any("image/png" in found and "text/html" not in found for found in shown):
            figure, image = (cell.metadata["mystnb"][part] for part in ("figure", "image"))
            assert any(commands_in(figure["caption"])), figure["caption"]
            assert len(image["alt"]) > 20 and figure["name"].startswith("fig-")
            labels.append(figure["name"])
        elif any("image/png" in found for found in shown):  # an explorer carries its own
            page = next(found["text/html"] for found in shown if "text/html" in found)
            assert re.search(r'(alt|aria-label)="[^"]{20,}', page)
    assert len(set(labels)) == len(labels)
    assert set(re.findall(r"\{numref}`(fig-[\w-]+)`", prose(name))) <= set(labels)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_result_is_typed_in_prose(name):
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$", "", without_code(prose(name)), flags=re.DOTALL)  # formulas
    assert typed_numbers(text) == []


def test_prose_between_and_inside_directives_is_read():
    text = "```{admonition} One\na 1.11\n```\n\nb 2.22\n\n"
    text += "````{solution} x\n```python\nc 3.33\n```\nd 4.44\n````\n"
    assert re.findall(r"\d\.\d\d", without_code(text + "```\ne 5.55\n```\n`f 6.66` g 7.77\n")) == [
        "1.11", "2.22", "4.44", "7.77",
    ]  # fmt: skip


def explorers(name):
    """Return for each explorer of a chapter whether it computes on a kernel what no frame shows."""
    calls = [
        node
        for cell in code_cells(name)
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Call)
    ]
    shown = [call for call in calls if getattr(call.func, "id", "") == "Explorer"]
    return [any(word.arg == "live" for word in call.keywords) for call in shown]


def test_the_index_says_which_explorers_compute_and_which_show_stored_runs():
    found = {name: explorers(name) for name in NOTEBOOKS}
    text = " ".join(prose("index").split())
    said = r" (\d+) explorers compute .* The (\d+) others show stored runs: ([^:]*?)\. (?=[A-Z#])"
    live, stored, chapters = re.search(said, text).groups()
    assert int(live) == sum(map(sum, found.values())) and int(stored) == sum(map(len, found.values())) - int(
        live
    )
    names = {name for name, live in found.items() if not all(live)}
    assert set(re.findall(r"\[\]\(([\w-]+)\.ipynb\)", chapters)) == names and len(names) == int(stored)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_what_an_exercise_names_is_there(name):
    """A name in code type stands in the chapter's code or in a solution; what is to change is a parameter."""
    code = "\n".join(cell.source for cell in code_cells(name)) + "\n".join(
        re.findall(r"(?s)```python\n(.*?)```", prose(name))
    )
    for text in re.findall(r"(?s)```\{exercise\}(.*?)```", prose(name)):
        for word in re.findall(r"(?<!\})`([A-Za-z_]\w*)(?:=[^`]*)?`", text):
            assert re.search(rf"\b{word}\b", code), f"{word}: {text}"
        for word in re.findall(r"\b[Cc]hange `(\w+)`", text):
            assert word in known_parameters(BOOK / f"{name}.ipynb"), f"{word} is no parameter: {text}"


def test_every_typed_number_is_still_needed():
    everything = "\n".join(map(prose, NOTEBOOKS))
    assert [
        number for number in TYPED if not re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", everything)
    ] == []


# ---------------------------------------------------------------------------------------------- commands


def commands_in(text):
    """Yield the command lines of a text: fenced bash blocks, and inline code that starts like one."""
    for block in re.findall(r"^ *```bash\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        for line in textwrap.dedent(block).splitlines():
            if command := line.partition("#")[0].strip():
                yield command
    for code in re.findall(r"`([^`]+)`", re.sub(r"(`{3,}).*?\1", "", text, flags=re.DOTALL)):
        ours = (
            "run grid sweep collect verify variance diagnose recommend claims info circuit reproduce refresh"
        )
        ours = f"qbp ({ours.replace(' ', '|')})"
        if re.match(rf"(\.venv/bin/)?({ours}|papermill|make)\s", code):
            yield code


PAGES = {
    path.name: path.read_text() for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *BOOK.glob("*.md")]
}
PAGES |= {f"{name}.ipynb": prose(name) for name in NOTEBOOKS}
for _name in NOTEBOOKS:
    _captions = [
        cell.metadata["mystnb"]["figure"]["caption"]
        for cell in code_cells(_name)
        if "mystnb" in cell.metadata
    ]
    PAGES[f"{_name}.ipynb"] += "\n\n".join(["", *_captions])
COMMANDS = sorted({" ".join(command.split()) for text in PAGES.values() for command in commands_in(text)})


def test_pages_show_commands():
    assert len(COMMANDS) > 8 and {"make reproduce", "make test"} <= set(COMMANDS)
    assert any("papermill" in c for c in COMMANDS) and any("qbp run" in c for c in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_can_be_typed_as_it_stands(command, capsys):
    program, *words = shlex.split(command)
    program, command = (text.removeprefix(".venv/bin/") for text in (program, command))
    if program == "make":
        # run elsewhere: `make test` runs this test
        assert re.search(rf"^{words[0]}:.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif program == "qbp" and "--help" in words:
        with pytest.raises(SystemExit, match=r"^0$"):
            arguments.parser().parse_args(words)
        assert capsys.readouterr().out
    elif program == "qbp":
        args = arguments.parser().parse_args(words)  # a wrong one exits
        configs = commands._configs(args) if args.name == "run" else []
        assert args.name != "grid" or set(args.tables) <= gridded().keys()
        assert args.name != "sweep" or axes.plan(args.chapter, args.given).runs
        fast = ("info", "claims", "variance", "circuit")
        quick = args.name in fast or (configs and len(configs) * configs[0].seeds <= 3)
        if quick and all(config.experiment != "mnist" for config in configs):  # under ten seconds
            assert commands.main(words) == 0 and capsys.readouterr().out
    elif program == "papermill":
        notebook = next(word for word in words if word.startswith("book/"))
        given = {words[i + 1]: words[i + 2] for i, word in enumerate(words) if word == "-p"}
        assert given.keys() <= known_parameters(ROOT / notebook)
        if "--help-notebook" in words:
            done = run_python("-m", "papermill", *words)
            assert done.returncode == 0 and "seeds" in done.stdout and "number of" in done.stdout
        else:
            assert [word for word in words if word.endswith(".ipynb")][1:]  # somewhere to go
    else:
        assert program in ("bash", "git", "cd") or command == "python -m benchmarks.gpu", (
            f"no test knows how to check {command!r}"
        )


@pytest.mark.parametrize("number", range(len(re.findall(r"^```python\n", PAGES["README.md"], re.MULTILINE))))
def test_readmes_python_runs(number):
    block = re.findall(r"^```python\n(.*?)^```", PAGES["README.md"], re.DOTALL | re.MULTILINE)[number]
    exec(compile(block, "README.md", "exec"), {})


def test_what_readme_computes_is_up_to_date():
    assert readme.filled(PAGES["README.md"]) == PAGES["README.md"]


def test_the_pages_of_modules_are_up_to_date():
    stored = {path.relative_to(BOOK).with_suffix("").as_posix() for path in (BOOK / "api").glob("*")}
    assert api.pages().keys() == stored | {"api"}
    for name, text in api.pages().items():
        assert (BOOK / f"{name}.md").read_text() == text


def test_readme_links_to_files_that_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGES["README.md"]):
        assert (ROOT / target).exists(), target


# ---------------------------------------------------------------------------------- notation and glossary


def test_notation_has_a_row_for_every_symbol_and_every_field_of_algorithm_1():
    rows = re.findall(r"^\|(.*)\|$", PAGES["notation.md"], re.MULTILINE)
    cells = [[cell.strip() for cell in row.split(" | ")] for row in rows]
    assert all(all(row) for row in cells)
    names = {name for row in cells if len(row) == 5 for name in re.findall(r"`(\w+)`", row[1])}
    symbols = {"theta", "lam", "beta", "omega", "phi", "tau_g", "eta_c", "eta_n"}
    assert symbols | {field.name for field in fields(TwoStageConfig)} <= names


def test_the_glossary_is_in_order_and_explains_the_field_terms():
    (block,) = re.findall(r"^```\{glossary\}\n(.*?)^```", PAGES["glossary.md"], re.DOTALL | re.MULTILINE)
    terms = re.findall(r"^(\S.*)$", block, re.MULTILINE)
    assert terms == sorted(set(terms), key=str.casefold)
    assert len(re.findall(r"^\S.*\n  \S", block, re.MULTILINE)) == len(terms)
    field_terms = {"ansatz", "observable", "expectation", "shots", "barren plateau", "reading", "seed"}
    assert field_terms <= set(terms)


# ------------------------------------------------------------------------------- the proof that nbval looks


def run_python(*words, **options):
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST")} | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, **options)


def other_digit(text):
    """Change the last digit of a text."""
    at = max(index for index, character in enumerate(text) if character.isdigit())
    return text[:at] + str((int(text[at]) + 1) % 10) + text[at + 1 :]


RECORD = "application/papermill.record/text/plain"


def one_pixel_lower(picture):
    """Move a tenth of a picture, which crosses its lines, down by one pixel."""
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")).copy()
    part = slice(2 * len(pixels[0]) // 10, 3 * len(pixels[0]) // 10)
    pixels[:, part] = np.roll(pixels[:, part], 1, 0)
    Image.fromarray(pixels).save(file := io.BytesIO(), "png")
    return base64.b64encode(file.getvalue()).decode()


CELLS = """\
x = 1  # a parameter
0.123
---
from IPython.display import HTML
HTML("<b>0.456</b>")
---
from myst_nb import glue
glue("alone", "0.789", display=False)
---
for name, value in {"first": "-6.4 %", "second": "+4.5 %"}.items():
    glue(name, value, display=False)
---
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
plt.close(figure)
axes.plot([0.1, 0.9, 0.4])
figure"""


def spoil(outputs):
    """Change what is stored of one cell: two names change places, or a digit or the picture is another."""
    if len(outputs) == 2:
        first, second = (output.metadata.scrapbook for output in outputs)
        first.name, second.name = second.name, first.name
    elif "image/png" in outputs[-1].data:
        outputs[-1].data["image/png"] = one_pixel_lower(outputs[-1].data["image/png"])
    else:
        data = outputs[0].data
        key = next(key for key in ("text/html", RECORD, "text/plain") if key in data)
        data[key] = other_digit(data[key])


def test_whatever_is_changed_in_a_stored_output_is_a_failure(tmp_path):
    """As `make test` runs nbval: what was stored passes; with another digit, name or picture it fails."""
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS.split("\n---\n")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3").execute()
    nbformat.write(notebook, tmp_path / "unchanged.ipynb")
    for cell in cells:
        spoil(cell.outputs)
    nbformat.write(notebook, tmp_path / "changed.ipynb")
    recipe = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    ours = shlex.split(re.search(r"-m pytest -n \$\(JOBS\) (.* --nbval .*) \$\(CHAPTERS\)", recipe)[1])
    ours = [ROOT / word if word.endswith(".cfg") else word for word in ours]
    options = ["-q", "-c", ROOT / "pyproject.toml", "--rootdir", tmp_path]
    done = run_python("-m", "pytest", *ours, *options, *sorted(tmp_path.glob("*.ipynb")))
    failed = re.findall(r"^FAILED (?:.*/)?changed\.ipynb::Cell (\d)", done.stdout, re.MULTILINE)
    assert [*map(int, failed)] == [*range(len(cells))], done.stdout[-3000:]
    assert "glued is second, stored first" in done.stdout and "pixels of a picture differ" in done.stdout
    assert done.returncode == 1 and f"{len(cells)} failed, {len(cells)} passed" in done.stdout
