#!/usr/bin/env python3
"""generation.json: what transformers' generate makes of the tiny decoders and encoder-decoders in this folder.

    pip install -r ../requirements.txt
    python generation.py

texts: for each model, prompts and cases (options of generate under their names; eos_token_id is chosen
among the ids that the model likes to write, or nothing would ever end), and for each case and prompt the new
ids, with beams also the score; an encoder-decoder's encoder reads the prompt. They are computed in f64; a case that f32 answers otherwise is refused.
filters: rows of logits with what came before them, and for each set of options the probabilities that are left
to draw from.
"""

import json
import math
import os
import pathlib

os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
import torch
import transformers as hf

from models import versions

FOLDER = pathlib.Path(__file__).parent
MODELS = ("llama", "llama_tied", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "gpt2", "gpt_neo", "t5", "flan_t5",
          "mt5")
PROMPT_LENGTHS = (5, 1, 3)
NEW_TOKENS = 18   # less where a model has fewer positions
PAD = 0

# eos: how many ids end a text.
CASES = (
    dict(),
    dict(eos=1),
    dict(eos=2, min_new_tokens=7),
    dict(repetition_penalty=1.4),
    dict(repetition_penalty=0.8, no_repeat_ngram_size=3),
    dict(no_repeat_ngram_size=1),
    dict(no_repeat_ngram_size=2, min_length=9, eos=2),
    dict(num_beams=3),
    dict(num_beams=2, eos=1),
    dict(num_beams=3, eos=2),
    dict(num_beams=4, eos=2, early_stopping=True),
    dict(num_beams=4, eos=2, early_stopping="never"),
    dict(num_beams=4, eos=2, length_penalty=2.5),
    dict(num_beams=4, eos=2, length_penalty=2.5, early_stopping="never"),
    dict(num_beams=3, eos=2, length_penalty=0.0),
    dict(num_beams=3, eos=2, length_penalty=-1.5, early_stopping=True),
    dict(num_beams=3, eos=2, min_new_tokens=6, repetition_penalty=1.3),
    dict(num_beams=3, eos=1, no_repeat_ngram_size=2, max_length=12),
)

FILTERS = (
    dict(),
    dict(temperature=0.3),
    dict(temperature=2.0, top_k=5),
    dict(top_k=0, top_p=0.6),
    dict(top_k=0, top_p=0.0),
    dict(top_k=20, top_p=0.9, temperature=1.7),
    dict(top_k=0, min_p=0.2),
    dict(top_k=12, top_p=0.95, min_p=0.05, temperature=1.5),
    dict(top_k=0, temperature=3.0, repetition_penalty=1.5, no_repeat_ngram_size=2),
)


def load(name, dtype):
    config = hf.AutoConfig.from_pretrained(FOLDER / name)
    auto = hf.AutoModelForSeq2SeqLM if config.is_encoder_decoder else hf.AutoModelForCausalLM
    model = auto.from_pretrained(FOLDER / name, dtype=dtype, attn_implementation="eager").eval()
    model.generation_config = hf.GenerationConfig()
    if config.is_encoder_decoder:
        model.generation_config.decoder_start_token_id = config.decoder_start_token_id
        model.generation_config.use_cache = False  # it would have as many layers as the encoder
    return model


def prompts_of(name, model):
    generator = torch.Generator().manual_seed(MODELS.index(name) + 1)
    return [torch.randint(3, model.config.vocab_size, (n,), generator=generator).tolist() for n in PROMPT_LENGTHS]


def generate(model, prompt, options):
    """(new ids, score of the beam or None)"""
    ids = torch.tensor([prompt])
    limit = {} if "max_length" in options else {"max_new_tokens": new_tokens(model)}
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, pad_token_id=PAD,
                         return_dict_in_generate=True, output_scores=True, **options, **limit)
    score = out.sequences_scores[0].item() if options.get("num_beams", 1) > 1 else None
    begun = 1 if model.config.is_encoder_decoder else len(prompt)
    return out.sequences[0, begun:].tolist(), score


def new_tokens(model):
    positions = getattr(model.config, "max_position_embeddings", math.inf)  # T5's have no end
    return min(NEW_TOKENS, positions - max(PROMPT_LENGTHS))


def liked_ids(model, prompts):
    """The ids that end texts: of those that greedy search writes, one that comes in the middle and the next one."""
    ids, _ = generate(model, prompts[0], {})
    middle = ids[len(ids) // 2:] + ids
    return list(dict.fromkeys(middle))[:2]


def texts():
    found = {}
    for name in MODELS:
        double, single = load(name, torch.float64), load(name, torch.float32)
        prompts = prompts_of(name, double)
        liked = liked_ids(double, prompts)
        cases = []
        for case in CASES:
            options = dict(case)
            if count := options.pop("eos", 0):
                options["eos_token_id"] = liked[:count]
            answers = [generate(double, prompt, options) for prompt in prompts]
            for prompt, (ids, _) in zip(prompts, answers):
                assert ids == generate(single, prompt, options)[0], (name, options, "f32 answers otherwise")
            if "max_length" not in options:
                options["max_new_tokens"] = new_tokens(double)
            cases.append({"options": options, "ids": [ids for ids, _ in answers]} |
                         ({"scores": [score for _, score in answers]} if "num_beams" in options else {}))
        found[name] = {"prompts": prompts, "cases": cases}
        print(name, "ends with", liked, "lengths", [[len(ids) for ids in case["ids"]] for case in cases])
    return found


def filters():
    model = load("llama", torch.float32)
    generator = torch.Generator().manual_seed(1)
    rows = []
    for scale in (1.0, 3.0):
        logits = torch.randn(model.config.vocab_size, generator=generator) * scale
        logits[7] = logits[9]  # equal ones share their fate
        history = torch.randint(0, 12, (10,), generator=generator).tolist()
        cases = []
        for options in FILTERS:
            config = hf.GenerationConfig(**{"do_sample": True, "top_k": 50, "num_beams": 1} | options)
            model._prepare_special_tokens(config, False)
            ids = torch.tensor([history])
            processors = model._get_logits_processor(config, input_ids_seq_length=len(history))
            left = processors(ids, logits[None].clone()).double().softmax(-1)[0]
            cases.append({"options": options, "probabilities": left.tolist()})
        rows.append({"logits": logits.tolist(), "history": history, "cases": cases})
    return rows


def main():
    torch.set_num_threads(1)
    record = {"versions": versions(), "texts": texts(), "filters": filters()}
    (FOLDER / "generation.json").write_text(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
