"""Files, tables, progress bars, the processes and the packages that everything else stands on."""
