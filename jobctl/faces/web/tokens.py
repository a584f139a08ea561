"""Who may look and who may change: two tokens, and the sessions that they open."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from jobctl import clock
from jobctl.errors import UsageError

LOOK, CHANGE = "look", "change"
SHORTEST = 20
"""Characters of a token that someone chose: fewer can be guessed."""
SESSION_S = 12 * 3600


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """The token for looking, and the one for changing; without the latter nobody may change anything."""

    look: str
    change: str | None

    def role(self, token: str) -> str | None:
        """What a token allows; None if it is none."""
        for role, own in ((CHANGE, self.change), (LOOK, self.look)):
            if own is not None and hmac.compare_digest(token.encode(), own.encode()):
                return role
        return None

    def session(self, role: str) -> str:
        """The value of a cookie that opens a session. It holds no token, and ends with the tokens."""
        ends = str(clock.now_ms() // 1000 + SESSION_S)
        return f"{role}.{ends}.{self._sign(role, 'session', ends)}"

    def role_of(self, cookie: str) -> str | None:
        """What a session allows; None for one that is over, forged or of other tokens."""
        role, _, rest = cookie.partition(".")
        ends, _, signature = rest.partition(".")
        if role not in (LOOK, CHANGE) or not (ends.isascii() and ends.isdigit() and len(ends) < 13):
            return None
        if (role == CHANGE and self.change is None) or int(ends) < clock.now_ms() // 1000:
            return None
        return role if hmac.compare_digest(signature.encode(), self._sign(role, "session", ends).encode()) else None

    def form(self, cookie: str) -> str:
        """What a form of a session has to bring back."""
        return self._sign(LOOK, "form", cookie)

    def is_form(self, cookie: str, brought: str) -> bool:
        """Whether a form was made for this session."""
        return hmac.compare_digest(brought.encode(), self.form(cookie).encode())

    def _sign(self, role: str, what: str, text: str) -> str:
        key = (self.change if role == CHANGE else None) or self.look
        return hmac.new(key.encode(), f"jobctl {what} {role} {text}".encode(), hashlib.sha256).hexdigest()


def made(*, changes: bool) -> Tokens:
    """New tokens, that nobody can guess."""
    return Tokens(secrets.token_urlsafe(32), secrets.token_urlsafe(32) if changes else None)


def read(path: Path, *, changes: bool) -> Tokens:
    """Tokens from a file: that for looking in its first line, that for changing in the second. Raises UsageError."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--token-file: cannot read {path}: {getattr(error, 'strerror', None) or 'not text'}"
        ) from error
    wanted = 2 if changes else 1
    if len(lines) < wanted:
        what = "a token for looking and, in the second line, one for changing" if changes else "a token"
        raise UsageError(f"--token-file: {path} has {len(lines)} tokens", f"it needs {what}")
    used = lines[:wanted]
    if any(len(token) < SHORTEST for token in used):
        raise UsageError(
            f"--token-file: a token in {path} is shorter than {SHORTEST} characters", "openssl rand -hex 32"
        )
    if len(set(used)) < wanted:
        raise UsageError(f"--token-file: both tokens in {path} are the same", "who looks could change, too")
    return Tokens(used[0], used[1] if changes else None)
