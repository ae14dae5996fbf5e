"""The single-machine Onedata: zone, provider and panel services over SQLite and storages.

`open_node` in `running` opens it with the `settings`. Nothing is gathered here: whoever serves pages beside it takes
`serving`, `certificates` and `http` without the services.
"""
