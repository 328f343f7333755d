"""Results of evaluations → the paper's tables and figures, and pages that compare models."""
