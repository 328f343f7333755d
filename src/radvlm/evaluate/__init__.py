"""Predictions to a log, scores from the log, tables and pages."""
