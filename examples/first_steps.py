"""Nickel, translated to copper at quick scale: look, translate, train, validate.

Needs no project: ``foundational pull ni --from URL`` once, then ``python first_steps.py`` in any folder.
"""

import foundational

ni = foundational.open_dataset("ni")  # the newest release that was pulled
print(ni)
print(ni[0].get_potential_energy(), "eV of", ni[0])  # ASE Atoms with energy, forces and stress
print(ni["forces"].shape, ni["forces"].attrs["units"])

# 60 configurations, a short training and no full relaxations: seconds instead of minutes.
quick = {
    "ani": {"general": {"members": 2, "training": {"epochs": 1, "least_steps": 400}}},
    "validate": {"full_steps": 0},
}
copper = foundational.translate(ni[:60], to="Cu", crystals=())
print(copper)

model = foundational.train(copper, params=quick)
atoms = copper[0]
atoms.calc = model  # a model is an ASE calculator
print(model, "->", atoms.get_potential_energy(), "eV")

print(foundational.validate(copper, members=1, params=quick))
copper.save("copper")
model.save("copper.model")
