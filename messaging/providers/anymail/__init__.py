"""Email service providers, through the backends and webhook parsers of django-anymail."""
