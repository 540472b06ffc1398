"""Our subset of Envoy's schema says what Envoy's own descriptors say."""
import subprocess

import descriptors
import pytest


@pytest.fixture(scope="module")
def theirs(envoy_binary):
    return descriptors.of_binary(envoy_binary)


@pytest.fixture(scope="module")
def ours(source, tmp_path_factory):
    root = source / "proto"
    out = tmp_path_factory.mktemp("schema") / "set"
    files = sorted(str(p.relative_to(root)) for p in root.rglob("*.proto"))
    subprocess.run(["protoc", f"--proto_path={root}", f"--descriptor_set_out={out}", *files], check=True, cwd=root)
    return descriptors.of_set(out.read_bytes())


def test_the_binary_carries_its_schema(theirs):
    assert len(theirs.files) > 300
    assert theirs.messages["envoy.config.cluster.v3.Cluster"]["name"].number == 1


def test_files_have_the_same_names(ours, theirs):
    assert set(ours.files) <= set(theirs.files)


def test_every_field_has_their_number_label_type_and_oneof(ours, theirs):
    wrong = [f"{message}.{name}: {f.shape()} is {theirs.messages[message][name].shape()}"
             for message, members in ours.messages.items() for name, f in members.items()
             if f.shape() != theirs.messages[message][name].shape()]
    assert not wrong


def test_no_field_is_deprecated(ours, theirs):
    old = [f"{message}.{name}" for message, members in ours.messages.items() for name in members
           if theirs.messages[message][name].deprecated]
    assert not old


def test_every_enum_value_has_their_number(ours, theirs):
    wrong = [f"{enum}.{name}" for enum, values in ours.enums.items() for name, n in values.items()
             if theirs.enums[enum].get(name) != n]
    assert not wrong
