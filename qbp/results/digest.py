"""Digest of the code behind a result: a hash of every definition that a number can depend on.

The code is followed by name, from a function to what it names, across modules.  Which file a definition
stands in, layout, comments, docstrings and type hints do not enter, and every version of Python gives the
same digest; a changed number, name or statement gives another one.
"""

import ast
import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
ROUNDS = 8  # twins that differ in what they name so many steps away are told apart

NO_CODE = ("ctx", "kind", "simple", "type_comment", "type_params")  # fields

Definition = tuple[str, str]  # dotted module, name bound at its top level


@dataclass
class Module:
    """A parsed module.

    Attributes:
        imported: {name: dotted name of what it stands for}, from imports at any depth.
        bound: {name: the top-level statements that bind it, in order}.
        loose: top-level statements that bind nothing, such as a call: they run with the module.
        stored: names of all variables and arguments in it.
    """

    imported: dict[str, str] = field(default_factory=dict)
    bound: dict[str, list[ast.stmt]] = field(default_factory=dict)
    loose: list[ast.stmt] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)


class Code:
    """The definitions of a package, followed by name.

    Args:
        package: its folder.
        apart: dotted names of modules that change no number: what is defined there enters by name alone.
    """

    def __init__(self, package: Path = PACKAGE, apart: Collection[str] = ()) -> None:
        self.package, self.apart = package, frozenset(apart)
        self._modules: dict[str, Module | None] = {}

    def digest(self, roots: Iterable[str]) -> str:
        """Return the digest of everything that some functions and classes depend on, 16 hex digits.

        Args:
            roots: their dotted names, such as "qbp.problem.Problem".

        Raises:
            ValueError: an import names what the package does not have, or the code cannot be followed by
                name: a star import, a module used as a value.
        """
        code = self.reachable(roots)
        colours = {key: _hash(text) for key, (text, _) in code.items()}
        for _ in range(ROUNDS):
            colours = {
                key: _hash(text, *(colours[name] for name in names)) for key, (text, names) in code.items()
            }
        return _hash(*sorted(colours.values()))[:16]

    def reachable(self, roots: Iterable[str]) -> dict[Definition, tuple[str, list[Definition]]]:
        """Return {definition: (its code in one form, what it names, in order)} of all that roots depend on.

        The statements of a module that bind no name stand under an empty one.
        """
        found: dict[Definition, tuple[str, list[Definition]]] = {}
        todo = [self.definition(root) for root in roots]
        while todo:
            module, name = key = todo.pop()
            if key in found or module in self.apart:
                continue
            parsed = self.module(module)
            names: list[Definition] = []
            refer = partial(self._refer, module, names)
            text = "".join(_write(s, refer) for s in (parsed.bound[name] if name else parsed.loose))
            found[key] = text, names
            todo += [*names, *([(module, "")] if parsed.loose else [])]
        return found

    def definition(self, dotted: str) -> Definition:
        """Return the definition of a dotted name, where it really stands."""
        key, rest = self._split(dotted)
        if rest:
            raise ValueError(f"{dotted} is not at the top of a module")
        return key

    def module(self, name: str) -> Module:
        """Return a parsed module of the package.

        Raises:
            ValueError: there is none of this name.
        """
        found = self._find(name)
        if found is None:
            raise ValueError(f"the package has no module {name}")
        return found

    def _find(self, name: str) -> Module | None:
        if name not in self._modules:
            path = self.package.parent.joinpath(*name.split("."))
            paths = [p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()]
            self._modules[name] = None  # while it is parsed
            self._modules[name] = _parse(paths[0].read_text(encoding="utf-8"), name) if paths else None
            if paths and (modules := self._as_variables(name)):
                raise ValueError(f"{name} uses a name for a module and for a variable: {', '.join(modules)}")
        return self._modules[name]

    def _as_variables(self, name: str) -> list[str]:
        """Return the names that are a module of the package and a variable in a module."""
        parsed = self.module(name)
        inside = {n: t for n, t in parsed.imported.items() if t.split(".")[0] == self.package.name}
        return sorted(n for n in inside.keys() & parsed.stored if self._find(inside[n]))

    def _refer(self, home: str, names: list[Definition], dotted: str) -> str:
        """Return what a name stands for, the package's own by the name at home; add that to `names`."""
        first, *rest = dotted.split(".")
        module = self.module(home)
        if first in module.bound:
            names.append((home, first))
        elif first in module.imported:
            whole = ".".join([module.imported[first], *rest])
            if whole.split(".")[0] != self.package.name:
                return f"outside {whole}"
            (where, name), rest = self._split(whole)
            names += [(where, name)] if where not in self.apart else []
            return ".".join([name, *rest])
        return dotted

    def _split(self, dotted: str) -> tuple[Definition, list[str]]:
        """Return the definition that a dotted name begins with, where it stands, and the attributes after."""
        parts, at = dotted.split("."), 1
        while at < len(parts) and self._find(".".join(parts[: at + 1])):
            at += 1
        name, rest = ".".join(parts[:at]), parts[at:]
        if not rest:
            raise ValueError(f"the module {name} is used as a value: what is used of it cannot be followed")
        module = self.module(name)
        if rest[0] in module.bound:
            return (name, rest[0]), rest[1:]
        if rest[0] in module.imported:  # handed on
            return self._split(".".join([module.imported[rest[0]], *rest[1:]]))
        raise ValueError(f"the package has no {name}.{rest[0]}")


