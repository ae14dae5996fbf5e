import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.errors import Fs2odError
from fs2od.onedata import errors
from fs2od.onedata.errors import ServiceError

ids = st.sampled_from(sorted(errors.STATUS_OF))
details = st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers(), max_size=3)


@given(ids, st.text(), details)
def test_an_error_survives_its_document(error_id: str, description: str, facts: dict[str, object]) -> None:
    sent = errors.error_of(error_id, description, facts)
    received = errors.from_document(sent.status, sent.document(), request_id="r", retry_after_s=2.5)
    assert type(received) is type(sent)
    assert received.document() == sent.document()
    assert (received.error_id, received.status, received.request_id) == (error_id, errors.STATUS_OF[error_id], "r")
    assert received.retry_after_s == 2.5
    assert isinstance(received, Fs2odError)


@pytest.mark.parametrize("document", [None, [], "text", {}, {"error": None}, {"error": []}, {"error": {"details": 5}}])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Rejected),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (416, errors.Rejected),
        (429, errors.Busy),
        (500, errors.ServiceFault),
        (501, errors.ServiceFault),
        (502, errors.ServiceFault),
        (503, errors.Busy),
    ],
)
def test_a_body_that_tells_nothing_still_gives_its_status(
    status: int, kind: type[ServiceError], document: object
) -> None:
    error = errors.from_document(status, document)
    assert type(error) is kind
    assert (error.status, error.error_id, dict(error.details)) == (status, "unknown", {})


@pytest.mark.parametrize(
    ("error", "status", "inner"),
    [
        (errors.posix("enoent"), 400, {"id": "posix", "details": {"errno": "enoent"}}),
        (errors.not_found(), 404, {"id": "notFound"}),
        (errors.forbidden(), 403, {"id": "forbidden"}),
        (errors.forbidden("Why."), 403, {"id": "forbidden", "details": {"hint": "Why."}}),
        (errors.unauthorized(), 401, {"id": "unauthorized"}),
        (errors.already_exists(), 409, {"id": "alreadyExists"}),
        (errors.missing("name"), 400, {"id": "missingRequiredValue", "details": {"key": "name"}}),
        (
            errors.relation_already_exists("space", "c1", "storage", "d1"),
            409,
            {
                "id": "relationAlreadyExists",
                "details": {"childType": "space", "childId": "c1", "parentType": "storage", "parentId": "d1"},
            },
        ),
        (
            errors.relation_does_not_exist("user", "a1", "group", "e1"),
            400,
            {
                "id": "relationDoesNotExist",
                "details": {"childType": "user", "childId": "a1", "parentType": "group", "parentId": "e1"},
            },
        ),
        (
            errors.not_allowed("type", ["b", "a"]),
            400,
            {"id": "badValueNotAllowed", "details": {"key": "type", "allowed": ["a", "b"]}},
        ),
        (errors.bad_data("FileId"), 400, {"id": "badData", "details": {"key": "FileId"}}),
        (errors.malformed_data(), 400, {"id": "malformedData"}),
    ],
)
def test_every_answer_has_its_id_its_status_and_its_details(
    error: ServiceError, status: int, inner: dict[str, object]
) -> None:
    assert error.status == status
    assert error.document() == {"error": inner | {"description": str(error)}}
    assert str(error)


def test_a_reason_is_nested_in_the_details() -> None:
    cause = errors.error_of("tokenRevoked", "Revoked.")
    assert errors.unauthorized(cause).details["authError"] == cause.inner()
    assert errors.bad_token(cause).details == {"key": "token", "tokenError": cause.inner()}
    assert errors.bad_token().details["tokenError"]["id"] == "badToken"
    assert errors.bad_data("x", cause).details["specificError"] == cause.inner()


def test_a_failed_file_operation_names_its_errno() -> None:
    error = errors.posix("eacces")
    assert isinstance(error, errors.PosixError)
    assert error.errno == "eacces"


@pytest.mark.parametrize(
    ("errno", "code"), [("eacces", 5), ("eperm", 5), ("enoent", 6), ("enametoolong", 7), ("edquot", 7), ("eio", 4)]
)
def test_a_failed_file_operation_ends_a_command_with_what_can_be_done_about_it(errno: str, code: int) -> None:
    assert errors.posix(errno).exit_code == code


def test_an_id_that_is_not_known_is_not_written() -> None:
    with pytest.raises(KeyError):
        errors.error_of("surprise", "…")


def test_every_exported_name_is_there_and_listed_in_order() -> None:
    assert list(errors.__all__) == sorted(errors.__all__, key=lambda name: (not name.isupper(), name.islower(), name))
    for name in errors.__all__:
        assert hasattr(errors, name)
