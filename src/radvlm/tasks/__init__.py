"""One file a question: asking it of a study and reading what was answered."""
