"""The words around a dialogue: training and inference have to use the same."""

# A dialogue stands between these two, its summary behind them.
BEFORE = "Summarize this dialogue.\n\n"
AFTER = "\n\nSummary:\n"


def encode(tokenizer, dialogue, max_length):
    """Return the prompt's token ids, at most `max_length`; a dialogue that is too long loses its end."""
    before, after = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in (BEFORE, AFTER))
    tokens = tokenizer(dialogue.replace("\r\n", "\n"), add_special_tokens=False)["input_ids"]
    return before + tokens[: max(max_length - len(before) - len(after), 0)] + after
