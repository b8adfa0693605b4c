"""Which committed tables a chapter's outputs are made from, read from the sources of its cells.

Names are followed from the call that loads a table to the last line of a cell.  A name that is bound anew, by
an assignment or a loop, forgets what it was made from; one bound inside a comprehension or a function is
another than its namesake outside.  Where the name of a table cannot be read off, every table counts: a page
then names too many, never too few.
"""

import ast
import itertools
import re
from collections.abc import Collection, Iterator, Sequence

from qbp.results import store

LOADERS = {  # the calls that read committed tables: module -> functions
    "store": ("load", "load_keys", "read_table"),
    "claims": ("committed", "everything", "of_tables"),
    "perceptron_studies": ("load",),
    "circuit_studies": ("load",),
    "regression_studies": ("load", "load_depths"),
    "start_studies": ("load", "load_places"),
    "benchmarks": ("load",),
}


def tables_shown(cells: Sequence[str], known: Collection[str]) -> list[set[str]]:
    """Return, for each code cell, the tables that the value of its last line is made from.

    Args:
        cells: sources of a notebook's code cells, in order.
        known: names of all committed tables.

    Example:
        >>> tables_shown(["runs = store.load('curve')", "plot(runs, 'loss')", "1 + 1"], {"curve", "mnist"})
        [set(), {'curve'}, set()]
    """
    reader, shown = _Reader(known), []
    for source in cells:
        body = ast.parse(source).body
        reader.read(body)
        shown.append(reader.behind(body[-1].value) if body and isinstance(body[-1], ast.Expr) else set())
    return shown


