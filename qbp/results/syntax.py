"""Syntax of a module as the digest of code needs it: what its statements bind, load and do, in one form."""

import ast
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

BY_TEXT = {"globals", "eval", "exec", "import_module", "__import__", "__subclasses__", "__doc__"}
NO_CODE = ("ctx", "kind", "simple", "type_comment", "type_params")  # fields
CHANGE = {"setattr", "delattr", "vars", *BY_TEXT}  # what a call of these does shows in no name
RUN = ast.Expr | ast.If | ast.For | ast.While | ast.With | ast.Try | ast.TryStar | ast.Match | ast.Delete
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
MEANT = ("ClassVar", "InitVar", "KW_ONLY")  # hints that a dataclass acts on
REFUSES = "_arguments.takes"  # a decorator that refuses arguments: it changes no number


@dataclass
class Module:
    """A parsed module.

    Attributes:
        imported: {name: dotted name of what it stands for}, from imports at any depth.
        bound: {name: the top-level statements that bind it, in order}.
        loose: top-level statements that do more than bind a name, such as a call: they run with the module.
        loaded: dotted names of what it imports.
        stored: names of all variables and arguments in it.
    """

    imported: dict[str, str] = field(default_factory=dict)
    bound: dict[str, list[ast.stmt]] = field(default_factory=dict)
    loose: list[ast.stmt] = field(default_factory=list)
    loaded: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)


def write(node: ast.AST, refer: Callable[[str], str], own: frozenset[str] = frozenset()) -> str:
    """Return code in one form, the same in every Python: hints, docstrings, imports, empty fields left out.

    Args:
        node: a statement or a part of one.
        refer: a dotted name -> what it stands for.
        own: names of the variables of the functions around it.
    """
    inside = own | _variables(node) if isinstance(node, FUNCTION) else own

    def part(value: object, own: frozenset[str]) -> str:
        if isinstance(value, list):
            fields = isinstance(node, ast.ClassDef)  # elsewhere a hint without a value does nothing
            kept = (item for item in value if not _silent(item) and (fields or not _hint_alone(item)))
            return f"[{' '.join(part(item, own) or 'None' for item in kept)}]"
        if isinstance(value, ast.AnnAssign) and isinstance(node, ast.ClassDef):  # a hint makes a field
            meant = [n for n in MEANT if n in ast.dump(value.annotation)]
            return f"field {meant} {write(value, refer, own)}"
        if isinstance(value, ast.AST):
            return write(value, refer, own)
        return "" if value is None else f"{type(value).__name__} {value!r}"

    if isinstance(node, ast.Name | ast.Attribute) and (dotted := _dotted(node)):
        return dotted if dotted.split(".")[0] in own else refer(dotted)
    kind, fields = type(node).__name__, dict(ast.iter_fields(node))
    if isinstance(node, ast.arg | FUNCTION | ast.AnnAssign):
        fields = {name: value for name, value in fields.items() if name not in ("annotation", "returns")}
    if isinstance(node, ast.AnnAssign):
        kind, fields = "Assign", {"targets": [node.target], "value": node.value}
    written = {
        name: part(value, inside if name == "body" else own)  # defaults are values from outside
        for name, value in sorted(fields.items())
        if name not in NO_CODE
    }
    return f"{kind}({' '.join(f'{name}={text}' for name, text in written.items() if text not in ('', '[]'))})"


def _variables(function: ast.AST) -> frozenset[str]:
    """Return the names that a function binds itself; what a comprehension in it binds is left out."""
    found, foreign, todo = set[str](), set[str](), list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            foreign |= set(node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, FUNCTION | ast.ClassDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            found.add(getattr(node, "name", None) or "")
        if not isinstance(node, FUNCTION | ast.ClassDef | ast.comprehension | ast.Import | ast.ImportFrom):
            todo += ast.iter_child_nodes(node)
    return frozenset(found - foreign)


def parse(source: str, name: str, package: str) -> Module:
    """Return a module from its source.

    Args:
        source: its text.
        name: its dotted name, for an error.
        package: name of the package, whose own names are told from others.

    Raises:
        ValueError: two imports give one name to different things, or an import cannot be followed by name.
    """
    found, tree = Module(), ast.parse(source)
    for target, local in _imports(tree):
        found.loaded.add(target)
        if local and found.imported.setdefault(local, target) != target:
            raise ValueError(f"{name} imports two things as {local}: {found.imported[local]} and {target}")
    refuses = {local for local, target in found.imported.items() if target == f"{package}.{REFUSES}"}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [d for d in node.decorator_list if _called(d) not in refuses]
    for statement in tree.body:
        for bound in set() if _silent(statement) or _hint_alone(statement) else set(_bound(statement)):
            found.bound.setdefault(bound, []).append(statement)
    ours = {local for local, target in found.imported.items() if target.split(".")[0] == package}
    found.loose = [s for s in tree.body if not _silent(s) and _acts(s, ours | found.bound.keys())]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.stored.add(node.id)
        elif isinstance(node, ast.arg):
            found.stored.add(node.arg)
    return found


def _acts(statement: ast.stmt, ours: Collection[str]) -> bool:
    """Whether loading a statement may do more than bind its names: run, store into something, call with it.

    Args:
        statement: at the top of a module.
        ours: names of the package in it.
    """
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        if isinstance(node, RUN) and not _silent(node):
            return True
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            return True
        if isinstance(node, ast.Call):
            first, *rest = _dotted(node.func).split(".")
            given = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n is not node.func}
            if first in CHANGE or (first in ours and (rest or given & {*ours})):
                return True
        decorators = getattr(node, "decorator_list", [])
        if any({n.id for n in ast.walk(d) if isinstance(n, ast.Name)} & {*ours} for d in decorators):
            return True
        if isinstance(node, FUNCTION):
            todo += [*node.args.defaults, *(d for d in node.args.kw_defaults if d), *decorators]
        else:
            todo += ast.iter_child_nodes(node)
    return False


def _silent(item: object) -> bool:
    """Whether a statement changes nothing where it stands: a docstring, an import, a hint."""
    if isinstance(item, ast.Expr):
        return isinstance(item.value, ast.Constant) and isinstance(item.value.value, str)
    return isinstance(item, ast.Import | ast.ImportFrom) or _for_hints(item)


def _hint_alone(item: object) -> bool:
    return isinstance(item, ast.AnnAssign) and item.value is None


def _for_hints(item: object) -> bool:
    named = isinstance(item, ast.If) and _dotted(item.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    return named and not getattr(item, "orelse", None)


def _called(node: ast.AST) -> str:
    """Return the name that a call is of; empty where it is none."""
    return _dotted(node.func) if isinstance(node, ast.Call) else ""


def _dotted(node: ast.AST) -> str:
    """Return a name with its attributes, "a.b.c"; empty where another expression stands inside."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def _imports(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield (dotted name, name it is bound to, "" for none) of every import but those for hints."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, alias.asname or ""
                if not alias.asname:
                    yield (alias.name.split(".")[0],) * 2
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
