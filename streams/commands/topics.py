"""`pathline topics`: create the topics, list them, say what is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Column, Table

from models.errors import BadSetting
from streams.acls import Role, commands, load_roles
from streams.connection import connect
from streams.console import Exit, Json, out, print_json
from streams.kafka.admin import check_topics, create_topics, load_topics
from streams.settings import Settings, load_settings
from streams.topics import DAY_MS, Finding, FoundTopic, Topics, compare_topics

app = typer.Typer(no_args_is_help=True, help="Create and check the topics, from raw to alerts.")


@app.command()
def create(json: Json = False) -> None:
    """Create the topics that are missing; safe to repeat.

    Existing topics are checked, never changed: a setting that is wrong is told with the command
    that mends it, and the exit code is 1.
    """
    settings = load_settings()
    created = asyncio.run(create_topics(settings))
    findings = asyncio.run(check_topics(settings))
    for topic in Topics(settings):
        mine = [f for f in findings if f.topic == topic.name]
        verdict = "created" if topic.name in created else "wrong" if mine else "present"
        if json:
            print_json(
                {"topic": topic.name, "verdict": verdict, "findings": [asdict(f) for f in mine]}
            )
        else:
            out.print(f"{verdict:8} {topic.name}", highlight=False)
    if not json:
        print_findings(findings)
    raise typer.Exit(Exit.FINDINGS if findings else Exit.FINE)


@app.command("list")
def show(json: Json = False) -> None:
    """List each topic, what it is for and how it is set; exit code 1 when one is wrong."""
    settings = load_settings()
    found, findings = asyncio.run(_look(settings))
    if json:
        for topic in Topics(settings):
            present = found.get(topic.name)
            print_json(
                {
                    "topic": topic.name,
                    "purpose": topic.purpose,
                    "expected": asdict(topic),
                    "found": asdict(present) if present else None,
                    "findings": [asdict(f) for f in findings if f.topic == topic.name],
                }
            )
    else:
        columns = ("parts", "repl", "cleanup", "kept", "what for")
        table = Table(
            Column("topic", no_wrap=True), *columns, box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
        )
        for topic in Topics(settings):
            table.add_row(topic.name, *describe(found.get(topic.name)), topic.purpose)
        out.print(table)
        print_findings(findings)
    raise typer.Exit(Exit.FINDINGS if findings else Exit.FINE)


@app.command()
def acls(
    role: Annotated[str | None, typer.Option(help="One role; default: all.")] = None,
    principal: Annotated[
        str | None, typer.Option(help="With --commands: who gets the role, as User:name.")
    ] = None,
    as_commands: Annotated[
        bool, typer.Option("--commands", help="Print arguments of kafka-acls.sh, one call a line.")
    ] = False,
    json: Json = False,
) -> None:
    """List what each role needs of Kafka, and no more; asks no broker.

    \b
    Example: give the role to a user
      pathline topics acls --role sender --principal User:crm --commands |
        xargs -L1 kafka-acls.sh --bootstrap-server HOST:PORT --command-config admin.properties
    """
    roles = load_roles(load_settings())
    if role is not None and role not in roles:
        raise BadSetting(f"--role {role}: there is none; the roles are {', '.join(roles)}")
    chosen = [roles[role]] if role else list(roles.values())
    if as_commands and (len(chosen) > 1 or not principal or ":" not in principal):
        raise BadSetting("--commands needs --role, and --principal such as User:crm")
    for each in chosen:
        if json:
            print_json(each._asdict() | {"rights": [right._asdict() for right in each.rights]})
        elif as_commands:
            for line in commands(each, principal or ""):
                out.print(line, markup=False, highlight=False)
        else:
            out.print(rights_table(each))


def rights_table(role: Role) -> Table:
    """For people."""
    table = Table("on", Column("name", no_wrap=True), "may", box=SIMPLE_HEAD, title_justify="left",
                  title=f"{role.name}: {role.purpose}")  # fmt: skip
    for right in role.rights:
        name = right.name + ("*" if right.pattern == "prefixed" else "")
        table.add_row(right.kind, name, ", ".join(right.operations))
    return table


async def _look(settings: Settings) -> tuple[dict[str, FoundTopic], list[Finding]]:
    topics = Topics(settings)
    async with connect(settings) as admin:
        found = await load_topics(admin, topics)
    return found, compare_topics(topics, found)


def describe(found: FoundTopic | None) -> tuple[str, str, str, str]:
    """Partitions, replicas, cleanup policy and retention, to be read.

    >>> describe(FoundTopic(4, 1, {"cleanup.policy": "delete", "retention.ms": "1209600000"}))
    ('4', '1', 'delete', '14 d')
    """
    if found is None:
        return "-", "-", "missing", "-"
    policy, retention = found.config["cleanup.policy"], int(found.config.get("retention.ms", "-1"))
    kept = "for ever" if policy == "compact" or retention < 0 else f"{retention / DAY_MS:g} d"
    return str(found.partitions), str(found.replication), policy, kept


def print_findings(findings: Iterable[Finding]) -> None:
    """One line each, the worst first."""
    for finding in sorted(findings, key=lambda f: not f.fatal):
        out.print(str(finding), style="red" if finding.fatal else "yellow", markup=False)
