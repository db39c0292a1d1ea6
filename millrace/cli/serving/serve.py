"""`millrace serve`: a server of the pipeline's model, with a request that works."""

from typing import Optional

import click

from millrace.base.quiet import load_tensorflow
from millrace.cli.options import config_options
from millrace.cli.output import echo, say
from millrace.config.loading import load

_PORT = click.IntRange(1, 65535)


@click.command()
@config_options
@click.option("--model", default="", metavar="VERSION|ALIAS", help="Which version; by default champion.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The interface to listen on.")
@click.option("--port", type=_PORT, help="Of REST; by default the first that is free from 8501 on.")
@click.option(
    "--grpc-port", type=click.IntRange(0, 65535), help="Of gRPC, 0 for none; by default the first free from 8500 on."
)
@click.option(
    "--with",
    "kind",
    type=click.Choice(["millrace", "tensorflow_model_server", "docker"]),
    default="millrace",
    show_default=True,
    help="Which server.",
)
def serve(
    config_file: str,
    overrides: tuple[str, ...],
    model: str,
    host: str,
    port: Optional[int],
    grpc_port: Optional[int],
    kind: str,
) -> None:
    """Start a server for the pipeline's model, and print a request that works.

    It answers TensorFlow Serving's REST and gRPC, and shows a form to try the model by hand. It follows an alias that
    moves while it runs. Ctrl-C ends it.
    """
    config = load(config_file, overrides)
    load_tensorflow()
    from millrace.prediction import server
    from millrace.prediction.served import example_command, served_model

    place = server.choose_place(host, port, grpc_port)
    for chosen, asked, usual, what in (
        (place.rest, port, server.REST_PORT, "REST"),
        (place.grpc, grpc_port, server.GRPC_PORT, "gRPC"),
    ):
        if asked is None and chosen != usual:
            say(f"the port {usual} is taken; {what} is at {chosen}")
    with served_model(config, model) as (served, version):
        started = server.command(kind, served, place, config.infra_validation.image)  # type: ignore[arg-type]
        with server.running(started, served, place) as running:
            say(f"loading {config.name}, {version.name}")
            running.wait_until_it_answers()
            say(f"{config.name}, {version.name}, answers; Ctrl-C ends it", style="bold")
            form = "     a form to try it, in a browser" if kind == "millrace" else ""
            echo(f"  {place.address}/{form}" if form else f"  {place.address}{served.path}")
            if place.grpc:
                echo(f"  {place.host}:{place.grpc}     gRPC")
            echo()
            echo(example_command(version, served, place, plain=kind != "millrace"))
            try:
                running.wait()
            except KeyboardInterrupt:
                echo("stopped", err=True)
