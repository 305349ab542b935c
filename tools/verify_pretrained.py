#!/usr/bin/env python3
"""Does retort compute what transformers computes? For one BERT or DistilBERT model directory.

    tools/verify_pretrained.sh DIR [RETORT_BINARY] [--data DATA] [--rows N] [--no-train]

- A directory with a classification head: the logits of `retort predict` against transformers' in f64.
- A bare encoder: the hidden states of `retort outputs`, layer by layer.
- Unless --no-train: a few steps of `retort train`; transformers must load what it wrote without a warning,
  with no tensor missing or left over, and give the same logits and token ids.
- With --data (a folder that holds glue-mrpc/ and glue-sst2/): the same ids on every row, the same logits on
  N rows a file.

The bound of a tensor is max(1e-5 * max |reference|, 4 * what transformers itself loses in f32). Exits with
0 when everything agrees, with 1 and a line per difference when not.
"""

import argparse
import json
import logging
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import safetensors
import safetensors.numpy
import torch
import transformers

SENTENCES = [
    ("I can't log into my account.", "Unable to access my account"),
    ("The quick brown fox jumps over the lazy dog.", "A fast auburn fox leapt over a sleepy hound!"),
    ("a", "b"),
    ("Zürich, naïve café — “quoted” … 東京 и Москва", "ÅNGSTRÖM's 3.14159e-10 m; e-mail: a.b@example.org"),
    ("Was it a car or a cat I saw?", "No."),
    ("unbelievablyoverlongwordthatisnotinanyvocabulary " * 3, "[MASK] and [SEP] as text"),
    ("He said the price rose 12.5 % to $ 1,234.56 .", "Prices went up by an eighth , to $ 1,234.56 ."),
    ("The committee meets on the first Monday of every month, except in August, when most of its members "
     "are away; minutes are sent to everyone within a week, and corrections can be proposed until the next "
     "meeting, at which they are read aloud and put to the vote.", "The meeting is monthly."),
]
MRPC, SST2 = "glue-mrpc", "glue-sst2"


class Report:
    def __init__(self):
        self.failures = 0

    def line(self, good, text):
        print(("ok    " if good else "WRONG ") + text, flush=True)
        self.failures += not good

    def compare(self, what, ours, golden, single):
        """Arrays of one tensor: ours (f32), the reference in f64 and in f32."""
        if ours.shape != golden.shape:
            return self.line(False, f"{what}: expected the shape {golden.shape}, found {ours.shape}")
        scale = np.abs(golden).max()
        own = np.abs(single.astype(np.float64) - golden).max()
        bound = max(1e-5 * scale, 4 * own)
        off = np.abs(ours.astype(np.float64) - golden).max()
        self.line(bool(off <= bound), f"{what}: off by {off:.2e} of {bound:.2e} (up to {scale:.3g}; "
                  f"transformers in f32 by {own:.2e})")


