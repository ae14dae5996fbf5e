"""The panel's REST API: one module of endpoints per noun, each a thin layer over the services."""
