"""A large pool is selected from in two steps: shard by shard, then exactly among what is left."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from foundational.execution.tasks import Tasks
from foundational.seeds import generator
from foundational.specs.params import read_params
from foundational.stages.distill import survivors
from foundational.stages.distill.candidates import LARGE, SURVIVORS, sized
from foundational.stages.distill.stage import select
from foundational.workspace.pools import open_pool


@pytest.mark.parametrize("kept", [True, False], ids=["kept shards", "threads"])
def test_rounds_look_at_the_first_set_and_the_survivors_of_each_shard(tiny_project, monkeypatch, tmp_path, kept):
    monkeypatch.setattr(survivors, "SHARD", 32)
    pool, params = open_pool(tiny_project, "ni-momt-32")[0].load(), read_params(tiny_project / "params.yaml")
    total = pool.sizes["configuration"]
    spec = params.distill["ni"].model_copy(update={"method": "informative", "survivors": 40, "rounds": 1})
    whole = select(spec, params.ani.recipe, pool, params.seed)
    order = generator(params.seed, "distill", spec.pool, "order").permutation(total)[: total - spec.heldout]
    with ThreadPoolExecutor(1 if kept else 2) as threads:
        tasks = Tasks(None if kept else threads, tmp_path)
        rows = survivors.survivors(spec, params.ani.recipe, pool, order, params.seed, tasks)
        again = select(spec, params.ani.recipe, pool, params.seed, tasks=tasks)
    assert again.chosen == whole.chosen
    assert again.chosen[: spec.initial] == order[: spec.initial].tolist()
    assert set(again.chosen) <= set(rows.tolist()) <= set(order.tolist())
    assert spec.initial + 40 <= len(rows) <= spec.initial + 44  # rounded up in each shard
    left = np.setdiff1d(rows, order[: spec.initial])
    assert np.ptp(np.bincount(left // 32, minlength=total // 32)[: total // 32]) <= 4, "each shard has its share"
    assert whole.rounds[0].candidates == len(rows) - spec.initial


def test_settings_of_a_large_pool_have_two_steps_and_say_so():
    base = {"heldout": 500, "initial": 20, "frames": 1200, "method": "informative"}
    settings, notes = sized(base, {}, LARGE + 501)
    assert settings["survivors"] == SURVIVORS
    assert "the most informative ones of each shard" in notes[-1]
    for stated, total in (({"survivors": None}, LARGE + 501), ({"method": "random"}, LARGE + 501), ({}, LARGE + 500)):
        settings, notes = sized(base | stated, stated, total)
        assert (settings.get("survivors"), notes) == (None, [])
