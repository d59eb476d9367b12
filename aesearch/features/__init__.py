"""Features: content to numbers, before anything is learned."""
