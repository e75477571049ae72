"""The public test kit: small real projects and datasets for tests and benchmarks, made in seconds, without MD.

`foundational.testing.crystals` builds labelled configurations, `foundational.testing.project` builds projects and
stores datasets and pools in them, `foundational.testing.tolerances` names how exactly numbers must agree.

    root = small_project(tmp_path, checkout)           # a pool of nickel, small settings
    store_pool(root, "local-al", dataset, labeller)    # one more pool, with record and manifest
"""
