"""Splits the dialogues into train, validation and test sets, and tokenizes the first two."""

import argparse
import json
import os
import random
from pathlib import Path

import prompt
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

# This model is made by the training with random weights. Nothing is downloaded, so its tokenizer is made here.
# Where /opt/ml is; the variable, of AWS's own toolkits, is set where a machine has no such folder to give.
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
TINY = "tiny-random-falcon"
END = "<|endoftext|>"
# In the labels: a token that doesn't count in the loss.
IGNORED = -100


def main():
    """Read the dialogues, write one folder per output."""
    arguments = parse_arguments()
    records = read_records(Path(arguments.input))
    random.Random(arguments.seed).shuffle(records)
    held_out = max(len(records) // 8, 1)
    test, validation, train = records[:held_out], records[held_out : 2 * held_out], records[2 * held_out :]
    if not train:
        raise SystemExit(f"{len(records)} dialogues are too few for a train, a validation and a test set")
    tokenizer = (
        make_tokenizer(train) if arguments.model_id == TINY else AutoTokenizer.from_pretrained(arguments.model_id)
    )
    output = Path(arguments.output)
    tokenizer.save_pretrained(str(output / "tokenizer"))
    for name, part in (("train", train), ("validation", validation)):
        rows = [tokenize(tokenizer, record, arguments.max_length) for record in part]
        write(rows, output / name / f"{name}.jsonl")
        longest = max(len(row["input_ids"]) for row in rows)
        print(f"{name}: {len(rows)} dialogues, the longest has {longest} tokens with its summary")
    write(test, output / "test" / "test.jsonl")
    # The batch transform gets what a caller would send: dialogues only.
    write([{"dialogue": record["dialogue"]} for record in test], output / "batch" / "batch.jsonl")
    print(f"test: {len(test)} dialogues; the tokenizer of {arguments.model_id} has {len(tokenizer)} tokens")


def parse_arguments():
    """Return the folders, by default SageMaker's, and the model whose tokenizer is used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", default=f"{ML}/processing/input/dialogues")
    parser.add_argument("--output", default=f"{ML}/processing/output")
    parser.add_argument("--model_id", default=os.environ.get("MODEL_ID", TINY))
    parser.add_argument("--max_length", type=int, default=int(os.environ.get("MAX_LENGTH", "512")))
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args()


def read_records(folder):
    """Return what all files of JSON lines have; a line without a dialogue or a summary is an error with its place."""
    records = []
    for file in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            record = json.loads(line)
            missing = [key for key in ("dialogue", "summary") if not record.get(key)]
            if missing:
                raise SystemExit(f"{file.name}:{number} has no {' and no '.join(missing)}")
            records.append(record)
    if not records:
        raise SystemExit(f"there is no file of JSON lines with dialogues in {folder}")
    return records


def make_tokenizer(records):
    """Return a byte-level BPE tokenizer, Falcon's kind, made from the training dialogues."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    texts = [prompt.BEFORE + record["dialogue"] + prompt.AFTER + record["summary"] for record in records]
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=END, eos_token=END)


def tokenize(tokenizer, record, max_length):
    """Return token ids and labels; only the summary and the end after it count in the loss."""
    summary = tokenizer(record["summary"], add_special_tokens=False)["input_ids"] + [tokenizer.eos_token_id]
    tokens = prompt.encode(tokenizer, record["dialogue"], max_length - len(summary))
    return {"input_ids": tokens + summary, "labels": [IGNORED] * len(tokens) + summary}


def write(records, path):
    """Write one JSON value a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


if __name__ == "__main__":
    main()
