"""Durable work: one file per verb, and the engine that advances them. Only this package changes the world."""
