"""Terms that are added to the networks: a pair potential in all data, and what holds where data end."""
