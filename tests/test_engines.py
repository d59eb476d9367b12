"""One contract for all plans of all engines: values against brute force in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from aesearch.engines import ENGINES, engine_class
from aesearch.engines import plan as choose
from aesearch.engines.faiss import (
    FaissEngine,
    exact_neighbors,
    learn_rotation,
    measure_recall,
    to_bits,
    tune,
)
from aesearch.engines.plan import FLAT_UP_TO, Plan, nlist_for
from aesearch.errors import DamagedError, ParameterError, StorageError, UnsupportedError

SIZE = 32
COUNT = 1500
QUERIES = 12
K = 10

# Plan, smallest recall@10, and how far a score may be from the inner product of the codes.
PLANS = {
    "flat": (Plan("IDMap2,Flat"), 1.0, 1e-5),
    "SQ8": (Plan("IDMap2,SQ8"), 0.9, 0.02),
    "IVF": (Plan("IVF16,Flat", probes=16), 1.0, 1e-5),
    "IVF-few-probes": (Plan("IVF16,Flat", probes=6), 0.7, 1e-5),
    "IVF-SQ8": (Plan("IVF16,SQ8", probes=16), 0.9, 0.02),
    "HNSW": (Plan("IDMap2,HNSW32", probes=128), 0.95, 1e-5),
    "HNSW-SQ8": (Plan("IDMap2,HNSW32_SQ8", probes=128), 0.85, 0.02),
    "IVF-PQ": (Plan("IVF4,PQ16x4", probes=4), 0.4, 0.4),
    "bits": (Plan("BFlat", bits=32), 1.0, 1e-6),
    "few-bits": (Plan("BFlat", bits=16), 1.0, 1e-6),
}


def unit(codes: np.ndarray) -> np.ndarray:
    return (codes / np.linalg.norm(codes, axis=1, keepdims=True)).astype(np.float32)


def correlated(count: int, seed: int = 0) -> np.ndarray:
    """Codes as encoders give them: of correlated numbers, in clusters, of unit length."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(12, SIZE)) * 0.8 ** np.arange(12)[:, None]
    return unit(rng.normal(size=(count, 12)) @ mixing + 0.05 * rng.normal(size=(count, SIZE)))


CODES = correlated(COUNT)
IDS = np.random.default_rng(1).permutation(10 * COUNT)[:COUNT].astype(np.int64) + 1
ASKED = correlated(QUERIES, seed=7)
LATER = correlated(40, seed=3)


