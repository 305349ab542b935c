"""What the golden files of all architectures share: random weights, records, planted faults, tolerances.

A Case is one architecture's tiny configuration with its heads. OUT/NAME/ is a Hugging Face model directory
whose weight file holds the body once and the parameters of every head, plus golden.safetensors:
  ids, types, offsets            the tokens of all sequences end to end, without padding
  logits.TASK                    what each head gives
  hidden.N, attention.N, scores.N, query.N, key.N, value.N; of an encoder-decoder those of the first head under
                                 encoder., decoder. and cross., and targets, target_offsets
  cotangent.TASK, grad.NAME      gradients of the sum over heads of (logits * cotangent), for every parameter
and golden.json (tolerances, tasks, versions). Values are computed in f64, sequence by sequence, and kept in
f32, which is far finer than the tolerances.

Tolerance of values: max(1e-5 * max |golden|, 4 * f32_error), f32_error being what the reference itself loses
in f32; a model where that passes 1e-4 * max |golden| is refused. Gradients: |g - golden| <= 1e-4 * |golden| +
1e-6 * |all golden gradients| (2-norms). A planted fault that moves the logits of its task by less than 100
tolerances is refused, too, and the next seed is tried: at the usual initialisation a broken attention would pass.
"""

import argparse
import copy
import dataclasses
import json
import math
import os
import pathlib
import sys
import zlib

os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import safetensors
import safetensors.torch
import tokenizers
import torch
import torch.nn.functional as F
import transformers
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask

LENGTHS = (5, 1, 11)
SEEDS = 40
KINDS = ("attention", "scores", "query", "key", "value")


@dataclasses.dataclass
class Case:
    name: str
    config: object                 # of transformers
    tasks: dict                    # task of Retort: class of transformers
    faults: dict                   # description: (task, change(model) or options of the forward pass)
    std: dict                      # the deviation of weights, by the first part that is in their name
    shift: dict = dataclasses.field(default_factory=dict)  # the mean of biases, likewise
    token_types: bool = True
    seed: int = 0                  # write_all looks for one
    lengths: tuple = LENGTHS
    # Of encoder-decoders:
    target_lengths: tuple = ()     # of what the decoder reads in tasks that say so
    prepare: object = None         # what is done to each model that is made: (model, task)
    strip_prefix: bool = False     # the file has names without the base prefix
    config_changes: dict = dataclasses.field(default_factory=dict)  # of config.json's keys; None takes one away


# ---- attention, as it is recorded --------------------------------------------------------------------

RECORD = []


def recording_attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, softcap=None,
                        position_bias=None, **_):
    shared = query.shape[1] // key.shape[1]
    keys, values = key.repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)
    scores = query @ keys.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if position_bias is not None:
        scores = scores + position_bias
    if attention_mask is not None:
        mask = attention_mask[..., :keys.shape[-2]].to(scores.dtype)
        scores = torch.where(mask <= torch.finfo(torch.float32).min / 2, -torch.inf, scores + mask)
    probabilities = scores.softmax(-1)
    RECORD.append(dict(stack=getattr(module, "stack", ""), attention=probabilities, scores=scores, query=query, key=key,
                       value=value))
    return (probabilities @ values).transpose(1, 2).contiguous(), probabilities


AttentionInterface.register("recording", recording_attention)
AttentionMaskInterface.register("recording", eager_mask)


# ---- models ------------------------------------------------------------------------------------------


def base_prefix(model_class):
    return model_class.base_model_prefix + "."


def full_name(case, model, task, name):
    """The name that a parameter has in the golden files: that of a model with a head."""
    if case.strip_prefix:
        return name.removeprefix(base_prefix(type(model)))
    return base_prefix(type(model)) + name if task in ("none", "embedding") else name


def first_match(by_part, name, otherwise=None):
    return next((value for part, value in by_part.items() if part in name), otherwise)


