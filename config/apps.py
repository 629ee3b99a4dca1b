"""Wire the apps together once all models are loaded."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules

from config.processes import spare_garbage_collection
from crm.lib import bell


class WiringConfig(AppConfig):
    name = "config"
    label = "wiring"

    def ready(self) -> None:
        # The doctor speaks of the ground before what stands on it.
        import_module("config.checks")
        # Every app's receivers.py, contributions.py, checks.py and invariants.py is imported here, nowhere else.
        autodiscover_modules("receivers", "contributions", "checks", "invariants")
        bell.connect(import_module("config.bells").enqueue)
        spare_garbage_collection()
