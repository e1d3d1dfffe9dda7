"""Names that AWS's package has, as scripts import them."""
