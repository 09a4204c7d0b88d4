-- Merge case_paths now: reading a merged table costs half. No parameters.
OPTIMIZE TABLE case_paths FINAL
