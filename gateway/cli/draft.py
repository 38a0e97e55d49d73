"""`assay draft`: a first draft of a script from sources."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import Exit, console, print_json


@click.command(short_help="Draft a script from sources with a language model.")
@click.argument("topic")
@click.option(
    "--source",
    "sources",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="A text file that the draft may rest on; may be given several times.",
)
@click.option("--language", default="en", show_default=True, help="Primary tag of the language to write in.")
@click.option("--words", type=click.IntRange(50, 3000), default=300, show_default=True, help="About how long.")
@click.option(
    "--out", "-o", type=click.Path(dir_okay=False, path_type=Path), default=None, help="Write the script here."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def draft(
    context: click.Context,
    topic: str,
    sources: tuple[Path, ...],
    language: str,
    words: int,
    out: Path | None,
    as_json: bool,
) -> None:
    """Draft a script about TOPIC from text files, and say what each turn rests on and what the policy finds.

    The endpoint is ASSAY_DRAFT_URL. Exit codes: 0 allowed, 3 blocked by the policy, 4 something for a person to check.
    """
    from dataclasses import asdict

    from gateway.app import build_drafter, build_screener, build_voices
    from gateway.cli.findings import findings_table
    from gateway.drafting import Source
    from gateway.errors import InvalidRequestError, SettingsError
    from gateway.facts import decision_document
    from gateway.settings import load_settings

    settings = load_settings()
    drafter = build_drafter(settings)
    if drafter is None:
        raise SettingsError("no language model drafts here; set ASSAY_DRAFT_URL and ASSAY_DRAFT_MODEL")
    texts = []
    for path in sources:
        try:
            texts.append(Source(path.name, path.read_bytes().decode("utf-8")))
        except UnicodeDecodeError as error:
            raise InvalidRequestError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    catalogue = build_voices(settings)
    voices = [
        name
        for name, voice in sorted(catalogue.voices.items())
        if voice.language == language and not catalogue.cards[name].real_person
    ]
    made = drafter.draft(topic, texts, voices=voices, screener=build_screener(settings), language=language, words=words)
    document = decision_document(made.decision)
    if out is not None:
        out.write_text(made.script, encoding="utf-8")
    if as_json:
        cited = [asdict(one) for one in made.citations]
        print_json({"script": made.script, "citations": cited, "decision": document})
    else:
        screen = console(stderr=True)
        if made.decision.findings:
            screen.print(findings_table(made.script, document))
        click.echo(made.script if out is None else str(out))
    codes = {"allow": Exit.DONE, "review": Exit.WAITING, "block": Exit.REFUSED}
    context.exit(codes[made.decision.verdict.value])
