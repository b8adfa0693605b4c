"""Which committed tables an output is made from is read off the sources of a notebook's cells."""

import pytest

from qbp.book.provenance import tables_shown
from qbp.results import store
from qbp.studies import perceptron_studies

KNOWN = {
    "curve",
    "curve-as-released",
    "mnist",
    "mnist-as-released",
    "benchmarks",
    *perceptron_studies.tables(),
}
MAIN = set(store.MAIN)
CELLS = {  # cells of a notebook -> what the last line of the last one is made from
    ("store.load('curve')",): {"curve"},
    ("a = store.load('curve')", "b = f(a)", "g(b, 1)"): {"curve"},
    ("a = store.load('curve')", "a = 1", "a"): set(),
    ("a = store.load('curve')", "a"): {"curve"},
    ("a = store.load('curve')", "a; b = 1"): set(),
    ("names = ['curve', 'mnist']", "a = {n: store.load(n) for n in names}", "a"): {"curve", "mnist"},
    ("pd.concat({n: store.load(f'{n}-as-released') for n in ('curve', 'mnist')})",): {
        "curve-as-released",
        "mnist-as-released",
    },
    ("rows = []\nfor n in ['mnist']:\n    r = store.load(n)\n    rows.append(r)", "pd.DataFrame(rows)"): {
        "mnist"
    },
    ("t = {}\nfor n, x in {'curve': 1}.items():\n    t[n] = store.load(n)", "t"): {"curve"},
    ("import plots\na = store.load('curve')", "plots.draw(a)", "plots.draw(b)"): set(),
    ("def draw(x):\n    return store.load('mnist')", "Explorer(draw)"): {"mnist"},
    ("ClaimsTable(claims.committed())",): MAIN,
    ("ClaimsTable([r for r in claims.committed() if r.claim.experiment == 'mnist'])",): {
        name for name in MAIN if name.startswith("mnist")
    },
    ("claims.of_tables('pqc/')",): {"pqc", "pqc-depth"},
    ("a = circuit_studies.load('noise', 'tfim')", "a"): {"vqe-noise"},
    ("for t in circuit_studies.SIX:\n    a = circuit_studies.load('methods-8', t)", "a"): {"vqe-8"},
    ("a = {s: start_studies.load_places(s) for s in somewhere()}", "a"): {"starts"},
    ("start_studies.load('switching')",): {"starts-switching"},
    ("performance = qbp.book.benchmarks.load()", "performance"): {"benchmarks"},
    ("a = store.load('curve')\nfor a in [1]:\n    pass", "a"): set(),
    ("a = store.load('curve')\nb = store.load('mnist')", "a, b = 1, b", "a", "b"): {"mnist"},
    ("a, b = store.load('curve'), 1", "[a for a in (1, 2)]"): set(),
    ("a = store.load('curve')", "[a for a in a]"): {"curve"},
    ("a = store.load('curve')", "[b for b in (1, 2) if b in a]"): {"curve"},
    ("a = store.load('curve')\ndef draw(a):\n    return a", "Explorer(draw)"): set(),
    ("a = {}", "a['x'] = store.load('curve')", "a['y'] = 1", "a"): {"curve"},
    ("store.load(somewhere())",): KNOWN,
    ("qbp.run(config)",): set(),
    ("",): set(),
}


@pytest.mark.parametrize("cells", CELLS)
def test_tables_are_followed_to_the_last_line(cells):
    assert tables_shown(cells, KNOWN)[-1] == CELLS[cells]


def test_a_study_is_made_from_the_tables_that_have_its_rows():
    study = next(s for s in perceptron_studies.STUDIES if len(s.tasks) > 1)
    keys = {store.key(c) for c in study.configs(study.tasks[0]).values()}
    tables = {name for name, content in perceptron_studies.tables().items() if keys & content.configs.keys()}
    assert tables and tables_shown(
        [f"perceptron_studies.load({study.name!r}, {study.tasks[0]!r})"], KNOWN
    ) == [tables]
    loop = f"x = [perceptron_studies.load({study.name!r}, t) for t in {list(study.tasks)}]"
    assert tables_shown([loop, "x"], KNOWN)[1] > tables
