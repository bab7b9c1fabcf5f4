"""How a run went: counted, called, compared with earlier ones, told."""
