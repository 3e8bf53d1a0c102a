import pytest

from residual.ocsf.schema import CLASSES, class_features, features, ocsf, required_columns

COLUMNS = {  # class: flattened scalar columns at depth 2 and 3, with the profiles cloud, host and security_control
    3002: (275, 746),
    4001: (265, 777),
    4002: (300, 903),
    4003: (265, 777),
    6003: (202, 582),
    1007: (169, 450),
    1001: (208, 563),
    6002: (151, 345),
    6008: (143, 334),
}


@pytest.mark.parametrize("class_uid", COLUMNS)
@pytest.mark.parametrize("depth", [2, 3])
def test_golden_count_of_scalar_columns(class_uid: int, depth: int) -> None:
    scalars = [f for f in class_features(class_uid, depth=depth).values() if f.kind != "list"]
    assert len(scalars) == COLUMNS[class_uid][depth - 2]


def test_the_whole_schema_is_there() -> None:
    assert (ocsf()["version"], len(ocsf()["classes"]), len(ocsf()["objects"])) == ("1.8.0", 83, 178)


def test_union_of_classes() -> None:
    union = features()
    assert sum(f.kind != "list" for f in union.values()) == 397
    assert sum(f.kind != "list" for f in features(tuple(COLUMNS)).values()) == 462
    assert list(union) == sorted(union)
    assert set(union) == {path for uid in CLASSES for path in class_features(uid)}


def test_a_path_is_of_one_kind_in_all_classes() -> None:
    kinds: dict[str, str] = {}
    for entry in ocsf()["classes"].values():
        for path, feature in class_features(entry["uid"], profiles=tuple(ocsf()["profiles"]), depth=3).items():
            assert kinds.setdefault(path, feature.kind) == feature.kind


@pytest.mark.parametrize(
    ("path", "kind"),
    {
        "time": "time",
        "src_endpoint.ip": "ip",
        "src_endpoint.port": "port",
        "src_endpoint.mac": "mac",
        "actor.user.name": "string",
        "actor.user.email_addr": "email",
        "actor.user.uid": "uid",
        "actor.process.cmd_line": "command",
        "actor.process.file.path": "path",
        "device.hostname": "hostname",
        "device.subnet": "subnet",
        "raw_data_hash.value": "hash",
        "query.hostname": "hostname",
        "http_request.url.url_string": "url",
        "is_mfa": "flag",
        "status_id": "enum",
        "traffic.bytes_out": "number",
        "metadata.profiles": "list",
        "answers": "list",
    }.items(),
)
def test_kinds(path: str, kind: str) -> None:
    assert features(depth=4)[path].kind == kind


def test_classes_have_the_names_of_the_schema() -> None:
    assert CLASSES == {
        1007: "process_activity",
        3002: "authentication",
        4001: "network_activity",
        4003: "dns_activity",
        6002: "application_lifecycle",
        6003: "api_activity",
        6008: "application_error",
    }


def test_profiles_add_columns_and_depth_too() -> None:
    bare = set(class_features(3002, profiles=()))
    assert bare < set(class_features(3002, profiles=("cloud",))) < set(class_features(3002))
    assert set(class_features(3002)) < set(class_features(3002, depth=3))
    assert "cloud.provider" not in bare


def test_required_columns_are_required_at_every_step() -> None:
    assert required_columns() == (
        "activity_id", "category_uid", "class_uid", "metadata.version", "severity_id", "time", "type_uid"
    )  # fmt: skip


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"class_uid must be one of the 83 classes of OCSF 1\.8\.0, got 9999"):
        features((9999,))
    with pytest.raises(ValueError, match=r"profiles must be among .* got clout"):
        features(profiles=("clout",))
    with pytest.raises(ValueError, match="depth must be at least 1, got 0"):
        features(depth=0)
