"""What a person sees: tables, sentences and contact sheets."""
