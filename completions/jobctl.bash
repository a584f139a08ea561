# bash completion for jobctl: source it, or put it where bash-completion looks
_jobctl_completion() {
    local IFS=$'\n'
    COMPREPLY=( $(COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \
        _JOBCTL_COMPLETE=complete_bash "$1" 2>/dev/null) )
    return 0
}

complete -o default -F _jobctl_completion jobctl
