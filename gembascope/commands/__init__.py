"""The commands, one file per subject; `gembascope.cli` names them and loads them when asked."""
