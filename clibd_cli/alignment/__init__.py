"""Barcodes compared base by base: where they overlap, how alike they are, what is odd in them."""
