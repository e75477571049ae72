"""The test of a module lies at the mirrored path, or in a file that is named here and that reaches the module."""

from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from foundational.source_files import imported_modules, imports_of_file

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
#: Modules that are tested through another one: patterns of modules, and the file that tests them.
#: What a user calls is tested as a user calls it; compiled kernels through the class that calls them;
#: specifications through params.yaml; formats of a citation together, since they must say the same.
TESTED_IN = {
    "evaluation/materials/stored.py": "stages/reference/test_command.py",
    "stages/reference/stage.py": "stages/reference/test_command.py",
    "workspace/references.py": "stages/reference/test_command.py",
    "alloys.py": "test_api.py",
    "card/comparison/*.py": "card/comparison/test_build.py",
    "card/site/*.py": "release/test_site.py",
    "card/drawing/*.py": "card/drawing/test_page.py",
    "card/colabfit.py": "release/hub/test_submission.py",
    "card/released.py": "release/test_site.py",
    "card/writing.py": "card/drawing/test_page.py",
    "card/*.py": "card/test_build.py",
    "cli/*.py": "cli/test_main.py",
    "checks/*.py": "checks/test_run.py",
    "data/query/*.py": "data/query/test_selection.py",
    "data/remote/*.py": "release/transfer/test_remote.py",
    "data/streaming/*.py": "data/streaming/test_store_writer.py",
    "data/named.py": "stages/validate/test_stage.py",
    "data/integrity/store_manifest.py": "data/test_store.py",
    "engines/ani/torch/devices.py": "cli/test_models.py",
    "engines/ani/torch/torchani.py": "engines/ani/torch/test_torchani_export.py",
    "engines/ani/torch/*.py": "engines/ani/torch/test_ensemble.py",
    "engines/ani/kernels/dynamics.py": "engines/ani/test_dynamics.py",
    "engines/ani/kernels/*.py": "engines/ani/test_training.py",
    "engines/ani/batch_energies.py": "reproduction/test_command.py",
    "engines/ani/descriptors.py": "stages/distill/test_stage.py",
    "engines/ani/gradients.py": "engines/ani/test_training.py",
    "engines/ani/*.py": "engines/ani/test_training.py",
    "engines/ase/*.py": "engines/ase/test_labeller.py",
    "engines/lammps/test_frames.py": "stages/survey/test_stage.py",
    "engines/lammps/*.py": "engines/lammps/test_labeller.py",
    "engines/momt/shape.py": "engines/momt/test_block.py",
    "engines/momt/*.py": "stages/sample/test_stage.py",
    "engines/quests.py": "stages/distill/test_stage.py",
    "inputs.py": "test_api.py",
    "interchange/label_choice.py": "interchange/test_labels.py",
    **{f"interchange/jobs/{name}.py": "stages/collect/test_command.py" for name in ("manifest", "slurm", "writing")},
    "interchange/jobs/*.py": "interchange/jobs/test_codes.py",
    "interchange/returned/*.py": "interchange/returned/test_readers.py",
    "stages/select/command.py": "release/transfer/test_remote.py",
    "stages/compare_labels/*.py": "stages/compare_labels/test_stage.py",
    "stages/collect/*.py": "stages/collect/test_command.py",
    "stages/label/*.py": "stages/collect/test_command.py",
    "matching/*.py": "matching/test_pairing.py",
    "model.py": "test_api.py",
    "errors.py": "cli/test_bad_input.py",
    "evaluation/materials/*.py": "evaluation/materials/test_comparison.py",
    "specs/materials.py": "evaluation/materials/test_comparison.py",
    "evaluation/alloys/*.py": "stages/validate/test_alloys.py",
    "evaluation/physics_change.py": "stages/compare/test_command.py",
    "evaluation/properties.py": "reproduction/test_command.py",
    "evaluation/*.py": "stages/validate/test_stage.py",
    "inspection/description.py": "test_dataset.py",
    "inspection/*.py": "cli/test_inspection.py",
    "interchange/frame.py": "interchange/reading/test_extxyz.py",
    "interchange/geometry.py": "interchange/test_assembly.py",
    "interchange/reading/comment_line.py": "interchange/reading/test_extxyz.py",
    "interchange/reading/vasp.py": "interchange/reading/test_ase_files.py",
    "interchange/reading/espresso.py": "interchange/reading/test_ase_files.py",
    "interchange/reading/gpaw.py": "interchange/reading/test_ase_files.py",
    "interchange/importing.py": "stages/importing/test_command.py",
    "interchange/report.py": "interchange/test_assembly.py",
    "interchange/reading/text.py": "interchange/reading/test_extxyz.py",
    "interchange/proofs/*.py": "interchange/writing/test_exporting.py",
    "interchange/writing/*.py": "interchange/writing/test_exporting.py",
    "execution/fingerprints.py": "execution/test_executors.py",
    "execution/factories.py": "stages/relabel/test_command.py",
    "labelling/*.py": "stages/relabel/test_command.py",
    "maintenance/doctor.py": "cli/test_maintain.py",
    "progress.py": "data/test_checks.py",
    "workspace/surveys.py": "stages/survey/test_command.py",
    "provenance/selection.py": "test_dataset.py",
    "provenance/*.py": "provenance/test_record.py",
    "release/bundle/*.py": "release/bundle/test_verification.py",
    "release/citation/citation_target.py": "cli/test_main.py",
    "release/citation/formats.py": "cli/test_main.py",
    "release/citation/*.py": "release/citation/test_documents.py",
    "release/comparison/*.py": "release/comparison/test_difference.py",
    "release/deposit/*.py": "release/deposit/test_deposit.py",
    "release/hub/*.py": "release/hub/test_publication.py",
    "release/registry/*.py": "release/registry/test_registry.py",
    "release/transfer/hub.py": "release/hub/test_publication.py",
    "release/transfer/*.py": "release/transfer/test_retrieval.py",
    "release/record.py": "release/bundle/test_verification.py",
    "reports/pairs_page.py": "stages/pairs/test_command.py",
    "reports/survey_page.py": "stages/survey/test_stage.py",
    "pictures/thermo.py": "cli/test_thermo.py",
    "pictures/*.py": "pictures/test_style.py",
    "reports/*.py": "reproduction/test_command.py",
    "reproduction/*.py": "reproduction/test_command.py",
    "science/calibration.py": "evaluation/test_errors.py",
    "science/cell_shape.py": "engines/momt/test_block.py",
    "science/phases.py": "stages/thermo/test_stage.py",
    "science/transformations.py": "stages/translate/test_stage.py",
    "seeds.py": "stages/sample/test_stage.py",
    "specs/*.py": "specs/test_parsing.py",
    "stages/alloy_holdout/*.py": "stages/alloy_holdout/test_command.py",
    "stages/augment/*.py": "stages/augment/test_command.py",
    "stages/audit/stage.py": "stages/audit/test_command.py",
    "stages/check/*.py": "stages/check/test_stage.py",
    "stages/decorate/*.py": "stages/decorate/test_command.py",
    "stages/deposit/*.py": "release/deposit/test_deposit.py",
    "stages/distill/*.py": "stages/distill/test_stage.py",
    "stages/holdout/*.py": "workspace/test_pools.py",
    "stages/pairs/stage.py": "stages/pairs/test_command.py",
    "stages/publish/*.py": "release/hub/test_publication.py",
    "stages/relabel/stage.py": "stages/relabel/test_command.py",
    "stages/release/*.py": "release/bundle/test_bundle.py",
    "stages/sample/*.py": "stages/sample/test_command.py",
    "stages/survey/*.py": "stages/survey/test_stage.py",
    "stages/thermo/*.py": "stages/thermo/test_stage.py",
    "stages/train/*.py": "cli/test_models.py",
    "stages/translate/*.py": "stages/translate/test_stage.py",
    "stages/verify/*.py": "release/bundle/test_verification.py",
    "testing/tolerances.py": "testing/test_crystals.py",
    "units.py": "science/test_reweighting.py",
    "workspace/parents.py": "stages/relabel/test_command.py",
    "workspace/runner.py": "workspace/test_pools.py",
    "workspace/validations.py": "maintenance/test_quick.py",
}
#: Tests of the repository as a whole, or of faults that cross modules.
OF_THE_WHOLE = {
    "card/drawing/test_browser.py",
    "release/hub/test_submission.py",
    "cli/test_start.py",
    "release/test_site.py",
    "cli/test_bad_input.py",
    "cli/test_missing_packages.py",
    "data/test_layout_2.py",
    "reports/test_metrics_files.py",
    "release/test_adversaries.py",
    "release/test_faults.py",
    "release/test_review_recipe.py",
    *(path.name for path in TESTS.glob("test_*.py")),
}


