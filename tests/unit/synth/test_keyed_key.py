"""What the secret of the keyed mark decides, held to fixed values so that old marks stay readable for ever."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from synth.errors import MarkUnavailableError
from synth.keyed.key import (
    BITS,
    INPUTS,
    OUTPUTS,
    derive_keys,
    detector_weights,
    noise_seed,
    tenant_key,
    weights_digest,
)
from synth.keyed.words import LANES, WordBook, signs

KEY = bytes(range(32))


def test_a_key_gives_the_same_marks_in_every_release():
    keys = derive_keys(KEY)
    words = WordBook(keys=keys).words(0x0123456789ABCDEF, 18)
    assert keys.epoch == "2b134795deee465f"
    assert weights_digest(detector_weights(keys.detector)) == (
        "70160eafe6b18456b982a5e06d4155c122d6cb71c8b22b3e42852f34c924323a"
    )
    assert np.packbits(words > 0).tobytes().hex() == (
        "288571cce504cf8f28923b02706f1fc46e15999b54c5d52950841546c5414135aa43316f742af0ce0c72f9900fd2102c"
        "51dc986814b9953839e4224ff20af7c5e1ba710a429ef635060afd4af39dbf086e3c33b402a9e5c1095d184dcc7294ba"
        "36adfd2c26f88d51de27803f132f97af05a5c70b97d003915066f8193470dd0bbb874cb209676a4e1c4e0ccb8dbd0f96"
    )
    assert noise_seed(keys.noise, 1, 2) == 23601267861774398548882288792234615974
    assert tenant_key(KEY, "newsroom").hex() == "02046b93e5492d7ae9b8c0a37106a63a4e60621c43abdf718cf26e339ee602d7"


def test_words_are_the_documented_cipher_blocks():
    keys = derive_keys(KEY)
    book = WordBook(keys=keys)

    def aes(key, tag, position, name):
        block = tag.to_bytes(4, "big") + position.to_bytes(4, "big") + name.to_bytes(8, "big")
        return Cipher(algorithms.AES256(key), modes.ECB()).encryptor().update(block)

    lane = aes(keys.lanes, 1, 0, 5)[0] % LANES
    expected = aes(keys.lanes, 2, 19, lane)[:2] + aes(keys.words, 3, 19, 5)[:6]
    assert np.packbits(book.words(5, 20)[19] > 0).tobytes() == expected


def test_words_do_not_depend_on_how_many_are_asked_for():
    book = WordBook(keys=derive_keys(KEY))
    assert np.array_equal(book.words(9, 100)[:7], book.words(9, 7))


def test_episodes_of_one_lane_share_a_quarter_of_their_words_and_others_nothing():
    book = WordBook(keys=derive_keys(KEY))
    lanes = book.lanes(np.arange(200, dtype=np.uint64))
    same, other = (int(np.flatnonzero(found)[-1]) for found in (lanes == lanes[0], lanes != lanes[0]))
    first = book.words(0, 2000)
    assert np.array_equal(book.words(same, 2000)[:, :16], first[:, :16])
    for words in (book.words(same, 2000)[:, 16:], book.words(other, 2000)[:, 16:]):
        assert abs(np.mean(words == first[:, 16:]) - 0.5) < 0.01  # over five standard deviations of 96,000 coins
    assert abs(np.mean(book.words(other, 2000) == first) - 0.5) < 0.01


def test_a_million_episodes_fall_evenly_into_lanes():
    counts = np.bincount(WordBook(keys=derive_keys(KEY)).lanes(np.arange(10**6, dtype=np.uint64)), minlength=LANES)
    assert len(counts) == LANES
    assert np.abs(counts - 10**6 / LANES).max() < 5 * np.sqrt(10**6 / LANES)


def test_signs_are_most_significant_bit_first():
    assert signs(np.array([0b10000001], dtype=np.uint8)).tolist() == [1, -1, -1, -1, -1, -1, -1, 1]


@pytest.mark.parametrize("length", [0, 1, 31])
def test_short_key_is_refused_with_what_to_do(length):
    with pytest.raises(MarkUnavailableError, match="keygen"):
        derive_keys(b"x" * length)
    with pytest.raises(MarkUnavailableError, match="keygen"):
        tenant_key(b"x" * length, "newsroom")


def test_tenants_have_keys_of_their_own():
    assert len({KEY, tenant_key(KEY, "a"), tenant_key(KEY, "b"), tenant_key(bytes(32), "a")}) == 4
    assert derive_keys(tenant_key(KEY, "a")).epoch != derive_keys(KEY).epoch
    with pytest.raises(MarkUnavailableError, match="name"):
        tenant_key(KEY, "")


def test_one_changed_bit_changes_everything():
    keys, other = derive_keys(KEY), derive_keys(bytes([1]) + KEY[1:])
    assert keys.epoch != other.epoch
    agreement = np.mean(WordBook(keys=keys).words(1, 1000) == WordBook(keys=other).words(1, 1000))
    assert abs(agreement - 0.5) < 0.01
    correlation = np.corrcoef(detector_weights(keys.detector).ravel(), detector_weights(other.detector).ravel())
    assert abs(correlation[0, 1]) < 0.04


def test_printed_keys_show_only_the_epoch():
    keys = derive_keys(KEY)
    shown = repr(keys)
    assert keys.epoch in shown
    for secret in (keys.detector, keys.lanes, keys.words, keys.noise, keys.query):
        assert secret.hex() not in shown
        assert repr(secret) not in shown


def test_weights_are_uniform_with_the_documented_variance():
    weights = detector_weights(derive_keys(KEY).detector)
    assert weights.shape == (INPUTS, OUTPUTS) == (100, 2 * BITS)
    assert weights.dtype == np.float32
    assert 0.99 < np.abs(weights).max() / np.sqrt(3 / INPUTS) <= 1.00001
    assert abs(weights.mean()) < 5 * np.sqrt(1 / INPUTS / weights.size)
    assert abs(weights.std() * np.sqrt(INPUTS) - 1) < 0.03
