"""The completion scripts of bash, zsh and fish, and where each shell looks for them.

They call the program back with `_JOBCTL_COMPLETE=complete_SHELL`, in the protocol of Typer's completion.
They are our own rather than Typer's so that the files in `completions/` do not change under a new Typer.
"""

from __future__ import annotations

from pathlib import Path

NAMES = ("bash", "zsh", "fish")

_BASH = """\
# bash completion for jobctl: source it, or put it where bash-completion looks
_jobctl_completion() {
    local IFS=$'\\n'
    COMPREPLY=( $(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        _JOBCTL_COMPLETE=complete_bash "$1" 2>/dev/null) )
    return 0
}

complete -o default -F _jobctl_completion jobctl
"""

_ZSH = """\
#compdef jobctl
# zsh completion for jobctl: put it as _jobctl into a folder of $fpath

_jobctl_completion() {
    eval "$(_TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _JOBCTL_COMPLETE=complete_zsh \\
        "${words[1]}" 2>/dev/null)"
}

if [ "$funcstack[1]" = "_jobctl" ]; then
    _jobctl_completion "$@"
else
    compdef _jobctl_completion jobctl
fi
"""

_FISH = """\
# fish completion for jobctl: put it into ~/.config/fish/completions
function __jobctl_complete
    _JOBCTL_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \\
        _TYPER_COMPLETE_ARGS=(commandline -cp) jobctl 2>/dev/null
end

complete --command jobctl --no-files --arguments "(__jobctl_complete get-args)" \\
    --condition "__jobctl_complete is-args"
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_PATHS = {
    "bash": ".local/share/bash-completion/completions/jobctl",
    "zsh": ".zfunc/_jobctl",
    "fish": ".config/fish/completions/jobctl.fish",
}
FILE_NAMES = {"bash": "jobctl.bash", "zsh": "_jobctl", "fish": "jobctl.fish"}
"""What the scripts are called in the project's `completions/` folder."""


def script(name: str) -> str:
    """The completion script of a shell out of NAMES."""
    return _SCRIPTS[name]


def install_path(name: str) -> Path:
    """Where that shell looks for it, in the person's home."""
    return Path.home() / _PATHS[name]


def note(name: str) -> str:
    """What is left to do after installing."""
    if name == "zsh":
        return "put `fpath+=~/.zfunc; autoload -Uz compinit; compinit` into ~/.zshrc, then open a new shell"
    return "open a new shell to use it"
