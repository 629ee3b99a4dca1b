"""Texts on their own: Liquid, cut down and fenced in, and what an SMS measures. Knows no message and no database."""
