"""`leukolab cache`: what the home folder holds, and making it smaller."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

import click

from leukolab.base.errors import SpecError
from leukolab.base.holdings import KINDS
from leukolab.base.home import SIZE_VARIABLE, Home
from leukolab.base.sizes import parse_size, size_text
from leukolab.cli.help import WHERE, command, option
from leukolab.cli.say import say
from leukolab.cli.values import OneOf

SMALLEST = 10**6
"""A `--cache-size` below this is a number without its unit."""


@command("list")
@click.pass_obj
def list_entries(home: Home) -> None:
    """List what the home folder holds, by kind and key, with its size and last use."""
    from leukolab.base.pins import pinned
    from leukolab.base.shelf import limit, usage

    entries, keys = usage(home), pinned(home)
    width = max((len(entry.key) for entry in entries), default=0)
    if entries:
        say(f"{'kind':10} {'key':{width}} {'size':>10}  {'last used':16}  pinned")
    for entry in entries:
        when = datetime.fromtimestamp(entry.last_used).strftime("%Y-%m-%d %H:%M")
        held = any(key.split("/")[:2] == [entry.kind, entry.key.partition(".")[0]] for key in keys)
        size = size_text(entry.bytes)
        say(f"{entry.kind:10} {entry.key:{width}} {size:>10}  {when}  {'yes' if held else ''}".rstrip())
    total = size_text(sum(entry.bytes for entry in entries))
    say(f"{home}: {total}, at most {size_text(limit(home))}")


@command()
@option("--to", "size", required=True, metavar="SIZE", help="What may stay, such as 5GB, 500MB or 8GiB.")
@click.pass_obj
def trim(home: Home, size: str) -> None:
    """Delete what was used longest ago until at most that much is left; what a running program has pinned stays."""
    from leukolab.base.shelf import trim as evict

    bound = parse_size(size, "--to")
    say(f"freed {size_text(evict(home, bound))}")
    _say_left(home, KINDS, bound)


@command()
@option("--kind", "kinds", multiple=True, type=OneOf(KINDS), help="Only this kind; may be repeated.")
@option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def clear(home: Home, kinds: tuple[str, ...], yes: bool) -> None:
    """Delete everything, or all of a kind, after asking; what a running program has pinned stays."""
    from leukolab.base.shelf import trim as evict

    chosen = kinds or KINDS
    held = _held(home, chosen)
    if held and not yes and not _agreed(f"Delete {size_text(held)} ({', '.join(chosen)}) from {home}?"):
        say("nothing deleted")
        return
    say(f"freed {size_text(evict(home, 0, kinds=chosen))}")
    _say_left(home, chosen, 0)


def _agreed(question: str) -> bool:
    say("This costs time only: a later run makes or fetches again what it needs.")
    try:
        return click.confirm(question)
    except click.Abort as error:
        raise SpecError(
            "cache clear: expected yes or no, got no answer; nothing was deleted. Add --yes to delete without asking."
        ) from error


def _held(home: Home, kinds: Collection[str]) -> int:
    from leukolab.base.shelf import usage

    return sum(entry.bytes for entry in usage(home) if entry.kind in kinds)


def _say_left(home: Home, kinds: Collection[str], bound: int) -> None:
    held = _held(home, kinds)
    why = ", pinned by running programs" if held > bound else ""
    say(f"left {size_text(held)}{why}")


def _limited(context: click.Context, _: click.Parameter, given: str | None) -> None:
    """Give the command a home folder of this size; refuse a size without its unit."""
    if given is None:
        return
    limit_bytes = parse_size(given, "--cache-size")
    if limit_bytes < SMALLEST:
        raise SpecError(f"--cache-size: expected 1MB at least, got '{given}'. Write gigabytes as 20GB.")
    context.obj = replace(context.obj, limit_bytes=limit_bytes)


cache_size = option(
    "--cache-size",
    metavar="SIZE",
    expose_value=False,
    callback=_limited,
    section=WHERE,
    setting="cache size",
    help="Most the home folder may hold, such as 20GB. "
    f"[default: {SIZE_VARIABLE}, else 50 GB or a quarter of the free disk, whichever is less]",
)
"""The option of commands that fill the home folder."""
