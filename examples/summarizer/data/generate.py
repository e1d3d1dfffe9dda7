"""Makes synthetic dialogues with summaries in the shape of SAMSum: an id, a dialogue in a messenger, its summary.

They are made from templates: nobody wrote them, and what a model scores on them says nothing about real conversations.
The same seed gives the same bytes. Usage: python generate.py OUTPUT.jsonl
"""

import json
import random
import sys

ROWS = 200
SEED = 20260101
NAMES = ["Anna", "Ben", "Clara", "David", "Emma", "Felix", "Hanna", "Igor", "Julia", "Karim", "Lena", "Marco"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
HOURS = ["noon", "2 pm", "3 pm", "5 pm", "6 pm", "7 pm", "8 pm"]
PLACES = ["the station", "the cafe", "the library", "the park", "the cinema", "the office"]
THINGS = ["the drill", "the tent", "a suitcase", "the camera", "a bike", "the projector"]
GOODS = ["bread", "milk", "apples", "rice", "coffee", "cheese", "tomatoes", "eggs"]
REASONS = ["the train is late", "the meeting runs over", "there is a traffic jam", "the bus broke down"]
GIFTS = ["a book", "a scarf", "concert tickets", "a board game", "a plant"]
HELLOS = ["Hi {b}!", "Hey {b}", "Hello {b} :)", "{b}, are you there?"]
ANSWERS = ["Hi {a}!", "Hey, what's up?", "Yes, tell me.", "Hi, I have a minute."]
ENDS = [["Great, see you!", "See you"], ["Perfect, thanks!", "No problem"], ["Ok, thank you", "Bye!"]]
# What is said, and what it comes to. In each line a or b speaks.
TOPICS = [
    (
        ["a: Do you have time on {day}?", "b: Yes, after {hour}.", "a: Then let's meet at {place} at {hour}."],
        "{a} and {b} will meet at {place} on {day} at {hour}.",
    ),
    (
        ["a: Can I borrow {thing}?", "b: Sure, when do you need it?", "a: On {day}, I'll come by at {hour}."],
        "{a} will borrow {thing} from {b} on {day}.",
    ),
    (
        ["a: I'm at the shop, do we need anything?", "b: {good} and {other}, please.", "a: Got it."],
        "{a} will buy {good} and {other} for {b}.",
    ),
    (
        ["a: I'm sorry, {reason}.", "b: When will you be here?", "a: At {hour} at {place}, I hope."],
        "{a} will be late because {reason}.",
    ),
    (
        [
            "a: It's {c}'s birthday on {day}.",
            "b: Oh, I forgot! Any idea?",
            "a: How about {gift}?",
            "b: {c} will love it.",
        ],
        "{a} and {b} will give {c} {gift} for the birthday on {day}.",
    ),
    (
        ["a: I can't come on {day}.", "b: What a pity. Can {c} come instead?", "a: Yes, {c} will be at {place}."],
        "{a} can't come on {day}, so {c} will come instead.",
    ),
]


def main(path):
    """Write one dialogue a line."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(lines())


def lines():
    """Return all dialogues as JSON lines."""
    generator = random.Random(SEED)
    return "".join(json.dumps(record(generator, number)) + "\n" for number in range(ROWS))


def record(generator, number):
    """Return one dialogue with its summary."""
    said, summary = generator.choice(TOPICS)
    a, b, c = generator.sample(NAMES, 3)
    good, other = generator.sample(GOODS, 2)
    words = {
        "a": a, "b": b, "c": c, "good": good, "other": other,
        "day": generator.choice(DAYS), "hour": generator.choice(HOURS), "place": generator.choice(PLACES),
        "thing": generator.choice(THINGS), "reason": generator.choice(REASONS), "gift": generator.choice(GIFTS),
    }  # fmt: skip
    thanks, bye = generator.choice(ENDS)
    turns = [
        "a: " + generator.choice(HELLOS), "b: " + generator.choice(ANSWERS), *said, "a: " + thanks, "b: " + bye,
    ]  # fmt: skip
    dialogue = "\r\n".join(words[turn[0]] + turn[1:].format(**words) for turn in turns)
    return {"id": f"synthetic-{number:04}", "dialogue": dialogue, "summary": summary.format(**words)}


if __name__ == "__main__":
    main(sys.argv[1])
