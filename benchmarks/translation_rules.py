"""Translation with each length match and with or without transformed copies, for all metals of translate.metals.

    python benchmarks/translation_rules.py --json > rules.json
    python benchmarks/translation_rules.py --metals Cu Nb --rules volume virial --crystals none bcc,hcp

Progress is one line per metal and rule on stderr. Then, for each rule and choice of copies, over metals:

rank_ok_metals         metals with the correct ranking of crystals in at least four of five networks
mae_meV_per_atom       median and largest over metals, on test frames of solid and liquid of each metal
solid_mae_meV          the same for the solid
crystal_error_meV      median and largest over metals, of the worst network and crystal, meV/atom
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import median
from typing import get_args

from foundational.cli.labelling import crystals_named
from foundational.specs.params import read_params
from foundational.specs.translate import Rule
from foundational.stages.survey.command import survey_metal, survey_spec
from foundational.stages.survey.stage import MetalReport
from foundational.stages.translate.command import Transfer

ROOT = Path(__file__).resolve().parents[1]


def worst_crystal(report: MetalReport) -> float:
    errors = [e for name in ("fcc", "bcc", "hcp") for e in report.errors[name].energy_meV_per_atom]
    return max(float("inf") if error is None else abs(error) for error in errors)


def summary(reports: list[MetalReport]) -> dict[str, object]:
    maes, crystals = [r.mae_meV_per_atom for r in reports], [worst_crystal(r) for r in reports]
    solids = [r.mae_solid_meV_per_atom for r in reports]
    return {
        "metals": len(reports),
        "rank_ok_metals": sum(5 * r.rank_ok_members >= 4 * r.members for r in reports),
        "mae_meV_per_atom": {"median": median(maes), "largest": max(maes)},
        "solid_mae_meV": {"median": median(solids), "largest": max(solids)},
        "crystal_error_meV": {"median": median(crystals), "largest": max(crystals)},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print one JSON object, with every report")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--metals", nargs="+")
    parser.add_argument("--rules", nargs="+", default=list(get_args(Rule)))
    parser.add_argument("--crystals", nargs="+", default=["none", "fcc,bcc,hcp"])
    chosen = parser.parse_args()
    metals = chosen.metals or list(survey_spec(read_params(chosen.root / "params.yaml")).potentials)
    ways = {f"{rule}, {names}": (rule, crystals_named(names)) for rule in chosen.rules for names in chosen.crystals}
    found: dict[str, list[MetalReport]] = {way: [] for way in ways}
    for element in metals:
        for way, (rule, crystals) in ways.items():
            report = survey_metal(chosen.root, element, variation=Transfer(rule, crystals))
            found[way].append(report)
            print(
                f"{element:<3}{way:<31} scale {report.scale:.4f}  rank {report.rank_ok_members}/{report.members}  "
                f"MAE {report.mae_solid_meV_per_atom:.2f} solid {report.mae_liquid_meV_per_atom:.2f} liquid  "
                f"worst crystal {worst_crystal(report):.1f} meV/atom  {report.filtered} excluded",
                file=sys.stderr,
                flush=True,
            )
    figures = {rule: summary(reports) for rule, reports in found.items()}
    if chosen.json:
        reports = {r: {m: x.model_dump(mode="json") for m, x in zip(metals, found[r], strict=True)} for r in found}
        json.dump({"rules": figures, "reports": reports}, sys.stdout)
        print()
    else:
        for rule, values in figures.items():
            print(rule, json.dumps(values))


if __name__ == "__main__":
    main()
