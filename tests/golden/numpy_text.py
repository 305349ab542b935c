#!/usr/bin/env python3
"""numpy_text.txt: arrays as NumPy prints them.

    pip install numpy==2.4.6
    python numpy_text.py > tests/golden/numpy_text.txt      # the same file every time

A case is a line "dtype size size ...", a line with the elements as the hexadecimal numbers of their bits
(row-major; "count START" instead stands for START, START + 1, ...), and the lines of the text, each
behind "|". The text is np.array2string(x, separator=', '), or str(x) of a single number.
tests/engine/test_print.cpp reads it.
"""

import numpy as np

NAMES = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "i32": np.int32, "i64": np.int64,
         "u8": np.uint8, "bool": np.bool_}
assert np.__version__ == "2.4.6", np.__version__


def emit(name, x, start=None):
    print(name, *x.shape)
    if start is None:
        unsigned = np.dtype(f"u{x.dtype.itemsize}")
        print(*(f"{v:x}" for v in x.reshape(-1).view(unsigned)))
    else:
        print("count", start)
    text = str(x[()]) if x.shape == () else np.array2string(x, separator=", ")
    for line in text.split("\n"):
        print("|" + line)


def floats(rng, dtype):
    with np.errstate(over="ignore"):
        normal = lambda *shape: rng.standard_normal(shape).astype(dtype)
        yield from (np.asarray(v, dtype) for v in
                    (0.0, -0.0, 1, -2.5, 0.1, 1 / 3, 1e-4, 9e-5, 1e-7, 123456, 1e15, 1e16, 1e17, 1e22, -1e-300,
                     np.nan, np.inf, -np.inf, 65504, 16777216, 2.0**-24, 0.3))
        yield from (np.array(v, dtype) for v in (
            [0, 1, 2], [1, 2.5, -3], [0.1, 0.25, 100], [-0.0, 0.0], [1e-5, 1], [1e-3, 1], [1e-4, 0.1], [0.0999, 100],
            [1000, 1], [1001, 1], [1000.5, 1], [1e8, 1e8], [99999999, 99999998], [999, 998], [1e6, 1e6], [999999, 999999],
            [np.nan], [np.inf, 1], [-np.inf, 1.25], [np.nan, -np.inf], [np.nan, 1e10], [-np.inf, 1e-10, 5e10],
            [np.nan, 0.001], [1e-10, 1e10], [1e300, 1e-300], [0, 0, 0], [0, 1e-9], [1 / 3, 2 / 3], [0.001953125, 1],
            [0.123456785, 0.1], [2**-9, 2**-12], [2.0**-24], [5.5, 2.0**-20], [-1e5, 0.5], [123456.789, 99.5], [65504, 64]))
        yield normal(3)
        yield normal(4, 3)
        yield normal(2, 3, 2)
        yield normal(30)
        yield normal(3, 25)
        yield normal(2, 2, 14) * 1000
        yield (normal(6) * 10.0 ** rng.integers(-9, 9, 6)).astype(dtype)
        yield (normal(5) * 10.0 ** rng.integers(-3, 3, 5)).astype(dtype)
        yield np.round(normal(8) * 8) / 8
        yield normal(1, 1, 1, 3)
        mixed = normal(3, 4)
        mixed[1, 2], mixed[0, 0], mixed[2, 3] = np.nan, -np.inf, np.inf
        yield mixed
        yield np.zeros((0,), dtype)
        yield np.zeros((3, 0, 2), dtype)
        for _ in range(20):
            with np.errstate(invalid="ignore"):
                size = rng.integers(1, 9)
                yield (normal(size) * dtype(10.0) ** rng.integers(-2, 3)).astype(dtype)
        for _ in range(10):  # any bits: the whole range of exponents
            bits = rng.integers(0, 2**(8 * np.dtype(dtype).itemsize), 4, dtype=np.uint64)
            yield bits.astype(f"u{np.dtype(dtype).itemsize}").view(dtype)


def integers(rng, dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    yield from (np.asarray(v, dtype) for v in (0, 7, low, high))
    yield from (np.array(v, dtype) for v in ([1, 20, 3], [low, high], [high - 1, high], [[1, 2], [100, 4]], []))
    yield rng.integers(low, high, (2, 3), dtype=dtype)
    yield rng.integers(0, 100, (40,), dtype=dtype)


def main():
    rng = np.random.default_rng(4)
    for name in ("f64", "f32", "f16"):
        for x in floats(rng, NAMES[name]):
            emit(name, x)
    for name in ("i32", "i64", "u8"):
        for x in integers(rng, NAMES[name]):
            emit(name, x)
    for v in (True, False, [True, False], [True, True], [[True], [False]], [False] * 20):
        emit("bool", np.array(v))
    for name in ("f64", "f32", "i32", "i64"):
        for start, shape in ((0, (1000,)), (0, (1001,)), (-3, (7, 200)), (5, (2, 600)), (0, (10, 10, 11)),
                             (-400, (3, 7, 50)), (0, (1001, 1)), (0, (500, 2, 2))):
            emit(name, np.arange(start, start + np.prod(shape)).astype(NAMES[name]).reshape(shape), start)


main()
