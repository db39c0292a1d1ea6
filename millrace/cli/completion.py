"""`millrace completion`: what bash, zsh and fish need to complete commands, options and their values.

click has the scripts for zsh and fish. bash cuts a word at `=` and `:`, so that `--set data.format=p` would reach click
in three pieces: its script here hands the line over as it was typed. No space follows a word that is to go on.
"""

import os

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

VARIABLE = "_MILLRACE_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
_BASH = """\
%(complete_func)s() {
    local IFS=$'\\n' type value
    COMPREPLY=()
    while IFS=, read -r type value; do
        if [[ $type == dir ]]; then compopt -o dirnames 2>/dev/null
        elif [[ $type == file ]]; then compopt -o default 2>/dev/null
        elif [[ $type == plain ]]; then COMPREPLY+=("$value")
        fi
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" %(complete_var)s=bash_complete "$1")
    if [[ ${COMPREPLY[0]} == *[.=] ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_PLAIN = 'if [[ "$type" == "plain" ]]; then\n'
_GOES_ON = 'if [[ "$type" == "plain" && "$key" == *[.=] ]]; then\n            compadd -S "" -U -- "$key"\n        el'


@add_completion_class
class _Bash(BashComplete):
    source_template = _BASH
    _before = 0

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is typed, and that one, as they stand on the line."""
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        typed = "" if not words or line[-1:].isspace() else words.pop()
        # bash puts what it is given in the place of what stands behind the last of these.
        self._before = max(typed.rfind("="), typed.rfind(":")) + 1
        return words[1:], typed

    def format_completion(self, item: "CompletionItem[str]") -> str:
        """A line for the script: what kind of word it is, and the part of it that bash is to put in."""
        return f"{item.type},{item.value[self._before :]}"


@add_completion_class
class _Zsh(ZshComplete):
    source_template = ZshComplete.source_template.replace(_PLAIN, _GOES_ON + _PLAIN, 1)


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print what completes commands, options, stages, keys of the configuration and runs.

    \b
    bash:  echo 'source <(millrace completion bash)' >> ~/.bashrc
    zsh:   echo 'source <(millrace completion zsh)' >> ~/.zshrc, after compinit
    fish:  millrace completion fish > ~/.config/fish/completions/millrace.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(click.get_current_context().find_root().command, {}, "millrace", VARIABLE).source(), nl=False)
