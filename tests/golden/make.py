#!/usr/bin/env python3
"""Golden files: tiny BERT and DistilBERT classifiers computed by PyTorch and transformers in f64.

    pip install -r requirements.txt
    python make.py --out tests/golden          # the same files every time, on one machine

For each model, OUT/NAME/ is a Hugging Face model directory (config.json, model.safetensors in f32) plus
golden.safetensors (inputs and results) and golden.json (what each tensor is compared with). Everything is
ragged: the tokens of all sequences end to end, without padding; `offsets` says where each one begins.

At the usual initialisation (std 0.02, zero biases) a model with broken attention still agrees to 1e-6. So
weights here have a std of at least 0.3, biases are random and norm weights aren't 1, and this script
refuses to write a model on which a planted fault (no 1/sqrt(d), no mask, swapped norms, tanh GELU, no
token types, shifted positions, ...) moves the logits by less than 100 times the tolerance.

Tolerance of a tensor of values: max(1e-5 * max |golden|, 4 * f32_error), f32_error being what the
reference itself loses in f32; a model where that passes 1e-4 * max |golden| is refused.
Gradients: |g - golden| <= 1e-4 * |golden| + 1e-6 * |all golden gradients| (2-norms).
"""

import argparse
import copy
import json
import math
import os
import pathlib
import sys

os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import safetensors.torch
import tokenizers
import torch
import torch.nn.functional as F
import transformers
from transformers import (BertConfig, BertForSequenceClassification, DistilBertConfig,
                          DistilBertForSequenceClassification)

VOCAB, HIDDEN, HEADS, INTERMEDIATE, POSITIONS, LABELS = 97, 24, 4, 40, 40, 3
EPSILON = 1e-2  # BERT's norms, unlike the usual 1e-12: one that ignores the config is found out
PAD = 0  # never a real token here: PyTorch gives the padding row no gradient
# The std of each weight, by the first part that is in its name; peaked attention and a strong feed-forward
# output make the form of the GELU felt, which is the faintest of the planted faults.
STD = {"embeddings": 0.7, "query": 1.0, "key": 1.0, "q_lin": 1.0, "k_lin": 1.0, "attention": 0.31, "output.dense": 0.9,
       "lin2": 0.9, "": 0.31}
TEACHER_SEED, STUDENT_SEED, DATA_SEED = 28, 31, 20
LENGTHS = (5, 1, 17, 9)
TRAIN_BATCHES = 4
TRAIN_STEPS = 20
TEMPERATURE, ALPHA = 3.0, 0.7
ADAMW = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-8)
DECAY, CLIP, WARMUP = 0.01, 1.0, 0.1
LABELS_BY_ID = {0: "unrelated", 1: "related", 2: "same"}
IDS_BY_LABEL = {label: i for i, label in LABELS_BY_ID.items()}
TRAIN_TOLERANCE = 1e-4   # of the losses
NORM_TOLERANCE = 2e-6    # of the final weights' norms, relative


# ---- models and inputs -------------------------------------------------------------------------------


def is_norm(name):
    return "LayerNorm" in name or "layer_norm" in name


def randomise(model, generator):
    """Weights large enough that every part of the model is felt in the logits."""
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=generator, dtype=torch.float32)
            if is_norm(name) and name.endswith("weight"):
                p.copy_(1 + 0.3 * noise)
            elif p.dim() == 1:
                p.copy_(0.3 * noise)
            else:
                p.copy_(next(std for part, std in STD.items() if part in name) * noise)
    return model.eval()


def bert(generator):
    return randomise(BertForSequenceClassification(BertConfig(
        vocab_size=VOCAB, hidden_size=HIDDEN, num_hidden_layers=3, num_attention_heads=HEADS,
        intermediate_size=INTERMEDIATE, max_position_embeddings=POSITIONS, type_vocab_size=2,
        layer_norm_eps=EPSILON, pad_token_id=PAD, id2label=LABELS_BY_ID, label2id=IDS_BY_LABEL, attn_implementation="eager")), generator)


