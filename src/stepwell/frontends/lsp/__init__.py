"""Language server for definition files (extra ``lsp``)."""