def _write(node: ast.AST, refer: Callable[[str], str], *, of_class: bool = False) -> str:
    """Return code in one form, the same in every Python: hints, docstrings, imports, empty fields left out.

    Args:
        node: a statement or a part of one.
        refer: a dotted name -> what it stands for.
        of_class: whether it stands in the body of a class, where a hint alone makes a field.
    """

    def part(value: object) -> str:
        if isinstance(value, list):
            return f"[{' '.join(part(item) or 'None' for item in value if not _silent(item))}]"
        if isinstance(value, ast.AST):
            return _write(value, refer, of_class=isinstance(node, ast.ClassDef))
        return "" if value is None else f"{type(value).__name__} {value!r}"

    if isinstance(node, ast.Name | ast.Attribute) and (dotted := _dotted(node)):
        return refer(dotted)
    kind, fields = type(node).__name__, {name: value for name, value in ast.iter_fields(node)}
    if isinstance(node, ast.arg | ast.FunctionDef | ast.AsyncFunctionDef | ast.AnnAssign):
        fields = {name: value for name, value in fields.items() if name not in ("annotation", "returns")}
    if isinstance(node, ast.AnnAssign) and not of_class:
        kind, fields = "Assign", {"targets": [node.target], "value": node.value}
    written = {name: part(value) for name, value in sorted(fields.items()) if name not in NO_CODE}
    return f"{kind}({' '.join(f'{name}={text}' for name, text in written.items() if text not in ('', '[]'))})"


def _parse(source: str, name: str) -> Module:
    found, tree = Module(), ast.parse(source)
    for target, local in _imports(tree):
        if found.imported.setdefault(local, target) != target:
            raise ValueError(f"{name} imports two things as {local}: {found.imported[local]} and {target}")
    for statement in tree.body:
        if _silent(statement):
            continue
        names = set(_bound(statement))
        for bound in names:
            found.bound.setdefault(bound, []).append(statement)
        if not names:
            found.loose.append(statement)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.stored.add(node.id)
        elif isinstance(node, ast.arg):
            found.stored.add(node.arg)
    return found


def _silent(item: object) -> bool:
    """Whether a statement changes nothing where it stands: a docstring, an import, a hint."""
    if isinstance(item, ast.Expr):
        return isinstance(item.value, ast.Constant) and isinstance(item.value.value, str)
    return isinstance(item, ast.Import | ast.ImportFrom) or _for_hints(item)


def _for_hints(item: object) -> bool:
    return isinstance(item, ast.If) and _dotted(item.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _dotted(node: ast.AST) -> str:
    """Return a name with its attributes, "a.b.c"; empty where another expression stands inside."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (dotted name, name it is bound to) of every import but those for hints."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield (alias.name, alias.asname) if alias.asname else (alias.name.split(".")[0],) * 2
        elif isinstance(child, ast.ImportFrom):
            for alias in child.names:
                if alias.name == "*" or child.level:
                    raise ValueError("star imports and relative imports cannot be followed by name")
                yield f"{child.module}.{alias.name}", alias.asname or alias.name
        elif not _for_hints(child):
            yield from _imports(child)


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a top-level statement binds or changes."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
            yield node.id
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
