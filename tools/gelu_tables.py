#!/usr/bin/env python3
"""Makes the tables of tensor/cpu/gelu_tables.h: GELU's dip x·Φ(−x) and its slope Φ(−x) − x·φ(x) for x ≥ 0.

    pip install numpy
    python gelu_tables.py

Piece n is a polynomial of degree 4 in r = 5x − n, |r| ≤ ½, close to minimax (Lawson's weights): the dip's
in the relative error, the slope's relative to the sum of its two terms, which cancel. The last piece is 0.
"""

import math

import numpy as np

PIECES, PER_UNIT, DEGREE, POINTS = 32, 5, 4, 400


def tail(x):
    return 0.5 * np.vectorize(math.erfc)(x * math.sqrt(0.5))


def density(x):
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def piece(n, f, scale, from_zero):
    low = -0.5 if n else 0.0
    nodes = np.cos((np.arange(POINTS) + 0.5) * math.pi / POINTS)
    r = (low + 0.5) / 2 + (0.5 - low) / 2 * nodes
    x = (n + r) / PER_UNIT
    powers = np.vander(r, DEGREE + 1, increasing=True)[:, from_zero:]
    importance, weight = np.ones(POINTS), 1 / scale(x)
    for _ in range(60):
        rows = weight * np.sqrt(importance)
        c = np.linalg.lstsq(powers * rows[:, None], f(x) * rows, rcond=None)[0]
        error = np.abs((powers @ c - f(x)) * weight)
        importance *= error / error.max() + 1e-3
        importance /= importance.mean()
    return np.concatenate([np.zeros(from_zero), c])


def table(name, f, scale, zero_at_zero):
    pieces = [piece(n, f, scale, int(zero_at_zero and n == 0)) for n in range(PIECES - 1)]
    columns = np.array(pieces + [np.zeros(DEGREE + 1)], np.float32).T
    print(f"alignas(64) constexpr float {name}[{DEGREE + 1}][kGeluPieces] = {{")
    for column in columns:
        numbers = [f"{x:.8e}f".replace("0.00000000e+00f", "0") for x in column]
        for i in range(0, PIECES, 5):
            print(("    {" if i == 0 else "     ") + ", ".join(numbers[i:i + 5]) + ("}," if i + 5 >= PIECES else ","))
    print("};")


def dip(x):
    return x * tail(x)


table("kGeluDip", dip, dip, True)
table("kGeluDipSlope", lambda x: tail(x) - x * density(x), lambda x: tail(x) + x * density(x), False)
