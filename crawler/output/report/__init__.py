"""One page about the runs of a spider: `gathering` reads, `charts` draws, `document` writes."""
