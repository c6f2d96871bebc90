"""A gallery in PostgreSQL with pgvector: many servers, many versions, changes that cost little."""
