"""`millrace console`: a page to look at runs, data and models, on this machine alone."""

import webbrowser
from typing import Optional

import click

from millrace.cli.options import config_options
from millrace.cli.output import echo, say
from millrace.config.loading import load


@click.command()
@config_options
@click.option("--port", type=click.IntRange(1, 65535), help="By default the first that is free from 8710 on.")
@click.option("--open", "opens", is_flag=True, help="Open the address in a browser.")
def console(config_file: str, overrides: tuple[str, ...], port: Optional[int], opens: bool) -> None:
    """Look at runs, data and models in a browser.

    The console listens on this machine alone, and wants the token of the address that it prints.
    """
    config = load(config_file, overrides)
    from millrace.console import listening

    bound = listening.open_port(port)
    taken, token = bound.getsockname()[1], listening.new_token()
    address = f"http://{listening.HOST}:{taken}/?token={token}"
    if port is None and taken != listening.FIRST_PORT:
        say(f"the port {listening.FIRST_PORT} is taken, perhaps by another console; this one has {taken}")
    say(f"the console of {config.name}; Ctrl-C ends it", style="bold")
    echo(f"  {address}")
    if opens:
        webbrowser.open(address)
    listening.serve(config, bound, token, lambda text: echo(text, err=True))
