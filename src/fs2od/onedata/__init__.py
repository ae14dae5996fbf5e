"""Onedata's words: identifiers, errors, privileges, tokens, wire models, QoS expressions. No I/O happens here."""
