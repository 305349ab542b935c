#!/usr/bin/env python3
"""Golden files of the encoders: see models.py for what they hold.

    pip install -r ../requirements.txt
    python encoders.py [--out DIR] [NAME ...]
"""

import torch
import transformers as hf

from models import Case, main

# Peaked attention and strong outputs make every part felt.
STD = {"embeddings": 0.7, "query": 1.3, "key": 1.3, "attention": 0.31, "intermediate": 0.5, "output.dense": 1.2,
       "ffn_output": 1.2, "ffn": 0.5, "transform": 0.6, "": 0.31}
# The forms of GELU differ most around -2, where little else comes through.
SHIFT = {"intermediate.dense": -1.8, "transform.dense": -2.2, "ffn.bias": -1.8, "predictions.dense": -2.2,
         "lm_head.dense": -2.2}
CLASSIFY, TOKENS, SPANS, WORDS, VECTOR = ("sequence-classification", "token-classification", "question-answering",
                                          "masked-lm", "embedding")


def classes(prefix):
    return {CLASSIFY: getattr(hf, prefix + "ForSequenceClassification"),
            TOKENS: getattr(hf, prefix + "ForTokenClassification"),
            SPANS: getattr(hf, prefix + "ForQuestionAnswering"),
            WORDS: getattr(hf, prefix + "ForMaskedLM"),
            VECTOR: getattr(hf, prefix + "Model")}


# ---- faults ------------------------------------------------------------------------------------------


def no_scale(model):
    for module in model.modules():
        if hasattr(module, "scaling"):
            module.scaling = 1.0


def set_activation(function, *names):
    """Replaces the activation functions that stand under these names in any module."""
    def change(model):
        found = 0
        for module in model.modules():
            for name in names:
                if hasattr(module, name):
                    setattr(module, name, function)
                    found += 1
        assert found
    return change


def zero(*parts):
    def change(model):
        found = [p.data.zero_() for name, p in model.named_parameters() if name.endswith(parts)]
        assert found
    return change


def swap(*pairs):
    """Swaps the parameters of two modules, wherever a module has both."""
    def change(model):
        modules = dict(model.named_modules())
        found = 0
        for name in modules:
            for a, b in pairs:
                first, second = modules.get(f"{name}.{a}"), modules.get(f"{name}.{b}")
                if first is not None and second is not None:
                    for x, y in zip(first.parameters(), second.parameters()):
                        x.data, y.data = y.data, x.data
                    found += 1
        assert found
    return change


def epsilon(value):
    def change(model):
        for module in model.modules():
            if isinstance(module, torch.nn.LayerNorm):
                module.eps = value
    return change


def interleaved_heads(heads, *parts):
    """Head h takes the columns h, h + heads, ... instead of a block."""
    def change(model):
        for name, p in model.named_parameters():
            if any(part in name for part in parts):
                size = p.shape[0] // heads
                p.data.copy_(p.data[torch.arange(p.shape[0]).view(size, heads).t().reshape(-1)])
    return change


def positions_from(first):
    return {"position_ids": lambda ids, types: torch.arange(first, first + len(ids))[None]}


NO_TYPES = {"token_type_ids": lambda ids, types: torch.zeros_like(types)[None]}
TANH_GELU, ERF_GELU = torch.nn.GELU(approximate="tanh"), torch.nn.GELU()
QKV = ("query", "key", "value")


def bert_faults(heads, position):
    return {
        "no 1/sqrt(d)": (CLASSIFY, no_scale),
        "interleaved heads": (CLASSIFY, interleaved_heads(heads, *QKV)),
        "no query bias": (CLASSIFY, zero("query.bias")),
        "no value bias": (CLASSIFY, zero("value.bias")),
        "position offset 1": (CLASSIFY, positions_from(position + 1)),
        "norm epsilon 1e-12": (CLASSIFY, epsilon(1e-12)),
    }


# ---- cases -------------------------------------------------------------------------------------------

LABELS = {"id2label": {0: "no", 1: "yes"}, "label2id": {"no": 0, "yes": 1}}  # two: spans have two ends
SMALL = dict(vocab_size=43, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=18,
             max_position_embeddings=16, layer_norm_eps=1e-2, **LABELS)
