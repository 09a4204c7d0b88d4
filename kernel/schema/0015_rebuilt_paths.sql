-- Where a full build keeps the paths of a process until it is whole; then they take the place of the old ones at once.
CREATE TABLE IF NOT EXISTS rebuilt_paths AS case_paths
