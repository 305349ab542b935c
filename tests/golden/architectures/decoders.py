#!/usr/bin/env python3
"""Golden files of the decoders: see models.py for what they hold.

    pip install -r ../requirements.txt
    python decoders.py [--out DIR] [NAME ...]
"""

import torch
import transformers as hf
from transformers.models.gpt_neo import modeling_gpt_neo

from encoders import TANH_GELU, ERF_GELU, CLASSIFY, TOKENS, VECTOR, no_scale, set_activation, swap, zero
from models import Case, recording_attention, main

NEXT = "causal-lm"
LENGTHS = (5, 1, 12)
LABELS = {"id2label": {0: "no", 1: "maybe", 2: "yes"}, "label2id": {"no": 0, "maybe": 1, "yes": 2}}
SMALL = dict(vocab_size=43, hidden_size=12, num_hidden_layers=2, intermediate_size=18, max_position_embeddings=64,
             rms_norm_eps=1e-2, pad_token_id=0, bos_token_id=1, eos_token_id=2, **LABELS)
STD = {"embed_tokens": 0.7, "wte": 0.7, "wpe": 0.5, "q_proj": 0.8, "k_proj": 0.8, "c_attn": 0.6, "lm_head": 0.4, "": 0.35}
# So small an original context that rotations of every speed occur: divided, blended and kept.
LLAMA3 = dict(rope_type="llama3", rope_theta=100.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=12)


def classes(prefix, causal=None, tokens=True):
    found = {NEXT: causal or getattr(hf, prefix + "ForCausalLM"),
             CLASSIFY: getattr(hf, prefix + "ForSequenceClassification")}
    if tokens:
        found[TOKENS] = getattr(hf, prefix + "ForTokenClassification")
    return found | {VECTOR: getattr(hf, prefix + "Model")}


# GPT-Neo has attention of its own, which computes in f32 whatever the model is in.
class RecordingNeo(modeling_gpt_neo.GPTNeoSelfAttention):
    def _attn(self, query, key, value, attention_mask=None):
        n = key.shape[-2]
        mask = torch.where(self.bias[:, :, :n, :n], 0.0, torch.finfo(torch.float32).min)
        if attention_mask is not None and not attention_mask.any():  # a fault: everything is seen
            mask = torch.zeros_like(mask)
        mixed, probabilities = recording_attention(self, query, key, value, mask, scaling=self.scale)
        return mixed.transpose(1, 2), probabilities

    scale = 1.0


modeling_gpt_neo.GPT_NEO_ATTENTION_CLASSES["recording"] = RecordingNeo


# ---- faults ------------------------------------------------------------------------------------------


def everything_seen(ids, types):
    return torch.zeros(1, 1, len(ids), len(ids))


NO_MASK = {"attention_mask": everything_seen}
DOUBLE_POSITIONS = {"position_ids": lambda ids, types: 2 * torch.arange(len(ids))[None]}


def rope(name, change):
    def broken(model):
        embedding = next(m for m in model.modules() if hasattr(m, name))
        setattr(embedding, name, change(getattr(embedding, name)))
    return broken


def other_theta(frequencies):
    return frequencies ** 0.9


def unscaled(theta):
    return lambda frequencies: theta ** (-torch.arange(len(frequencies)) / len(frequencies))


def rms_epsilon(value):
    def change(model):
        for module in model.modules():
            for name in ("variance_epsilon", "eps"):
                if hasattr(module, name):
                    setattr(module, name, value)
    return change


