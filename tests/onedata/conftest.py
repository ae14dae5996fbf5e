from hypothesis import settings

# The machine is shared with other tests: how long one example takes says nothing.
settings.register_profile("fs2od", deadline=None)
settings.load_profile("fs2od")
