"""Writes losses.txt: inputs, losses and gradients of PyTorch's loss functions and RMS norm, in f64.

    python tests/golden/losses.py        # needs the torch of requirements.txt

Each line is a name and its numbers in row-major order. tests/engine/test_losses.cpp reads them.
"""
import pathlib

import torch
import torch.nn.functional as F

assert torch.__version__.split("+")[0] == "2.15.0", torch.__version__
ROWS, COLUMNS = 6, 5


def main():
    generator = torch.Generator().manual_seed(7)

    def draw(*shape):
        # Multiples of 1/64: f32 holds them exactly.
        return torch.round(torch.randn(*shape, generator=generator, dtype=torch.float64) * 64) / 64

    x, y = draw(ROWS, COLUMNS) * 2, draw(ROWS, COLUMNS) * 2
    targets = torch.round(torch.rand(ROWS, COLUMNS, generator=generator, dtype=torch.float64) * 8) / 8
    positive_weight = draw(COLUMNS).abs() + 0.25
    weight = draw(COLUMNS)
    signs = torch.tensor([1, -1, 1, -1, -1, 1])
    upstream = draw(ROWS, COLUMNS)
    lines = []

    def put(name, value):
        lines.append(name + "".join(f" {v!r}" for v in value.detach().double().flatten().tolist()))

    def loss(name, f):
        a, b = x.clone().requires_grad_(), y.clone().requires_grad_()
        value = f(a, b)
        value.backward()
        put(name, value)
        put(name + ".da", a.grad)
        if b.grad is not None:
            put(name + ".db", b.grad)

    for name, value in dict(x=x, y=y, targets=targets, positive_weight=positive_weight, weight=weight,
                            signs=signs, upstream=upstream).items():
        put(name, value)
    loss("binary_cross_entropy", lambda a, b: F.binary_cross_entropy_with_logits(
        a, targets, pos_weight=positive_weight))
    loss("mse", lambda a, b: F.mse_loss(a, b))
    for beta in (0.0, 0.5, 2.0):
        loss(f"smooth_l1({beta})", lambda a, b: F.smooth_l1_loss(a, b, beta=beta))
    loss("cosine_embedding", lambda a, b: F.cosine_embedding_loss(a, b, signs, margin=0.25))

    def logs(a, b):
        return F.log_softmax(a / 2, -1), F.log_softmax(b.detach() / 2, -1)

    def divergence(a, b, beta):
        q, p = logs(a, b)
        if beta == 0:
            return F.kl_div(q, p, reduction="batchmean", log_target=True)
        if beta == 1:
            return F.kl_div(p, q, reduction="batchmean", log_target=True)
        m = torch.log(beta * p.exp() + (1 - beta) * q.exp())
        return (beta * F.kl_div(m, p, reduction="batchmean", log_target=True)
                + (1 - beta) * F.kl_div(m, q, reduction="batchmean", log_target=True))

    for beta in (0.0, 0.25, 1.0):
        loss(f"divergence({beta})", lambda a, b: divergence(a, b, beta))

    for offset in (0, 1):
        a, w = x.clone().requires_grad_(), weight.clone().requires_grad_()
        out = F.rms_norm(a, (COLUMNS,), w + offset, eps=1e-5)
        out.backward(upstream)
        put(f"rms_norm({offset})", out)
        put(f"rms_norm({offset}).dx", a.grad)
        put(f"rms_norm({offset}).dweight", w.grad)

    (pathlib.Path(__file__).parent / "losses.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
