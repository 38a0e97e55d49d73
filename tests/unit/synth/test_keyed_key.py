"""What the secret of the keyed mark decides, held to fixed values so that old marks stay readable for ever."""

import hashlib
import hmac

import numpy as np
import pytest

from synth.errors import MarkUnavailableError
from synth.keyed.key import LAYERS, block_words, derive_keys, detector_weights, noise_seed, weights_digest

KEY = bytes(range(32))


def test_a_key_gives_the_same_marks_in_every_release():
    keys = derive_keys(KEY)
    assert keys.epoch == "0433df7c515b59e9"
    assert weights_digest(detector_weights(keys.detector)) == (
        "2c683c605dac6f2e8927426fca93f0f856fed23a1550b13ab3b209e48cb289f4"
    )
    assert np.packbits(block_words(keys.words, 0x0123456789ABCDEF, 18) > 0).tobytes().hex() == (
        "0ef79bdd513b15e980216a85db0896dee8aebe051edbaa268337bafad781fb4ecbf73c75"
    )
    assert noise_seed(keys.noise, 1) == 292246661718099030806638711061018903366


def test_word_of_a_block_is_a_slice_of_the_documented_digest():
    keys = derive_keys(KEY)
    digest = hmac.digest(keys.words, (5).to_bytes(8, "big") + (1).to_bytes(4, "big"), hashlib.sha256)
    bits = np.unpackbits(np.frombuffer(digest, dtype=np.uint8))
    assert np.array_equal(block_words(keys.words, 5, 20)[19] > 0, bits[3 * 16 : 4 * 16] == 1)


def test_words_do_not_depend_on_how_many_are_asked_for():
    keys = derive_keys(KEY)
    assert np.array_equal(block_words(keys.words, 9, 100)[:7], block_words(keys.words, 9, 7))


def test_neighbouring_episodes_have_unrelated_words():
    keys = derive_keys(KEY)
    agreement = np.mean(block_words(keys.words, 10, 4000) == block_words(keys.words, 11, 4000))
    assert abs(agreement - 0.5) < 0.01  # five standard deviations of 64,000 coins


@pytest.mark.parametrize("length", [0, 1, 31])
def test_short_key_is_refused_with_what_to_do(length):
    with pytest.raises(MarkUnavailableError, match="keygen"):
        derive_keys(b"x" * length)


def test_one_changed_bit_changes_everything():
    keys, other = derive_keys(KEY), derive_keys(bytes([1]) + KEY[1:])
    assert keys.epoch != other.epoch
    assert not np.array_equal(block_words(keys.words, 1, 4), block_words(other.words, 1, 4))
    correlation = np.corrcoef(detector_weights(keys.detector)[1].ravel(), detector_weights(other.detector)[1].ravel())
    assert abs(correlation[0, 1]) < 0.04


def test_printed_keys_show_only_the_epoch():
    keys = derive_keys(KEY)
    shown = repr(keys)
    assert keys.epoch in shown
    assert "detector" not in shown
    assert keys.words.hex() not in shown


def test_weights_fill_the_glorot_range_evenly():
    for matrix, (inputs, outputs) in zip(detector_weights(derive_keys(KEY).detector), LAYERS, strict=True):
        bound = np.sqrt(6 / (inputs + outputs))
        assert matrix.shape == (inputs, outputs)
        assert matrix.dtype == np.float32
        assert 0.99 * bound < np.abs(matrix).max() <= np.float32(bound)
        assert abs(matrix.mean()) < 5 * bound / np.sqrt(3 * matrix.size)
        assert abs(matrix.std() / (bound / np.sqrt(3)) - 1) < 0.03
