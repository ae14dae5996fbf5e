"""What a dataset consists of: entries, checksums, parts and seal. Filled when checksums are published."""