def modules() -> dict[str, str]:
    """Dotted names of all modules by their paths below ``foundational``, commands below ``cli``."""
    files = {path.relative_to(ROOT / "foundational").as_posix() for path in (ROOT / "foundational").rglob("*.py")}
    files |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "cli").rglob("*.py")}
    names = {file: "foundational." + file.removesuffix(".py").replace("/", ".") for file in sorted(files)}
    return {file: name for file, name in names.items() if not file.endswith("__init__.py")}


def mirrored(file: str) -> Path:
    path = TESTS / file
    return path.with_name(f"test_{path.name}")


def stand_in(file: str) -> str | None:
    return next((test for pattern, test in TESTED_IN.items() if fnmatch(file, pattern)), None)


@cache
def closure(name: str) -> frozenset[str]:
    return frozenset(imported_modules(name))


def reached(test: Path) -> set[str]:
    """Modules that a test or a conftest of it imports, and what these import."""
    files = [test, *(parent / "conftest.py" for parent in test.parents if parent.is_relative_to(TESTS))]
    direct = {name for file in files if file.is_file() for name in imports_of_file(file)}
    if "import foundational\n" in test.read_text(encoding="utf-8"):  # whose functions import these when called
        direct |= {"foundational.alloys", "foundational.api", "foundational.dataset"}
    return {module for name in direct for module in closure(name)}


def test_each_module_has_its_test():
    without = [file for file in modules() if not mirrored(file).exists() and stand_in(file) is None]
    assert without == [], "write tests at the mirrored paths, or name the files that test these"


def test_a_test_that_stands_for_a_module_reaches_it():
    wrong, seen = [], {}
    for file, name in modules().items():
        if mirrored(file).exists():
            continue
        test = TESTS / stand_in(file)
        if test not in seen:
            seen[test] = reached(test) if test.exists() else set()
        if name not in seen[test]:
            wrong.append(f"{file}: not reached by {test.relative_to(TESTS)}")
    assert wrong == []


def test_no_entry_of_the_table_is_out_of_date():
    files = [file for file in modules() if not mirrored(file).exists()]
    used = {next(pattern for pattern in TESTED_IN if fnmatch(file, pattern)) for file in files if stand_in(file)}
    assert TESTED_IN.keys() - used == set()


def test_each_test_mirrors_a_module():
    known = {mirrored(file) for file in modules()}
    stray = [path.relative_to(TESTS).as_posix() for path in sorted(TESTS.rglob("test_*.py")) if path not in known]
    assert [name for name in stray if name not in OF_THE_WHOLE] == []
