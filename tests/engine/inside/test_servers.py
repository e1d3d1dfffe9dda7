"""Images with a server of their own: how it is started, where its code is, and what keeps two of them apart."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipeline_builder.engine.inside import transform
from pipeline_builder.engine.jobs.isolation import private_mounts_available
from pipeline_builder.engine.jobs.job import Job
from pipeline_builder.engine.jobs.models import own_port, server_of
from pipeline_builder.engine.jobs.sandbox import run_job
from pipeline_builder.errors import OutsideFailure
from tests.engine.environments import shared_environment

SERVER = """
    import os, sys
    from http.server import BaseHTTPRequestHandler, HTTPServer
    PORT = {port}
    class Requests(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/ping" else 404)
            self.end_headers()
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(repr([body.decode(), sys.argv[1:], os.getcwd(), os.environ["SAGEMAKER_BIND_TO_PORT"]]).encode())
        def log_message(self, *_): pass
    if __name__ == "__main__":
        HTTPServer(("127.0.0.1", int(PORT)), Requests).serve_forever()
"""
needs_namespaces = pytest.mark.skipif(not private_mounts_available(), reason="jobs can't be isolated here")


def run(
    folder: Path,
    files: dict[str, str],
    program: str,
    *,
    body: str = "1,2\n3,4\n",
    private: bool = True,
    python: str = "",
) -> tuple[int, str, str]:
    """Run an own image's program as the engine does; return the exit code, the answer and the log."""
    ml = folder / "ml"
    for name, text in files.items():
        path = ml / "code" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    for part in ("model", "in"):
        (ml / part).mkdir()
    (ml / "in" / "a").write_text(body)
    spec: dict[str, Any] = {
        "model_dir": "/opt/ml/model", "code_dir": "/opt/ml/code", "program": program, "image": "mine:1",
        "files": [["/opt/ml/in/a", "/opt/ml/out/a.out"]], "content_type": "text/csv", "accept": "text/csv",
    }  # fmt: skip
    places = server_of(spec, folder)
    spec["port"] = own_port(folder, private=private)
    (ml / "spec.json").write_text(json.dumps(spec))
    job = Job(
        name="job", folder=folder, command=("python", transform.__file__, "/opt/ml/spec.json"), environment={},
        python=Path(python or sys.executable), workdir="/opt/ml", timeout=60, places=places, network=not places,
    )  # fmt: skip
    result = run_job(job, stop=threading.Event(), private=private)
    answer = ml / "out" / "a.out"
    return result.exit_code, answer.read_text() if answer.exists() else "", job.log.read_text()


@pytest.mark.long
@needs_namespaces
def test_two_at_once_on_the_same_port(tmp_path: Path) -> None:
    def one(name: str) -> tuple[int, str, str]:
        return run(tmp_path / name, {"serve.py": SERVER.format(port="8080")}, "serve.py", body=name)

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(one, ("a", "b")))
    assert found == [(0, repr([name, ["serve"], "/opt/program", "8080"]), "") for name in ("a", "b")]


@pytest.mark.long
def test_without_namespaces_a_free_port_is_offered(tmp_path: Path) -> None:
    program = SERVER.format(port='os.environ["SAGEMAKER_BIND_TO_PORT"]')
    code, answer, log = run(tmp_path / "job", {"serve.py": program}, "serve.py", private=False)
    assert (code, "'8080'" in answer, "'serve'" in answer) == (0, False, True), log


@pytest.mark.long
@needs_namespaces
def test_a_program_in_a_folder_and_its_neighbours(tmp_path: Path) -> None:
    files = {"docker/entry.py": "import neighbour\nneighbour.main()\n", "docker/neighbour.py": "def main():\n    import helper, runpy\n    runpy.run_path(helper.__file__.replace('helper', 'web'), run_name='__main__')\n",
             "docker/helper.py": "", "docker/web.py": SERVER.format(port="8080")}  # fmt: skip
    code, answer, log = run(tmp_path / "job", files, "docker/entry.py")
    assert (code, "/opt/ml/code/docker" in answer) == (0, True), log


@needs_namespaces
@pytest.mark.skipif(shutil.which("Rscript") is not None, reason="R is on this machine")
@pytest.mark.parametrize(
    ("name", "command"), [("plumber.R", "Rscript /opt/program/plumber.R serve"), ("serve", "/opt/program/serve")]
)
def test_a_server_that_nothing_runs_here(tmp_path: Path, name: str, command: str) -> None:
    code, _, log = run(tmp_path / "job", {name: "library(plumber)\n"}, name)
    assert (code, f"the server program '{name}' cannot be started as '{command}'" in log) == (1, True), log


MODEL_SERVER = """
    import subprocess, sys
    open("/tmp/settings", "w").write("inference_address=http://0.0.0.0:8080\\ndefault_service_handler=/home/model-server/mine.py:handle\\n")
    def main():
        assert sys.argv[1] == "serve"
        subprocess.run(["multi-model-server", "--start", "--mms-config", "/tmp/settings", "--models", "model=/opt/ml/model"])
    main()
"""


