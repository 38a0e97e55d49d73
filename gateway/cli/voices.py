"""`assay voices`: what speaks here, and under which conditions."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.terminal import console, print_json

SENTENCES = {
    "en": "Good morning, this is the news from the harbour.",
    "de": "Guten Morgen, hier sind die Nachrichten aus dem Hafen.",
    "fr": "Bonjour, voici les nouvelles du port.",
    "es": "Buenos días, estas son las noticias del puerto.",
    "ru": "Доброе утро, вот новости из порта.",
}
NAME_ALONE = "Lorem ipsum dolor sit amet"  # letters that every other alphabet has


@click.group(short_help="List, check and pin voices.")
def voices() -> None:
    """List, check and pin voices."""


@voices.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the voices that scripts may name; every pinned file is checked."""
    from gateway.app import build_voices
    from gateway.settings import load_settings

    catalogue = build_voices(load_settings())
    rows = [
        {
            "id": card.id,
            "name": card.name,
            "language": card.language,
            "engine": card.engine,
            "licence": card.licence,
            "purposes": sorted(card.purposes),
            "real_person": card.real_person,
            "version": catalogue.get(card.id).version,
        }
        for _, card in sorted(catalogue.cards.items())
    ]
    if as_json:
        print_json({"voices": rows})
        return
    from rich.table import Table

    table = Table("id", "language", "engine", "licence", "purposes", "real person")
    for row in rows:
        card = catalogue.cards[str(row["id"])]
        person = "yes" if card.real_person else "no"
        table.add_row(card.id, card.language, card.engine, card.licence, ", ".join(sorted(card.purposes)), person)
    console().print(table)


@voices.command()
@click.argument("voice_ids", nargs=-1)
@click.pass_context
def check(context: click.Context, voice_ids: tuple[str, ...]) -> None:
    """Have the voices VOICE_IDS, or all, speak a sentence each, which loads their models. Exit code 1 if one fails.

    What they say is neither kept nor written anywhere.
    """
    import time

    from gateway.app import build_voices
    from gateway.cli.terminal import Exit
    from gateway.settings import load_settings
    from synth.errors import SynthError

    catalogue = build_voices(load_settings(speech_cache_bytes=0))
    failed = False
    for voice_id in voice_ids or sorted(catalogue.voices):
        voice = catalogue.get(voice_id)
        began = time.perf_counter()
        try:
            samples = voice.speak(SENTENCES.get(voice.language, NAME_ALONE), seed=0)
        except SynthError as error:
            failed = True
            click.echo(f"{voice_id}: FAILED: {error}")
        else:
            seconds = time.perf_counter() - began
            click.echo(f"{voice_id}: {len(samples) / voice.sample_rate:.1f} s of sound in {seconds:.1f} s")
    context.exit(Exit.FAILED if failed else Exit.DONE)


@voices.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--id", "voice_id", required=True, help="What scripts will call the voice.")
@click.option("--licence", required=True, help="Licence of the model and its data; SPDX id where there is one.")
@click.option("--language", default="en", show_default=True, help="Primary tag of the language that it speaks.")
def pin(folder: Path, voice_id: str, licence: str, language: str) -> None:
    """Print the entry of a Coqui model in FOLDER for the file of voices, with the digest of every file in it.

    The digests say that the files stay what they are now; that they are what their author published, only you can know.
    """
    from gateway.modelfiles import sha256_of

    click.echo("[[voice]]")
    click.echo(f'id = "{voice_id}"\nname = "{voice_id.capitalize()}"\nlanguage = "{language}"\nengine = "coqui"')
    click.echo(f'licence = "{licence}"\npurposes = ["editorial"]\nreal_person = true')
    click.echo(f'model = "{folder.resolve()}"\n[voice.files]')
    for path in sorted(path for path in folder.iterdir() if path.is_file() and path.name != "card.json"):
        click.echo(f'"{path.name}" = "{sha256_of(path)}"')
