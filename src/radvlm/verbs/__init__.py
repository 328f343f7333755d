"""The verbs of the command: run verbs take a recipe, object verbs arguments and flags."""