def distilbert(generator):
    return randomise(DistilBertForSequenceClassification(DistilBertConfig(
        vocab_size=VOCAB, dim=HIDDEN, n_layers=2, n_heads=HEADS, hidden_dim=INTERMEDIATE,
        max_position_embeddings=POSITIONS, pad_token_id=PAD, id2label=LABELS_BY_ID, label2id=IDS_BY_LABEL,
        attn_implementation="eager")), generator)


def random_sequences(lengths, generator):
    """[(ids, types, label)]: types begin with 0 and change to 1 once, as those of a pair do."""
    rows = []
    for n in lengths:
        ids = torch.randint(1, VOCAB, (n,), generator=generator)
        cut = int(torch.randint(1, n + 1, (1,), generator=generator))
        types = (torch.arange(n) >= cut).long()
        rows.append((ids, types, int(torch.randint(0, LABELS, (1,), generator=generator))))
    return rows


def padded(rows):
    width = max(len(ids) for ids, _, _ in rows)
    ids, types, mask = (torch.zeros(len(rows), width, dtype=torch.long) for _ in range(3))
    for i, (a, t, _) in enumerate(rows):
        ids[i, :len(a)], types[i, :len(a)], mask[i, :len(a)] = a, t, 1
    return ids, types, mask, torch.tensor([y for _, _, y in rows])


def run(model, ids, types, mask, **options):
    inputs = dict(input_ids=ids, attention_mask=mask, **options)
    if model.config.model_type == "bert":
        inputs["token_type_ids"] = types
    return model(**inputs)


def ragged(rows, prefix):
    lengths = torch.tensor([len(ids) for ids, _, _ in rows])
    return {
        prefix + "ids": torch.cat([ids for ids, _, _ in rows]).to(torch.int32),
        prefix + "types": torch.cat([types for _, types, _ in rows]).to(torch.int32),
        prefix + "offsets": torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)]).to(torch.int32),
        prefix + "labels": torch.tensor([y for _, _, y in rows], dtype=torch.int32),
    }


# ---- values ------------------------------------------------------------------------------------------


def values(model, rows):
    """logits and hidden.0 ... hidden.N over the real tokens, in the model's own precision."""
    ids, types, mask, _ = padded(rows)
    with torch.no_grad():
        out = run(model, ids, types, mask, output_hidden_states=True)
    found = {"logits": out.logits}
    for i, h in enumerate(out.hidden_states):
        found[f"hidden.{i}"] = h[mask.bool()]
    return found


def values_one_by_one(model, rows):
    """The same without any padding."""
    parts = [values(model, [row]) for row in rows]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def largest(x):
    return x.abs().max().item() if x.numel() else 0.0


def tolerance(golden, f32_error):
    return max(1e-5 * largest(golden), 4 * f32_error)


# ---- planted faults ----------------------------------------------------------------------------------


def layers_of(model):
    return model.bert.encoder.layer if model.config.model_type == "bert" else model.distilbert.transformer.layer


def no_scale(model):
    for module in model.modules():
        if hasattr(module, "scaling"):
            module.scaling = 1.0


def swapped_norms(model):
    for layer in layers_of(model):
        if model.config.model_type == "bert":
            a, b = layer.attention.output.LayerNorm, layer.output.LayerNorm
            layer.attention.output.LayerNorm, layer.output.LayerNorm = b, a
        else:
            layer.sa_layer_norm, layer.output_layer_norm = layer.output_layer_norm, layer.sa_layer_norm


def tanh_gelu(model):
    gelu = torch.nn.GELU(approximate="tanh")
    for layer in layers_of(model):
        if model.config.model_type == "bert":
            layer.intermediate.intermediate_act_fn = gelu
        else:
            layer.ffn.activation = gelu


def no_attention_bias(model):
    for name, p in model.named_parameters():
        if name.endswith(("value.bias", "v_lin.bias")):
            p.data.zero_()


def no_query_bias(model):
    for name, p in model.named_parameters():
        if name.endswith(("query.bias", "q_lin.bias")):
            p.data.zero_()


def heads_interleaved(model):
    """Head h takes the columns h, h + heads, ... instead of a block."""
    size = HIDDEN // HEADS
    order = torch.arange(HIDDEN).view(size, HEADS).t().reshape(-1)
    for name, p in model.named_parameters():
        if any(part in name for part in ("query", "key", "value", "q_lin", "k_lin", "v_lin")):
            p.data.copy_(p.data[order])


