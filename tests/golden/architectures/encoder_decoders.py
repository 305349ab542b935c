#!/usr/bin/env python3
"""Golden files of the encoder-decoders: see models.py for what they hold.

    pip install -r ../requirements.txt
    python encoder_decoders.py [--out DIR] [NAME ...]
"""

import torch
import transformers as hf

from decoders import config_value, rms_epsilon
from encoders import CLASSIFY, ERF_GELU, LABELS, SPANS, TANH_GELU, TOKENS, VECTOR, set_activation, swap, zero
from models import Case, main

WRITE = "seq2seq-lm"
# Scores are not divided; inputs of a GELU around 2 are where its form matters.
STD = {"shared": 0.8, "relative_attention_bias": 1.2, ".q.": 0.35, ".k.": 0.35, ".v.": 0.6, ".o.": 0.5, "wi_0": 0.6,
       "wi_1": 0.8, "wi": 0.5, "wo": 0.8, "lm_head": 0.5, "": 0.4}
SMALL = dict(layer_norm_epsilon=1e-2, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, **LABELS)


def classes(prefix):
    return {WRITE: getattr(hf, prefix + "ForConditionalGeneration"),
            CLASSIFY: getattr(hf, prefix + "ForSequenceClassification"),
            TOKENS: getattr(hf, prefix + "ForTokenClassification"),
            SPANS: getattr(hf, prefix + "ForQuestionAnswering"),
            VECTOR: getattr(hf, prefix + "EncoderModel")}


def attentions(model, stack):
    """The attention modules of one stack ("encoder.", "decoder.", "cross.")."""
    found = []
    for name, module in model.named_modules():
        if name.endswith(("SelfAttention", "EncDecAttention")):
            its = "cross." if name.endswith("EncDecAttention") else "decoder." if "decoder.block" in name else "encoder."
            if its == stack:
                found.append(module)
    return found


def prepare(untied):
    """Tells attention modules their stacks; gives the head a table of its own, which transformers does for files only."""
    def change(model, task):
        for stack in ("encoder.", "decoder.", "cross."):
            for module in attentions(model, stack):
                module.stack = stack
        if untied and task == WRITE:
            model.lm_head.weight = torch.nn.Parameter(torch.empty_like(model.lm_head.weight))
            del model.all_tied_weights_keys["lm_head.weight"]
    return change


# ---- faults ------------------------------------------------------------------------------------------


def of_attention(stack, name, value):
    def change(model):
        found = [setattr(module, name, value) for module in attentions(model, stack)]
        assert found
    return change


def everything_seen(model):
    model.decoder.config.is_decoder = False


def tables_swapped(model):
    first, second = (attentions(model, stack)[0].relative_attention_bias for stack in ("encoder.", "decoder."))
    first.weight.data, second.weight.data = second.weight.data, first.weight.data


def final_norms_swapped(model):
    first, second = model.encoder.final_layer_norm, model.decoder.final_layer_norm
    first.weight.data, second.weight.data = second.weight.data, first.weight.data


def other_start(model):
    model.config.decoder_start_token_id += 1


def faults(activation):
    found = {
        "norm epsilon 1e-6": (WRITE, rms_epsilon(1e-6)),
        "everything seen": (WRITE, everything_seen),
        "another activation": (WRITE, set_activation(activation, "act")),
        "no biases in the encoder": (WRITE, zero("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight")),
        "no biases in the decoder": (WRITE, zero("decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight")),
        "tables of biases swapped": (WRITE, tables_swapped),
        "an encoder that looks back": (WRITE, of_attention("encoder.", "is_decoder", True)),
        "a decoder of two sides": (WRITE, of_attention("decoder.", "is_decoder", False)),
        "swapped norms": (WRITE, swap(("layer.0.layer_norm", "layer.1.layer_norm"))),
        "swapped final norms": (WRITE, final_norms_swapped),
        "keys are values": (WRITE, swap(("EncDecAttention.k", "EncDecAttention.v"))),
        "another start token": (CLASSIFY, other_start),
        "no bias of the classifier": (CLASSIFY, zero("classification_head.dense.bias")),
        "no bias of labels": (TOKENS, zero("classifier.bias")),
        "no bias of spans": (SPANS, zero("qa_outputs.bias")),
    }
    for stack in ("encoder.", "decoder.", "cross."):
        found[f"scores of {stack}* scaled"] = (WRITE, of_attention(stack, "scaling", 0.5))
    for stack in ("encoder.", "decoder."):
        found[f"{stack}* sees farther"] = (WRITE, of_attention(stack, "relative_attention_max_distance", 40))
    return found


GATED = {"gate and factor swapped": (WRITE, swap(("wi_0", "wi_1")))}

# ---- cases -------------------------------------------------------------------------------------------


def t5():
    """With a config.json as the first ones were."""
    config = hf.T5Config(vocab_size=43, d_model=12, d_kv=5, d_ff=18, num_layers=2, num_decoder_layers=3, num_heads=3,
                         relative_attention_num_buckets=8, relative_attention_max_distance=6, **SMALL)
    return Case("t5", config, classes("T5"), faults(TANH_GELU) | {
        "logits not scaled": (WRITE, config_value("scale_decoder_outputs", False))},
        STD, token_types=False, target_lengths=(7, 9, 2), prepare=prepare(False), strip_prefix=True,
        config_changes=dict(architectures=["T5WithLMHeadModel"], n_positions=16, scale_decoder_outputs=None,
                            tie_word_embeddings=None, dense_act_fn=None, is_gated_act=None, classifier_dropout=None))


def flan_t5():
    config = hf.T5Config(vocab_size=41, d_model=10, d_kv=4, d_ff=14, num_layers=2, num_heads=4,
                         relative_attention_num_buckets=6, relative_attention_max_distance=9,
                         feed_forward_proj="gated-gelu", tie_word_embeddings=False, **SMALL)
    return Case("flan_t5", config, classes("T5"), faults(ERF_GELU) | GATED | {
        "logits scaled": (WRITE, config_value("scale_decoder_outputs", True))},
        STD, token_types=False, target_lengths=(3, 8, 1), prepare=prepare(True), strip_prefix=True,
        config_changes=dict(tie_word_embeddings=False, scale_decoder_outputs=None, num_decoder_layers=None,
                            dense_act_fn=None, is_gated_act=None))


def mt5():
    """As transformers saves it: the config.json ties what the file unties."""
    config = hf.MT5Config(vocab_size=37, d_model=9, d_kv=4, d_ff=11, num_layers=3, num_decoder_layers=2, num_heads=2,
                          relative_attention_num_buckets=7, relative_attention_max_distance=5,
                          feed_forward_proj="gated-silu", **SMALL | dict(eos_token_id=3, decoder_start_token_id=2))
    return Case("mt5", config, classes("MT5"), faults(ERF_GELU) | GATED,
                STD, token_types=False, target_lengths=(6, 1, 13), prepare=prepare(True), strip_prefix=True)


def cases():
    return [t5(), flan_t5(), mt5()]


if __name__ == "__main__":
    main(__doc__, cases())
