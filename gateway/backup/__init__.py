"""Backups: everything that an installation cannot make again, in one folder whose manifest names every byte.

The rows are written in one portable form for both databases, so a backup of SQLite restores into PostgreSQL, which is
how an installation outgrows one machine. DBOS's tables are left out: workflows are made anew for what is unfinished.
The published log is left out on purpose: it is what notices that a database was rolled back.
"""