class _Reader:
    """What each name of a notebook is made from, and the texts it may hold."""

    def __init__(self, known: Collection[str]) -> None:
        self.known, self.made_from, self.texts = set(known), {}, {}
        self.imported: set[str] = set()

    def read(self, body: Sequence[ast.stmt]) -> None:
        """Go through statements in order."""
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                self.imported |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.For):
                self._note_texts(node.target, node.iter)
                self._add(node.target, self.behind(node.iter), fresh=True)
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    self._note_texts(target, node.value, whole=True)
                    self._add(target, self.behind(node.value), fresh=not isinstance(node, ast.AugAssign))
            elif isinstance(node, ast.FunctionDef):
                self.made_from[node.name] = self.behind(node)
            elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                self._add(node.value.func, self.behind(node.value))  # rows.append(...) fills rows
            for block in ("body", "orelse"):
                if not isinstance(node, ast.FunctionDef):
                    self.read(getattr(node, block, []))

    def behind(self, tree: ast.AST) -> set[str]:
        """Return the tables that an expression is made from."""
        for node in ast.walk(tree):
            if isinstance(node, ast.comprehension):
                self._note_texts(node.target, node.iter)
        found: set[str] = set()
        for node, inner in _scoped(tree):
            if isinstance(node, ast.Name):
                found |= self.made_from.get(node.id, set()) if node.id not in inner else set()
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value).rpartition(".")[2]
                if node.func.attr in LOADERS.get(owner, ()):
                    found |= self._loaded(owner, node, tree)
        return found

    def _loaded(self, owner: str, call: ast.Call, tree: ast.AST) -> set[str]:
        if owner == "claims" and call.func.attr != "committed":
            starts = self._texts_of(call.args[0]) if call.args else {""}
            return _judged_on(starts or {""}) & self.known
        if owner == "claims":
            only = tuple(_compared_with(tree, "experiment"))
            return {name for name in store.MAIN if name.startswith(only or "")} & self.known
        if owner == "benchmarks":
            return {owner} & self.known
        if owner == "regression_studies":
            deep = {"pqc-depth"} if call.func.attr == "load_depths" else set()
            return ({"pqc"} | deep) & self.known
        if owner == "start_studies" and call.args:
            places = call.func.attr == "load_places"
            studies = {"any"} if places else self._texts_of(call.args[0]) or {"any", "switching"}
            return {"starts-switching" if s == "switching" else "starts" for s in studies} & self.known
        if owner == "store" and call.args:
            names = self._texts_of(call.args[0])
            return self.known if names is None else names & self.known
        if owner in ("perceptron_studies", "circuit_studies") and len(call.args) == 2:
            return self._of_study(owner, *map(self._texts_of, call.args))
        return self.known

    def _of_study(self, owner: str, studies: set[str] | None, tasks: set[str] | None) -> set[str]:
        from qbp.studies import circuit_studies, perceptron_studies

        known = {"perceptron_studies": perceptron_studies, "circuit_studies": circuit_studies}[owner]
        if studies is None:
            return self.known
        found = set()
        for name, task in ((n, t) for n in studies for t in tasks or known.study(n).tasks):
            try:
                keys = {store.key(c) for c in known.study(name).configs(task).values()}
            except ValueError:  # a task that this study does not have: a loop over more
                continue
            found |= {
                table
                for table, content in perceptron_studies.tables().items()
                if keys & content.configs.keys()
            }
        return found & self.known

    def _texts_of(self, node: ast.expr) -> set[str] | None:
        """Return the texts an expression may be, None if that cannot be read off."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return {node.value}
        if isinstance(node, ast.Name):
            return self.texts.get(node.id)
        if isinstance(node, ast.JoinedStr):
            parts = [self._texts_of(p.value if isinstance(p, ast.FormattedValue) else p) for p in node.values]
            if None not in parts:
                return {"".join(words) for words in itertools.product(*parts)}
            pattern = "".join(
                ".+" if part is None else f"({'|'.join(map(re.escape, sorted(part)))})" for part in parts
            )
            return {name for name in self.known if re.fullmatch(pattern, name)}
        return None

    def _note_texts(self, target: ast.expr, value: ast.expr, *, whole: bool = False) -> None:
        """Keep the texts a name may hold: the constants in a literal it is taken from."""
        if not isinstance(target, ast.Name):
            first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else None
            target = first if isinstance(first, ast.Name) and not whole else target
        if isinstance(target, ast.Name):
            inside = self._constants(value)
            self.texts[target.id] = inside or self._texts_of(value)

    def _constants(self, value: ast.expr) -> set[str]:
        if isinstance(value, ast.Call):  # names.items(), enumerate(names): what they go over
            value = value.func.value if isinstance(value.func, ast.Attribute) else value
        if isinstance(value, ast.Name):
            return self.texts.get(value.id) or set()
        if isinstance(value, ast.Dict):
            return set(_strings(filter(None, value.keys)))
        return set(_strings(value.elts)) if isinstance(value, ast.List | ast.Tuple | ast.Set) else set()

    def _add(self, target: ast.expr, tables: set[str], *, fresh: bool = False) -> None:
        bound = set(_bound(target)) if fresh else set()
        for name in set(_roots(target)) - self.imported:
            before = set() if name in bound else self.made_from.get(name, set())
            self.made_from[name] = before | tables


def _strings(nodes: Iterator[ast.expr]) -> Iterator[str]:
    return (n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str))


def _compared_with(tree: ast.AST, attribute: str) -> Iterator[str]:
    """Yield the texts that `something.attribute` must be equal to, as in a comprehension that selects."""
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=ast.Attribute(attr=name), ops=[ast.Eq()]) if name == attribute:
                yield from _strings(node.comparators)


def _judged_on(starts: Collection[str]) -> set[str]:
    """Return the tables behind the claims whose table begins with one of these."""
    from qbp.audit import claims

    found = {claim.table for claim in claims.CLAIMS if claim.table.startswith(tuple(starts))} - {""}
    return {name for table in found for name in claims.needed(table)}


def _bound(target: ast.AST) -> Iterator[str]:
    """Yield the names that an assignment to a target binds anew: x for x, not for x[i] or x.y."""
    if isinstance(target, ast.Tuple | ast.List):
        for item in target.elts:
            yield from _bound(item)
    elif isinstance(target, ast.Starred):
        yield from _bound(target.value)
    elif isinstance(target, ast.Name):
        yield target.id


def _scoped(tree: ast.AST, inner: frozenset[str] = frozenset()) -> Iterator[tuple[ast.AST, frozenset[str]]]:
    """Yield every node under a tree, with the names that a comprehension or function around it binds."""
    yield tree, inner
    if isinstance(tree, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        first = tree.generators[0].iter  # evaluated outside
        yield from _scoped(first, inner)
        inner |= {name for part in tree.generators for name in _bound(part.target)}
        for child in (n for part in tree.generators for n in ast.iter_child_nodes(part) if n is not first):
            yield from _scoped(child, inner)
        for child in (n for n in ast.iter_child_nodes(tree) if not isinstance(n, ast.comprehension)):
            yield from _scoped(child, inner)
        return
    if isinstance(tree, ast.FunctionDef | ast.Lambda):
        inner |= {argument.arg for argument in ast.walk(tree.args) if isinstance(argument, ast.arg)}
    for child in ast.iter_child_nodes(tree):
        yield from _scoped(child, inner)


def _roots(target: ast.expr) -> Iterator[str]:
    """Yield the names that an assignment to a target changes: x for x, x[i] and x.y."""
    if isinstance(target, ast.Tuple | ast.List):
        for item in target.elts:
            yield from _roots(item)
    elif isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        yield from _roots(target.value)
    elif isinstance(target, ast.Name):
        yield target.id
