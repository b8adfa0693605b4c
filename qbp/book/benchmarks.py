"""Timings of qbp beside other libraries, from the table of `python -m benchmarks`."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qbp import _files
from qbp.book.tables import markup
from qbp.results import store

if TYPE_CHECKING:
    import pandas as pd

NAME, ON_GPU = "benchmarks", "gpu.json"
NO_GPU = "No GPU was at hand: on a machine with one, python -m benchmarks.gpu writes what then stands here."
OURS = ("qbp", "qbp (torch path)")
BITS = {"complex64": "", "float32": "", "complex128": "*", "float64": "*"}  # 64 bit, marked

# What was aimed at, as time of the best peer over ours; a circuit of CNOTs may have half.
TARGETS = {
    **{"W1 2x5": 2, "W1 4x10": 15, "W1 6x20": 30, "W1 8x20": 30, "W1 8x100": 30},
    **{"W1 10x50": 40, "W1 12x20": 40, "W1 12x100": 40},
    **{"W2 n=4": 4, "W2 n=8": 8, "W2 n=12": 25, "W2 n=16": 12, "W2 n=18": 12, "W2 n=20": 12, "W2 n=22": 12},
    **{"W3 cz": 1.4, "W3 cnot": 0.7},
    **{"W5 curve float64": 4, "W5 telecom float64": 4, "W5 mnist float64": 1.5, "W5 mnist float32": 3},
}


def save(table: "pd.DataFrame", *, command: str, minutes: float, directory: Path = store.DIRECTORY) -> Path:
    """Write the table and its manifest entry, atomically; a row per workload, peer and precision."""
    entry = {"target": "performance", "command": command, "minutes": round(minutes, 1)}
    return store.write_table(NAME, table, entry, directory)


def load(directory: Path = store.DIRECTORY) -> "pd.DataFrame":
    """Read the table; ValueError if there is none or its bytes are not those of the manifest.

    Columns: workload, family, n, layers, batch, dtype, main (whether dtype is the row's own), peer, status
    ("ok" or why there is no time), seconds (median over rounds), low and high (quartiles), rounds,
    compile_seconds, memory_mb (above the process after import), compile_memory_mb, limit_seconds,
    gemm_gflops, copy_gb_s, l2_gb_s, threads, versions, note (W4: the sum and its error, or its bound).
    """
    return store.read_table(NAME, directory)


def ratios(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return for each workload and precision the best peer and its time over ours.

    Returns:
        Columns workload, dtype, main, ours, peer, theirs, ratio (above 1: qbp is faster), limit, gap (ours
        over the limit); seconds.  Only rows in which qbp and a peer have a time at this precision.
    """
    timed, row = table[table["status"] == "ok"], ["workload", "dtype"]
    ours = timed[timed["peer"] == OURS[0]].rename(columns={"seconds": "ours", "limit_seconds": "limit"})
    peers = timed[~timed["peer"].isin(OURS)].sort_values("seconds", kind="stable").drop_duplicates(row)
    best = peers[[*row, "peer", "seconds"]].rename(columns={"seconds": "theirs"})
    pairs = ours[[*row, "main", "ours", "limit"]].merge(best, on=row)
    pairs = pairs.assign(ratio=pairs["theirs"] / pairs["ours"], gap=pairs["ours"] / pairs["limit"])
    return pairs[[*row, "main", "ours", "peer", "theirs", "ratio", "limit", "gap"]]


def layout(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the table as people read it: a row per workload, a column per peer, texts.

    A time in 64-bit precision carries a star.  The ratio is the smaller one of both precisions.
    """
    compared, rows = ratios(table), {}
    for workload, part in table.groupby("workload", sort=False):
        row, first = {}, part[part["main"] | ~part["main"].any()].iloc[0]
        row["limit"] = duration(first["limit_seconds"])
        for peer in table["peer"].unique():
            cells = part[part["peer"] == peer]
            row[peer] = " / ".join(cell_text(cell) for _, cell in cells.iterrows()) or "-"
        row["found"] = part["note"].max()
        pairs = compared[compared["workload"] == workload]
        if len(pairs):
            worst = pairs.loc[pairs["ratio"].idxmin()]
            row["best peer / qbp"] = f"{worst['ratio']:.2g} ({worst['peer']}{BITS[worst['dtype']]})"
            row["aim"] = f"{TARGETS[workload]:g}" if workload in TARGETS else ""
            main = pairs[pairs["main"]]
            row["qbp / limit"] = f"{main.iloc[0]['gap']:.2g}" if len(main) else ""
        memory = part[(part["peer"] == OURS[0]) & part["main"]]["memory_mb"]
        row["qbp, MB"] = f"{memory.iloc[0]:.0f}" if len(memory) and memory.notna().all() else ""
        measured = ("gemm_gflops", "copy_gb_s", "l2_gb_s")
        row["Gflop/s; GB/s; L2 GB/s"] = "; ".join(f"{first[column]:.3g}" for column in measured)
        rows[workload] = row
    made = markup.frame(rows, "workload").fillna("")
    first = ["best peer / qbp", "aim", OURS[0], "limit", "qbp / limit"]  # what a narrow page shows of it
    made = made[[*(name for name in first if name in made), *(name for name in made if name not in first)]]
    return made.drop(columns=[name for name in made if (made[name] == "").all()])


def by_family(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a row a family: how often qbp is faster than every peer, and the smallest and largest ratio.

    The ratio of a workload is that of :func:`layout`, the smaller one of both precisions.
    """
    pairs, rows = _worst(table), {}
    families = table.drop_duplicates("workload").set_index("workload")["family"]
    for family, part in pairs.groupby(pairs["workload"].map(families), sort=False):
        row: dict[str, object] = {"workloads": len(part), "qbp is faster": int((part["ratio"] > 1).sum())}
        extremes = {"smallest ratio": part["ratio"].idxmin(), "largest ratio": part["ratio"].idxmax()}
        for name, at in extremes.items():
            row[name] = f"{part['ratio'][at]:.2g} ({part['workload'][at]}, {part['peer'][at]})"
        rows[family] = row
    return markup.frame(rows, "family")


def in_words(table: "pd.DataFrame") -> dict[str, str]:
    """Return the numbers of the page's sentences: "compared" and "faster" count workloads, "middle" is the
    median ratio, "lost" lists the workloads on which a peer wins, with that peer, or says "none"."""
    pairs = _worst(table)
    lost = pairs[pairs["ratio"] < 1]
    names = [f"{row.workload} ({row.peer})" for row in lost.itertuples()]
    return {
        "compared": str(len(pairs)),
        "faster": str(len(pairs) - len(lost)),
        "middle": f"{pairs['ratio'].median():.2g}",
        "lost": ", ".join(names) or "none",
    }


def _worst(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the smallest ratio of each workload, in the order of the table."""
    pairs = ratios(table)
    return pairs.loc[pairs.groupby("workload", sort=False)["ratio"].idxmin()].reset_index(drop=True)


def slower(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the workloads on which the ratio is below what was aimed at, or below 1: a peer wins."""
    import pandas as pd

    rows, columns = {}, ["best peer", "best peer / qbp", "aim", "of the aim", ""]
    for _, worst in _worst(table).iterrows():
        workload, aim = worst["workload"], TARGETS.get(worst["workload"], 1.0)
        if worst["ratio"] < max(aim, 1.0):
            verdict = "the peer wins" if worst["ratio"] < 1 else "missed" if worst["ratio"] < aim else ""
            cells = worst["peer"], f"{worst['ratio']:.2g}", f"{aim:g}", f"{worst['ratio'] / aim:.2g}", verdict
            rows[workload] = dict(zip(columns, cells, strict=True))
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("workload")


def compiling(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the slowest first call of each family and the largest memory while running, by peer."""
    timed, rows = table[table["status"] == "ok"], {}
    for peer in table["peer"].unique():
        part = timed[timed["peer"] == peer]
        slowest = part.groupby("family", sort=False)["compile_seconds"].max()
        row = {family: duration(seconds) for family, seconds in slowest.items()}
        rows[peer] = row | {"memory, MB": f"{part['memory_mb'].max():.0f}" if len(part) else "-"}
    return markup.frame(rows, "slowest first call").fillna("-")


def problems(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return why cells have no time: peer, reason, workloads."""
    import pandas as pd

    failed = table[(table["status"] != "ok") & ~table["status"].str.startswith("not supported")]
    rows = [
        {"peer": peer, "reason": status, "workloads": ", ".join(dict.fromkeys(part["workload"]))}
        for (peer, status), part in failed.groupby(["peer", "status"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["peer", "reason", "workloads"]).set_index("peer")


def on_gpu(directory: Path = store.DIRECTORY) -> str:
    """Return what `python -m benchmarks.gpu` found, as lines and a table; that no GPU was at hand without it.

    Raises:
        ValueError: the file is not what the command writes.
    """
    path = directory / ON_GPU
    if not path.is_file():
        return NO_GPU
    found = _files.parse(_files.content(path, 10_000_000), str(path))
    try:
        machine, checks = found["machine"], found["checks"]
        agreeing = [check for check in checks if check["agrees"]]
        lines = [f"{machine['name']}, torch {machine['torch']}, CUDA {machine['cuda']}; {found['command']}"]
        lines += [f"{len(agreeing)} of {len(checks)} checks agree with the CPU"]
        lines += [f"not: {check['name']} {check['said']}".rstrip() for check in checks if not check["agrees"]]
        return "\n".join([*map(_files.printable, lines), "", _beside(found["times"])])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is not what python -m benchmarks.gpu writes: {error!r}") from None


def _beside(times: list[dict[str, Any]]) -> str:
    """Return the times of every library that has one, a row a workload."""
    peers = list(dict.fromkeys(str(row["peer"]) for row in times if row["status"] == "ok"))
    cells = {(row["workload"], row["peer"]): row for row in times}
    body = []
    for workload in dict.fromkeys(str(row["workload"]) for row in times):
        rows = [cells.get((workload, peer), {"status": "-"}) for peer in peers]
        body.append([_files.printable(workload), *map(_time_or_word, rows)])
    return markup.markdown(["workload", *map(_files.printable, peers)], body)


def _time_or_word(row: Mapping[str, Any]) -> str:
    return duration(float(row["seconds"])) if row["status"] == "ok" else _files.printable(row["status"])


def markdown(table: "pd.DataFrame") -> str:
    """Return :func:`layout` and :func:`problems` as Markdown, with the versions under them."""
    parts = [_markdown(layout(table)), "\n\\* 64-bit precision (complex128, float64)."]
    if len(failed := problems(table)):
        parts.append("\n" + _markdown(failed))
    versions = table.drop_duplicates("peer").set_index("peer")["versions"]
    named = "; ".join(f"{peer}: {version}" for peer, version in versions.items() if version)
    return "\n".join([*parts, f"\n{table['threads'].max()} threads each. {named}"])


def cell_text(cell: "pd.Series") -> str:
    """Return a cell's time, or a word for why there is none."""
    if cell["status"] == "ok":
        return duration(cell["seconds"]) + BITS[cell["dtype"]]
    return "-" if cell["status"].startswith("not supported") else cell["status"].split(":")[0]


def duration(seconds: float) -> str:
    """Return seconds with three digits and a unit, after a space that does not break; nothing for NaN.

    Example:
        >>> duration(0.00123).split(), duration(12.34).split()
        (['1.23', 'ms'], ['12.3', 's'])
    """
    if not math.isfinite(seconds):
        return ""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= 0.9995 * scale or unit == "us":
            return f"{seconds / scale:#.3g}".rstrip(".") + f"\u00a0{unit}"  # in one line
    raise AssertionError


def _markdown(table: "pd.DataFrame") -> str:
    return markup.markdown([table.index.name or "", *table], (map(str, row) for row in table.itertuples()))
