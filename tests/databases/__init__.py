"""Database servers of the tests' own: PostgreSQL and MariaDB from Debian's packages, in temporary folders, on free ports.

    S3SYNC_TEST_DB=postgres python -m pytest tests/guarantees        # or mysql; by default sqlite
"""