def usual_epsilon(model):
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-12


def head_activation(model):
    """BERT's pooler without tanh; DistilBERT's pre_classifier with tanh for ReLU."""
    if model.config.model_type == "bert":
        model.bert.pooler.activation = torch.nn.Identity()
    else:
        model.pre_classifier = torch.nn.Sequential(model.pre_classifier, torch.nn.Tanh())  # then ReLU


def faulty_logits(model, rows):
    """{fault: logits of the model that has it}"""
    ids, types, mask, _ = padded(rows)
    faults = {}

    def plant(name, change=None, ids=ids, types=types, mask=mask, **options):
        broken = copy.deepcopy(model)
        if change:
            change(broken)
        with torch.no_grad():
            faults[name] = run(broken, ids, types, mask, **options).logits

    plant("no 1/sqrt(d)", no_scale)
    plant("no mask", mask=torch.ones_like(mask))
    plant("swapped norms", swapped_norms)
    plant("tanh GELU", tanh_gelu)
    plant("position offset 1", position_ids=1 + torch.arange(ids.shape[1]).expand_as(ids))
    plant("no value bias", no_attention_bias)
    plant("no query bias", no_query_bias)
    plant("interleaved heads", heads_interleaved)
    plant("head activation", head_activation)
    if model.config.model_type == "bert":
        plant("no token types", types=torch.zeros_like(types))
        plant("norm epsilon 1e-12", usual_epsilon)
    return faults


def check_faults(name, model, rows, golden, bound):
    print(f"{name}: planted faults, movement of the logits in tolerances (each must pass 100)")
    weak = []
    for fault, logits in faulty_logits(model, rows).items():
        moved = largest(logits - golden) / bound
        print(f"  {fault:20} {moved:12.0f}")
        if not moved > 100:
            weak.append(fault)
    if weak:
        sys.exit(f"{name}: refused, not felt in the logits: {', '.join(weak)}; choose larger weights")


# ---- losses and gradients ----------------------------------------------------------------------------


def kd_loss(student, teacher, labels, alpha=ALPHA, squared=True):
    """alpha * T^2 * KL(teacher || student) + (1 - alpha) * CE; both means over the batch."""
    soft = F.kl_div(F.log_softmax(student / TEMPERATURE, -1), F.softmax(teacher / TEMPERATURE, -1),
                    reduction="batchmean") * (TEMPERATURE ** 2 if squared else 1)
    hard = F.cross_entropy(student, labels)
    return alpha * soft + (1 - alpha) * hard, soft, hard


def gradients(model, rows, teacher=None):
    """(loss, soft, hard), {parameter: gradient}; plain cross entropy without a teacher."""
    ids, types, mask, labels = padded(rows)
    model.zero_grad()
    logits = run(model, ids, types, mask).logits
    if teacher is None:
        loss = soft = hard = F.cross_entropy(logits, labels)
    else:
        with torch.no_grad():
            target = run(teacher, ids, types, mask).logits
        loss, soft, hard = kd_loss(logits, target, labels)
    loss.backward()
    found = {n: p.grad.clone() for n, p in model.named_parameters()}
    model.zero_grad()
    return (loss.item(), soft.item(), hard.item()), found


def add_gradients(record, tensors, prefix, golden, single):
    total = math.sqrt(sum(g.square().sum().item() for g in golden.values()))
    record["all_gradients_norm"] = total
    for name, g in golden.items():
        error = (single[name].double() - g).norm().item()
        bound = 1e-4 * g.norm().item() + 1e-6 * total
        if not error <= bound / 4:
            sys.exit(f"gradient of {name}: refused, f32 itself is off by {error:.3g} of {bound:.3g}")
        tensors[prefix + name] = g
        record["tensors"][prefix + name] = {"norm": g.norm().item(), "max_abs": largest(g),
                                            "f32_error_norm": error}


# ---- training ----------------------------------------------------------------------------------------


def schedule(step, total=TRAIN_STEPS):
    """The factor of the learning rate at `step`, counted from 0, so that the first one moves nothing."""
    warmup = WARMUP * total
    return step / warmup if step < warmup else (total - step) / (total - warmup)


