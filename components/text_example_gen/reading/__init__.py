"""Find text files, decode them and group their sentences into documents."""
