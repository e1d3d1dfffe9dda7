"""Answers requests: dialogues in, summaries out. The handlers are SageMaker's."""

import json
from pathlib import Path

import prompt
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

MAX_LENGTH = 512
MAX_NEW_TOKENS = 64


def model_fn(model_dir):
    """Return the model with its adapter, and the tokenizer."""
    folder = Path(model_dir)
    facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    # Where the artifact has no base model, it is one of the hub's, spread over all GPUs.
    if (folder / "base").is_dir():
        torch.set_num_threads(1)  # it is so small that more threads only make it slower
        base = AutoModelForCausalLM.from_pretrained(str(folder / "base"))
    else:
        base = AutoModelForCausalLM.from_pretrained(facts["model_id"], device_map="auto", torch_dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(str(folder / "tokenizer"))
    return PeftModel.from_pretrained(base, str(folder / "adapter")).eval(), tokenizer


def input_fn(body, content_type):
    """Return the dialogues of a request: JSON, or one JSON value a line, each {"dialogue": ...}."""
    text = body.decode("utf-8") if isinstance(body, (bytes, bytearray)) else body
    if content_type.startswith("application/jsonlines"):
        records = [json.loads(line) for line in text.splitlines() if line.strip()]
    elif content_type.startswith("application/json"):
        content = json.loads(text)
        records = content if isinstance(content, list) else [content]
    else:
        raise ValueError(f"'{content_type}' is not supported, expected application/jsonlines or application/json")
    return [record["dialogue"] for record in records]


def predict_fn(dialogues, model):
    """Return one summary per dialogue."""
    falcon, tokenizer = model
    return [summarize(falcon, tokenizer, dialogue) for dialogue in dialogues]


def summarize(falcon, tokenizer, dialogue):
    """Return the most likely summary, word by word."""
    tokens = torch.tensor([prompt.encode(tokenizer, dialogue, MAX_LENGTH)], device=falcon.device)
    with torch.inference_mode():
        answer = falcon.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=MAX_NEW_TOKENS,
            do_sample=False,
            use_cache=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.eos_token_id,
        )
    return tokenizer.decode(answer[0, tokens.shape[1] :], skip_special_tokens=True).strip()


def output_fn(prediction, accept):
    """Return the summaries, one JSON value a line, or a JSON list."""
    records = [{"summary": summary} for summary in prediction]
    if accept.startswith("application/jsonlines"):
        return "\n".join(json.dumps(record) for record in records)
    return json.dumps(records)
