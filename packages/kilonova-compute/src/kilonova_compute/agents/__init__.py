"""Speaks to host agents over NATS: steps and questions out, reports in."""