@dataclass
class Case:
    """One plan, and what is true of it."""

    plan: Plan
    recall: float
    slack: float
    rotation: np.ndarray | None

    def build(self, ids: np.ndarray = IDS, codes: np.ndarray = CODES) -> FaissEngine:
        return engine_class(self.engine).build(self.plan, ids, codes, self.rotation)

    engine: str = "faiss"

    def scores(self, queries: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """All exact scores, (queries, codes)."""
        if not self.plan.bits:
            return queries @ codes.T
        left = signs(queries, self.rotation)
        right = signs(codes, self.rotation)
        hamming = (left[:, None] != right[None]).sum(axis=2)
        return 1 - 2 * hamming / self.plan.bits


def signs(codes: np.ndarray, rotation: np.ndarray | None) -> np.ndarray:
    assert rotation is not None
    sides = np.column_stack([codes, np.ones(len(codes))]) @ rotation
    assert np.abs(sides).min() > 1e-5  # no bit hangs on rounding
    return sides > 0


def apart(rotation: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Move each plane into the widest gap between the codes near to it, away from all of them."""
    sides = np.sort(codes @ rotation[:-1] + rotation[-1], axis=0)
    moved = rotation.copy()
    for bit, line in enumerate(sides.T):
        near = np.searchsorted(line, 0) + np.arange(-50, 50)
        near = near[(near >= 0) & (near + 1 < len(line))]
        widest = near[np.argmax(line[near + 1] - line[near])]
        moved[-1, bit] -= (line[widest] + line[widest + 1]) / 2
    return moved


def clear_rotation(bits: int) -> np.ndarray:
    return apart(learn_rotation(CODES, bits), np.concatenate([CODES, ASKED, LATER]))


@pytest.fixture(scope="module", params=[(e, p) for e in ENGINES for p in PLANS], ids="-".join)
def case(request: pytest.FixtureRequest) -> Case:
    engine, name = request.param
    plan, recall, slack = PLANS[name]
    rotation = clear_rotation(plan.bits) if plan.bits else None
    return Case(plan, recall, slack, rotation, engine)


@pytest.fixture(scope="module")
def built(case: Case) -> FaissEngine:
    """An engine that no test changes."""
    return case.build()


def check(
    case: Case,
    ids: np.ndarray,
    scores: np.ndarray,
    expected: dict[int, np.ndarray],
    recall: float,
) -> None:
    """Compare hits with the exact scores of all ids that may come back."""
    allowed = np.array(sorted(expected))
    table = np.stack([expected[i] for i in allowed], axis=1)
    k = min(ids.shape[1], len(allowed))
    assert ids.dtype == np.int64
    assert scores.dtype == np.float32
    assert (ids[:, k:] == -1).all()
    assert np.isneginf(scores[:, k:]).all()
    ids, scores = ids[:, :k], scores[:, :k]
    assert np.isin(ids, allowed).all()
    assert all(len(set(row)) == k for row in ids.tolist())
    assert (np.diff(scores, axis=1) <= 0).all()
    true = np.take_along_axis(table, np.searchsorted(allowed, ids), axis=1)
    np.testing.assert_allclose(scores, true, atol=case.slack)
    best = -np.sort(-table, axis=1)[:, :k]
    found = (true >= best[:, -1:] - 1e-6).mean()
    assert found >= recall
    if recall == 1:
        np.testing.assert_allclose(scores, best, atol=case.slack)


def test_as_many_come_back_as_are_asked_for(built: FaissEngine) -> None:
    # Lists and graphs stop early: 160 of 500 came back.
    for k in (K, COUNT // 3, COUNT):
        ids, _ = built.search(ASKED, k)
        assert all(len(set(row)) == k for row in ids.tolist())
        assert (ids >= 0).all()


def table_of(case: Case, ids: np.ndarray, codes: np.ndarray) -> dict[int, np.ndarray]:
    return dict(zip(ids.tolist(), case.scores(ASKED, codes).T, strict=True))


# -- the contract ------------------------------------------------------------------------------


def test_search_finds_the_nearest(case: Case, built: FaissEngine) -> None:
    assert len(built) == COUNT
    ids, scores = built.search(ASKED, K)
    assert ids.shape == scores.shape == (QUERIES, K)
    check(case, ids, scores, table_of(case, IDS, CODES), case.recall)


def test_a_code_finds_itself(case: Case, built: FaissEngine) -> None:
    ids, scores = built.search(CODES[:50], K)
    np.testing.assert_allclose(scores[:, 0], 1, atol=case.slack)
    itself = (ids == IDS[:50, None]).any(axis=1).mean()
    assert itself >= (0.85 if case.plan.dtype in ("product", "bits") else 1)


def test_equal_scores_are_ordered_by_id_and_fewer_are_the_first_of_more(case: Case) -> None:
    few, copies = CODES[:20], 40  # each code many times: k ends among equal scores
    engine = case.build(IDS[: copies * len(few)], np.tile(few, (copies, 1)))
    if engine.plan.probes:  # approximate: a longer search may look elsewhere
        return
    whole, scores = engine.search(ASKED, copies * len(few))
    for k in (1, 7, 40, 41, 200):
        ids, own = engine.search(ASKED, k)
        np.testing.assert_array_equal(ids, whole[:, :k])
        np.testing.assert_array_equal(own, scores[:, :k])
    equal = scores[:, 1:] == scores[:, :-1]
    assert equal.any()
    assert (whole[:, 1:] > whole[:, :-1])[equal].all()


def test_queries_are_independent(built: FaissEngine) -> None:
    ids, scores = built.search(ASKED, K)
    for row in range(3):
        alone, score = built.search(ASKED[row : row + 1], K)
        np.testing.assert_allclose(score[0], scores[row], atol=1e-5)
        assert len(np.intersect1d(alone[0], ids[row])) >= K - 1  # equal scores may change places


@pytest.mark.parametrize("among", [1, 7, 10, 300])
def test_among_is_exact(case: Case, built: FaissEngine, among: int) -> None:
    chosen = np.random.default_rng(among).permutation(COUNT)[:among]
    ids, scores = built.search(ASKED, K, among=IDS[chosen])
    expected = table_of(case, IDS[chosen], CODES[chosen])
    lossy = case.plan.dtype in ("int8", "product") and among > K
    check(
        case, ids, scores, expected, case.recall if lossy else 1.0 if not case.slack > 1e-3 else 0
    )
    if among <= K:
        assert all(set(row[:among]) == set(IDS[chosen].tolist()) for row in ids.tolist())


def test_among_nothing_or_unknown_ids(built: FaissEngine) -> None:
    for among in (np.empty(0, np.int64), np.array([0, 10 * COUNT + 5])):
        ids, scores = built.search(ASKED, 3, among=among)
        np.testing.assert_array_equal(ids, np.full((QUERIES, 3), -1))
        assert np.isneginf(scores).all()
    ids, _ = built.search(ASKED[:1], 3, among=np.array([0, IDS[3], IDS[3]]))
    assert ids.tolist() == [[IDS[3], -1, -1]]


def test_short_rows_are_padded(case: Case) -> None:
    engine = case.build()
    if engine.can_remove:
        engine.remove(IDS[5:])
    else:
        engine = case.build(IDS[:5], CODES[:5])
    effort = Plan(**{**vars(case.plan), "probes": max(case.plan.probes, 16)})
    engine.plan = effort
    ids, scores = engine.search(ASKED, 8)
    check(case, ids, scores, table_of(case, IDS[:5], CODES[:5]), 0.0)
    assert all(set(row) == {*IDS[:5].tolist(), -1} for row in ids.tolist())


def test_added_codes_are_found_and_removed_ones_are_not(case: Case) -> None:
    engine = case.build()
    new, fresh = LATER, np.arange(40, dtype=np.int64) + 50_000
    engine.add(fresh, new)
    assert len(engine) == COUNT + 40
    ids, codes = np.concatenate([IDS, fresh]), np.concatenate([CODES, new])
    check(case, *engine.search(ASKED, K), table_of(case, ids, codes), case.recall - 0.05)
    found, _ = engine.search(new, 20)
    assert (found == fresh[:, None]).any(axis=1).mean() >= 0.9
    if not engine.can_remove:
        with pytest.raises(UnsupportedError, match="build the index anew"):
            engine.remove(fresh)
        return
    engine.remove(np.concatenate([IDS[:200], fresh[:10], [777_777]]))
    assert len(engine) == COUNT - 200 + 30
    left = np.concatenate([IDS[200:], fresh[10:]])
    stay = np.concatenate([CODES[200:], new[10:]])
    check(case, *engine.search(ASKED, K), table_of(case, left, stay), case.recall - 0.05)
    engine.add(IDS[:200], CODES[:200])  # an id may come back
    assert len(engine) == COUNT + 30


@pytest.mark.parametrize("writable", [False, True])
def test_a_saved_engine_answers_the_same(
    case: Case, built: FaissEngine, tmp_path: Path, writable: bool
) -> None:
    path = tmp_path / "codes.faiss"
    built.save(path)
    opened = engine_class(case.engine).load(path, case.plan, case.rotation, writable=writable)
    assert len(opened) == COUNT
    for among in (None, IDS[:30]):
        ids, scores = built.search(ASKED, K, among=among)
        found, same = opened.search(ASKED, K, among=among)
        np.testing.assert_array_equal(found, ids)
        np.testing.assert_allclose(same, scores, atol=1e-6)
    if not writable:
        with pytest.raises(RuntimeError, match="writable=True"):
            opened.add(IDS[:1], CODES[:1])
        with pytest.raises(RuntimeError, match="writable=True"):
            opened.remove(IDS[:1])
        return
    opened.add(np.array([99_999]), ASKED[:1])
    assert opened.search(ASKED[:1], 5)[0][0].tolist().count(99_999) == 1
    if opened.can_remove:
        opened.remove(np.array([99_999]))
        assert len(opened) == COUNT
    opened.save(path)
    again = engine_class(case.engine).load(path, case.plan, case.rotation, writable=False)
    assert len(again) == len(opened)


@pytest.mark.parametrize("writable", [False, True])
@pytest.mark.parametrize("damage", ["half", "head", "empty", "text", "missing"])
def test_a_damaged_file_is_refused(
    case: Case, built: FaissEngine, tmp_path: Path, damage: str, writable: bool
) -> None:
    path = tmp_path / "codes.faiss"
    built.save(path)
    content = path.read_bytes()
    changed = {
        "half": content[: len(content) // 2],
        "head": content[:20],
        "empty": b"",
        "text": b"not an index at all\n" * 50,
    }
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(changed[damage])
    with pytest.raises(DamagedError, match=r"codes\.faiss"):
        engine_class(case.engine).load(path, case.plan, case.rotation, writable=writable)


def test_an_empty_engine_finds_nothing(case: Case) -> None:
    engine = case.build(np.empty(0, np.int64), np.empty((0, SIZE), np.float32))
    assert len(engine) == 0
    ids, scores = engine.search(ASKED, 3)
    assert (ids == -1).all()
    assert np.isneginf(scores).all()


def test_a_place_that_cannot_be_written(built: FaissEngine, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        built.save(tmp_path / "no" / "such" / "folder")


def test_an_unknown_engine_is_refused() -> None:
    with pytest.raises(ParameterError, match="unknown engine 'annoy'; choose one of faiss"):
        engine_class("annoy")


# -- bits --------------------------------------------------------------------------------------


def test_scores_of_bits_say_how_many_differ() -> None:
    rotation = clear_rotation(32)
    packed = to_bits(CODES, rotation)
    assert packed.shape == (COUNT, 4)
    np.testing.assert_array_equal(np.unpackbits(packed, axis=1), signs(CODES, rotation))
    engine = FaissEngine.build(Plan("BFlat", bits=32), IDS, CODES, rotation)
    ids, scores = engine.search(CODES[:1], COUNT)
    rows = {i: row for row, i in enumerate(IDS.tolist())}
    for found, score in zip(ids[0].tolist(), scores[0].tolist(), strict=True):
        different = np.unpackbits(packed[0] ^ packed[rows[found]]).sum()
        assert score == pytest.approx(1 - 2 * different / 32)


def test_a_learned_rotation_beats_plain_signs() -> None:
    # Most of the spread is in the first directions, as in codes of an encoder.
    spread = np.diag(0.85 ** np.arange(SIZE))
    both = unit(np.random.default_rng(6).normal(size=(COUNT + 100, SIZE)) @ spread)
    codes, queries = both[:COUNT], both[COUNT:]
    exact = exact_neighbors(codes, queries, 50)
    plain = np.eye(SIZE + 1, SIZE, dtype=np.float32)

    def recall(rotation: np.ndarray) -> float:
        plan = Plan("BFlat", bits=rotation.shape[1])
        engine = FaissEngine.build(plan, np.arange(COUNT), codes, rotation)
        found, _ = engine.search(queries, 50)
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]))

    assert recall(learn_rotation(codes, SIZE)) > recall(plain) + 0.1
    assert recall(learn_rotation(codes, 16)) > recall(plain[:, :16]) + 0.1


def test_the_rotation_brings_codes_near_the_corners_of_a_cube() -> None:
    rng = np.random.default_rng(7)
    groups = rng.normal(size=(12, SIZE))
    codes = unit(groups[rng.integers(0, 12, COUNT)] + 0.7 * rng.normal(size=(COUNT, SIZE)))
    learned = learn_rotation(codes, SIZE)
    random = np.linalg.qr(rng.normal(size=(SIZE, SIZE)))[0]

    def gap(turned: np.ndarray) -> float:
        corners = np.abs(turned).mean() * np.sign(turned)
        return float(np.square(turned - corners).mean() / np.square(turned).mean())

    centred = codes - codes.mean(axis=0)
    assert gap(codes @ learned[:-1] + learned[-1]) < 0.85 * gap(centred @ random)


@pytest.mark.parametrize("count", [1, 2, 5, 31, 40])
def test_a_rotation_is_learned_from_few_codes(count: int) -> None:
    for bits in (8, 32):
        rotation = learn_rotation(CODES[:count], bits)
        assert rotation.shape == (SIZE + 1, bits)
        assert rotation.dtype == np.float32
        # Orthonormal columns: distances within the subspace are kept.
        np.testing.assert_allclose(rotation[:-1].T @ rotation[:-1], np.eye(bits), atol=1e-4)


def test_a_missing_rotation_is_damage() -> None:
    with pytest.raises(DamagedError, match="rotation"):
        FaissEngine.build(Plan("BFlat", bits=32), IDS, CODES, None)


# -- the choice --------------------------------------------------------------------------------


def test_the_index_follows_the_number_of_codes() -> None:
    assert choose.choose(100, 64).factory == "IDMap2,Flat"
    assert choose.choose(FLAT_UP_TO, 64).factory == "IDMap2,Flat"
    assert choose.choose(FLAT_UP_TO + 1, 64).factory == "IVF256,Flat"
    assert choose.choose(1_000_000, 64).factory == "IVF1024,Flat"
    assert choose.choose(0, 64).factory == "IDMap2,Flat"


@pytest.mark.parametrize(
    ("count", "lists"),
    [(0, 4), (1, 4), (100, 8), (FLAT_UP_TO, 256), (2**20, 1024), (10**6, 1024), (10**8, 8192)],
)
def test_lists_are_the_power_of_two_nearest_the_root(count: int, lists: int) -> None:
    assert nlist_for(count) == lists


def test_kinds_and_forms() -> None:
    assert choose.choose(10_000, 64, kind="ivf").factory == "IVF128,Flat"
    assert choose.choose(20, 64, kind="ivf").factory == "IDMap2,Flat"  # too few to train lists
    assert choose.choose(10_000, 64, kind="hnsw").factory == "IDMap2,HNSW32"
    assert choose.choose(10_000, 64, kind="hnsw", dtype="int8").factory == "IDMap2,HNSW32_SQ8"
    assert choose.choose(10_000, 64, dtype="int8").factory == "IDMap2,SQ8"
    plan = choose.choose(10**6, 64, dtype="bits", bits=48)
    assert (plan.factory, plan.bits, plan.dtype) == ("BFlat", 48, "bits")
    assert plan.bytes_per_item == 48 / 8 + 8


def test_forms_by_name() -> None:
    forms = {name: plan.dtype for name, (plan, _, _) in PLANS.items()}
    assert forms["flat"] == forms["IVF"] == forms["HNSW"] == "float"
    assert forms["SQ8"] == forms["HNSW-SQ8"] == "int8"
    assert (forms["IVF-PQ"], forms["bits"]) == ("product", "bits")


def test_less_memory_gives_a_smaller_form() -> None:
    count = 1_000_000
    plans = [choose.choose(count, 64, max_memory=mb << 20) for mb in (400, 200, 60)]
    assert [plan.factory for plan in plans] == ["IVF1024,Flat", "IVF1024,SQ8", "IVF1024,PQ32"]
    assert all(
        plan.bytes_per_item * count <= mb << 20
        for plan, mb in zip(plans, (400, 200, 60), strict=True)
    )
    with pytest.raises(ParameterError, match=r"1,000,000 codes need at least 40.3 MB, .* 31.5 MB"):
        choose.choose(count, 64, max_memory=30 << 20)
    with pytest.raises(ParameterError, match=r"100 codes need at least 0.0072 MB, .* is 0 MB"):
        choose.choose(100, 64, max_memory=0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dtype": "half"}, "unknown code form 'half'; choose one of float, int8, bits"),
        ({"kind": "tree"}, "unknown index kind 'tree'; choose one of auto, flat, ivf, hnsw"),
        ({"dtype": "bits"}, "from 8 to the code size, 64; got 0"),
        ({"dtype": "bits", "bits": 12}, "multiple of 8 .* got 12"),
        ({"dtype": "bits", "bits": 72}, "code size, 64; got 72"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        choose.choose(1000, 64, **wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["flat", "ivf", "hnsw"])
@pytest.mark.parametrize("form", ["float", "int8"])
def test_every_chosen_plan_can_be_built(kind: str, form: str) -> None:
    for count in (1, 3, 200):
        plan = choose.choose(count, SIZE, kind=kind, dtype=form)
        engine = FaissEngine.build(plan, IDS[:count], CODES[:count], None)
        assert engine.search(CODES[:1], 1)[0][0, 0] == IDS[0]
        stated = plan.bytes_per_item
        assert stated >= (SIZE * 4 if form == "float" else SIZE) + 8


@pytest.mark.parametrize("name", ["IVF", "IVF-SQ8", "HNSW"])
def test_tuning_reaches_the_recall_asked_for(name: str) -> None:
    plan = Plan(PLANS[name][0].factory, probes=1)
    low, high = (FaissEngine.build(plan, IDS, CODES, None) for _ in range(2))
    tune(low, IDS, CODES, 0.5)
    tune(high, IDS, CODES, 0.95)
    assert low.plan.recall >= 0.5
    assert high.plan.recall >= 0.95
    assert high.plan.probes >= low.plan.probes
    assert measure_recall(high, IDS, CODES) == pytest.approx(high.plan.recall, abs=0.002)
    if "IVF" in name:
        assert high.plan.probes > low.plan.probes


def test_tuning_says_the_recall_it_could_not_reach() -> None:
    engine = FaissEngine.build(Plan("IVF4,PQ4x4", probes=1), IDS, CODES, None)
    tune(engine, IDS, CODES, 0.99)
    assert engine.plan.probes == 4
    assert 0.05 < engine.plan.recall < 0.99
    rotation = learn_rotation(CODES, 16)
    bits = FaissEngine.build(Plan("BFlat", bits=16), IDS, CODES, rotation)
    tune(bits, IDS, CODES, 0.99)
    assert 0.05 < bits.plan.recall < 0.99
    exact = FaissEngine.build(Plan("IDMap2,Flat"), IDS, CODES, None)
    tune(exact, IDS, CODES, 0.99)
    assert exact.plan.recall == 1


def test_measured_recall_is_that_of_brute_force() -> None:
    engine = FaissEngine.build(Plan("IVF16,Flat", probes=2), IDS, CODES, None)
    queries = CODES[:: COUNT // 500]
    exact = np.argsort(-(queries @ CODES.T), axis=1, kind="stable")[:, :10]
    found, _ = engine.search(queries, 10)
    hits = [len(set(IDS[a]) & set(b)) for a, b in zip(exact, found, strict=True)]
    assert measure_recall(engine, IDS, CODES) == pytest.approx(np.mean(hits) / 10, abs=1e-3)
