#!/usr/bin/env python3
"""Writes problems.json: what transformers makes of the problem_type of a sequence classifier, and what
scikit-learn and scipy make of predictions.

    python tests/golden/problems.py        # needs requirements.txt

Losses and the gradient of the classifier are those of the tiny BERT of bert_tiny in f64, for labels of
every problem; problem_type is given, or left to transformers' rule (one label: regression; integers:
single labels; else label sets). tests/app/test_problems.cpp reads them.
"""
import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path = [p for p in sys.path if pathlib.Path(p or ".").resolve() != HERE]  # tokenizers.py here is not the package
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import numpy as np
import scipy.stats
import torch
import transformers
from sklearn.metrics import accuracy_score, f1_score
from transformers import BertForSequenceClassification

assert torch.__version__.split("+")[0] == "2.15.0", torch.__version__
assert transformers.__version__ == "5.23.0", transformers.__version__
LENGTHS = (7, 3, 12, 5)
SETS = [[1, 0, 1], [0, 0, 0], [0, 1, 0], [1, 1, 1]]
SINGLE = [2, 0, 1, 1]
NUMBERS = [[0.5, -1.25, 3.0], [2.0, 0.0, -0.75], [-4.0, 1.5, 0.25], [1.0, 1.0, -2.5]]


def model_with(labels, problem):
    model = BertForSequenceClassification.from_pretrained(HERE / "bert_tiny", dtype=torch.float64,
                                                          attn_implementation="eager")
    model.eval()
    if labels == 1:  # the first row of the classifier
        classifier = torch.nn.Linear(model.config.hidden_size, 1, dtype=torch.float64)
        classifier.weight.data = model.classifier.weight.data[:1].clone()
        classifier.bias.data = model.classifier.bias.data[:1].clone()
        model.classifier, model.num_labels = classifier, 1
    model.config.num_labels = labels
    model.config.problem_type = problem
    return model


def case(labels, problem, targets, sequences):
    model = model_with(labels, problem)
    width = max(LENGTHS)
    ids = torch.tensor([s + [0] * (width - len(s)) for s in sequences])
    mask = torch.tensor([[1] * len(s) + [0] * (width - len(s)) for s in sequences])
    output = model(input_ids=ids, attention_mask=mask, labels=targets)
    output.loss.backward()
    return {"labels": labels, "given": problem, "problem": model.config.problem_type,
            "targets": targets.double().flatten().tolist(), "logits": output.logits.flatten().tolist(),
            "loss": output.loss.item(), "gradient": model.classifier.weight.grad.flatten().tolist()}


def metrics():
    random = np.random.default_rng(4)
    expected = random.integers(0, 2, (9, 4))
    expected[:, 3] = 0  # a label that never occurs
    logits = np.round(random.normal(size=(9, 4)) * 8) / 8
    logits[:3] = np.where(expected[:3] > 0, 1, -1)
    logits[:, 3] = -1
    logits[4, 0] = 0  # a probability of exactly a half counts as yes
    predicted = (1 / (1 + np.exp(-logits)) >= 0.5).astype(int)
    a = np.round(random.normal(size=12) * 4) / 4  # with ties
    b = np.round((a + random.normal(size=12)) * 4) / 4
    return {
        "sets": {"expected": expected.flatten().tolist(), "logits": logits.flatten().tolist(),
                 "exact_match": accuracy_score(expected, predicted),
                 "micro_f1": f1_score(expected, predicted, average="micro", zero_division=0),
                 "macro_f1": f1_score(expected, predicted, average="macro", zero_division=0)},
        "numbers": {"expected": a.tolist(), "predicted": b.tolist(),
                    "pearson": float(scipy.stats.pearsonr(a, b)[0]),
                    "spearman": float(scipy.stats.spearmanr(a, b)[0]),
                    "mse": float(np.mean((a - b) ** 2))},
    }


def main():
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(11)
    sequences = [torch.randint(1, 97, (length,), generator=generator).tolist() for length in LENGTHS]
    single, sets = torch.tensor(SINGLE), torch.tensor(SETS, dtype=torch.float64)
    numbers = torch.tensor(NUMBERS, dtype=torch.float64)
    cases = [case(3, "single_label_classification", single, sequences),
             case(3, "multi_label_classification", sets, sequences),
             case(3, "regression", numbers, sequences),
             case(1, "regression", numbers[:, 0].clone(), sequences),
             case(3, None, single, sequences),
             case(3, None, sets, sequences),
             case(1, None, numbers[:, 0].clone(), sequences)]
    result = {"sequences": sequences, "cases": cases, "metrics": metrics()}
    (HERE / "problems.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
