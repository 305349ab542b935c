#!/usr/bin/env python3
"""Does transformers load what retort writes, for every architecture and head?

    python tools/verify_architectures.py [--retort BINARY] [NAME ...]

For each golden configuration (tests/golden/architectures/*/config.json) and each of its tasks `retort init`
makes a directory with large random weights. transformers must load it with nothing missing, left over or
warned about, and give what `retort outputs` gives: the logits and every hidden state, within
max(1e-5 * max |reference in f64|, 4 * what transformers itself loses in f32). Exits with 0 when all agree.
"""

import argparse
import json
import logging
import pathlib
import subprocess
import sys
import tempfile

import safetensors.numpy
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests/golden/architectures"
CLASSES = {"sequence-classification": "AutoModelForSequenceClassification",
           "token-classification": "AutoModelForTokenClassification",
           "question-answering": "AutoModelForQuestionAnswering", "masked-lm": "AutoModelForMaskedLM",
           "causal-lm": "AutoModelForCausalLM", "embedding": "AutoModel"}
IDS = [5, 17, 2, 9, 11, 30, 8]


def run(*arguments):
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}\nended with {done.returncode}: {done.stderr.strip()}")


def load(directory, task):
    """(model, what transformers complained about)"""
    complaints = []
    recorder = logging.Handler(logging.WARNING)
    recorder.emit = lambda record: complaints.append(" ".join(record.getMessage().split()))
    logger = logging.getLogger("transformers")
    logger.addHandler(recorder)
    model, info = getattr(transformers, CLASSES[task]).from_pretrained(
        directory, output_loading_info=True, dtype=torch.float32, attn_implementation="eager")
    logger.removeHandler(recorder)
    return model.eval(), complaints + [f"{key}: {sorted(map(str, value))}" for key, value in info.items() if value]


def reference(model, task):
    with torch.no_grad():
        out = model(input_ids=torch.tensor([IDS]), output_hidden_states=True)
    tensors = {f"hidden.{i}": h[0] for i, h in enumerate(out.hidden_states)}
    if task == "question-answering":
        tensors["logits"] = torch.stack([out.start_logits[0], out.end_logits[0]], -1)
    elif task == "embedding":
        tensors["logits"] = torch.nn.functional.normalize(out.last_hidden_state[0].mean(0), dim=0)
    else:
        tensors["logits"] = out.logits[0]
    return tensors


def check(retort, config, task, folder):
    """What is wrong, as a list of sentences."""
    config = {key: value for key, value in config.items() if key != "vocab_size"}
    auto = getattr(transformers, CLASSES[task])
    of_type = transformers.AutoConfig.for_model(config["model_type"])
    config |= {"initializer_range": 0.3, "architectures": [auto._model_mapping[type(of_type)].__name__]}
    (folder / "config.json").write_text(json.dumps(config))
    model = folder / "model"
    run(retort, "init", "--config", folder / "config.json", "--vocab", ROOT / "tests/golden/tokenizer_vocab.txt",
        "--out", model, "--overwrite")
    run(retort, "outputs", "--model", model, "--task", task, "--ids", ",".join(map(str, IDS)), "--want", "logits,hidden",
        "--out", folder / "out.safetensors")
    ours = safetensors.numpy.load_file(folder / "out.safetensors")
    loaded, wrong = load(model, task)
    single, golden = reference(loaded, task), reference(loaded.double(), task)
    if set(ours) != set(golden):
        wrong.append(f"tensors {sorted(ours)} instead of {sorted(golden)}")
    for name in set(ours) & set(golden):
        largest = golden[name].abs().max().item()
        bound = max(1e-5 * largest, 4 * (single[name].double() - golden[name]).abs().max().item())
        off = (torch.from_numpy(ours[name]).double() - golden[name]).abs().max().item()
        if not off <= bound:
            wrong.append(f"{name} is off by {off:.2e} of {bound:.2e}")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="which configurations (default: all)")
    parser.add_argument("--retort", type=pathlib.Path, default=ROOT / "build/retort")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    failures = 0
    directories = {path.parent.name: path.parent for path in sorted(GOLDEN.glob("*/golden.json"))}
    for name in options.names:
        if name not in directories:
            parser.error(f"expected names of configurations ({', '.join(directories)}), found {name}")
    for directory in [directories[name] for name in options.names or directories]:
        for task in json.loads((directory / "golden.json").read_text())["tasks"]:
            with tempfile.TemporaryDirectory(prefix="retort-verify-") as folder:
                wrong = check(options.retort, json.loads((directory / "config.json").read_text()), task,
                              pathlib.Path(folder))
            print(f"{'WRONG' if wrong else 'ok   '} {directory.name} for {task}" + "".join(f"; {w}" for w in wrong))
            failures += bool(wrong)
    print("all agree" if not failures else f"{failures} directories differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
