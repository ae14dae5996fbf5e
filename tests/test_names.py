from fs2od.names import shown_name


def test_what_cannot_be_seen_in_a_name_is_made_visible() -> None:
    assert shown_name("a\nb\tc") == "a\u240ab\u2409c"
    assert shown_name("photo\u202egpj.exe") == "photo[U+202E]gpj.exe"
    assert shown_name("\x7f\x85\u2028") == "\u2421[U+0085][U+2028]"
    assert shown_name("Größe 試料 🧊") == "Größe 試料 🧊"
