"""The HTTP application: routes into requests, answers out, the published description, probes and pages."""
