"""Which configurations are the same within a stated distance, however a program wrote them."""