SWAP_NORMS = swap(("attention.output.LayerNorm", "output.LayerNorm"))


def bert():
    return Case("bert", hf.BertConfig(**SMALL, type_vocab_size=2, hidden_act="gelu_new", pad_token_id=0), classes("Bert"),
                bert_faults(3, 0) | {
                    "swapped norms": (CLASSIFY, SWAP_NORMS), "no token types": (CLASSIFY, NO_TYPES),
                    "erf GELU": (CLASSIFY, set_activation(ERF_GELU, "intermediate_act_fn")),
                    "erf GELU in the transform": (WORDS, set_activation(ERF_GELU, "transform_act_fn")),
                    "no vocabulary bias": (WORDS, zero("predictions.bias"))}, STD, SHIFT)


def distilbert():
    config = hf.DistilBertConfig(vocab_size=43, dim=12, n_layers=2, n_heads=3, hidden_dim=18, max_position_embeddings=16,
                                 activation="relu", pad_token_id=0, **LABELS)
    norms = swap(("sa_layer_norm", "output_layer_norm"))
    return Case("distilbert", config, classes("DistilBert"), {
        "no 1/sqrt(d)": (CLASSIFY, no_scale), "swapped norms": (CLASSIFY, norms),
        "interleaved heads": (CLASSIFY, interleaved_heads(3, "q_lin", "k_lin", "v_lin")),
        "GELU": (CLASSIFY, set_activation(ERF_GELU, "activation")),
        "no vocabulary bias": (WORDS, zero("vocab_projector.bias"))},
        {"embeddings": 0.7, "q_lin": 1.0, "k_lin": 1.0, "lin2": 0.9, "": 0.31}, token_types=False)


def roberta_faults(bias):
    return bert_faults(3, 4) | {
        "swapped norms": (CLASSIFY, SWAP_NORMS), "positions from 0": (CLASSIFY, positions_from(0)),
        "tanh GELU": (CLASSIFY, set_activation(TANH_GELU, "intermediate_act_fn")),
        "no hidden layer's bias": (CLASSIFY, zero("classifier.dense.bias")),
        "no vocabulary bias": (WORDS, zero(bias))}


def roberta():
    # The padding id decides where positions begin: real files have 1 and 514 rows.
    config = hf.RobertaConfig(**SMALL | {"max_position_embeddings": 20}, type_vocab_size=1, pad_token_id=3)
    return Case("roberta", config, classes("Roberta"), roberta_faults("lm_head.bias"), STD, SHIFT, token_types=False)


def xlm_roberta():
    config = hf.XLMRobertaConfig(**SMALL | {"max_position_embeddings": 20, "vocab_size": 41}, type_vocab_size=1,
                                 pad_token_id=3, tie_word_embeddings=False)
    return Case("xlm_roberta", config, classes("XLMRoberta"), roberta_faults("decoder.bias"), STD, SHIFT, token_types=False)


def electra(name, **changes):
    config = hf.ElectraConfig(**SMALL | changes, type_vocab_size=2, pad_token_id=0)
    faults = bert_faults(3, 0) | {
        "swapped norms": (CLASSIFY, SWAP_NORMS), "no token types": (CLASSIFY, NO_TYPES),
        "tanh GELU": (CLASSIFY, set_activation(TANH_GELU, "intermediate_act_fn")),
        "tanh for the head's GELU": (CLASSIFY, set_activation(torch.nn.Tanh(), "activation")),
        "no vocabulary bias": (WORDS, zero("generator_lm_head.bias"))}
    if config.embedding_size != config.hidden_size:
        faults["no projection bias"] = (CLASSIFY, zero("embeddings_project.bias"))
    return Case(name, config, classes("Electra"), faults, STD, SHIFT)


def albert():
    config = hf.AlbertConfig(**SMALL | {"num_hidden_layers": 4}, embedding_size=8, num_hidden_groups=2, type_vocab_size=2,
                             hidden_act="gelu_new", pad_token_id=0)
    one_group = swap(("albert_layer_groups.0", "albert_layer_groups.1"))
    return Case("albert", config, classes("Albert"), bert_faults(3, 0) | {
        "swapped norms": (CLASSIFY, swap(("attention.LayerNorm", "full_layer_layer_norm"))),
        "swapped groups": (CLASSIFY, one_group), "no token types": (CLASSIFY, NO_TYPES),
        "erf GELU": (CLASSIFY, set_activation(ERF_GELU, "activation")),
        "no pooler bias": (CLASSIFY, zero("pooler.bias")),
        "no vocabulary bias": (WORDS, zero("predictions.bias"))}, STD, SHIFT)


