"""The claims about pairs hold in three thousand corpora, those about static masks in ten thousand.

Hypothesis tries some hundred, and makes more small ones: it takes longer to make this many.
"""

import numpy as np
import pytest

from components.instance_gen.masking import mask_batch
from components.instance_gen.pairing.assemble import UnmaskedBatch
from core.draw import draw
from tests.components.instance_gen.pairing import test_contiguous
from tests.components.instance_gen.pairing import test_full_sentences as test_packing
from tests.components.instance_gen.pairing import test_segment_pairs as test_pairing
from tests.mask_claims import FIRST, MASK, SLOTS, VOCAB_SIZE, check_batch, masking_batches
from trainer.settings.masking import MaskingSettings

CORPORA = 3_000  # of about 30 sentences
# Every claim takes sentence lengths and a seed.
CLAIMS = {
    "next sentences": [
        test_pairing.test_segments_have_the_relation_of_their_label,
        test_pairing.test_both_segments_have_tokens_and_fit,
        test_pairing.test_every_sentence_of_a_document_is_used_or_counted,
    ],
    "sentence order": [
        test_pairing.test_swapped_pairs_are_neighbors_in_reverse_order,
        test_pairing.test_order_pairs_contain_every_sentence_with_a_neighbor,
    ],
    "contiguous": [test_contiguous.test_segments_touch_at_the_end_of_a_sentence_and_fit],
    "none": [test_packing.test_only_a_sentence_longer_than_an_input_is_cut],
}


@pytest.mark.slow
@pytest.mark.parametrize("objective", CLAIMS)
def test_claims_about_pairs_hold(objective: str) -> None:
    for seed in range(CORPORA):
        rng = draw(seed, "lengths")
        sentence_lengths = [
            rng.integers(1, 41, rng.integers(1, 13)).tolist() for _ in range(rng.integers(2, 9))
        ]
        for claim in CLAIMS[objective]:
            claim.hypothesis.inner_test(sentence_lengths, seed)
        if objective == "next sentences":
            balanced = test_pairing.test_labels_are_exactly_balanced
            balanced.hypothesis.inner_test(sentence_lengths, seed, 1 + seed % 3)


@pytest.mark.slow
def test_claims_about_static_masks_hold() -> None:
    for number, choice, cases in masking_batches():
        ids, real, starts = (
            np.array(rows, np.int32)
            for rows in zip(*(case.padded() for case in cases), strict=True)
        )
        batch = UnmaskedBatch(
            input_ids=ids,
            input_mask=real > 0,
            segment_ids=real > 1,
            word_starts=starts > 0,
            maskable=(ids >= FIRST) & (real > 0),
            lengths=real.sum(axis=1).astype(np.int64),
            label=np.zeros(len(cases), np.int64),
        )
        masked = mask_batch(
            batch,
            masking=MaskingSettings(**choice),
            max_predictions=SLOTS,
            mask_id=MASK,
            random_ids=np.arange(FIRST, VOCAB_SIZE, dtype=np.int32),
            rng=draw(number, "mask"),
        )
        results = masked.input_ids, masked.positions, masked.ids, masked.weights
        check_batch(cases, choice, *(rows.tolist() for rows in results))
