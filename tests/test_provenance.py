"""Which committed tables an output is made from is read off the sources of a notebook's cells."""

import pytest

from qbp import ablations, results
from qbp.provenance import tables_shown

KNOWN = {"curve", "curve-as-released", "mnist", "mnist-as-released", "benchmarks", *ablations.tables()}
MAIN = set(results.MAIN)
CELLS = {  # cells of a notebook -> what the last line of the last one is made from
    ("results.load('curve')",): {"curve"},
    ("a = results.load('curve')", "b = f(a)", "g(b, 1)"): {"curve"},
    ("a = results.load('curve')", "a = 1", "a"): set(),
    ("a = results.load('curve')", "a"): {"curve"},
    ("a = results.load('curve')", "a; b = 1"): set(),
    ("names = ['curve', 'mnist']", "a = {n: results.load(n) for n in names}", "a"): {"curve", "mnist"},
    ("pd.concat({n: results.load(f'{n}-as-released') for n in ('curve', 'mnist')})",): {
        "curve-as-released",
        "mnist-as-released",
    },
    ("rows = []\nfor n in ['mnist']:\n    r = results.load(n)\n    rows.append(r)", "pd.DataFrame(rows)"): {
        "mnist"
    },
    ("t = {}\nfor n, x in {'curve': 1}.items():\n    t[n] = results.load(n)", "t"): {"curve"},
    ("import plots\na = results.load('curve')", "plots.draw(a)", "plots.draw(b)"): set(),
    ("def draw(x):\n    return results.load('mnist')", "Explorer(draw)"): {"mnist"},
    ("claims.Table(claims.committed())",): MAIN,
    ("claims.Table([r for r in claims.committed() if r.claim.experiment == 'mnist'])",): {
        name for name in MAIN if name.startswith("mnist")
    },
    ("claims.of_tables('pqc/')",): {"pqc", "pqc-depth"},
    ("a = circuit_studies.load('noise', 'tfim')", "a"): {"vqe-noise"},
    ("for t in circuit_studies.SIX:\n    a = circuit_studies.load('methods-8', t)", "a"): {"vqe-8"},
    ("a = {s: start_studies.load_places(s) for s in somewhere()}", "a"): {"starts"},
    ("start_studies.load('switching')",): {"starts-switching"},
    ("performance = qbp.benchmarks.load()", "performance"): {"benchmarks"},
    ("a = results.load('curve')\nfor a in [1]:\n    pass", "a"): set(),
    ("a = results.load('curve')\nb = results.load('mnist')", "a, b = 1, b", "a", "b"): {"mnist"},
    ("a, b = results.load('curve'), 1", "[a for a in (1, 2)]"): set(),
    ("a = results.load('curve')", "[a for a in a]"): {"curve"},
    ("a = results.load('curve')", "[b for b in (1, 2) if b in a]"): {"curve"},
    ("a = results.load('curve')\ndef draw(a):\n    return a", "Explorer(draw)"): set(),
    ("a = {}", "a['x'] = results.load('curve')", "a['y'] = 1", "a"): {"curve"},
    ("results.load(somewhere())",): KNOWN,
    ("qbp.run(config)",): set(),
    ("",): set(),
}


@pytest.mark.parametrize("cells", CELLS)
def test_tables_are_followed_to_the_last_line(cells):
    assert tables_shown(cells, KNOWN)[-1] == CELLS[cells]


def test_a_study_is_made_from_the_tables_that_have_its_rows():
    study = next(s for s in ablations.STUDIES if len(s.tasks) > 1)
    keys = {results.key(c) for c in study.configs(study.tasks[0]).values()}
    tables = {name for name, content in ablations.tables().items() if keys & content.configs.keys()}
    assert tables and tables_shown([f"ablations.load({study.name!r}, {study.tasks[0]!r})"], KNOWN) == [tables]
    loop = f"x = [ablations.load({study.name!r}, t) for t in {list(study.tasks)}]"
    assert tables_shown([loop, "x"], KNOWN)[1] > tables
