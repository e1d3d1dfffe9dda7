"""Who asks a job to end, and how long it then has."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from pipeline_builder.engine.jobs.job import Command, JobEnd
from pipeline_builder.engine.jobs.sandbox import run_plain
from pipeline_builder.engine.jobs.stopping import AT_ONCE, Stop


def test_the_least_time_counts() -> None:
    above = Stop()
    stop = Stop(below=above)
    assert not stop.is_set()
    stop.ask(120)
    assert (stop.is_set(), stop.alone, stop.grace, above.is_set()) == (True, True, 120, False)
    above.set()
    assert (stop.alone, stop.grace) == (False, AT_ONCE)
    above.ask(200)
    assert stop.grace == AT_ONCE


def test_a_stop_of_all_is_one_of_each() -> None:
    above = Stop()
    stop = Stop(below=above)
    assert not stop.wait(0.01)
    threading.Timer(0.05, above.ask, [120]).start()
    assert stop.wait(10)
    assert (stop.alone, stop.grace) == (False, 120)


def test_whoever_is_less_patient_later_shortens_the_time(tmp_path: Path) -> None:
    stop = Stop()
    command = ("/bin/sh", "-c", "trap 'echo told' TERM; echo ready; while true; do sleep 0.1; done")
    log = tmp_path / "log"
    job = Command(name="j", command=command, environment={}, workdir="/", log=log, timeout=60)
    results = []
    thread = threading.Thread(target=lambda: results.append(run_plain(job, stop=stop)))
    thread.start()
    while not (log.is_file() and "ready" in log.read_text()):
        time.sleep(0.02)
    stop.ask(120)
    while "told" not in log.read_text():
        time.sleep(0.02)
    assert thread.is_alive()
    begun = time.monotonic()
    stop.ask(0.2)
    thread.join()
    assert time.monotonic() - begun < 30  # of 120 s of patience
    assert (results[0].end, results[0].exit_code, log.read_text().count("told")) == (JobEnd.STOPPED, 137, 1)
    assert results[0].told is not None
