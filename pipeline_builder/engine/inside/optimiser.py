"""Chooses a trial's values by Bayesian optimisation, with Optuna; in a process and an environment of its own.

Run as `python optimiser.py`. Reads a line of JSON for each question, and writes one for each answer:

    {"ranges": [{"name", "low", "high", "log", "whole"} | {"name", "values"}], "maximize": bool, "seed": int,
     "ended": [[{name: value}, objective or null]], "running": [{name: value}]}
    {name: value}
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any


def main() -> int:
    """Answer questions until there are no more."""
    import optuna  # type: ignore[import-not-found] # its environment has it

    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    for line in sys.stdin:
        answers.write(json.dumps(choose(optuna, json.loads(line))) + "\n")
        answers.flush()
    return 0


def choose(optuna: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the values that the trial is to have; the same question has the same answer."""
    spaces = {given["name"]: _space(optuna, given) for given in asked["ranges"]}
    sampler = optuna.samplers.TPESampler(seed=asked["seed"], n_startup_trials=0, multivariate=True, constant_liar=True)
    study = optuna.create_study(sampler=sampler, direction="maximize" if asked["maximize"] else "minimize")
    for values, objective in asked["ended"]:
        state = optuna.trial.TrialState.FAIL if objective is None else optuna.trial.TrialState.COMPLETE
        study.add_trial(optuna.trial.create_trial(params=values, distributions=spaces, value=objective, state=state))
    for values in asked["running"]:
        running = optuna.trial.TrialState.RUNNING
        study.add_trial(optuna.trial.create_trial(params=values, distributions=spaces, state=running))
    return dict(study.ask(spaces).params)


def _space(optuna: Any, given: dict[str, Any]) -> Any:
    kinds = optuna.distributions
    if "values" in given:
        return kinds.CategoricalDistribution(given["values"])
    if given["whole"]:
        return kinds.IntDistribution(int(given["low"]), int(given["high"]), log=given["log"])
    return kinds.FloatDistribution(given["low"], given["high"], log=given["log"])


if __name__ == "__main__":
    sys.exit(main())
