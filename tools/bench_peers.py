#!/usr/bin/env python3
"""Matrix products of `retort bench matmul` beside those of other libraries, in interleaved rounds.

    tools/bench_peers.py --retort build/retort --threads 1 --dtype f32 --torch \
        --blas libopenblas.so.0 --driver './gemm_dnnl 1 onednn'

Each library runs in a process of its own, one after the other, in every round; a figure is the median over
the rounds, or with --best the best of all calls, which repeats itself better where neighbours share a core.
--torch needs PyTorch (f32: MKL or whatever it was built with; bf16: oneDNN). --blas names a CBLAS to load; set
what its kernels are chosen by yourself (OPENBLAS_CORETYPE=SkylakeX or Cooperlake: the default is a half-speed
kernel on many CPUs). --driver runs a command that prints lines `name|threads|KIND LAYOUT MxNxK|GFLOP/s`. Ratios
count, not figures: machines are shared and clocks drift.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time

SHAPES = [("NT", 2048, 768, 768), ("NT", 2048, 2304, 768), ("NT", 2048, 3072, 768), ("NT", 2048, 768, 3072),
          ("NT", 1000, 768, 768), ("NT", 1000, 3072, 768), ("NN", 2048, 768, 3072), ("NN", 2048, 3072, 768),
          ("NN", 2048, 768, 768), ("TN", 3072, 768, 2048), ("TN", 768, 3072, 2048), ("TN", 768, 768, 2048),
          ("TN", 768, 768, 1000)]
FEED_FORWARD = ("", 2048, 3072, 768)  # linear + bias + GELU + linear


def gflops(call, operations, arguments):
    """Median (or the best) of the calls of at least `arguments.seconds`, after a warm-up."""
    call()
    times, start = [], time.perf_counter()
    while time.perf_counter() - start < arguments.seconds or len(times) < 3:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return operations / (min(times) if arguments.best else statistics.median(times)) / 1e9


def report(layout, m, n, k, figure):
    print(json.dumps({"layout": layout, "shape": [m, n, k], "figure": figure}), flush=True)


def run_torch(arguments):
    import torch
    torch.set_num_threads(arguments.threads)
    dtype = torch.bfloat16 if arguments.dtype == "bf16" else torch.float32
    for layout, m, n, k in SHAPES:
        a = torch.rand((k, m) if layout[0] == "T" else (m, k)).to(dtype)
        b = torch.rand((n, k) if layout[1] == "T" else (k, n)).to(dtype)
        a = a.t() if layout[0] == "T" else a
        b = b.t() if layout[1] == "T" else b
        report(layout, m, n, k, gflops(lambda: torch.mm(a, b), 2.0 * m * n * k, arguments))
    layout, m, n, k = FEED_FORWARD
    x = torch.rand(m, k).to(dtype)
    first, second = torch.nn.Linear(k, n).to(dtype), torch.nn.Linear(n, k).to(dtype)
    gelu = torch.nn.functional.gelu
    with torch.no_grad():
        report(layout, m, n, k, gflops(lambda: second(gelu(first(x))), 4.0 * m * n * k, arguments))


def run_blas(arguments):
    import array
    import ctypes
    library = ctypes.CDLL(arguments.blas)
    floats = lambda count: (ctypes.c_float * count).from_buffer(array.array("f", [0.5]) * count)
    a, b, c = floats(2048 * 3072), floats(3072 * 3072), floats(2048 * 3072)
    sgemm, one, zero = library.cblas_sgemm, ctypes.c_float(1), ctypes.c_float(0)
    for layout, m, n, k in SHAPES:
        code = {"N": 111, "T": 112}
        call = lambda: sgemm(101, code[layout[0]], code[layout[1]], m, n, k, one, a, m if layout[0] == "T" else k,
                             b, k if layout[1] == "T" else n, zero, c, n)
        report(layout, m, n, k, gflops(call, 2.0 * m * n * k, arguments))


def lines_of(command, environment):
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.splitlines()


def figures_of_json(lines):
    return {(entry["layout"], *entry["shape"]): entry["figure"] for entry in map(json.loads, lines)}


def figures_of_driver(lines):
    figures = {}
    for line in lines:
        fields = line.split("|")
        words = fields[2].split() if len(fields) > 3 else []
        if len(words) == 3 and words[2].count("x") == 2:
            figures[(words[1], *map(int, words[2].split("x")))] = float(fields[3])
    return figures


def geometric_mean(values):
    return math.exp(statistics.mean(map(math.log, values))) if values else math.nan


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retort", default="build/retort")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.1, help="on a shape, in each round")
    parser.add_argument("--best", action="store_true", help="the best of all calls instead of medians")
    parser.add_argument("--torch", action="store_true")
    parser.add_argument("--blas", help="a CBLAS library (f32)")
    parser.add_argument("--driver", action="append", default=[], help="a command that prints figures")
    parser.add_argument("--peer", choices=["torch", "blas"], help=argparse.SUPPRESS)  # the process of one library
    arguments = parser.parse_args()
    if arguments.peer:
        return run_torch(arguments) if arguments.peer == "torch" else run_blas(arguments)

    threads = str(arguments.threads)
    environment = dict(os.environ, OMP_NUM_THREADS=threads, OPENBLAS_NUM_THREADS=threads, MKL_NUM_THREADS=threads)
    common = ["--threads", threads, "--dtype", arguments.dtype, "--seconds", str(arguments.seconds)]
    common += ["--best"] if arguments.best else []
    runs = {"retort": ([arguments.retort, "bench", "matmul", "--json", "--rounds", "1", "--shapes", "all", *common],
                       figures_of_json)}
    if arguments.torch:
        runs["torch"] = ([sys.executable, __file__, "--peer", "torch", *common], figures_of_json)
    if arguments.blas:
        runs["blas"] = ([sys.executable, __file__, "--peer", "blas", "--blas", arguments.blas, *common],
                        figures_of_json)
    for command in arguments.driver:
        runs[command.split()[-1]] = (command.split(), figures_of_driver)

    rounds = {name: [] for name in runs}
    for _ in range(arguments.rounds):
        for name, (command, parse) in runs.items():
            rounds[name].append(parse(lines_of(command, environment)))
    middle = max if arguments.best else statistics.median
    figures = {name: {shape: middle(found[shape] for found in of_all if shape in found)
                      for shape in of_all[0]} for name, of_all in rounds.items()}

    names = list(runs)
    print(f"{'shape':24}" + "".join(f"{name:>12}" for name in names) + "   GFLOP/s and retort / peer")
    for shape in SHAPES + [FEED_FORWARD]:
        cells = [figures[name].get(shape) for name in names]
        if cells[0] is None:
            continue
        ratios = "".join(f"  {cells[0] / cell:5.2f}" if cell else "      -" for cell in cells[1:])
        title = f"{shape[0]} {shape[1]}x{shape[2]}x{shape[3]}" if shape[0] else "linear, gelu, linear"
        print(f"{title:24}" + "".join(f"{cell:12.1f}" if cell else f"{'-':>12}" for cell in cells) + ratios)
    for title, layouts in (("all 13", ("NT", "NN", "TN")), ("NT", ("NT",)), ("NN", ("NN",)), ("TN", ("TN",))):
        shapes = [shape for shape in SHAPES if shape[0] in layouts]
        means = [geometric_mean([figures[name][shape] for shape in shapes if shape in figures[name]]) for name in names]
        print(f"{'geometric mean, ' + title:24}" + "".join(f"{mean:12.1f}" for mean in means) +
              "".join(f"  {means[0] / mean:5.2f}" for mean in means[1:]))
    # The forward product whose gradient a backward one is.
    forward = {"NN": lambda m, n, k: ("NT", m, k, n), "TN": lambda m, n, k: ("NT", k, m, n)}
    backward = {shape: figures["retort"][shape] / figures["retort"][forward[shape[0]](*shape[1:])]
                for shape in SHAPES if shape[0] in forward}
    worst = min(backward, key=backward.get)
    print(f"worst backward over its forward: {backward[worst]:.2f} ({worst[0]} {worst[1]}x{worst[2]}x{worst[3]})")


if __name__ == "__main__":
    main()
