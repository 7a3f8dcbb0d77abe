"""CorpusReport: statistics and samples to one HTML file."""
