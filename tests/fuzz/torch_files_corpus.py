#!/usr/bin/env python3
"""The seeds of the fuzz target torch_files: tests/fuzz/corpus/torch_files/.

    python3 tests/fuzz/torch_files_corpus.py

What torch.save wrote (tests/golden/torch_files) and, made here by Python's own library, small files in both
formats with what an attacker would begin with. Python's zip writes what torch.save doesn't, too.
"""

import io
import pathlib
import pickle
import struct
import zipfile

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "torch_files"
MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


def archive(data, storage=b"\0" * 24, method=zipfile.ZIP_STORED, **more):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in {"a/data.pkl": data, "a/byteorder": b"little", "a/data/0": storage, **more}.items():
            file.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def zip64(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        with file.open("a/data.pkl", "w", force_zip64=True) as entry:
            entry.write(data)
    return out.getvalue()


def old(data, storage=b"\0" * 24):
    facts = {"protocol_version": VERSION, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return b"".join(pickle.dumps(value, 2) for value in (MAGIC, VERSION, facts)) + data + pickle.dumps(
        ["0"], 2) + struct.pack("<q", len(storage) // 4) + storage


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def tensor(size=b"K\2K\3\x86", stride=b"K\3K\1\x86", offset=b"K\0", end=b"tQ"):
    return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") +
            text("cpu") + b"K\6" + end + offset + size + stride + b"\x89ccollections\nOrderedDict\n)RtR")


def state(value):
    return b"\x80\2}" + text("w") + value + b"s."


def main():
    seeds = {path.stem: path.read_bytes() for path in GOLDEN.glob("*.bin")}
    pickles = {
        "tensor": state(tensor()),
        "transposed": state(tensor(stride=b"K\1K\2\x86")),
        "offset": state(tensor(size=b"K\2\x85", stride=b"K\1\x85", offset=b"K\4")),
        "expanded": state(tensor(stride=b"K\0K\0\x86")),
        "beyond": state(tensor(offset=b"K\1")),
        "huge": state(tensor(size=b"\x8a\x08" + struct.pack("<q", 2**62) + b"K\4\x86")),
        "negative": state(tensor(offset=b"J\xff\xff\xff\xff")),
        "view": state(tensor(end=b"(" + text("0") + b"K\0K\6ttQ")),
        "parameter": state(b"ctorch._utils\n_rebuild_parameter\n(" + tensor() + b"\x89ccollections\nOrderedDict\n)RtR"),
        "nested": state(state(tensor())[2:-1]),
        "itself": b"\x80\2}q\0K\1h\0s.",
        "pairs": b"\x80\2ccollections\nOrderedDict\n](" + text("w") + tensor() + b"\x86e\x85R.",
        "attributes": b"\x80\2}}b.",
        "protocol_4": b"\x80\4\x95\0\0\0\0\0\0\0\0}\x94(\x8c\1a\x8c\5torch\x8c\4Size\x93K\1\x85\x85Ru.",
        "system": pickle.dumps({"w": print}, 2),
    }
    for name, data in pickles.items():
        seeds["zip_" + name] = archive(data)
        seeds["old_" + name] = old(data)
    seeds["zip64"] = zip64(pickles["itself"])
    seeds["deflated"] = archive(pickles["tensor"], method=zipfile.ZIP_DEFLATED)
    seeds["script"] = archive(pickles["tensor"], **{"a/constants.pkl": b"."})
    out = HERE / "corpus" / "torch_files"
    out.mkdir(parents=True, exist_ok=True)
    for name, content in seeds.items():
        (out / name).write_bytes(content)
    print(f"{len(seeds)} seeds, {sum(map(len, seeds.values()))} bytes in {out}")


if __name__ == "__main__":
    main()
