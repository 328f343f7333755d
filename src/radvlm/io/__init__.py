"""Safe readers, atomic writers and the check that stands before every way out."""
