"""What notices say, one module per language; `form` is what each of them fills in."""
