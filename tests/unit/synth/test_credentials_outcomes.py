"""Every way in which the credentials of a file can stand or fall, on real files."""

from __future__ import annotations

import io
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mutagen.id3
import numpy as np
import pytest

from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.credentials import CredentialsDetail, CredentialsState
from synth.errors import CredentialsError
from synth.pki import DevelopmentChain, issue_development_chain
from tests.credentials_samples import FACTS, chain, clip, decode, signer

BOTH = pytest.mark.parametrize("media_type", ["audio/wav", "audio/mpeg"])
INVALID, ABSENT = CredentialsState.INVALID, CredentialsState.ABSENT


@pytest.fixture(scope="module")
def certificates() -> DevelopmentChain:
    return chain()


@pytest.fixture(scope="module")
def gate(certificates: DevelopmentChain) -> ContentCredentialsSigner:
    return signer(certificates)


@pytest.fixture(scope="module")
def signed(gate: ContentCredentialsSigner) -> dict[str, tuple[bytes, bytes]]:
    return {media_type: gate.sign(clip(media_type), media_type, FACTS) for media_type in ("audio/wav", "audio/mpeg")}


@BOTH
def test_signed_clip_is_trusted_and_says_whose_it_is(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    report = gate.read(signed[media_type][0], media_type)
    assert (report.state, report.detail, report.codes) == (CredentialsState.TRUSTED, CredentialsDetail.INTACT, ())
    assert report.signer == "Example Radio"
    assert report.generator == "Assay 0.1.0"
    assert report.label is not None
    assert report.label.startswith("urn:c2pa:")
    assert report.facts is not None
    assert report.facts.episode_id == FACTS.episode_id
    assert report.facts.soft_bindings[1].value == bytes.fromhex("0123")


@BOTH
def test_signing_changes_no_sample(signed: dict[str, tuple[bytes, bytes]], media_type: str) -> None:
    before, after = decode(clip(media_type)), decode(signed[media_type][0])
    assert len(before) > 0
    np.testing.assert_array_equal(before, after)


@BOTH
def test_returned_store_is_the_embedded_one(signed: dict[str, tuple[bytes, bytes]], media_type: str) -> None:
    data, store = signed[media_type]
    assert store in data


@BOTH
def test_time_of_signing_is_unknown_without_a_trusted_time_stamp(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    assert gate.read(signed[media_type][0], media_type).signed_at is None


@BOTH
def test_signer_under_no_anchor_is_valid_but_never_trusted(
    signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    stranger = ContentCredentialsReader(trust_anchors_pem=chain("Somebody Else").trust_anchors_pem)
    report = stranger.read(signed[media_type][0], media_type)
    assert (report.state, report.detail) == (CredentialsState.VALID, CredentialsDetail.UNKNOWN_SIGNER)
    assert report.codes == ("signingCredential.untrusted",)


@BOTH
def test_claim_signer_under_a_time_stamp_authority_is_not_trusted(
    certificates: DevelopmentChain, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    reader = ContentCredentialsReader(
        trust_anchors_pem=chain("Somebody Else").trust_anchors_pem,
        time_stamp_anchors_pem=certificates.trust_anchors_pem,
    )
    assert reader.read(signed[media_type][0], media_type).state is CredentialsState.VALID


def change_sound(data: bytes) -> bytes:
    # The manifest sits at the end of a WAV and at the start of an MP3, so that these bytes are sound in both.
    position = 1_000 if data[:4] == b"RIFF" else len(data) - 1_000
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


@BOTH
def test_changed_sound_is_content_changed_and_the_claims_still_speak(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    report = gate.read(change_sound(signed[media_type][0]), media_type)
    assert (report.state, report.detail) == (INVALID, CredentialsDetail.CONTENT_CHANGED)
    assert report.codes == ("assertion.dataHash.mismatch",)
    assert report.facts is not None
    assert report.facts.episode_id == FACTS.episode_id


@BOTH
def test_one_byte_appended_is_content_changed(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    assert gate.read(signed[media_type][0] + b"\0", media_type).detail is CredentialsDetail.CONTENT_CHANGED


def test_tag_edited_after_signing_is_content_changed(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp3"
    path.write_bytes(signed["audio/mpeg"][0])
    tags = mutagen.id3.ID3(path)
    tags.add(mutagen.id3.TIT2(encoding=3, text="Another title"))
    tags.save(path)
    assert gate.read(path.read_bytes(), "audio/mpeg").detail is CredentialsDetail.CONTENT_CHANGED


@BOTH
def test_changed_sound_under_an_unknown_signer_is_broken(
    signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    stranger = ContentCredentialsReader(trust_anchors_pem=chain("Somebody Else").trust_anchors_pem)
    report = stranger.read(change_sound(signed[media_type][0]), media_type)
    assert (report.state, report.detail, report.facts) == (INVALID, CredentialsDetail.BROKEN, None)


@BOTH
@pytest.mark.parametrize(
    ("word", "replacement", "code"),
    [
        (b"podcast-default", b"podcast-lenient", "assertion.hashedURI.mismatch"),
        (b"Morning briefing", b"Evening briefing", "claimSignature.mismatch"),
    ],
    ids=["assertion", "claim"],
)
def test_rewritten_claim_is_broken_and_shows_no_facts(
    gate: ContentCredentialsSigner,
    signed: dict[str, tuple[bytes, bytes]],
    media_type: str,
    word: bytes,
    replacement: bytes,
    code: str,
) -> None:
    data = signed[media_type][0]
    assert word in data
    report = gate.read(data.replace(word, replacement), media_type)
    assert (report.state, report.detail, report.facts) == (INVALID, CredentialsDetail.BROKEN, None)
    assert code in report.codes


@pytest.fixture(scope="module")
def ran_out() -> tuple[ContentCredentialsSigner, dict[str, bytes]]:
    """A signer whose certificate has just run out, and clips that it signed in time."""
    short = issue_development_chain(
        at=datetime.now(UTC) - timedelta(days=1, seconds=-2), organisation="Example Radio", days=1
    )
    gate = signer(short)
    clips = {
        media_type: gate.sign(clip(media_type), media_type, FACTS)[0] for media_type in ("audio/wav", "audio/mpeg")
    }
    time.sleep(max(0.0, (gate.expires_at - datetime.now(UTC)).total_seconds() + 1.1))
    return gate, clips


@BOTH
def test_certificate_that_ran_out_without_a_time_stamp_is_signer_expired(
    ran_out: tuple[ContentCredentialsSigner, dict[str, bytes]], media_type: str
) -> None:
    expired, clips = ran_out
    report = expired.read(clips[media_type], media_type)
    assert (report.state, report.detail) == (INVALID, CredentialsDetail.SIGNER_EXPIRED)


@BOTH
def test_expired_certificate_of_a_stranger_speaks_for_nobody(
    gate: ContentCredentialsSigner, ran_out: tuple[ContentCredentialsSigner, dict[str, bytes]], media_type: str
) -> None:
    """The library reports the same codes as for an expired certificate of ours, so the claims must not be shown."""
    report = gate.read(ran_out[1][media_type], media_type)
    assert (report.state, report.detail) == (INVALID, CredentialsDetail.SIGNER_EXPIRED)
    assert (report.facts, report.label, report.signer) == (None, None, None)


@BOTH
def test_stripped_clip_has_no_credentials(gate: ContentCredentialsSigner, media_type: str) -> None:
    report = gate.read(clip(media_type), media_type)
    assert (report.state, report.detail) == (ABSENT, CredentialsDetail.NOT_FOUND)


@BOTH
def test_kept_store_over_a_stripped_clip_is_content_changed_never_trusted(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    report = gate.read(clip(media_type), media_type, manifest_store=signed[media_type][1])
    assert (report.state, report.detail) == (INVALID, CredentialsDetail.CONTENT_CHANGED)
    assert report.facts is not None
    assert report.facts.episode_id == FACTS.episode_id


@pytest.mark.parametrize("data", [b"", b"x", b"garbage" * 100, b"%PDF-1.7\n" + bytes(100), b"PK\3\4" + bytes(100)])
def test_what_is_no_audio_has_no_credentials_that_we_read(gate: ContentCredentialsSigner, data: bytes) -> None:
    report = gate.read(data, "audio/wav")
    assert (report.state, report.detail) == (ABSENT, CredentialsDetail.UNSUPPORTED)


@pytest.mark.parametrize("start", [b"OggS", b"FORM\0\0\0\0AIFF", b"\x1a\x45\xdf\xa3", b"RF64\0\0\0\0WAVE"])
def test_container_without_room_for_a_manifest_has_no_credentials(gate: ContentCredentialsSigner, start: bytes) -> None:
    assert gate.read(start + bytes(100), "audio/ogg").state is ABSENT


@BOTH
def test_manifest_cut_in_the_middle_is_never_trusted(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    data, store = signed[media_type]
    report = gate.read(data[: data.index(store) + len(store) // 2], media_type)
    assert report.state in (INVALID, ABSENT)


@BOTH
def test_no_single_flipped_bit_leaves_the_clip_trusted(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    """Except in the signature's padding and box flags, which C2PA leaves unprotected and which change no fact."""
    data, store = signed[media_type]
    intact = gate.read(data, media_type)
    unprotected = range(data.index(store), data.index(store) + len(store))
    for position in np.random.default_rng(11).integers(0, len(data), 200).tolist():
        report = gate.read(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :], media_type)
        if report.state is CredentialsState.TRUSTED:
            assert position in unprotected
            assert report == intact


@BOTH
def test_damaged_manifest_is_judged_and_never_an_exception(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]], media_type: str
) -> None:
    """Among these, the library finds stores that name an active manifest which they do not hold."""
    data, store = signed[media_type]
    intact = gate.read(data, media_type)
    first = data.index(store)
    for seed in range(300):
        random = np.random.default_rng(seed)
        damaged = bytearray(data)
        for place in random.integers(first, first + len(store), int(random.integers(1, 30))).tolist():
            damaged[place] = int(random.integers(256))
        report = gate.read(bytes(damaged), media_type)
        assert report.state in (INVALID, ABSENT) or report == intact  # padding and box flags change no fact


def test_declared_type_does_not_matter_for_reading(
    gate: ContentCredentialsSigner, signed: dict[str, tuple[bytes, bytes]]
) -> None:
    assert gate.read(signed["audio/mpeg"][0], "audio/wav").state is CredentialsState.TRUSTED


def test_signing_under_a_wrong_type_is_refused(gate: ContentCredentialsSigner) -> None:
    with pytest.raises(CredentialsError, match="not audio/mpeg"):
        gate.sign(clip("audio/wav"), "audio/mpeg", FACTS)


def test_signing_what_is_no_audio_is_refused(gate: ContentCredentialsSigner) -> None:
    with pytest.raises(CredentialsError, match="not audio/wav"):
        gate.sign(b"garbage" * 10, "audio/wav", FACTS)


def test_damaged_file_is_refused_before_it_gets_a_signature(gate: ContentCredentialsSigner) -> None:
    with pytest.raises(CredentialsError):
        gate.sign(b"RIFF\xff\xff\xff\x7fWAVEfmt ", "audio/wav", FACTS)


def test_reading_and_signing_open_no_connection(
    certificates: DevelopmentChain,
    signed: dict[str, tuple[bytes, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A clip that points to a manifest on a listening server is read, and nobody calls."""
    from c2pa import Builder, C2paSignerInfo, C2paSigningAlg, Signer

    from synth.manifest import build_manifest

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/store.c2pa"
        gate = signer(certificates)
        info = C2paSignerInfo(
            C2paSigningAlg.ES256, certificates.certificate_chain_pem, certificates.leaf.private_key_pem, None
        )
        builder = Builder(build_manifest(FACTS), gate.reader.context)
        builder.set_no_embed()
        builder.set_remote_url(address)
        target = io.BytesIO()
        with Signer.from_info(info) as key:
            builder.sign(key, "audio/wav", io.BytesIO(clip("audio/wav")), target)
        assert address.encode() in target.getvalue()
        report = gate.read(target.getvalue(), "audio/wav")
        with pytest.raises(TimeoutError):
            server.accept()
    assert (report.state, report.detail) == (ABSENT, CredentialsDetail.REMOTE_ONLY)
