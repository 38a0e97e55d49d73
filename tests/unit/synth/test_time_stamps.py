"""Time-stamps: a file outlives its certificate with one, and is never signed without one that verifies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.credentials import CredentialsDetail, CredentialsState
from synth.encode import MEDIA_TYPES
from synth.errors import CredentialsError, SignerUnavailableError
from synth.pki import DevelopmentChain, issue_development_chain
from tests.credentials_samples import FACTS, chain, clip, signer, stored
from tests.time_stamp_authority import Authority, running

LEFT_SECONDS = 3.0  # of validity, in which everything is signed


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    with running(Authority()) as authority:
        yield authority


def short_lived() -> DevelopmentChain:
    """Return a chain whose leaf runs out in a moment."""
    at = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=LEFT_SECONDS)
    return issue_development_chain(at=at, organisation="Example Radio", days=1)


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_time_of_signing_is_shown_for_every_kind_of_file(authority: Authority, media_type: str) -> None:
    gate = signer(chain(), time_stamp_url=authority.url, time_stamp_anchors=authority.root_pem)
    before = datetime.now(UTC).replace(microsecond=0)
    signed, store = gate.sign(clip(media_type), media_type, FACTS)
    report = gate.read(signed, media_type, manifest_store=stored(media_type, store))
    assert report.state is CredentialsState.TRUSTED
    assert report.signed_at is not None
    assert before <= report.signed_at <= datetime.now(UTC)


def test_file_outlives_its_certificate_only_with_a_time_stamp(authority: Authority) -> None:
    certificates = short_lived()
    stamping = signer(certificates, time_stamp_url=authority.url, time_stamp_anchors=authority.root_pem)
    stamped, _ = stamping.sign(clip("audio/mpeg"), "audio/mpeg", FACTS)
    plain, _ = signer(certificates).sign(clip("audio/mpeg"), "audio/mpeg", FACTS)
    time.sleep(LEFT_SECONDS + 1.1)
    assert stamping.expires_at < datetime.now(UTC)
    report = stamping.read(stamped, "audio/mpeg")
    assert (report.state, report.detail) == (CredentialsState.TRUSTED, CredentialsDetail.INTACT)
    assert report.facts is not None
    assert report.facts.episode_id == FACTS.episode_id
    assert stamping.read(plain, "audio/mpeg").detail is CredentialsDetail.SIGNER_EXPIRED
    # Whoever does not know the authority cannot tell when it was signed.
    stranger = ContentCredentialsReader(
        trust_anchors_pem=certificates.trust_anchors_pem, time_stamp_anchors_pem=Authority().root_pem
    )
    assert stranger.read(stamped, "audio/mpeg").detail is CredentialsDetail.SIGNER_EXPIRED
    # A changed byte is found out after the expiry as well.
    changed = bytearray(stamped)
    changed[-1] ^= 1
    assert stamping.read(bytes(changed), "audio/mpeg").state is CredentialsState.INVALID
    with pytest.raises(CredentialsError):
        stamping.sign(clip("audio/mpeg"), "audio/mpeg", FACTS)


def test_authority_that_is_no_anchor_stamps_in_vain(authority: Authority) -> None:
    gate = signer(chain(), time_stamp_url=authority.url, time_stamp_anchors=Authority().root_pem)
    with pytest.raises(CredentialsError, match="time-stamp anchors"):
        gate.sign(clip("audio/wav"), "audio/wav", FACTS)


@pytest.mark.parametrize("fault", ["fail", "garbage", "other imprint"])
def test_authority_that_misbehaves_delays_and_nothing_is_signed_without(fault: str) -> None:
    with running(Authority(fault)) as bad:
        gate = signer(chain(), time_stamp_url=bad.url, time_stamp_anchors=bad.root_pem)
        with pytest.raises(SignerUnavailableError, match="time-stamp authority"):
            gate.sign(clip("audio/wav"), "audio/wav", FACTS)
        assert bad.asked == 1
        bad.misbehave = ""
        assert gate.sign(clip("audio/wav"), "audio/wav", FACTS)


def test_authority_that_is_away_delays() -> None:
    gate = signer(chain(), time_stamp_url="http://127.0.0.1:9/", time_stamp_anchors=Authority().root_pem)
    with pytest.raises(SignerUnavailableError, match="time-stamp authority"):
        gate.sign(clip("audio/wav"), "audio/wav", FACTS)


def test_self_test_asks_the_authority(authority: Authority) -> None:
    before = authority.asked
    signer(chain(), time_stamp_url=authority.url, time_stamp_anchors=authority.root_pem).self_test()
    assert authority.asked == before + 1


def test_certificate_that_ran_out_is_no_outage_of_the_authority(authority: Authority) -> None:
    past = issue_development_chain(at=datetime.now(UTC) - timedelta(days=91), organisation="Example Radio")
    gate = signer(past, time_stamp_url=authority.url, time_stamp_anchors=authority.root_pem)
    with pytest.raises(CredentialsError, match="validity") as caught:
        gate.sign(clip("audio/wav"), "audio/wav", FACTS)
    assert not isinstance(caught.value, SignerUnavailableError)
