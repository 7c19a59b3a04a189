// Filled by its first concept.
