"""Any SMS gateway that speaks HTTP, by its settings alone (docs/messaging.md, "Connecting an SMS gateway")."""
