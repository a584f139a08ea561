"""What is sent by forms: logging in and out, and changes, planned and agreed to as at the command line."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from jobctl.errors import Refused, UsageError
from jobctl.faces.change import VERBS, Done
from jobctl.faces.web.desk import Desk, form_of
from jobctl.faces.web.guard import COOKIE
from jobctl.faces.web.tokens import CHANGE, SESSION_S

OF_QUEUES = ("pause", "resume")


class Actions:
    """What forms do. No state of jobs is changed by GET."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def login(self, request: Request) -> Response:
        """Open a session with a token: from the link, or typed into the form."""
        token = request.query_params.get("token")
        if request.method == "POST":
            token = (await form_of(request)).get("token", "")
        role = self._desk.tokens.role(token.strip()) if token else None
        if role is None:
            wrong = "that is not the token" if token is not None else ""
            return self._desk.show(request, "login", status=403 if wrong else 200, wrong=wrong)
        # A page, not a redirect: from a link in a chat the browser would not send the cookie along.
        start = f"{self._desk.root}/"
        response: Response = HTMLResponse(
            f'<!doctype html><title>jobctl</title><link rel="icon" href="{start}static/icon.svg">'
            f'<meta http-equiv="refresh" content="0;url={start}">'
            f'<p><a href="{start}">Go on</a>'
        )
        if request.method == "POST":
            response = RedirectResponse(start, 303)
        secure = request.url.scheme == "https"
        response.set_cookie(
            COOKIE, self._desk.tokens.session(role), max_age=SESSION_S, path=start, secure=secure, httponly=True,
            samesite="strict",
        )  # fmt: skip
        return response

    async def logout(self, request: Request) -> Response:
        """End the session of this browser."""
        form = await form_of(request)
        self._require_form(request, form)
        response = RedirectResponse(f"{self._desk.root}/login", 303)
        response.delete_cookie(COOKIE, path=f"{self._desk.root}/")
        return response

    async def change(self, request: Request) -> Response:
        """Change jobs or a queue; what needs agreement is asked first."""
        form = await form_of(request)
        self._require_form(request, form)
        if request.state.role != CHANGE:
            raise Refused("this session may only look", "log in with the token for changing")
        return await run_in_threadpool(self._change, request, form)

    def _require_form(self, request: Request, form: Mapping[str, str]) -> None:
        cookie = request.state.cookie
        if request.state.role is None or not self._desk.tokens.is_form(cookie, form.get("form", "")):
            raise Refused("the form is not of this session", "load the page again")

    def _change(self, request: Request, form: Mapping[str, str]) -> Response:
        verb, changes = form.get("verb", ""), self._desk.changes
        if verb in OF_QUEUES:
            queue = form.get("queue", "")
            said = changes.pause(queue, form.get("reason", "")[:200]) if verb == "pause" else changes.resume(queue)
            return self._told(request, Done((said,)))
        if verb not in VERBS:
            raise UsageError(f"there is no verb {verb[:40]!r}")
        words = [form["words"]] if form.get("words", "").strip() else []
        proposal = changes.propose(verb, words, queue=form.get("queue") or None)
        if proposal.question is not None:
            planned, agreed = form.get("planned", ""), form.get("answer", "").strip()
            if not planned or not proposal.question.agreed(agreed):
                wrong = bool(planned)
                fields = {name: form.get(name, "") for name in ("verb", "words", "queue")}
                return self._desk.show(request, "confirm", proposal=proposal, fields=fields, wrong=wrong)
            if not planned.isdigit() or proposal.planned.matched > int(planned):
                said = f"would {proposal.change}, and {planned[:20]} were agreed to"
                raise Refused(said, "more have come meanwhile: look again")
        return self._told(request, changes.carry_out(proposal))

    def _told(self, request: Request, done: Done) -> Response:
        self._desk.sampler.stale()
        return self._desk.show(request, "done", done=done)
