"""Oneprovider on one machine: files, content, metadata, shares, QoS and transfers of the spaces it supports."""