def no_decay(name):
    return name.endswith("bias") or is_norm(name)


def train(student, teacher, batches, decay=DECAY, clip=CLIP, decay_all=False, shift=0, alpha=ALPHA,
          squared=True, lr=ADAMW["lr"], coupled=False, betas=ADAMW["betas"]):
    """20 KD steps over the batches in turn, without dropout. One record per step, and the student."""
    student = copy.deepcopy(student).eval()
    groups = [dict(params=[p for n, p in student.named_parameters() if no_decay(n) == flat],
                   weight_decay=0.0 if flat and not decay_all else decay) for flat in (False, True)]
    kind = torch.optim.Adam if coupled else torch.optim.AdamW
    optimiser = kind(groups, lr=lr, betas=betas, eps=ADAMW["eps"], foreach=False, fused=False)
    log = []
    for step in range(TRAIN_STEPS):
        ids, types, mask, labels = padded(batches[step % len(batches)])
        with torch.no_grad():
            target = run(teacher, ids, types, mask).logits
        loss, soft, hard = kd_loss(run(student, ids, types, mask).logits, target, labels, alpha, squared)
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(student.parameters(), clip)
        for group in optimiser.param_groups:
            group["lr"] = lr * schedule(step + shift)
        optimiser.step()
        log.append(dict(loss=loss.item(), soft=soft.item(), hard=hard.item(), grad_norm=norm.item(),
                        lr=lr * schedule(step + shift)))
    return log, student


def nudged(model, seed):
    """The model with its weights off by about as much as f32 rounds."""
    generator, model = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1 + 2e-7 * torch.randn(p.shape, generator=generator))
    return model


def furthest(a, b):
    return max(abs(x[k] - y[k]) for x, y in zip(a, b) for k in ("loss", "soft", "hard"))


def check_training_faults(student, teacher, batches, golden, weights):
    print(f"training: planted faults, movement of the losses in tolerances of {TRAIN_TOLERANCE:g} (each must "
          "pass 10), and of the final weights' norms (decay must pass 10)")
    faults = {
        "no clip": dict(clip=1e9), "schedule off by one": dict(shift=1), "alpha swapped": dict(alpha=1 - ALPHA),
        "no T^2": dict(squared=False), "beta2 0.99": dict(betas=(0.9, 0.99)),
        "no decay": dict(decay=0.0), "decay on everything": dict(decay_all=True), "decay in the gradient": dict(coupled=True),
    }
    weak = []
    for fault, options in faults.items():
        log, broken = train(student, teacher, batches, **options)
        moved = furthest(log, golden) / TRAIN_TOLERANCE
        norms = final_norms(broken)
        shift = max(abs(norms[n] - weights[n]) / weights[n] for n in norms) / NORM_TOLERANCE
        print(f"  {fault:22} {moved:12.1f} {shift:12.1f}")
        if not (shift if "decay" in fault else moved) > 10:
            weak.append(fault)
    if weak:
        sys.exit(f"training: refused, not felt: {', '.join(weak)}")


def final_norms(model):
    """2-norms of the trained weights; key biases have no gradient but rounding noise, which Adam amplifies."""
    return {n: p.detach().double().norm().item() for n, p in model.named_parameters()
            if not n.endswith(("key.bias", "k_lin.bias"))}


# ---- writing -----------------------------------------------------------------------------------------


def versions():
    return {m.__name__: m.__version__.split("+")[0] for m in (torch, transformers, tokenizers, safetensors)}