@pytest.mark.long
@needs_namespaces
def test_the_command_of_the_multi_model_server(tmp_path: Path) -> None:
    service = "def handle(data, context):\n    return [len(data[0]['body'])] if data else None\n"
    assert run(tmp_path / "job", {"entry.py": MODEL_SERVER, "mine.py": service}, "entry.py")[:2] == (0, "8")


# --- what AWS's tutorials of own containers have, written anew -----------------------------------------------------

APPLICATION = """
    import flask
    app = flask.Flask(__name__)
    @app.route("/ping", methods=["GET"])
    def ping(): return flask.Response(response="\\n", status=200, mimetype="application/json")
    @app.route("/invocations", methods=["POST"])
    def transformation():
        if flask.request.content_type != "text/csv":
            return flask.Response(response="only CSV", status=415, mimetype="text/plain")
        rows = flask.request.data.decode().splitlines()
        return flask.Response("".join(f"{sum(map(int, row.split(',')))}\\n" for row in rows), mimetype="text/csv")
"""
SERVE = """
    #!/usr/bin/env python
    import multiprocessing, os, signal, subprocess, sys
    def stop(nginx, gunicorn):
        for pid, number in ((nginx, signal.SIGQUIT), (gunicorn, signal.SIGTERM)):
            try: os.kill(pid, number)
            except OSError: pass
        sys.exit(0)
    def start():
        for name in ("access", "error"):
            subprocess.check_call(["ln", "-sf", "/dev/std" + ("out" if name == "access" else "err"), f"/var/log/nginx/{name}.log"])
        nginx = subprocess.Popen(["nginx", "-c", "/opt/program/nginx.conf"])
        gunicorn = subprocess.Popen(["gunicorn", "--timeout", "60", "-k", "sync", "-b", "unix:/tmp/gunicorn.sock", "-w", "1", "wsgi:app"])
        signal.signal(signal.SIGTERM, lambda a, b: stop(nginx.pid, gunicorn.pid))
        while os.wait()[0] not in (nginx.pid, gunicorn.pid): pass
        stop(nginx.pid, gunicorn.pid)
    if __name__ == "__main__":
        start()
"""
NGINX = """
    worker_processes 1;
    daemon off; # in front
    pid /tmp/nginx.pid;
    events { }
    http {
      include /etc/nginx/mime.types;
      access_log /var/log/nginx/access.log combined;
      upstream gunicorn {
        server unix:/tmp/gunicorn.sock;
      }
      server {
        listen 8080 deferred;
        client_max_body_size 5m;
        location ~ ^/(ping|invocations) {
          proxy_set_header Host $http_host;
          proxy_redirect off;
          proxy_pass http://gunicorn;
        }
        location / {
          return 404 "{}";
        }
      }
    }
"""
FAST = """
    from fastapi import FastAPI, Request, Response
    app = FastAPI()
    @app.get("/ping")
    def ping(): return {}
    @app.post("/invocations")
    async def invocations(request: Request):
        rows = (await request.body()).decode().splitlines()
        return Response("".join(f"{sum(map(int, row.split(',')))}\\n" for row in rows), media_type="text/csv")
"""
RUN = "\n    if __name__ == '__main__':\n        import uvicorn\n        uvicorn.run(app, host='0.0.0.0', port=8080)\n"
SCRIPT = "#!/bin/bash\nexec gunicorn -b 0.0.0.0:${SAGEMAKER_BIND_TO_PORT:-8080} predictor:app\n"
WSGI = "import predictor as mine\napp = mine.app\n"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> str:
    try:
        layers = (("flask==3.1.2", "gunicorn==23.0.0", "fastapi==0.116.1", "uvicorn==0.35.0"),)
        return str(shared_environment(layers, "import fastapi, flask, gunicorn.app.wsgiapp, uvicorn", tmp_path_factory))
    except OutsideFailure as failure:
        pytest.skip(f"the web servers can't be installed here: {failure}")


@pytest.mark.long
@needs_namespaces
@pytest.mark.parametrize(
    ("files", "program"),
    [
        ({"serve": SERVE, "nginx.conf": NGINX, "wsgi.py": WSGI, "predictor.py": APPLICATION}, "serve"),
        ({"predictor.py": APPLICATION}, "predictor.py"),
        ({"predictor.py": APPLICATION, "serve.sh": SCRIPT}, "serve.sh"),
        ({"app.py": FAST}, "app.py"),
        ({"app.py": FAST + RUN}, "app.py"),
    ],
    ids=[
        "nginx, gunicorn, Flask",
        "a Flask application",
        "a shell script",
        "a FastAPI application",
        "FastAPI, started",
    ],
)
def test_web_servers(tmp_path: Path, web: str, files: dict[str, str], program: str) -> None:
    files = {name: textwrap.dedent(text).lstrip("\n") for name, text in files.items()}
    code, answer, log = run(tmp_path / "job", files, program, python=web)
    assert (code, answer) == (0, "3\n7\n"), log