def regrouped(heads, key_heads, part):
    """Query head h shares the keys of head h % key_heads instead of h // (heads / key_heads)."""
    def change(model):
        order = torch.arange(heads).view(heads // key_heads, key_heads).t().reshape(-1)
        for name, p in model.named_parameters():
            if part in name:
                p.data.copy_(p.data.unflatten(0, (heads, -1))[order].flatten(0, 1))
    return change


def config_value(name, value):
    def change(model):
        for module in model.modules():
            for owner in (module, getattr(module, "config", None)):
                if hasattr(owner, name):
                    setattr(owner, name, value)
    return change


def layer_types(kind):
    def change(model):
        model.config.layer_types = [kind] * len(model.config.layer_types)
        for module in model.modules():
            if hasattr(module, "attention_type") and isinstance(module.attention_type, str):
                module.attention_type = kind
            if hasattr(module, "layer_type"):
                module.layer_type = kind
    return change


def ones(*parts):
    def change(model):
        found = [p.data.fill_(1) for name, p in model.named_parameters() if name.endswith(parts)]
        assert found
    return change


def llama_faults(heads=4, key_heads=2, activation=TANH_GELU):
    faults = {
        "no 1/sqrt(d)": (NEXT, no_scale),
        "everything seen": (NEXT, NO_MASK),
        "positions doubled": (NEXT, DOUBLE_POSITIONS),
        "another theta": (NEXT, rope("inv_freq", other_theta)),
        "another activation": (NEXT, set_activation(activation, "act_fn")),
        "gate and up swapped": (NEXT, swap(("gate_proj", "up_proj"))),
        "swapped norms": (NEXT, swap(("input_layernorm", "post_attention_layernorm"))),
        "norm epsilon 1e-6": (NEXT, rms_epsilon(1e-6)),
    }
    if key_heads < heads:
        faults["heads grouped otherwise"] = (NEXT, regrouped(heads, key_heads, "q_proj"))
    return faults


# ---- cases -------------------------------------------------------------------------------------------


def llama():
    config = hf.LlamaConfig(**SMALL, num_attention_heads=4, num_key_value_heads=2, head_dim=10, rope_parameters=LLAMA3,
                            attention_bias=True, mlp_bias=True, tie_word_embeddings=False)
    return Case("llama", config, classes("Llama"), llama_faults() | {
        "no llama3 scaling": (NEXT, rope("inv_freq", unscaled(100.0))),
        "no query bias": (NEXT, zero("q_proj.bias")), "no output bias": (NEXT, zero("o_proj.bias")),
        "no gate bias": (NEXT, zero("gate_proj.bias")),
        "no bias of labels": (TOKENS, zero("score.bias"))}, STD, token_types=False, lengths=LENGTHS)


def llama_tied():
    config = hf.LlamaConfig(**SMALL | {"num_hidden_layers": 3, "vocab_size": 41}, num_attention_heads=3, hidden_act="gelu",
                            rope_parameters=dict(rope_type="linear", factor=2.5, rope_theta=50.0), tie_word_embeddings=True)
    return Case("llama_tied", config, classes("Llama"), llama_faults(3, 3) | {
        "no linear scaling": (NEXT, rope("inv_freq", unscaled(50.0)))}, STD, token_types=False, lengths=LENGTHS)


def mistral():
    config = hf.MistralConfig(**SMALL, num_attention_heads=4, num_key_value_heads=1, head_dim=6, sliding_window=4)
    return Case("mistral", config, classes("Mistral"), llama_faults(4, 4) | {
        "a wider window": (NEXT, config_value("sliding_window", 5)),
        "no window": (NEXT, config_value("sliding_window", 64))}, STD, token_types=False, lengths=LENGTHS)


def qwen2():
    config = hf.Qwen2Config(**SMALL | {"num_hidden_layers": 3, "hidden_size": 16}, num_attention_heads=4,
                            num_key_value_heads=2, use_sliding_window=True, sliding_window=3, max_window_layers=1)
    return Case("qwen2", config, classes("Qwen2"), llama_faults() | {
        "no value bias": (NEXT, zero("v_proj.bias")), "a wider window": (NEXT, config_value("sliding_window", 4)),
        "windows everywhere": (NEXT, layer_types("sliding_attention")),
        "windows nowhere": (NEXT, layer_types("full_attention"))}, STD, token_types=False, lengths=LENGTHS)


def qwen3():
    config = hf.Qwen3Config(**SMALL, num_attention_heads=4, num_key_value_heads=2, head_dim=10, tie_word_embeddings=True)
    return Case("qwen3", config, classes("Qwen3"), llama_faults() | {
        "no norm of queries": (NEXT, ones("q_norm.weight"))}, STD, token_types=False, lengths=LENGTHS)


def minus_one(model):
    """Norms that multiply by weight instead of 1 + weight."""
    for name, p in model.named_parameters():
        if "norm" in name:
            p.data.sub_(1)


def no_word_scale(model):
    for module in model.modules():
        if hasattr(module, "embed_scale"):
            module.embed_scale.fill_(1)


def gemma_faults():
    faults = llama_faults(activation=ERF_GELU)
    return faults | {
        "norms without 1 +": (NEXT, minus_one), "words not scaled": (NEXT, no_word_scale),
        "swapped norms behind": (NEXT, swap(("post_attention_layernorm", "post_feedforward_layernorm"))),
        "swapped norms before": (NEXT, swap(("input_layernorm", "pre_feedforward_layernorm"))),
        "a wider window": (NEXT, config_value("sliding_window", 5)),
        "windows everywhere": (NEXT, layer_types("sliding_attention")),
        "windows nowhere": (NEXT, layer_types("full_attention"))}


# Words times the root of the hidden size, and norms of about 2: weights can be smaller.
# Small inputs of the GELU are where its form matters.
GEMMA_STD = {"gate_proj": 0.13} | STD | {"embed_tokens": 0.35, "q_proj": 0.5, "k_proj": 0.5}


def gemma2():
    config = hf.Gemma2Config(**SMALL | {"num_hidden_layers": 3}, num_attention_heads=4, num_key_value_heads=2, head_dim=10,
                             sliding_window=4, query_pre_attn_scalar=7, attn_logit_softcapping=3.0,
                             final_logit_softcapping=4.0)
    return Case("gemma2", config, classes("Gemma2"), gemma_faults() | {
        "no cap of scores": (NEXT, config_value("attn_logit_softcapping", None)),
        "no cap of logits": (NEXT, config_value("final_logit_softcapping", None))},
        GEMMA_STD, token_types=False, lengths=LENGTHS)


def gemma3():
    config = hf.Gemma3TextConfig(**SMALL | {"num_hidden_layers": 4}, num_attention_heads=4, num_key_value_heads=2, head_dim=10,
                                 sliding_window=4, query_pre_attn_scalar=7, sliding_window_pattern=2,
                                 rope_parameters={"full_attention": dict(rope_type="linear", factor=4.0, rope_theta=60.0),
                                                  "sliding_attention": dict(rope_type="default", rope_theta=10.0)})
    faults = gemma_faults()
    del faults["another theta"]
    return Case("gemma3", config, classes("Gemma3Text", hf.Gemma3ForCausalLM, tokens=False), faults | {
        "another theta": (NEXT, rope("full_attention_inv_freq", other_theta)),
        "another local theta": (NEXT, rope("sliding_attention_inv_freq", other_theta)),
        "no norm of keys": (NEXT, ones("k_norm.weight"))},
        GEMMA_STD, token_types=False, lengths=LENGTHS)


def gpt_faults(window):
    faults = {
        "everything seen": (NEXT, NO_MASK),
        "position offset 1": (NEXT, {"position_ids": lambda ids, types: 1 + torch.arange(len(ids))[None]}),
        "erf GELU": (NEXT, set_activation(ERF_GELU, "act")),
        "swapped norms": (NEXT, swap(("ln_1", "ln_2"))),
        "no output bias": (NEXT, zero("out_proj.bias" if window else "attn.c_proj.bias")),
        "no bias of labels": (TOKENS, zero("classifier.bias")),
    }
    return faults


GPT_STD = {"mlp.c_fc": 0.4, "mlp.c_proj": 1.2} | STD | {"q_proj": 0.6, "k_proj": 0.6}
SHIFT = {"mlp.c_fc": -1.5}


def layer_norm_epsilon(model):
    for module in model.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-12


def gpt2():
    config = hf.GPT2Config(vocab_size=43, n_embd=12, n_layer=2, n_head=3, n_inner=18, n_positions=16, layer_norm_epsilon=1e-2,
                           pad_token_id=0, bos_token_id=1, eos_token_id=2, **LABELS)
    return Case("gpt2", config, classes("GPT2", hf.GPT2LMHeadModel), gpt_faults(False) | {
        "no 1/sqrt(d)": (NEXT, no_scale), "no bias of queries": (NEXT, zero("c_attn.bias")),
        "norm epsilon 1e-12": (NEXT, layer_norm_epsilon)}, GPT_STD, SHIFT, token_types=False, lengths=LENGTHS)


def gpt_neo():
    config = hf.GPTNeoConfig(vocab_size=43, hidden_size=12, num_layers=3, num_heads=3, intermediate_size=18,
                             max_position_embeddings=16, window_size=4, attention_types=[[["global", "local"], 1], [["local"], 1]],
                             layer_norm_epsilon=1e-2, pad_token_id=0, bos_token_id=1, eos_token_id=2, **LABELS)

    def divided(model):
        for block in model.transformer.h:
            block.attn.attention.scale = 0.5

    def window(seen):
        def change(model):
            for block in model.transformer.h[1:]:
                mask = torch.ones(16, 16, dtype=torch.bool).tril()
                block.attn.attention.bias = (mask ^ mask.tril(-seen))[None, None]
        return change

    return Case("gpt_neo", config, classes("GPTNeo"), gpt_faults(True) | {
        "scores divided": (NEXT, divided), "a wider window": (NEXT, window(5)), "no window": (NEXT, window(16)),
        "norm epsilon 1e-12": (NEXT, layer_norm_epsilon)},
        GPT_STD, SHIFT, token_types=False, lengths=LENGTHS)


def cases():
    return [llama(), llama_tied(), mistral(), qwen2(), qwen3(), gemma2(), gemma3(), gpt2(), gpt_neo()]


if __name__ == "__main__":
    main(__doc__, cases())
