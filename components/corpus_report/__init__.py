"""CorpusReport: report on documents, vocabulary and instances in one HTML file."""
