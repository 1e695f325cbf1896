"""The commands and their options. Each imports what it needs when it runs: help must be quick."""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .plugged import Commands

app = typer.Typer(
    cls=Commands,
    name="stack",
    help="One server for Anthropic Messages, OpenAI Responses and OpenAI Chat Completions.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Source = Annotated[str, typer.Argument(metavar="NAME|PATH", help="A template, or a YAML file.")]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a value, as in server.port=9000."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Kind(StrEnum):
    providers = "providers"
    apis = "apis"
    distributions = "distributions"
    clients = "clients"
    stores = "stores"
    executors = "executors"
    commands = "commands"


def run_command(args: list[str]) -> int:
    """Run what the arguments ask for; usage errors are printed in typer's own words."""
    try:
        app(args=args, prog_name="stack")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    if debug:
        os.environ["STACK_DEBUG"] = "1"


@app.command()
def run(
    source: Source,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 is any.")] = None,
    set: Sets = None,
) -> None:
    """Serve a distribution until Ctrl-C."""
    from ...runtime.config import load
    from ...runtime.plugins import Plugins

    overrides = list(set or [])
    if host is not None:
        overrides.append(f"server.host={json.dumps(host)}")
    if port is not None:
        overrides.append(f"server.port={port}")
    plugins = Plugins()
    loaded = load(source, plugins=plugins, overrides=overrides)
    from ..server import serve

    raise typer.Exit(serve(loaded, plugins))


@app.command(name="list")
def list_(kind: Kind, as_json: Json = False) -> None:
    """List what is installed; imports none of it."""
    from ...runtime.plugins import Plugins
    from .listing import rows, table

    plugins = Plugins()
    found = rows(plugins, kind.removesuffix("s"))
    print(json.dumps(found, indent=2) if as_json else table(found))
    for problem in plugins.broken:
        _note(problem)


@app.command()
def show(source: Source, set: Sets = None, as_json: Json = False) -> None:
    """Print a distribution as it would run, without its secrets."""
    from ...runtime.config import load, masked
    from ...runtime.plugins import Plugins

    plugins = Plugins()
    loaded = load(source, plugins=plugins, overrides=set or [])
    document = masked(loaded, plugins)
    for note in loaded.notes:
        _note(note)
    if as_json:
        print(json.dumps(document, indent=2))
    else:
        _print_yaml(document)


@app.command()
def check(source: Source, set: Sets = None) -> None:
    """Validate a distribution; starts nothing."""
    from .checking import check

    valid, notes = check(source, set or [])
    for note in notes:
        _note(note)
    print(valid)


@app.command()
def explain(
    source: Source,
    model: Annotated[str, typer.Option(help="The model's name, as a client would write it.")],
    api: Annotated[str, typer.Option(help="The client's protocol, as in `apis`.")],
    body: Annotated[
        str | None, typer.Option(metavar="FILE", help="A request to explain; - is stdin.")
    ] = None,
    set: Sets = None,
    as_json: Json = False,
) -> None:
    """Tell how a request would reach its model, and what it would lose; asks no model."""
    from .explaining import explain, report

    explained = explain(source, set or [], model, api, body)
    print(json.dumps(explained, indent=2) if as_json else report(explained))


@app.command()
def chat(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="By default the distribution's own.")
    ] = None,
    source: Annotated[
        str, typer.Option("--from", metavar="NAME|PATH", help="A template, or a YAML file.")
    ] = "starter",
    system: Annotated[str | None, typer.Option(help="What the model is told beforehand.")] = None,
    set: Sets = None,
) -> None:
    """Talk to a model in the terminal; nothing is served."""
    from .chatting import chat

    raise typer.Exit(chat(source, model, system, set or []))


Kept = Annotated[str, typer.Argument(metavar="MODEL", help="Any name of it.")]
Url = Annotated[
    str | None, typer.Option("--url", help="A running stack; by default on the usual port here.")
]


@app.command()
def models(url: Url = None, as_json: Json = False) -> None:
    """Show what a running stack has in memory, and how it does."""
    from . import managing
    from .listing import table

    found = managing.models(url)
    rows = [managing.row(model) for model in found]
    print(json.dumps(found, indent=2) if as_json else table(rows, managing.COLUMNS))


@app.command(name="load")
def load_(model: Kept, url: Url = None, as_json: Json = False) -> None:
    """Have a running stack load a model, and wait until it is there."""
    from . import managing

    found = managing.load(url, model)
    print(json.dumps(found, indent=2) if as_json else managing.sentence(found))


@app.command()
def unload(model: Kept, url: Url = None, as_json: Json = False) -> None:
    """Have a running stack let a model go, until it is asked for again."""
    from . import managing

    found = managing.unload(url, model)
    print(json.dumps(found, indent=2) if as_json else managing.sentence(found))


@app.command()
def connect(
    client: Annotated[
        str | None, typer.Argument(metavar="CLIENT", help="Without it, the clients are listed.")
    ] = None,
    source: Annotated[
        str,
        typer.Argument(metavar="NAME|PATH|URL", help="A distribution, or a running stack."),
    ] = "starter",
    model: Annotated[str | None, typer.Option(help="The model that the client is to ask.")] = None,
    set: Sets = None,
    as_json: Json = False,
) -> None:
    """Print what points a client at a stack: environment, or configuration."""
    from ...runtime.plugins import Plugins
    from . import connecting
    from .listing import table

    plugins = Plugins()
    if client is None:
        found, broken = connecting.listing(plugins)
        print(json.dumps(found, indent=2) if as_json else table(found, connecting.COLUMNS))
        for problem in broken:
            _note(problem)
        return
    connection = connecting.connect(client, source, model, set or [], plugins)
    show = connecting.document(*connection) if as_json else connecting.text(*connection)
    print(json.dumps(show, indent=2) if as_json else show)


db = typer.Typer(help="Look after what a distribution keeps.", no_args_is_help=True)
app.add_typer(db, name="db")


@db.command(name="upgrade")
def upgrade_store(source: Source, set: Sets = None) -> None:
    """Bring a store to the form that this version reads; while no server uses it."""
    from .upgrading import upgrade

    print(upgrade(source, set or []))


new = typer.Typer(help="Write a package of your own.", no_args_is_help=True)
app.add_typer(new, name="new")


@new.command()
def provider(
    name: Annotated[str, typer.Argument(help="The provider's type, as in my-provider.")],
    into: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder to write it into.")
    ] = Path(),
) -> None:
    """Write a provider that works, with its test."""
    from ...runtime.plugins import Plugins
    from .new import provider

    print(provider(name, into, Plugins()))


@app.command()
def doctor() -> None:
    """Check every plugin, and the engines behind them."""
    from ...runtime.plugins import Plugins
    from .doctor import examine, report

    healthy = True
    for finding in examine(Plugins()):
        print(report(finding), flush=True)
        healthy = healthy and finding.status != "broken"
    raise typer.Exit(0 if healthy else 1)


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version

    print(f"polystack {version('polystack')}")


def _note(text: str) -> None:
    print(f"stack: note: {text}", file=sys.stderr)


def _print_yaml(document: dict[str, Any]) -> None:
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.dump(document, sys.stdout)