def write_model(out, name, model, rows, extra):
    """The model directory with the values of `rows`; extra(record, tensors) adds what else is recorded."""
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    double = copy.deepcopy(model).double()
    golden, single = values(double, rows), values(model, rows)
    alone, alone_single = values_one_by_one(double, rows), values_one_by_one(model, rows)
    record = {"versions": versions(), "model_type": model.config.model_type,
              "parameters": sum(p.numel() for p in model.parameters()), "tensors": {}}
    tensors = ragged(rows, "")
    for key, value in golden.items():
        if not largest(alone[key] - value) <= 1e-12 * largest(value):
            sys.exit(f"{name}: {key} depends on padding")
        error = max(largest(single[key].double() - value), largest(alone_single[key].double() - value))
        bound = tolerance(value, error)
        if not bound <= 1e-4 * largest(value):
            sys.exit(f"{name}: refused, f32 itself is off by {error:.3g} in {key}")
        tensors[key] = value
        record["tensors"][key] = {"max_abs": largest(value), "f32_error": error, "tolerance": bound}
    check_faults(name, double, rows, golden["logits"], record["tensors"]["logits"]["tolerance"])
    extra(record, tensors)

    config = model.config.to_dict()
    config.pop("_attn_implementation", None)
    config["architectures"] = [type(model).__name__]
    config["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    safetensors.torch.save_file(state, str(folder / "model.safetensors"), metadata={"format": "pt"})
    safetensors.torch.save_file({k: v.contiguous() for k, v in tensors.items()},
                                str(folder / "golden.safetensors"))
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    (folder / "golden.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"{name}: {record['parameters']} parameters, logits up to {largest(golden['logits']):.3f}, "
          f"{sum(f.stat().st_size for f in folder.iterdir())} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    out = parser.parse_args().out
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    teacher = bert(torch.Generator().manual_seed(TEACHER_SEED))
    student = distilbert(torch.Generator().manual_seed(STUDENT_SEED))
    generator = torch.Generator().manual_seed(DATA_SEED)
    rows = random_sequences(LENGTHS, generator)
    batches = [random_sequences(torch.randint(1, 15, (4,), generator=generator).tolist(), generator)
               for _ in range(TRAIN_BATCHES)]
    teacher64, student64 = copy.deepcopy(teacher).double(), copy.deepcopy(student).double()

    def bert_extra(record, tensors):
        losses, golden = gradients(teacher64, rows)
        record["ce"] = {"loss": losses[0]}
        add_gradients(record, tensors, "ce_grad.", golden, gradients(teacher, rows)[1])

    def distilbert_extra(record, tensors):
        losses, golden = gradients(student64, rows, teacher64)
        record["kd"] = {"teacher": "bert_tiny", "temperature": TEMPERATURE, "alpha": ALPHA,
                        "loss": losses[0], "soft": losses[1], "hard": losses[2]}
        add_gradients(record, tensors, "kd_grad.", golden, gradients(student, rows, teacher)[1])

        log64, trained64 = train(student64, teacher64, batches)
        log32, trained32 = train(student, teacher, batches)
        # Another f32 implementation rounds differently: so it is for weights that are a rounding away.
        off = max(furthest(log, log64) for log in [log32] + [
            train(nudged(student, seed), teacher, batches)[0] for seed in range(4)])
        norms64, norms32 = final_norms(trained64), final_norms(trained32)
        norm_off = max(abs(norms32[n] - norms64[n]) / norms64[n] for n in norms64)
        print(f"training: loss {log64[0]['loss']:.4f} -> {log64[-1]['loss']:.4f}; f32 is off by {off:.2g}, "
              f"final norms by {norm_off:.2g}")
        print("  " + " ".join(f"{x['loss']:.4f}" for x in log64))
        if not off <= TRAIN_TOLERANCE / 4 or not norm_off <= NORM_TOLERANCE / 4:
            sys.exit("training: refused, f32 itself is too far off")
        check_training_faults(student64, teacher64, batches, log64, norms64)
        for i, batch in enumerate(batches):
            tensors.update(ragged(batch, f"train.{i}."))
        record["training"] = {
            "teacher": "bert_tiny", "steps": TRAIN_STEPS, "batches": TRAIN_BATCHES,
            "temperature": TEMPERATURE, "alpha": ALPHA, **ADAMW, "weight_decay": DECAY, "clip": CLIP,
            "warmup": WARMUP, "no_decay": [n for n, _ in student.named_parameters() if no_decay(n)],
            "tolerance": TRAIN_TOLERANCE, "f32_error": off, "f64": log64, "f32": log32,
            "final_norms": norms64, "final_norms_tolerance": NORM_TOLERANCE,
        }

    write_model(out, "bert_tiny", teacher, rows, bert_extra)
    write_model(out, "distilbert_tiny", student, rows, distilbert_extra)


if __name__ == "__main__":
    main()
