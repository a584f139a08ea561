# fish completion for jobctl: put it into ~/.config/fish/completions
function __jobctl_complete
    _JOBCTL_COMPLETE=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \
        _TYPER_COMPLETE_ARGS=(commandline -cp) jobctl 2>/dev/null
end

complete --command jobctl --no-files --arguments "(__jobctl_complete get-args)" \
    --condition "__jobctl_complete is-args"