def run(retort, *arguments):
    done = subprocess.run([str(retort), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"retort {' '.join(map(str, arguments))}\nended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


# ---- transformers ------------------------------------------------------------------------------------


class Reference:
    """A model directory as transformers sees it, and what it complained about while loading."""

    def __init__(self, directory):
        self.directory = directory
        self.complaints = []
        recorder = logging.Handler(logging.WARNING)
        recorder.emit = lambda record: self.complaints.append(record.getMessage())
        logger = logging.getLogger("transformers")
        logger.addHandler(recorder)
        transformers.utils.logging.disable_progress_bar()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            self.config = transformers.AutoConfig.from_pretrained(directory)
            self.bare = "classifier.weight" not in tensor_names(directory)
            kind = transformers.AutoModel if self.bare else transformers.AutoModelForSequenceClassification
            model, info = kind.from_pretrained(directory, output_loading_info=True, dtype=torch.float32)
            self.tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
        logger.removeHandler(recorder)
        self.complaints += [str(w.message) for w in caught]
        self.complaints += [f"{key}: {sorted(map(str, value))}" for key, value in info.items() if value]
        self.single = model.eval()
        self.double = kind.from_pretrained(directory, dtype=torch.float32).double().eval()
        self.max_length = min(128, self.config.max_position_embeddings)
        saved = directory / "retort.json"
        self.saved = json.loads(saved.read_text()) if saved.exists() else {}

    def encode(self, text, pair):
        if pair is not None and self.saved.get("pair_style") == "joined":
            text, pair = f"{text} [SEP] {pair}", None
        out = self.tokenizer(text, pair, truncation=True, max_length=self.max_length)
        types = out.get("token_type_ids", [0] * len(out["input_ids"]))
        return out["input_ids"], types

    def outputs(self, model, ids, types):
        inputs = {"input_ids": torch.tensor([ids])}
        if self.config.model_type == "bert":
            inputs["token_type_ids"] = torch.tensor([types])
        with torch.no_grad():
            return model(**inputs, output_hidden_states=True)

    def logits(self, rows):
        encoded = [self.encode(*row) for row in rows]
        return [np.concatenate([self.outputs(model, *e).logits.numpy() for e in encoded])
                for model in (self.double, self.single)]


def tensor_names(directory):
    index = directory / "model.safetensors.index.json"
    if not (directory / "model.safetensors").exists() and index.exists():
        return set(json.loads(index.read_text())["weight_map"])
    with safetensors.safe_open(directory / "model.safetensors", "np") as file:
        return set(file.keys())


# ---- retort ------------------------------------------------------------------------------------------


def write_table(path, rows, labels=None):
    """Tab-separated, with the columns text, pair (where rows have one) and label."""
    pairs = rows[0][1] is not None
    header = ["text"] + ["pair"] * pairs + ["label"] * bool(labels)
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(header) + "\n")
        for i, (text, pair) in enumerate(rows):
            cells = [text] + ([pair] if pairs else []) + ([str(labels[i])] if labels else [])
            file.write("\t".join(cells) + "\n")
    return ["--text-column", "text"] + ["--pair-column", "pair"] * pairs


def predict(retort, reference, rows, folder):
    columns = write_table(folder / "rows.tsv", rows)
    run(retort, "predict", "--model", reference.directory, "--input", folder / "rows.tsv", *columns,
        "--max-length", reference.max_length, "--output", folder / "rows.jsonl")
    out = [json.loads(line) for line in open(folder / "rows.jsonl", encoding="utf-8")]
    return np.array([row["logits"] for row in out], dtype=np.float64), out


def tokenize(retort, reference, rows, folder):
    separator = "\x1f"  # in no row
    joined = reference.saved.get("pair_style") == "joined"
    with open(folder / "ids.txt", "w", encoding="utf-8", newline="\n") as file:
        for text, pair in rows:
            file.write(text if pair is None else f"{text} [SEP] {pair}" if joined else text + separator + pair)
            file.write("\n")
    run(retort, "tokenize", "--model", reference.directory, "--input", folder / "ids.txt", "--json",
        "--pair-separator", separator, "--max-length", reference.max_length, "--output", folder / "ids.jsonl")
    with open(folder / "ids.jsonl", encoding="utf-8") as file:
        return [(row["ids"], row["type_ids"]) for row in map(json.loads, file)]


# ---- checks ------------------------------------------------------------------------------------------


def check_predictions(report, retort, reference, name, rows, folder):
    ours, out = predict(retort, reference, rows, folder)
    golden, single = reference.logits(rows)
    report.compare(f"{name}: logits of {len(rows)} rows", ours, golden, single)
    if ours.shape != golden.shape:
        return
    expected = torch.softmax(torch.from_numpy(golden), -1).numpy()
    off = np.abs(np.array([row["probabilities"] for row in out]) - expected).max()
    report.line(bool(off <= 1e-5), f"{name}: probabilities off by {off:.2e} of 1e-05")
    labels = reference.config.id2label
    # Where two logits are closer than the bound either label is right.
    clear = np.sort(golden, -1)[:, -1] - np.sort(golden, -1)[:, -2] > 1e-4
    wrong = sum(row["label"] != labels[int(g.argmax())] for row, g, c in zip(out, golden, clear) if c)
    report.line(wrong == 0, f"{name}: labels, {wrong} of {int(clear.sum())} differ")


def check_hidden(report, retort, reference, folder):
    rows = [reference.encode(a, b) for a, b in SENTENCES] + [reference.encode(a, None) for a, _ in SENTENCES[:2]]
    rows.append((rows[0][0][:1], [0]))
    golden, single, ours = {}, {}, {}
    for ids, types in rows:
        path = folder / "hidden.safetensors"
        run(retort, "outputs", "--model", reference.directory, "--ids", ",".join(map(str, ids)), "--types",
            ",".join(map(str, types)), "--want", "hidden", "--out", path)
        for name, value in safetensors.numpy.load_file(path).items():
            ours.setdefault(name, []).append(value)
        for model, store in ((reference.double, golden), (reference.single, single)):
            for i, h in enumerate(reference.outputs(model, ids, types).hidden_states):
                store.setdefault(f"hidden.{i}", []).append(h[0].numpy())
    for name in golden:
        if name not in ours:
            report.line(False, f"{name}: isn't in the output of retort")
            continue
        report.compare(f"{name} of {len(rows)} sequences", *map(np.concatenate, (ours[name], golden[name], single[name])))


def check_ids(report, retort, reference, name, rows, folder):
    wrong = [(i, ours, theirs) for i, (ours, theirs) in enumerate(zip(
        tokenize(retort, reference, rows, folder),
        ((ids, types) for ids, types in (reference.encode(*row) for row in rows)))) if tuple(ours) != tuple(theirs)]
    first = f"; the first is row {wrong[0][0]}: {rows[wrong[0][0]]}" if wrong else ""
    report.line(not wrong, f"{name}: ids and types of {len(rows)} rows, {len(wrong)} differ{first}")


def check_loading(report, reference):
    good = not reference.complaints
    report.line(good, "transformers loads the directory " + (
        "without a warning" if good else "with: " + " | ".join(" ".join(c.split()) for c in reference.complaints)))
    for name in ("config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        if not (reference.directory / name).exists():
            report.line(False, f"{reference.directory / name} is missing")


def glue_rows(data):
    """{name: [(text, pair or None)]} of the files that are there."""
    found = {}
    for task in (MRPC, SST2):
        for split in ("train", "dev", "test"):
            path = data / task / f"{split}.tsv"
            if not path.exists():
                continue
            with open(path, encoding="utf-8-sig") as file:
                header, *lines = (line.rstrip("\r\n").split("\t") for line in file)
            if task == MRPC:
                columns = header.index("#1 String"), header.index("#2 String")
                rows = [(cells[columns[0]], cells[columns[1]]) for cells in lines]
            else:
                column = header.index("sentence")
                rows = [(cells[column], None) for cells in lines]
            found[f"{task}/{split}"] = rows
    if not found:
        sys.exit(f"{data}: expected {MRPC}/*.tsv or {SST2}/*.tsv, found neither")
    return found


def check_directory(report, retort, reference, options, folder):
    if reference.bare:
        check_hidden(report, retort, reference, folder)
    else:
        check_predictions(report, retort, reference, "pairs", SENTENCES, folder)
        check_predictions(report, retort, reference, "sentences", [(a, None) for a, _ in SENTENCES], folder)
    data = glue_rows(options.data) if options.data else {}
    check_ids(report, retort, reference, "pairs", SENTENCES, folder)
    for name, rows in data.items():
        check_ids(report, retort, reference, name, rows, folder)
    if not reference.bare:
        for name, rows in data.items():
            check_predictions(report, retort, reference, name, rows[:options.rows], folder)


def trained(retort, reference, folder):
    """A directory that retort wrote: the model after one epoch over a few rows."""
    rows = SENTENCES * 2
    labels = [i % 2 for i in range(len(rows))]
    names = sorted(reference.config.label2id, key=reference.config.label2id.get)
    if not reference.bare:
        labels = [names[i % len(names)] for i in range(len(rows))]
    columns = write_table(folder / "train.tsv", rows, labels)
    run(retort, "train", "--model", reference.directory, "--data", folder / "train.tsv", *columns, "--label-column",
        "label", "--epochs", 1, "--batch-size", 4, "--lr", "5e-5", "--out", folder / "trained")
    return folder / "trained"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--retort", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, help="a folder that holds glue-mrpc/ and glue-sst2/")
    parser.add_argument("--rows", type=int, default=200, help="rows a file whose logits are compared")
    parser.add_argument("--no-train", action="store_true")
    options = parser.parse_args()
    report = Report()
    reference = Reference(options.model)
    if reference.config.model_type not in ("bert", "distilbert"):
        sys.exit(f"{options.model}: expected a bert or distilbert, found a {reference.config.model_type}")
    print(f"{options.model}: {reference.config.model_type}, "
          f"{sum(p.numel() for p in reference.single.parameters())} parameters, "
          f"{'no head' if reference.bare else str(reference.config.num_labels) + ' labels'}")
    with tempfile.TemporaryDirectory(prefix="retort-verify-") as temporary:
        folder = pathlib.Path(temporary)
        if reference.saved or (options.model / "recipe.json").exists():
            check_loading(report, reference)  # retort wrote it
        elif reference.complaints:
            print("note: transformers says: " + " | ".join(" ".join(c.split()) for c in reference.complaints))
        check_directory(report, options.retort, reference, options, folder)
        if not options.no_train:
            print("after some steps of retort train:")
            again = Reference(trained(options.retort, reference, folder))
            check_loading(report, again)
            check_directory(report, options.retort, again, options, folder)
    print("all agree" if not report.failures else f"{report.failures} differences")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
