"""Digest of the code behind a result: a hash of every definition that a number can depend on.

The code is followed by name, from a function to what it names, across modules.  Which file a definition
stands in, layout, comments, docstrings and type hints do not enter, and every version of Python gives the
same digest; a changed number, name or statement gives another one.

Not followed are names that are made while the code runs: what looks them up by text is refused.  What
hands a run on and writes it down is no part of it: :func:`qbp.experiments.registry.run`, the store.
"""

import hashlib
from collections.abc import Collection, Iterable
from functools import partial
from pathlib import Path

from qbp.results.syntax import BY_TEXT, Module, parse, write

PACKAGE = Path(__file__).resolve().parents[1]
Definition = tuple[str, str]  # dotted module, name bound at its top level


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
        colours, known = {key: _hash(text) for key, (text, _) in code.items()}, 0
        while known < len(known_now := set(colours.values())):  # twins are told apart by what they name
            known = len(known_now)
            colours = {
                key: _hash(colours[key], *(colours[name] for name in names))
                for key, (_, names) in code.items()
            }
        return _hash(*sorted(colours.values()))[:16]

    def reachable(self, roots: Iterable[str]) -> dict[Definition, tuple[str, list[Definition]]]:
        """Return {definition: (its code in one form, what it names, in order)} of all that roots depend on.

        The statements of a module that bind no name stand under an empty one.
        """
        found: dict[Definition, tuple[str, list[Definition]]] = {}
        todo, loaded = [self.definition(root) for root in roots], set[str]()
        while todo:
            module, name = key = todo.pop()
            if key in found or module in self.apart:
                continue
            parsed, names = self.module(module), list[Definition]()
            refer = partial(self._refer, module, names)
            text = "".join(write(s, refer) for s in (parsed.bound[name] if name else parsed.loose))
            found[key] = text, names
            new = self._loads(module) - loaded
            loaded |= new
            todo += [*names, *((other, "") for other in new if self.module(other).loose)]
        return found

    def _loads(self, module: str) -> set[str]:
        """Return the modules that are loaded with one, itself among them."""
        found, todo = set[str](), [module]
        while todo:
            parts = todo.pop().split(".")
            for name in (".".join(parts[: at + 1]) for at in range(len(parts))):
                if name not in found and (parsed := self._find(name)):
                    found.add(name)
                    todo += [dotted for dotted in parsed.loaded if dotted.split(".")[0] == self.package.name]
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
            self._modules[name] = (
                parse(paths[0].read_text(encoding="utf-8"), name, self.package.name) if paths else None
            )
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
        if not BY_TEXT.isdisjoint([first, *rest]):
            raise ValueError(f"{home} uses {dotted}: what it looks up by text cannot be followed")
        if first in module.bound:
            names.append((home, first))
        if first in module.imported:
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


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
