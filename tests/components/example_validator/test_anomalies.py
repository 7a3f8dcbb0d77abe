"""Only anomalies that are known to be harmless are tolerated."""

from tensorflow_metadata.proto.v0 import anomalies_pb2

from components.example_validator.anomalies import TOLERATED, list_anomalies

Info = anomalies_pb2.AnomalyInfo


def anomalies_of(*kinds: int) -> anomalies_pb2.Anomalies:
    message = anomalies_pb2.Anomalies()
    for kind in kinds:
        message.anomaly_info["f"].reason.add(type=kind, description="It is so.")
    return message


def test_every_tolerated_kind_is_known_to_tfdv() -> None:
    assert set(Info.Type.keys()) >= TOLERATED


def test_every_other_kind_is_harmful() -> None:
    for name, value in Info.Type.items():
        (anomaly,) = list_anomalies({"train": anomalies_of(value)})
        assert anomaly.is_harmful == (name not in TOLERATED), name


def test_a_harmless_reason_does_not_excuse_a_harmful_one() -> None:
    message = anomalies_of(Info.ENUM_TYPE_UNEXPECTED_STRING_VALUES, Info.ENUM_TYPE_INVALID_UTF8)
    (anomaly,) = list_anomalies({"train": message})
    assert anomaly.is_harmful
    assert "Save the text as UTF-8" in str(anomaly)


def test_a_split_without_examples_is_harmful() -> None:
    (anomaly,) = list_anomalies({"eval": anomalies_pb2.Anomalies(data_missing=True)})
    assert anomaly.is_harmful
    assert str(anomaly).startswith("split eval, the split: it has no examples")


def test_dataset_anomalies_are_read() -> None:
    message = anomalies_pb2.Anomalies()
    message.dataset_anomaly_info.reason.add(type=Info.DATASET_LOW_NUM_EXAMPLES, description="Few.")
    (anomaly,) = list_anomalies({"eval": message})
    assert "Few (DATASET_LOW_NUM_EXAMPLES). Give more text" in str(anomaly)
