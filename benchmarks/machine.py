"""What the machine can do: copies, from memory and within the L2 cache, and a matrix product."""

import os
import threading
import time

import numpy as np


def limits(dtype: str, threads: int, seconds: float = 0.15) -> dict[str, float]:
    """Measure, with so many threads: GEMM in Gflop/s; copies in GB/s, bytes read plus bytes written."""
    real = np.float64 if dtype in ("complex128", "float64") else np.float32
    return {
        "gemm_gflops": _gemm(real, seconds),
        "copy_gb_s": _copy(2**27, threads, seconds),
        "l2_gb_s": _copy(2**18, threads, seconds),
    }


def _gemm(real: type, seconds: float) -> float:
    """Best of numpy's product of two square matrices; torch's, if it is there, may be faster."""
    size, best = 1024, 0.0
    a, b = (np.random.default_rng(k).standard_normal((size, size)).astype(real) for k in (0, 1))
    products = [lambda: a @ b]
    try:
        import torch

        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        s, t = torch.from_numpy(a), torch.from_numpy(b)
        products.append(lambda: s @ t)
    except ImportError:
        pass
    for product in products:
        product()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            product()
            best = max(best, 2 * size**3 / (time.perf_counter() - began) / 1e9)
    return best


def _copy(size: int, threads: int, seconds: float) -> float:
    """Every thread copies `size` bytes again and again; numpy lets go of the interpreter while it copies."""
    done = [0] * threads

    def work(k: int) -> None:
        source, target = np.ones(size, np.uint8), np.empty(size, np.uint8)
        np.copyto(target, source)
        gate.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for _ in range(max(1, 2**24 // size)):
                np.copyto(target, source)
                done[k] += 2 * size

    gate = threading.Barrier(threads + 1)
    team = [threading.Thread(target=work, args=(k,)) for k in range(threads)]
    for thread in team:
        thread.start()
    gate.wait()
    began = time.perf_counter()
    for thread in team:
        thread.join()
    return sum(done) / (time.perf_counter() - began) / 1e9
