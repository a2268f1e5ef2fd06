"""Files in, files out: barcodes, photos, labels and result tables. No tensors."""
