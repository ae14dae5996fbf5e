"""What microscopes write: sessions, headers, previews. Filled when previews are shown."""