def randomise(case, model, task):
    """Values that depend on the parameter's name alone, so that heads share one body."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            name = full_name(case, model, task, name)
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()) + case.seed)
            noise = torch.randn(p.shape, generator=generator, dtype=torch.float32)
            if p.dim() == 1:
                mean = 1 if name.endswith("weight") else first_match(case.shift, name, 0)
                p.copy_(0.3 * noise + mean)
            else:
                p.copy_(first_match(case.std, name) * noise)
    return model.eval()


def build(case):
    models = {}
    for task, model_class in case.tasks.items():
        config = copy.deepcopy(case.config)
        config._attn_implementation = "recording"
        model = model_class(config)
        if case.prepare:
            case.prepare(model, task)
        models[task] = randomise(case, model, task)
    return models


def random_rows(case, generator):
    """[(ids, types, targets)]: types begin with 0 and change to 1 once, as those of a pair do. Targets begin with the
    start token; sequences of encoder-decoders have ends, which their classifiers look at."""
    rows = []
    for n in case.lengths:
        ids = torch.randint(0, case.config.vocab_size - 1, (n,), generator=generator)
        pad = case.config.pad_token_id
        ids = ids + (ids >= pad).long() if pad is not None else ids  # PyTorch gives a pad's row no gradient
        cut = int(torch.randint(1, n + 1, (1,), generator=generator))
        rows.append((ids, (torch.arange(n) >= cut).long() if case.token_types else torch.zeros(n).long(), None))
    for i, n in enumerate(case.target_lengths):
        ids = rows[i][0]
        ids[[0, len(ids) * 2 // 3]] = case.config.eos_token_id
        target = torch.randint(0, case.config.vocab_size, (n,), generator=generator)
        target[0] = case.config.decoder_start_token_id
        rows[i] = (*rows[i][:2], target)
    return rows


def logits_of(case, model, task, row, **options):
    """(logits [rows, columns], everything that the model gives)"""
    ids, types, target = row
    inputs = dict(input_ids=ids[None], attention_mask=torch.ones_like(ids)[None])
    if case.token_types:
        inputs["token_type_ids"] = types[None]
    if task == "seq2seq-lm":
        inputs["decoder_input_ids"] = target[None]
    out = model(**(inputs | options), output_hidden_states=True)
    if task == "question-answering":
        return torch.stack([out.start_logits[0], out.end_logits[0]], -1), out
    if task == "embedding":
        return F.normalize(out.last_hidden_state.mean(1)), out
    if task == "none":
        return None, out
    return (out.logits if out.logits.dim() == 2 else out.logits[0]), out


def all_logits(case, model, task, rows, **options):
    """options: of the forward pass; functions of (ids, types) give a row's own."""
    own = lambda row: {key: value(*row[:2]) if callable(value) else value for key, value in options.items()}
    with torch.no_grad():
        return torch.cat([logits_of(case, model, task, row, **own(row))[0] for row in rows])


def hidden_states(out):
    """{what names begin with: one stack's hidden states}"""
    if hasattr(out, "encoder_hidden_states"):
        return {"encoder.": out.encoder_hidden_states, "decoder.": out.decoder_hidden_states}
    return {"": out.hidden_states}


def values(case, models, rows):
    """Every recorded tensor, in the models' own precision."""
    found = {f"logits.{task}": all_logits(case, model, task, rows) for task, model in models.items()}
    task, model = next(iter(models.items()))
    parts = {}
    for row in rows:
        RECORD.clear()
        with torch.no_grad():
            _, out = logits_of(case, model, task, row)
        for stack, states in hidden_states(out).items():
            for i, h in enumerate(states):
                parts.setdefault(f"{stack}hidden.{i}", []).append(h[0])
        numbers = {}
        for layer in RECORD:
            stack = layer["stack"]
            numbers[stack] = numbers.get(stack, 0) + 1
            for kind in KINDS:
                x = layer[kind][0]
                # Rows of q, k and v as [tokens, heads * head_dim]; maps flat, one block after the other.
                x = x.transpose(0, 1).flatten(1) if kind in KINDS[2:] else x.flatten()
                parts.setdefault(f"{stack}{kind}.{numbers[stack]}", []).append(x)
    return found | {name: torch.cat(part) for name, part in parts.items()}


def largest(x):
    x = x[torch.isfinite(x)]
    return x.abs().max().item() if x.numel() else 0.0


def difference(a, b):
    """The largest one; infinite where an infinity stands in one of them only."""
    if not torch.equal(torch.isfinite(a), torch.isfinite(b)):
        return math.inf
    return largest(a.double() - b.double())


# ---- gradients ---------------------------------------------------------------------------------------


def cotangents(golden, tasks, generator):
    return {task: torch.randn(golden[f"logits.{task}"].shape, generator=generator) /
            golden[f"logits.{task}"].numel() ** 0.5 for task in tasks}


def gradients(case, models, rows, cotangent):
    """{parameter: gradient of the sum over heads of logits * cotangent}"""
    found = {}
    for task, model in models.items():
        model.zero_grad()
        logits = torch.cat([logits_of(case, model, task, row)[0] for row in rows])
        (logits * cotangent[task].to(logits.dtype)).sum().backward()
        for name, p in model.named_parameters():
            if p.grad is not None:
                name = full_name(case, model, task, name)
                found[name] = found.get(name, 0) + p.grad.clone()
        model.zero_grad()
    return found


# ---- writing -----------------------------------------------------------------------------------------


