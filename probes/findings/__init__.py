"""What a run found, as typed values: which rows are told, each effect with its verdict, and which effects lead."""
