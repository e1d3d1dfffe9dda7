"""Fine-tunes a Falcon model with LoRA; a model that evaluates badly fails the job, so that nothing after it runs."""

import argparse
import json
import math
import os
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    DataCollatorForSeq2Seq,
    FalconConfig,
    FalconForCausalLM,
    Trainer,
    TrainingArguments,
    set_seed,
)

# Not a name on the hub: Falcon-40B's architecture with a few random weights, to try everything but the quality.
TINY = "tiny-random-falcon"


def main():
    """Read the channels, tune, evaluate, and write the adapter where the loss is within its bound."""
    arguments = parse_arguments()
    set_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(str(channel("tokenizer")))
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = add_adapter(load_base(arguments, tokenizer), arguments)
    model.print_trainable_parameters()
    trainer = Trainer(
        model=model,
        args=training_arguments(arguments),
        train_dataset=read_rows(channel("train")),
        eval_dataset=read_rows(channel("validation")),
        data_collator=DataCollatorForSeq2Seq(tokenizer, padding=True),
    )
    untuned = trainer.evaluate()["eval_loss"]
    trainer.train()
    loss = trainer.evaluate()["eval_loss"]
    print(f"evaluation loss {loss:.4f}, before the tuning {untuned:.4f}, bound {arguments.max_eval_loss}")
    if not loss <= arguments.max_eval_loss:  # not `>`: a loss that isn't a number has failed as well
        fail(f"the evaluation loss {loss:.4f} is above max_eval_loss {arguments.max_eval_loss}: the model is not kept")
    evaluation = {"eval_loss": loss, "untuned_eval_loss": untuned, "perplexity": math.exp(loss)}
    save(model, tokenizer, arguments, evaluation)
    write_json(trainer.state.log_history, Path(os.environ["SM_OUTPUT_DATA_DIR"], "history.json"))


def parse_arguments():
    """Return the hyperparameters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model_id", default=TINY, help="a Falcon model on the hub, or " + TINY)
    parser.add_argument("--precision", choices=("fp32", "bf16", "4bit"), default="fp32")
    parser.add_argument("--max_eval_loss", type=float, required=True, help="the job fails above it")
    parser.add_argument("--epochs", type=float, default=1)
    parser.add_argument("--learning_rate", type=float, default=2e-4)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--gradient_accumulation_steps", type=int, default=1)
    parser.add_argument("--gradient_checkpointing", type=boolean, default=True, help="less memory, more time")
    parser.add_argument("--lora_r", type=int, default=16)
    parser.add_argument("--lora_alpha", type=int, default=32)
    parser.add_argument("--lora_dropout", type=float, default=0.05)
    parser.add_argument("--lora_target_modules", type=lambda text: text.split(","), default=["query_key_value"])
    parser.add_argument("--seed", type=int, default=17)
    return parser.parse_args()


def boolean(text):
    """Return a hyperparameter's truth value."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"'{text}' is neither true nor false")
    return text.lower() == "true"


def channel(name):
    """Return the folder of the one channel that is called `name`, or whose name ends with `-<name>`."""
    channels = json.loads(os.environ["SM_CHANNELS"])
    found = [candidate for candidate in channels if candidate == name or candidate.endswith(f"-{name}")]
    if len(found) != 1:
        fail(f"expected one channel '{name}', found {found or 'none'} among {channels}")
    return Path(os.environ[f"SM_CHANNEL_{found[0].upper()}"])


def read_rows(folder):
    """Return the tokenized dialogues of a channel."""
    files = sorted(folder.glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def load_base(arguments, tokenizer):
    """Return the model to tune: one from the hub, spread over all GPUs, or the tiny one."""
    if arguments.model_id == TINY:
        torch.set_num_threads(1)  # more threads only make so small a model slower
        return FalconForCausalLM(tiny_config(tokenizer))
    options = {"torch_dtype": torch.float32 if arguments.precision == "fp32" else torch.bfloat16}
    if arguments.precision == "4bit":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return AutoModelForCausalLM.from_pretrained(arguments.model_id, device_map="auto", **options)


def tiny_config(tokenizer):
    """Return Falcon-40B's architecture (grouped attention, parallel layers, rotary embeddings), small."""
    return FalconConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_kv_heads=2,
        new_decoder_architecture=True,
        initializer_range=0.1,  # the embeddings stay as they are, and have to tell tokens apart
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def add_adapter(model, arguments):
    """Return the model with a LoRA adapter, whose weights are the only ones that are trained."""
    model.config.use_cache = False  # the cache of generation has no use in training, and excludes checkpointing
    if arguments.precision == "4bit":
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=arguments.gradient_checkpointing)
    elif arguments.gradient_checkpointing:
        model.enable_input_require_grads()  # the embeddings are frozen: else no gradient would pass a checkpoint
    adapter = LoraConfig(
        task_type="CAUSAL_LM",
        r=arguments.lora_r,
        lora_alpha=arguments.lora_alpha,
        lora_dropout=arguments.lora_dropout,
        target_modules=arguments.lora_target_modules,
    )
    return get_peft_model(model, adapter)


def training_arguments(arguments):
    """Return the trainer's settings."""
    with_gpu = torch.cuda.is_available()
    return TrainingArguments(
        output_dir="/tmp/trainer",
        num_train_epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        lr_scheduler_type="cosine",
        warmup_ratio=0.03,
        per_device_train_batch_size=arguments.batch_size,
        per_device_eval_batch_size=arguments.batch_size,
        gradient_accumulation_steps=arguments.gradient_accumulation_steps,
        gradient_checkpointing=arguments.gradient_checkpointing,
        gradient_checkpointing_kwargs={"use_reentrant": False},
        bf16=arguments.precision != "fp32",
        optim="paged_adamw_8bit" if arguments.precision == "4bit" else "adamw_torch",
        use_cpu=not with_gpu,
        dataloader_pin_memory=with_gpu,
        logging_steps=25,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        label_names=["labels"],
        seed=arguments.seed,
    )


def save(model, tokenizer, arguments, evaluation):
    """Write what inference needs into the model's folder: the adapter, and no weights that the hub has."""
    folder = Path(os.environ["SM_MODEL_DIR"])
    model.save_pretrained(str(folder / "adapter"), save_embedding_layers=False)
    tokenizer.save_pretrained(str(folder / "tokenizer"))
    if arguments.model_id == TINY:
        model.unload().save_pretrained(str(folder / "base"))
    write_json({"model_id": arguments.model_id, "precision": arguments.precision}, folder / "model.json")
    write_json(evaluation, folder / "evaluation.json")


def write_json(value, path):
    """Write a JSON file."""
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


def fail(reason):
    """End the job as failed; the service shows what is in this file as the reason."""
    Path(os.environ.get("SM_OUTPUT_DIR", "/opt/ml/output"), "failure").write_text(reason, encoding="utf-8")
    sys.exit(reason)


if __name__ == "__main__":
    main()
