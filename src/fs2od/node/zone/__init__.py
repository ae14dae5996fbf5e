"""Onezone on one machine: users, groups, spaces, shares, tokens, privileges, providers."""
