"""Makes the sample: invented people, tables with faults, and the files that hold them."""
