"""Selection expressions: what they mean in a graph, and how one that can't be read is pointed at."""

from __future__ import annotations

import pytest

from pipeline_builder.errors import InputProblems
from pipeline_builder.release.expressions import parse_expression
from pipeline_builder.release.matching import Named, Space, find_short, select_each


def named(model: str, name: str, *after: str, kind: str = "Training", tags: tuple[str, ...] = ()) -> Named:
    return Named(
        name=f"{model}-{name}",
        type=kind,
        model=model,
        repo=f"repo-{model}",
        groups=("nightly",) if model == "price" else (),
        tags=frozenset(tags),
        depends_on=after,
    )


# churn: Prep -> Train -> Eval -> Reg; price needs churn's Train: Train -> Reg; lone stands for itself.
SPACE = Space(
    steps=(
        named("churn", "Prep", kind="Processing", tags=("team", "team=risk")),
        named("churn", "Train", "churn-Prep", tags=("team", "team=risk")),
        named("churn", "Eval", "churn-Train", kind="Processing"),
        named("churn", "Reg", "churn-Eval", kind="RegisterModel"),
        named("price", "Train", "churn-Train"),
        named("price", "Reg", "price-Train", kind="RegisterModel"),
        named("lone", "Train"),
    ),
    modified=lambda: frozenset(["price-Train"]),
)


def chosen(*selected: str, without: tuple[str, ...] = ()) -> str:
    """Return what is selected, as one text: c is churn, p price, l lone."""
    names = select_each(parse_expression(selected, without), {"": SPACE})[""].steps
    return " ".join(name.replace("churn-", "c").replace("price-", "p").replace("lone-", "l") for name in names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("churn-Train", "cTrain"),
        ("churn", "cPrep cTrain cEval cReg"),
        ("churn+", "cPrep cTrain cEval cReg pTrain pReg"),
        ("churn-Train+", "cTrain cEval cReg pTrain pReg"),
        ("+price", "cPrep cTrain pTrain pReg"),
        ("1+price", "cTrain pTrain pReg"),
        ("2+price-Reg", "cTrain pTrain pReg"),
        ("churn-Prep+1", "cPrep cTrain"),
        ("1+churn-Eval+1", "cTrain cEval cReg"),
        ("0+churn-Eval", "cEval"),
        ("@churn-Eval", "cPrep cTrain cEval cReg"),
        ("@price-Train", "cPrep cTrain pTrain pReg"),
        ("+churn-Eval+", "cPrep cTrain cEval cReg"),
        ("lone churn-Reg", "cReg lTrain"),
        ("churn+,price+", "pTrain pReg"),
        ("+price-Reg,+churn-Reg lone", "cPrep cTrain lTrain"),
        ("*-Train", "cTrain pTrain lTrain"),
        ("l*", "lTrain"),
        ("pri?e", "pTrain pReg"),
        ("churn-[ER]*", "cEval cReg"),
        ("tag:team=risk", "cPrep cTrain"),
        ("tag:nightly", "pTrain pReg"),
        ("tag:team+,price", "pTrain pReg"),
        ("group:nightly", "pTrain pReg"),
        ("repo:repo-lone", "lTrain"),
        ("type:registermodel", "cReg pReg"),
        ("model:churn,type:Training", "cTrain"),
        ("step:lone-Train", "lTrain"),
        ("state:modified+", "pTrain pReg"),
    ],
)
def test_what_is_selected(text: str, expected: str) -> None:
    assert chosen(text) == expected


def test_several_options_and_exclusions() -> None:
    assert chosen("lone", "price") == "pTrain pReg lTrain"
    assert chosen(without=("churn", "lone")) == "pTrain pReg"
    assert chosen("churn+", without=("churn-Eval+", "price-Reg")) == "cPrep cTrain pTrain"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("churn price+lone", "--select:1:7: PB025 'price+lone' has an operator inside of a name\n    churn price+lone\n          ^"),
        ("churn,,price", "--select:1:7: PB025 nothing stands before or after this comma"),
        ("churn +", "--select:1:7: PB025 '+' names no step and no model"),
        ("@churn+", "--select:1:1: PB025 '@churn+' has both '@' and '+'"),
        (":x", "--select:1:1: PB025 ':x' begins with a colon"),
        (" ", "PB025 --select is empty, expected names of steps or models"),
        ("x" * 20_000, "PB025 --select is longer than 10,000 letters"),
        ("tga:x", "--select:1:1: PB026 there is no way to select by 'tga:'\n    tga:x\n    ^\n  hint: did you mean 'tag:x'"),
        ("state:new", "PB026 there is no state 'new'"),
        ("price chrun+", "--select:1:7: PB442 the pipeline has no step and no model 'chrun'\n    price chrun+\n          ^\n"
         "  hint: did you mean 'churn'"),
        ("Train", "hint: '*-Train' selects 'churn-Train', 'lone-Train', 'price-Train'"),
        ("tag:daily", "PB442 there is no tag 'daily'"),
        ("churn,price", "--select:1:1: PB027 no step is selected"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_pointed_at(text: str, said: str) -> None:
    with pytest.raises(InputProblems) as caught:
        chosen(text)
    assert said in str(caught.value)


def test_one_pipeline_has_what_another_has_not() -> None:
    """A name is known where any of them has it."""
    other = Space(steps=(named("score", "Score"),))
    found = select_each(parse_expression(["churn-Prep score"]), {"a": SPACE, "b": other})
    assert (found["a"].steps, found["b"].steps) == (("churn-Prep",), ("score-Score",))
    with pytest.raises(InputProblems, match="PB442"):
        select_each(parse_expression(["nothing"]), {"a": SPACE, "b": other})


def test_a_short_name_means_one_step() -> None:
    def short(text: str) -> tuple[str, ...]:
        return find_short(text, SPACE.steps, what="the execution x")

    assert short("lone-Train") == ("lone-Train",)
    assert short("price") == ("price-Train", "price-Reg")  # a model: all of it
    assert short("eval") == ("churn-Eval",)
    assert short("lone-T") == ("lone-Train",)
    assert short("rn-Pr") == ("churn-Prep",)
    with pytest.raises(InputProblems, match="PB028 'Train' may be 3 steps: 'churn-Train', 'price-Train', 'lone-Train'"):
        short("Train")
    with pytest.raises(
        InputProblems, match="PB442 the execution x has no step 'chrn-Prep'\n  hint: did you mean 'churn-Prep'"
    ):
        short("chrn-Prep")
