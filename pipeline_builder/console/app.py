"""The application: the pages' routes, who is let in, and what is answered where something is wrong."""

from __future__ import annotations

import json
import select
import socket
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from flask import Flask, Response, redirect, request
from werkzeug.exceptions import HTTPException, NotFound

from pipeline_builder.console.access import HEADERS, Access, RefusedError
from pipeline_builder.console.live import Live
from pipeline_builder.console.look import Look
from pipeline_builder.console.looks import Looks
from pipeline_builder.console.pages import Page, Query, Raw, all_pages, page_json
from pipeline_builder.console.rendering import make_shell, render_alone, render_page
from pipeline_builder.console.static import media_of, static_files
from pipeline_builder.console.urls import Url, live_url
from pipeline_builder.errors import InputProblems, PipelineBuilderError, PlanRefused, Problem, RunFailed
from pipeline_builder.inert import inert_json
from pipeline_builder.machine.refusals import is_of_this_machine, refusal

_LOOKING = ("GET", "HEAD")
MOST_BODY = 1 << 20
"""Bytes of a form: of 50 comments at their longest each letter may be twelve, as forms write an emoji."""
_NOT_FOUND = frozenset(["PB440", "PB441", "PB442", "PB480"])
"""Problems that say that what an address names isn't there; pages have more of their own."""


