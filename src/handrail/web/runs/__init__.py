"""Operations, runs, exceptions and the tenant dashboard."""
