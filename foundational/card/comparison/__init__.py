"""The card of a change: what differs between two datasets, as a record and as a page."""
