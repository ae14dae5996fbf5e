from hypothesis import given
from hypothesis import strategies as st

from fs2od.transfer._partials import partial_name, partials_of

STATE = "0123456789ab"


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1), st.one_of(st.none(), st.text()))
def test_a_partial_file_is_recognised_by_its_name_and_fits_every_file_system(name: str, etag: str | None) -> None:
    partial = partial_name(name, STATE, etag=etag)
    assert len(str(partial).encode()) <= 255
    for names in ([str(partial)], [partial.notes], [partial.notes, str(partial)]):
        assert partials_of(names) == {partial.stem: (partial,)}


def test_another_entity_tag_gives_another_name() -> None:
    names = {str(partial_name("a", STATE, etag=etag)) for etag in (None, '"1"', '"2"')}
    assert len(names) == 3


def test_other_names_are_nobodys_partial_file() -> None:
    assert partials_of(["a", "a.partial", "a.0123.partial", "a.0123456789AB.partial", "a.0123456789ab"]) == {}


def test_the_notes_beside_a_partial_file_bear_its_name() -> None:
    partial = partial_name("a", STATE, etag='"1"')
    assert partial.notes.removesuffix(".pieces") == str(partial).removesuffix(".partial")
