#!/usr/bin/env bash
# `import distributed` 2026.8.0 adds its defaults to Dask's configuration.  Where that import happens inside
# `with dask.config.set(...)` on a key of distributed, leaving the block takes all of these defaults away, not the one
# key: the next client or cluster of the process meets a KeyError.  Import first, then set.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q distributed==2026.8.0 dask==2026.8.0
"$folder/env/bin/python" -W ignore - <<'PY'
import subprocess
import sys

ASK = "\nprint(dask.config.get('distributed.comm.timeouts.connect', 'lost'))"
BLOCK = "with dask.config.set({'distributed.scheduler.allowed-failures': 0}):\n    "
inside = "import dask, dask.config\n" + BLOCK + "import distributed" + ASK
before = "import dask, dask.config, distributed\n" + BLOCK + "pass" + ASK
said = [subprocess.check_output([sys.executable, "-c", code], text=True).strip() for code in (inside, before)]
print(f"connect timeout, imported inside the block: {said[0]}; imported before it: {said[1]}")
assert said == ["lost", "30s"], said
PY