def versions():
    return {m.__name__: m.__version__.split("+")[0] for m in (torch, transformers, tokenizers, safetensors)}


def doubled(models):
    return {task: copy.deepcopy(model).double() for task, model in models.items()}


def check_faults(case, models, rows, golden, record):
    """Prints how far each fault moves the logits; whether all of them are felt."""
    weak = []
    print(f"{case.name} with seed {case.seed}: planted faults, movement of the logits in tolerances")
    for fault, (task, change) in case.faults.items():
        broken, options = copy.deepcopy(models[task]), {}
        if callable(change):
            change(broken)
        else:
            options = change
        logits = all_logits(case, broken, task, rows, **options)
        key = f"logits.{task}"
        moved = difference(logits, golden[key]) / record["tensors"][key]["tolerance"]
        print(f"  {fault:32} {moved:12.0f}")
        if not moved > 100:
            weak.append(fault)
    if weak:
        print(f"{case.name}: refused, not felt in the logits: {', '.join(weak)}")
    return not weak


def write_state(case, models, folder):
    """One file with the body and every head, under the names that transformers saves."""
    state = {}
    for task, model in models.items():
        tied = set(model.all_tied_weights_keys) if case.strip_prefix or task not in ("none", "embedding") else set()
        for name, value in model.state_dict().items():
            if name not in tied:
                state.setdefault(full_name(case, model, task, name), value.contiguous())
    safetensors.torch.save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
    return state


def write_case(out, case):
    """Whether every fault is felt; then the files are written."""
    generator = torch.Generator().manual_seed(case.seed)
    models = build(case)
    double = doubled(models)
    rows = random_rows(case, generator)
    golden, single = values(case, double, rows), values(case, models, rows)
    record = {"versions": versions(), "tasks": list(case.tasks), "tensors": {}}
    offsets = lambda lengths: torch.tensor([0, *lengths]).cumsum(0).int()
    tensors = {"ids": torch.cat([row[0] for row in rows]).int(), "types": torch.cat([row[1] for row in rows]).int(),
               "offsets": offsets(case.lengths)}
    if case.target_lengths:
        tensors |= {"targets": torch.cat([row[2] for row in rows]).int(),
                    "target_offsets": offsets(case.target_lengths)}
    for key, value in golden.items():
        error = difference(single[key], value)
        bound = max(1e-5 * largest(value), 4 * error)
        if not bound <= 1e-4 * largest(value):
            print(f"{case.name}: refused, f32 itself is off by {error:.3g} in {key} (up to {largest(value):.3g})")
            return False
        tensors[key] = value.float()
        record["tensors"][key] = {"tolerance": bound}
    if not check_faults(case, double, rows, golden, record):
        return False

    cotangent = cotangents(golden, case.tasks, generator)
    tensors |= {f"cotangent.{task}": value for task, value in cotangent.items()}
    exact, rounded = gradients(case, double, rows, cotangent), gradients(case, models, rows, cotangent)
    total = math.sqrt(sum(g.square().sum().item() for g in exact.values()))
    for name, g in exact.items():
        error, bound = (rounded[name].double() - g).norm().item(), 1e-4 * g.norm().item() + 1e-6 * total
        if not error <= bound / 2:
            print(f"{case.name}: gradient of {name}: refused, f32 itself is off by {error:.3g} of {bound:.3g}")
            return False
        tensors[f"grad.{name}"] = g.float()

    folder = out / case.name
    folder.mkdir(parents=True, exist_ok=True)
    config = next(iter(models.values())).config.to_dict()
    config.pop("_attn_implementation", None)
    config["architectures"] = [next(iter(case.tasks.values())).__name__]
    config["dtype"] = "float32"
    config |= case.config_changes
    config = {key: value for key, value in config.items() if case.config_changes.get(key, 0) is not None}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    state = write_state(case, models, folder)
    safetensors.torch.save_file({k: v.contiguous() for k, v in tensors.items()}, str(folder / "golden.safetensors"))
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    (folder / "golden.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"{case.name}: {sum(p.numel() for p in state.values())} numbers, "
          f"{sum(f.stat().st_size for f in folder.iterdir())} bytes")
    return True


def write_all(out, cases, only):
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for case in cases:
        if only and case.name not in only:
            continue
        # The form of a GELU is faint: some weights make it felt, others don't.
        for case.seed in range(1, SEEDS + 1):
            if write_case(out, case):
                break
        else:
            sys.exit(f"{case.name}: no seed makes every fault felt; choose larger weights")


def main(description, cases):
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("names", nargs="*", help="which cases (default: all)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    options = parser.parse_args()
    write_all(options.out, cases, options.names)
