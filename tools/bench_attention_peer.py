#!/usr/bin/env python3
"""The peer of `retort bench attention`: PyTorch's scaled_dot_product_attention, forward + backward.

    pip install torch==2.15.0
    python bench_attention_peer.py --threads 1 --dtype f32

12 heads of 64 over the first 16 pairs of MRPC's training split (tokens below), once sequence by sequence,
once padded to the longest with a mask. Prints the median seconds of each and GFLOP/s of the faster one,
counted as `retort bench` counts (the work of the real tokens only). Run it in turn with Retort.
"""

import argparse
import statistics
import time

import torch

LENGTHS = [50, 59, 47, 67, 59, 50, 62, 32, 45, 60, 51, 47, 42, 61, 53, 44]
HEADS, HEAD_DIM = 12, 64


def leaf(dtype, *shape):
    return torch.randn(*shape).to(dtype).requires_grad_()


def median_seconds(call, seconds):
    for _ in range(2):
        call()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        times.append(time.perf_counter() - before)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--seconds", type=float, default=0.5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[args.dtype]
    attention = torch.nn.functional.scaled_dot_product_attention

    single = [[leaf(dtype, 1, HEADS, n, HEAD_DIM) for _ in range(3)] for n in LENGTHS]
    single_dy = [torch.randn(1, HEADS, n, HEAD_DIM).to(dtype) for n in LENGTHS]
    longest = max(LENGTHS)
    padded = [leaf(dtype, len(LENGTHS), HEADS, longest, HEAD_DIM) for _ in range(3)]
    padded_dy = torch.randn(len(LENGTHS), HEADS, longest, HEAD_DIM).to(dtype)
    mask = (torch.arange(longest)[None] < torch.tensor(LENGTHS)[:, None])[:, None, None]

    def sequences():
        torch.autograd.grad([attention(*x) for x in single], [t for x in single for t in x], single_dy)

    def batch():
        torch.autograd.grad(attention(*padded, attn_mask=mask), padded, padded_dy)

    work = 14 * HEADS * HEAD_DIM * sum(n * n for n in LENGTHS)
    found = {"sequences": median_seconds(sequences, args.seconds), "padded": median_seconds(batch, args.seconds)}
    best = min(found.values())
    print(f"torch {torch.__version__} {args.dtype} threads {args.threads}: "
          + ", ".join(f"{name} {1e3 * t:.2f} ms" for name, t in found.items())
          + f", {work / best / 1e9:.1f} GFLOP/s")


if __name__ == "__main__":
    main()