def mobilebert(name, **changes):
    config = hf.MobileBertConfig(**SMALL | {"hidden_size": 16, "hidden_act": "relu"}, type_vocab_size=2, pad_token_id=0,
                                 embedding_size=8, intra_bottleneck_size=12, num_feedforward_networks=3, **changes)
    std = {"embeddings": 0.4, "query": 0.4, "key": 0.4, "": 0.2}

    def reversed_trigram(model):
        weight = model.mobilebert.embeddings.embedding_transformation.weight
        weight.data.copy_(torch.cat(weight.data.split(8, 1)[::-1], 1))

    return Case(name, config, classes("MobileBert"), {
        "no 1/sqrt(d)": (CLASSIFY, no_scale), "interleaved heads": (CLASSIFY, interleaved_heads(3, *QKV)),
        "no token types": (CLASSIFY, NO_TYPES), "position offset 1": (CLASSIFY, positions_from(1)),
        "reversed trigram": (CLASSIFY, reversed_trigram),
        "GELU": (CLASSIFY, set_activation(ERF_GELU, "intermediate_act_fn")),
        "swapped norms": (CLASSIFY, swap(("attention.output.LayerNorm", "output.LayerNorm"))),
        "no second half of the decoder": (WORDS, zero("predictions.dense.weight")),
        "no vocabulary bias": (WORDS, zero("predictions.bias", "decoder.bias"))}, std)


def modernbert(name, **changes):
    config = hf.ModernBertConfig(
        vocab_size=43, hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=18,
        max_position_embeddings=64, norm_eps=1e-2, local_attention=4, global_attn_every_n_layers=3, pad_token_id=0,
        eos_token_id=2, bos_token_id=1, cls_token_id=1, sep_token_id=2, global_rope_theta=160.0, local_rope_theta=10.0,
        **LABELS, **changes)

    def all_layers(kind):
        def change(model):
            for layer in model.model.layers:
                layer.attention_type = kind
        return change

    def swapped_halves(model):
        for layer in model.model.layers:
            layer.mlp.Wi.weight.data.copy_(torch.cat(layer.mlp.Wi.weight.data.chunk(2)[::-1]))

    def tanh_glu(model):
        for layer in model.model.layers:
            layer.mlp.act = TANH_GELU

    def wider(model):
        for layer in model.model.layers:
            layer.attn.sliding_window = 4
        model.config.local_attention = 6

    return Case(name, config, classes("ModernBert"), {
        "global layers only": (CLASSIFY, all_layers("full_attention")),
        "local layers only": (CLASSIFY, all_layers("sliding_attention")),
        "a wider window": (CLASSIFY, wider),
        "gate and input swapped": (CLASSIFY, swapped_halves), "tanh GELU": (CLASSIFY, tanh_glu),
        "norm epsilon 1e-12": (CLASSIFY, epsilon(1e-12)),
        "swapped norms": (CLASSIFY, swap(("attn_norm", "mlp_norm")))},
        {"embeddings": 0.7, "Wqkv": 0.6, "mlp.Wi": 0.7, "mlp.Wo": 0.8, "": 0.4}, token_types=False, lengths=(5, 1, 13))


def cases():
    return [bert(), distilbert(), roberta(), xlm_roberta(),
            electra("electra", embedding_size=8), electra("electra_base", embedding_size=12, hidden_act="relu"),
            albert(), mobilebert("mobilebert"),
            mobilebert("mobilebert_layer_norm", normalization_type="layer_norm", classifier_activation=False,
                       use_bottleneck_attention=True),
            modernbert("modernbert"),
            modernbert("modernbert_biases", norm_bias=True, attention_bias=True, mlp_bias=True, decoder_bias=False,
                       classifier_bias=True, classifier_pooling="mean", classifier_activation="silu",
                       tie_word_embeddings=False)]


if __name__ == "__main__":
    main(__doc__, cases())
