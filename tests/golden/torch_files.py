#!/usr/bin/env python3
"""Golden files of PyTorch's own format: tests/golden/torch_files/.

    pip install -r requirements.txt
    python torch_files.py --out tests/golden/torch_files

Each NAME.bin holds the same tensors, written by torch.save in another way: as a zip archive, as before
PyTorch 1.6, with protocols 2 to 5, as parameters of a module, inside a training checkpoint.
expected.safetensors holds what a reader has to find in them, row-major. The script checks that torch.load
finds the same. (The older format names storages by their addresses, which differ from run to run.)
"""

import argparse
import collections
import io
import pathlib
import pickle
import zipfile

import safetensors.torch
import torch


def tensors():
    """Every layout and number type that state dicts have."""
    torch.manual_seed(6)
    shared = torch.randn(30)
    grid = torch.randn(4, 6)
    return collections.OrderedDict([
        ("whole", torch.randn(3, 5)),
        ("half", torch.randn(7).half()),
        ("brain", torch.randn(2, 3).bfloat16()),
        ("double", torch.randn(2, 2).double()),
        ("long", torch.arange(5).reshape(1, 5)),
        ("int", torch.arange(-2, 3, dtype=torch.int32)),
        ("byte", torch.tensor([0, 1, 255], dtype=torch.uint8)),
        ("flag", torch.tensor([True, False, True])),
        ("scalar", torch.tensor(0.1)),
        ("none", torch.zeros(0, 4)),
        ("shared.first", shared[:10].view(2, 5)),    # two parts of one storage
        ("shared.second", shared[12:24].view(3, 4)),
        ("transposed", grid.t()),                    # strides (1, 6)
        ("columns", grid[1:, 1::2]),                 # strides (6, 2), offset 7
        ("tied", grid),
        ("permuted", torch.randn(2, 3, 4).permute(2, 0, 1)),
        ("one", torch.randn(5, 1, 3)[:, :, 1:2]),    # sizes of 1
    ])


class Layer(torch.nn.Module):
    """Parameters and a buffer: its state_dict has _metadata."""

    def __init__(self, state):
        super().__init__()
        self.weight = torch.nn.Parameter(state["whole"])
        self.register_buffer("position_ids", state["long"])


def with_parameters(state):
    return {name: torch.nn.Parameter(value) if value.is_floating_point() else value for name, value in state.items()}


def compressed(data):
    """A checkpoint that a zip program packed again."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)
    return result.getvalue()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "torch_files")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    state = tensors()

    def save(name, value, **options):
        torch.save(value, out / f"{name}.bin", **options)

    save("zip", state)
    save("legacy", state, _use_new_zipfile_serialization=False)
    for protocol in (3, 4, 5):
        save(f"zip_protocol_{protocol}", state, pickle_protocol=protocol)
    save("legacy_protocol_4", state, pickle_protocol=4, _use_new_zipfile_serialization=False)
    save("parameters", with_parameters(state))
    save("module", Layer(state).state_dict())
    save("module_legacy", Layer(state).state_dict(), _use_new_zipfile_serialization=False)
    save("types_v3", {"u16": torch.arange(3).to(torch.uint16), "whole": state["whole"]})
    save("checkpoint", {"epoch": 3, "model": Layer(state).state_dict(), "loss": 0.25, "names": ["a", None, True],
                        "shape": torch.Size((2, 3)), "optimizer": {"state": {0: {"step": state["scalar"]}}}})
    # What a reader refuses.
    save("whole_module", Layer(state))
    (out / "compressed.bin").write_bytes(compressed((out / "zip.bin").read_bytes()))
    with open(out / "not_torch.bin", "wb") as file:
        pickle.dump({"a": [1.5, 2.5]}, file, protocol=2)

    expected = {name: value.contiguous().clone() for name, value in state.items()}
    for path in sorted(out.glob("*.bin")):
        if path.stem.split("_")[0] in ("zip", "legacy", "parameters"):
            found = torch.load(path, weights_only="protocol" not in path.stem)
            assert all(torch.equal(found[name], value) for name, value in expected.items()), path
    safetensors.torch.save_file(expected, out / "expected.safetensors")
    (out / "expected.safetensors").chmod(0o644)
    print(f"{sum(file.stat().st_size for file in out.iterdir())} bytes in {out}")


if __name__ == "__main__":
    main()
