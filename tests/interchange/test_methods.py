"""Each method is recorded once, and nothing is invented about it."""

from foundational.interchange.methods import Methods


def test_files_that_say_nothing_give_no_method():
    methods = Methods()
    methods.append({})
    assert methods.attributes() == methods.variable() == {}


def test_each_frame_names_its_method_and_unknown_fields_stay_null():
    methods = Methods()
    for said in ({"code": "VASP", "functional": "PBE"}, {"code": "GPAW"}, {"code": "VASP", "functional": "PBE"}):
        methods.append(said)
    first, second = methods.attributes()["methods"]
    assert (first["id"], second["id"]) == ("vasp-pbe", "gpaw")
    assert first["cutoff_eV"] is None
    assert methods.variable()["method"].tolist() == [0, 1, 0]


def test_what_the_user_states_comes_before_what_the_file_says():
    methods = Methods({"functional": "r2SCAN", "version": None})
    methods.append({"code": "VASP", "functional": "PBE", "version": "6.4"})
    (record,) = methods.records
    assert (record.functional, record.version, record.id) == ("r2SCAN", "6.4", "vasp-r2scan")


def test_methods_of_one_name_get_numbers():
    methods = Methods()
    for cutoff in (400.0, 520.0):
        methods.append({"code": "VASP", "cutoff_eV": cutoff})
    assert [record.id for record in methods.records] == ["vasp", "vasp-2"]
