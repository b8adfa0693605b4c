// Run by tests/results/test_other_pythons.py: node other_python.mjs PYODIDE REPOSITORY < {"roots", "apart", "sources"} by name
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [pyodide, repository] = process.argv.slice(2);
const { loadPyodide } = createRequire(import.meta.url)(pyodide);
const python = await loadPyodide();
python.FS.mkdir("/repository");
python.FS.mount(python.FS.filesystems.NODEFS, { root: repository }, "/repository");
python.globals.set("asked", readFileSync(0, "utf8"));
console.log(await python.runPythonAsync(`
import ast, json, sys
from pathlib import Path
sys.dont_write_bytecode = True
package = Path("/repository/qbp")
sys.path.insert(0, "/repository")
from qbp.results import digest
for name, text in json.loads(asked)["source"].items():
    path = Path("/tmp/small") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
found = {
    name: digest.Code(Path("/tmp/small") if name == "fixed" else package, kind["apart"]).digest(kind["roots"])
    for name, kind in json.loads(asked)["kinds"].items()
}
parsed = len([ast.parse(path.read_text()) for path in package.rglob("*.py")])
json.dumps({"python": list(sys.version_info[:2]), "digests": found, "parsed": parsed})
`));
