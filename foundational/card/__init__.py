"""A dataset's card: a record of what a reader must know, and one offline page that is drawn from that record."""
