"""Onepanel on one machine: storages, support, storage import."""