def make_app(looks: Looks, access: Access, *, live: Live, report: Callable[[str], None]) -> Flask:
    """Return the console as a WSGI application. `report` gets the text of what nobody expected, a bug."""
    app = Flask("pipeline_builder.console", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = MOST_BODY
    app.config["MAX_FORM_PARTS"] = 1000
    app.url_map.merge_slashes = app.url_map.redirect_defaults = False
    console = _Console(looks=looks, access=access, live=live, report=report, pages=all_pages())
    app.before_request(console.let_in)
    app.after_request(console.dress)
    app.register_error_handler(Exception, console.answer_error)
    _add(app, "/login", "login", console.log_in, ["GET", "POST"])
    _add(app, "/logout", "logout", console.log_out, ["POST"])
    _add(app, "/events", "events", console.events, ["GET"])
    _add(app, "/static/<name>", "static", console.static, ["GET"])
    # Where browsers look for an icon beside what has no word for it: a log, a value.
    app.add_url_rule("/favicon.ico", "static", defaults={"name": "icon.svg"}, provide_automatic_options=False)
    for page in console.pages:
        methods = ["GET", "POST"] if page.act else ["GET"]
        _add(app, page.path, page.name, console.shown(page), methods)
        if page.template:
            _add(app, page.json_path, f"{page.name}.json", console.as_json(page), ["GET"])
    return app


def _add(app: Flask, path: str, name: str, answer: Callable[..., Any], methods: list[str]) -> None:
    app.add_url_rule(path, name, answer, methods=methods, provide_automatic_options=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Console:
    looks: Looks
    access: Access
    live: Live
    report: Callable[[str], None]
    pages: tuple[Page, ...]

    @property
    def url(self) -> Url:
        return live_url(self.pages)

    @property
    def _session(self) -> str:
        return request.cookies.get(self.access.cookie, "")

    # --- who is let in

    def let_in(self) -> Response | None:
        """Refuse a request, or send who brings the token on to the page without it."""
        self.access.check_source(request.method, dict(request.headers))
        if request.endpoint in ("static", "login"):
            return None
        given = request.args.get("token", "")
        if given and request.method == "GET" and self.access.has_token(given):
            rest = urlencode([(name, one) for name, one in request.args.items(multi=True) if name != "token"])
            return self._logged_in(f"{request.path}?{rest}" if rest else request.path)
        bearer = request.headers.get("Authorization", "").partition("Bearer ")[2].strip()
        if not (self.access.knows(self._session) or (request.method in _LOOKING and self.access.has_token(bearer))):
            raise RefusedError(401, "This browser isn't logged in, or the console was started anew.")
        if request.method == "POST":
            self.access.check_form_token(self._session, request.form.get("form", ""))
        return None

    def _logged_in(self, path: str) -> Response:
        answer = _away(path)
        answer.set_cookie(self.access.cookie, self.access.log_in(), httponly=True, samesite="Strict", path="/")
        return answer

    def log_in(self) -> Response:
        """Take the token from a form, for who has only the address."""
        if request.method in _LOOKING:
            return _html(render_alone("console/login.html.j2", why="", to=_own(request.args.get("to", "/"))))
        if not self.access.has_token(request.form.get("token", "").strip()):
            raise RefusedError(401, "This isn't the token that the console has printed.")
        return self._logged_in(_own(request.form.get("to", "/")))

    def log_out(self) -> Response:
        """Forget this browser."""
        self.access.log_out(self._session)
        answer = _away("/login")
        answer.delete_cookie(self.access.cookie, path="/")
        return answer

    def dress(self, answer: Response) -> Response:
        """Put on every answer what keeps a browser from doing more with it than to show it."""
        answer.headers.update(HEADERS)
        answer.headers.pop("Server", None)
        return answer

    # --- pages

    def shown(self, page: Page) -> Callable[..., Response]:
        """Return what answers with a page."""

        def answer(**parts: Any) -> Response:
            look = replace(self.looks.current(), url=self.url)
            if request.method == "POST" and page.act:
                if not look.may_decide:
                    raise RefusedError(403, "This console is read-only: start it with --decide.")
                return self._acted(page, look, parts)
            seen = json.dumps(self.live.now()) if page.live else ""
            view = page.view(look, _query(), **parts)
            if isinstance(view, Raw):
                return _raw(view)
            shell = make_shell(
                page, look, self.url, self.pages,
                json=_json_address(page), seen=seen, said=self.access.noted(self._session),
                form=self.access.form_token(self._session) if look.may_decide and self._session else "",
            )  # fmt: skip
            return _html(render_page(page, view, shell, self.url))

        return answer

    def _acted(self, page: Page, look: Look, parts: dict[str, Any]) -> Response:
        """Do what a form asks for, by what there is now and not by what was answered some seconds ago.

        Who changes something forgets answers as well, and may keep what the next page is to tell.
        """
        assert page.act
        look.answers.forget()
        try:
            done = page.act(look, request.form, **parts)
        finally:
            self.looks.current(fresh=True)
        self.access.note(self._session, done.said)
        return _away(done.to)

    def as_json(self, page: Page) -> Callable[..., Response]:
        """Return what answers with a page's value."""

        def answer(**parts: Any) -> Response:
            look = replace(self.looks.current(), url=self.url)
            view = page_json(page.view(look, _query(), **parts))
            remarks = [page_json(problem) for problem in look.remarks]
            value = {**view, "remarks": remarks} if remarks and isinstance(view, dict) else view
            return Response(inert_json(value) + "\n", mimetype="application/json")

        return answer

    def events(self) -> Response:
        """Answer with a stream of what changes."""
        body = "" if request.method == "HEAD" else self.live.listen(_hung_up(request.environ))
        return Response(body, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})

    def static(self, name: str) -> Response:
        """Answer with one of the console's own files."""
        if (path := static_files().get(name)) is None:
            raise NotFound
        return Response(path.read_bytes(), content_type=media_of(name).value)

    # --- what is wrong

    def answer_error(self, error: Exception) -> Response:
        """Answer with a page that says what is wrong; a bug is reported, and only that it is one is said."""
        match error:
            case RefusedError(status=401):
                return self._said(401, error.why, login=True)
            case RefusedError():
                return self._said(error.status, error.why)
            case HTTPException():
                return self._said(error.code or 500, _WORDS.get(error.code or 500, error.description or ""))
            case PipelineBuilderError():
                return self._said(self._status(error), "", problems=error.problems)
            case OSError() if is_of_this_machine(error):
                return self._said(503, "", problems=refusal(error).problems)
        self.report("".join(traceback.format_exception(error)))
        return self._said(500, "This is a bug of the console. What it says is where the console was started.")

    def _status(self, error: PipelineBuilderError) -> int:
        """Return which kind of wrong it is: not there, not now, or out of reach."""
        absent = _NOT_FOUND.union(*(page.absent for page in self.pages))
        if any(problem.id in absent for problem in error.problems):
            return 404
        return 409 if isinstance(error, InputProblems | PlanRefused | RunFailed) else 503

    def _said(self, status: int, why: str, *, login: bool = False, problems: tuple[Problem, ...] = ()) -> Response:
        if request.path.endswith(".json"):
            value = {"error": why or problems[0].message, "problems": [page_json(one) for one in problems]}
            return Response(inert_json(value) + "\n", status=status, mimetype="application/json")
        if login:
            page = render_alone("console/login.html.j2", why=why, to=_own(request.path))
        else:
            page = render_alone("console/problem.html.j2", status=status, why=why, problems=problems)
        answer = _html(page, status)
        if status == 405:
            answer.headers["Allow"] = "GET, HEAD"
        return answer


_WORDS = {
    400: "This request can't be read.",
    404: "There is no such page.",
    405: "This page can only be looked at.",
    413: "The form is too large.",
    414: "The address is too long.",
}


def _hung_up(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Return what tells whether who has asked is gone: who still listens says nothing more, and who is gone an end."""
    connection: socket.socket | None = environ.get("werkzeug.socket")

    def gone() -> bool:
        if connection is None:
            return False
        try:
            return bool(select.select([connection], [], [], 0)[0]) and connection.recv(1, socket.MSG_PEEK) == b""
        except (OSError, ValueError):  # it was closed
            return True

    return gone


def _query() -> Query:
    pairs = tuple((str(name), str(value)) for name, value in request.args.items(multi=True))
    return Query(pairs=pairs, streamed="text/event-stream" in request.headers.get("Accept", ""))


def _json_address(page: Page) -> str:
    path = "/now.json" if page.path == "/" else f"{quote(request.path)}.json"
    query = request.query_string.decode("ascii", "replace")
    return f"{path}?{query}" if query else path


def _own(path: str) -> str:
    """Return a path of the console; the first page for whatever could lead elsewhere."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


def _away(path: str) -> Response:
    answer = redirect(quote(_own(path), safe="/?&=%+-._~"), code=303)
    assert isinstance(answer, Response)
    return answer


def _html(text: str, status: int = 200) -> Response:
    return Response(text, status=status, content_type="text/html; charset=utf-8")


def _raw(view: Raw) -> Response:
    body: str | Iterable[bytes] = (
        view.body if isinstance(view.body, str) else (piece.encode("utf-8", "replace") for piece in view.body)
    )
    return Response(body, content_type=view.media)
