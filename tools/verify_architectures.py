#!/usr/bin/env python3
"""Does transformers load what retort writes, for every architecture and head?

    python tools/verify_architectures.py [--retort BINARY] [--students] [NAME ...]

For each golden configuration (tests/golden/architectures/*/config.json) and each of its tasks `retort init`
makes a directory with large random weights. transformers must load it with nothing missing, left over or
warned about (but for what it says of every T5 with two tables), and give what `retort outputs` gives: the logits and
every hidden state, within
max(1e-5 * max |reference in f64|, 4 * what transformers itself loses in f32). Exits with 0 when all agree.

With --students it is a student that is looked at: what `retort student` cuts from that directory, with fewer
layers, hidden columns, heads, feed-forward units and words (a BERT's is a DistilBERT).
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
           "causal-lm": "AutoModelForCausalLM", "seq2seq-lm": "AutoModelForSeq2SeqLM", "embedding": "AutoModel"}
IDS = [5, 17, 2, 9, 11, 30, 8]
TARGETS = [0, 12, 4, 31]
ENCODER_DECODERS = ("t5", "mt5")
# T5's configurations always tie, so a head with a table of its own can't be announced: Google's files get this, too.
UNTIED = "but both are present in the checkpoints with different values, so we will NOT tie them."


def run(*arguments):
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}\nended with {done.returncode}: {done.stderr.strip()}")


def class_of(task, model_type):
    if task == "embedding" and model_type in ENCODER_DECODERS:
        return transformers.AutoModelForTextEncoding  # the encoder alone
    return getattr(transformers, CLASSES[task])


def load(directory, task, model_type):
    """(model, what transformers complained about)"""
    complaints = []
    recorder = logging.Handler(logging.WARNING)
    recorder.emit = lambda record: complaints.append(" ".join(record.getMessage().split()))
    logger = logging.getLogger("transformers")
    logger.addHandler(recorder)
    model, info = class_of(task, model_type).from_pretrained(
        directory, output_loading_info=True, dtype=torch.float32, attn_implementation="eager")
    logger.removeHandler(recorder)
    if model_type in ENCODER_DECODERS:
        complaints = [complaint for complaint in complaints if UNTIED not in complaint]
    return model.eval(), complaints + [f"{key}: {sorted(map(str, value))}" for key, value in info.items() if value]


def reference(model, task, ids):
    inputs = {"input_ids": torch.tensor([ids])}
    if task == "seq2seq-lm":
        inputs["decoder_input_ids"] = torch.tensor([TARGETS])
    with torch.no_grad():
        out = model(**inputs, output_hidden_states=True)
    stacks = {"": "hidden_states"}
    if hasattr(out, "encoder_hidden_states"):
        stacks = {"encoder.": "encoder_hidden_states", "decoder.": "decoder_hidden_states"}
    tensors = {f"{stack}hidden.{i}": h[0] for stack, name in stacks.items() for i, h in enumerate(getattr(out, name))}
    if task == "question-answering":
        tensors["logits"] = torch.stack([out.start_logits[0], out.end_logits[0]], -1)
    elif task == "embedding":
        tensors["logits"] = torch.nn.functional.normalize(out.last_hidden_state[0].mean(0), dim=0)
    else:
        tensors["logits"] = out.logits[0]
    return tensors


def first(config, *keys):
    return next(config[key] for key in keys if config.get(key))


def student_sizes(config):
    """Flags of a student that is smaller in everything that the architecture lets it be."""
    hidden = first(config, "hidden_size", "dim", "n_embd", "d_model")
    heads = first(config, "num_attention_heads", "n_heads", "n_head", "num_heads")
    columns = config.get("head_dim") or config.get("d_kv") or config.get("intra_bottleneck_size", hidden) // heads
    groups = config.get("num_key_value_heads") or heads
    fewer = heads - heads // groups if groups > 1 else heads
    if any(config.get(key) for key in ("num_key_value_heads", "intra_bottleneck_size", "d_kv")):
        hidden = (hidden // fewer - 1) * fewer  # heads needn't fill it
    else:
        if config["model_type"] == "electra" and fewer * columns == config["embedding_size"]:
            fewer -= 1
        hidden = fewer * columns
    units = first(config, "intermediate_size", "hidden_dim", "n_inner", "d_ff") - 5
    layers = first(config, "num_hidden_layers", "n_layers", "n_layer", "num_layers")
    sizes = ["--layers", f"1,{layers}", "--hidden", hidden, "--heads", fewer, "--ffn", units]
    encoder_alone = any(name in config["architectures"][0] for name in ("EncoderModel", "TokenClassification"))
    has_decoder = config["model_type"] in ENCODER_DECODERS and not encoder_alone
    return sizes + (["--decoder-layers", "2"] if has_decoder else [])


def cut_student(retort, config, folder):
    """Cuts folder/student from folder/model, keeping the words of a short text."""
    (folder / "texts.txt").write_text(" ".join("0123456789abcdefghijklmnopqrstuvwxyz") + "\n")
    run(retort, "student", "--teacher", folder / "model", "--vocab-from", folder / "texts.txt", *student_sizes(config),
        "--out", folder / "student")
    return folder / "student"


def check(retort, config, task, folder, students):
    """What is wrong, as a list of sentences."""
    config = {key: value for key, value in config.items() if key != "vocab_size"}
    model_type = config["model_type"]
    of_type = transformers.AutoConfig.for_model(model_type)
    config["architectures"] = [class_of(task, model_type)._model_mapping[type(of_type)].__name__]
    ids, targets = IDS, []
    if model_type in ENCODER_DECODERS:
        config["initializer_factor"] = 2.0
        ids = IDS + [config["eos_token_id"]]
        targets = ["--target-ids", ",".join(map(str, TARGETS))] if task == "seq2seq-lm" else []
    else:
        config["initializer_range"] = 0.3
    (folder / "config.json").write_text(json.dumps(config))
    model = folder / "model"
    run(retort, "init", "--config", folder / "config.json", "--vocab", ROOT / "tests/golden/tokenizer_vocab.txt",
        "--out", model, "--overwrite")
    if students:
        model = cut_student(retort, config, folder)
        if model_type in ENCODER_DECODERS:
            ids[-1] = json.loads((model / "config.json").read_text())["eos_token_id"]
    run(retort, "outputs", "--model", model, "--task", task, "--ids", ",".join(map(str, ids)), *targets,
        "--want", "logits,hidden", "--out", folder / "out.safetensors")
    ours = safetensors.numpy.load_file(folder / "out.safetensors")
    loaded, wrong = load(model, task, model_type)
    single, golden = reference(loaded, task, ids), reference(loaded.double(), task, ids)
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
    parser.add_argument("--students", action="store_true", help="look at students cut from the directories")
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
                              pathlib.Path(folder), options.students)
            print(f"{'WRONG' if wrong else 'ok   '} {directory.name} for {task}" + "".join(f"; {w}" for w in wrong))
            failures += bool(wrong)
    print("all agree" if not failures else f"{failures} directories differ")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
